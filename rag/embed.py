"""Texts become unit vectors, on the CPU."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rag.errors import ModelFileError
from rag.minilm import PACKAGED, MiniLM, Vectors, computes_bfloat16, cores
from rag.settings import Settings, default_cache_dir

__all__ = ["PACKAGED", "Embedder", "Vectors"]

_FEW = 8  # texts; more are no queries
_REMEMBERED = 20_000  # texts; some 30 MB


class _Model(Protocol):
    dimensions: int

    def fits(self, text: str) -> bool: ...
    def encode(self, texts: Sequence[str]) -> Vectors: ...


class Embedder:
    """An embedding model in memory, for any number of threads.

    A few texts, as queries are, are remembered.

    >>> Embedder().encode(["neodymium"]).shape
    (1, 384)
    """

    def __init__(self, name: str = PACKAGED, cache_dir: Path | None = None):
        """Load a model: the packaged one, or any that sentence-transformers can find.

        The packaged one is converted once, and kept in ``cache_dir``.

        Raises:
            ModelFileError: there is no such model.
        """
        self.name = name
        self._model: _Model = (
            MiniLM(cache_dir or default_cache_dir()) if name == PACKAGED else _OwnModel(name)
        )
        self._threads = ThreadPoolExecutor(cores(), "embedding")  # for those with many texts
        self._known: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()  # the latest used last
        self._remembering = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> "Embedder":
        """The one that the settings name."""
        return cls(settings.embedding_model, settings.cache_dir)

    def fits(self, text: str) -> bool:
        """Whether the model reads the text to its end."""
        return self._model.fits(text)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        return self.encode_again(texts) if len(texts) <= _FEW else self._encode_many(texts)

    def encode_again(self, texts: Sequence[str]) -> Vectors:
        """The same for texts that will come again, as the sentences of an article do that many ask about.

        Those that were used lately are remembered.
        """
        if not texts:
            return np.zeros((0, self._model.dimensions), np.float32)
        wanted = dict.fromkeys(texts)
        with self._remembering:
            known = {text: self._known[text] for text in wanted if text in self._known}
        if fresh := [text for text in wanted if text not in known]:
            vectors = self._model.encode(fresh) if len(fresh) <= _FEW else self._encode_many(fresh)
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
        """On all cores, in small portions of like length, so that a query waits for one and not for all."""
        by_length = np.argsort([-len(text) for text in texts], kind="stable")
        portions = [[texts[n] for n in by_length[i : i + _FEW]] for i in range(0, len(texts), _FEW)]
        result: Vectors = np.concatenate([*self._threads.map(self._model.encode, portions)])[
            np.argsort(by_length)
        ]
        return result


class _OwnModel:
    """Any model of sentence-transformers, as it is configured."""

    def __init__(self, name: str):
        # Imported here because it takes seconds, and the packaged model does without.
        import torch
        from sentence_transformers import SentenceTransformer

        # bfloat16 doubles the throughput where the processor computes in it, with a cosine of
        # 0.99996 to float32; elsewhere it would be emulated and slow.
        dtype = torch.bfloat16 if computes_bfloat16() else torch.float32
        torch.set_num_threads(1)  # a thread to a text, as in `MiniLM`
        try:
            self._model = SentenceTransformer(name, device="cpu", model_kwargs={"dtype": dtype})
        except (OSError, ValueError) as error:
            raise ModelFileError(
                f"The embedding model {name!r} cannot be loaded ({' '.join(str(error).split())[:200]}): "
                "check REEX_EMBEDDING_MODEL."
            ) from error
        self._limit = int(self._model.max_seq_length or 512)
        self.dimensions = self._model.get_embedding_dimension() or 0
        self._cutting = threading.Lock()  # its tokenizer bears one thread at a time

    def fits(self, text: str) -> bool:
        with self._cutting:
            encoded = self._model.tokenizer(text, add_special_tokens=True, truncation=False, verbose=False)
        return len(encoded["input_ids"]) <= self._limit

    def encode(self, texts: Sequence[str]) -> Vectors:
        import torch

        prompt = self._model.prompts.get(self._model.default_prompt_name or "")
        with torch.inference_mode():
            with self._cutting:
                features = self._model.preprocess(list(texts), prompt=prompt)
            vectors = self._model(features)["sentence_embedding"][:, : self._model.truncate_dim]
            result: Vectors = torch.nn.functional.normalize(vectors.float(), dim=1).numpy()
        return result
