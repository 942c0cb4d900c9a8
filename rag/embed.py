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
from rag.minilm import PACKAGED, MiniLM, Spans, Vectors, computes_bfloat16, cores, unit
from rag.settings import Settings, default_cache_dir

__all__ = ["PACKAGED", "Embedder", "Spans", "Vectors", "unit"]

_FEW = 8  # texts, in a portion
_REMEMBERED = 2_000  # texts; some 3 MB


class _Model(Protocol):
    dimensions: int

    def fits(self, text: str) -> bool: ...
    def encode(self, texts: Sequence[str]) -> Vectors: ...
    def encode_queries(self, texts: Sequence[str]) -> Vectors: ...
    def encode_parts(self, texts: Sequence[str], parts: Sequence[Spans]) -> tuple[Vectors, list[Vectors]]: ...


class Embedder:
    """An embedding model in memory, for any number of threads.

    Passages and what is searched for are not read in the same way: a question does not look like its answer.

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
        return self.encode_parts(texts, [()] * len(texts))[0]

    def encode_parts(self, texts: Sequence[str], parts: Sequence[Spans]) -> tuple[Vectors, list[Vectors]]:
        """One unit vector for each text, and one for each part of it as it stands there.

        A sentence that only says "the plant" thus lies near a question about the plant that the text names
        ("late chunking", Günther et al., 2024, arXiv:2409.04701), and it costs nothing beside the text.
        """
        whole = np.empty((len(texts), self._model.dimensions), np.float32)
        of_parts: list[Vectors] = [whole] * len(texts)
        portions = _portions(texts)

        def encode(rows: list[int]) -> tuple[Vectors, list[Vectors]]:
            return self._model.encode_parts([texts[n] for n in rows], [parts[n] for n in rows])

        for rows, (vectors, found) in zip(portions, self._threads.map(encode, portions), strict=True):
            whole[rows] = vectors
            for row, one in zip(rows, found, strict=True):
                of_parts[row] = one
        return whole, of_parts

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each of some queries, which are remembered."""
        if not texts:
            return np.zeros((0, self._model.dimensions), np.float32)
        wanted = dict.fromkeys(texts)
        with self._remembering:
            known = {text: self._known[text] for text in wanted if text in self._known}
        if fresh := [text for text in wanted if text not in known]:
            # Copies, since each row would keep all of its batch alive.
            known |= {
                text: row.copy() for text, row in zip(fresh, self._model.encode_queries(fresh), strict=True)
            }
        with self._remembering:
            for text in wanted:
                self._known[text] = known[text]
                self._known.move_to_end(text)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return np.stack([known[text] for text in texts])


def _portions(texts: Sequence[str]) -> list[list[int]]:
    """The rows of texts of like length, in small portions, so that a query waits for one and not for all."""
    by_length: list[int] = np.argsort([-len(text) for text in texts], kind="stable").tolist()
    return [by_length[i : i + _FEW] for i in range(0, len(texts), _FEW)]


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
        self._prompt = self._model.prompts.get(self._model.default_prompt_name or "")
        self._cutting = threading.Lock()  # its tokenizer bears one thread at a time

    def fits(self, text: str) -> bool:
        with self._cutting:
            encoded = self._model.tokenizer(text, add_special_tokens=True, truncation=False, verbose=False)
        return len(encoded["input_ids"]) <= self._limit

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, self._prompt)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, self._model.prompts.get("query") or self._prompt)

    def _encode(self, texts: Sequence[str], prompt: str | None) -> Vectors:
        import torch

        with torch.inference_mode():
            with self._cutting:
                features = self._model.preprocess(list(texts), prompt=prompt)
            vectors = self._model(features)["sentence_embedding"][:, : self._model.truncate_dim]
            result: Vectors = torch.nn.functional.normalize(vectors.float(), dim=1).numpy()
        return result

    def encode_parts(self, texts: Sequence[str], parts: Sequence[Spans]) -> tuple[Vectors, list[Vectors]]:
        # Not every model makes a text's vector of the mean of its tokens', so each part is a text of its own;
        # the sum with the whole text's stands for what is around it.
        whole = self.encode(texts)
        of_parts = []
        for text, vector, spans in zip(texts, whole, parts, strict=True):
            own = self.encode([text[start:end] for start, end in spans]) if spans else whole[:0]
            of_parts.append(unit(own + vector))
        return whole, of_parts
