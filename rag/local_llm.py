"""The local language model behind an OpenAI-compatible endpoint on the loopback interface.

xllamacpp carries llama.cpp's own server in ready wheels, so nothing is compiled, and the model
answers in this process: no second program to start, find or stop.

Whether passages hold an answer, and how one is written that stays with them, are things that a small model
does badly, and learns: two adapters of three megabytes were trained for them (`evals.adapter`). They are
activated ones (Greenewald et al., "Activated LoRA", arXiv:2504.12397): one works from the words of the probe
on and one from the beginning of the answer, so passages are read once, without them, for both.
"""

import atexit
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from rag.errors import LLMError

CONTEXT_TOKENS = 8192
"""Longest prompt and answer together, for each of the two slots."""

Lesson = Literal["probe", "answer"]
"""What an adapter of the packaged model learned."""

_LESSONS: tuple[Lesson, ...] = get_args(Lesson)

ADAPTERS = tuple(Path(__file__).with_name("adapters") / f"{lesson}.gguf" for lesson in _LESSONS)
"""The packaged model's; that of the probe works where a prompt holds the words of `probe.txt`."""

_servers: dict[Path, "object"] = {}
_starting = threading.Lock()


def adapted(lesson: Lesson) -> dict[str, Any]:
    """What a request says to be answered with an adapter."""
    return {"lora": [{"id": _LESSONS.index(lesson), "scale": 1.0}]}


def serve(model: Path, adapters: Sequence[Path] = ()) -> str:
    """Start the server for a GGUF file, once for each process, and return its base URL.

    Args:
        model: the file.
        adapters: GGUF files of weights that requests can be answered with (`adapted`).

    Raises:
        LLMError: the file cannot be loaded as a model.
    """
    with _starting:
        if model not in _servers:
            _servers[model] = _start(model, adapters)
        return f"{_servers[model].listening_address}/v1"  # type: ignore[attr-defined]


def leaves_avx512_unused() -> bool:
    """Whether this processor has instructions that the installed build of llama.cpp was not made for.

    Ready wheels run anywhere and use none of AVX-512; a build with it reads a prompt 1.7 times as fast.
    """
    import xllamacpp

    return "avx512_vnni" in _processor_flags() and "AVX512 = 1" not in xllamacpp.get_system_info()


def _processor_flags() -> list[str]:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return []
    return next((line.split() for line in told.splitlines() if line.startswith("flags")), [])


def _start(model: Path, adapters: Sequence[Path]) -> object:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames = ["127.0.0.1"]
    # A scale of zero, unless a request asks for one.
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(file), 0.0) for file in adapters]
    params.port = 0  # the system picks a free one
    params.ui = False
    params.verbosity = -1
    params.warmup = True
    # Two slots: one keeps the prefix of the answers' prompt cached while the other serves
    # the short prompts that rewrite questions.
    params.n_parallel = 2
    params.kv_unified = False
    params.n_ctx = 2 * CONTEXT_TOKENS
    # A batch cannot be stopped: with 1024 tokens, a prompt that nobody waits for any more was read to its end
    # all the same. 64 tokens take a second on two cores, and no more time for each (15.2 s of processor
    # time for 539 tokens, against 15.1 s in one batch).
    params.n_ubatch = params.n_batch = 64
    # Prompts that were read are kept for who goes on with one; llama.cpp's own bound is 8 GiB.
    params.cache_ram_mib = 512
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = len(os.sched_getaffinity(0))
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise LLMError(
            f"{model} cannot be loaded as a language model ({error}): give REEX_LLM the path of a GGUF file."
        ) from error


@atexit.register
def _stop() -> None:
    _servers.clear()  # the server ends with its object, before the interpreter takes its threads
