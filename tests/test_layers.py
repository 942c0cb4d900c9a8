"""Articles know nothing of answers, answers nothing of pages, and each large library has one home."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("corpus", "rag", "ui", "evals")


def imports_of(path: Path) -> set[str]:
    # The modules that a file imports anywhere in it, as dotted names.
    found: set[str] = set()
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            found.add(".".join([*base, *((node.module or "").split(".") if node.module else [])]))
    return found


def files() -> Iterator[Path]:
    for layer in LAYERS:
        yield from sorted((ROOT / layer).rglob("*.py"))


def importers(library: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in files()
        if any(name.split(".")[0] == library for name in imports_of(path))
    }


@pytest.mark.parametrize(
    ("layer", "forbidden"),
    [
        ("corpus", {"rag", "ui", "evals"}),
        ("rag", {"ui", "evals"}),
        ("evals", {"ui"}),
    ],
)
def test_no_layer_imports_one_above_or_beside_it(layer: str, forbidden: set[str]) -> None:
    paths = sorted((ROOT / layer).rglob("*.py"))
    assert len(paths) > 2
    tops = {path.name: {name.split(".")[0] for name in imports_of(path)} & forbidden for path in paths}
    assert {name: found for name, found in tops.items() if found} == {}


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("chromadb", {"rag/chroma.py", "rag/index.py", "rag/ingest.py"}),
        ("bm25s", {"rag/lexical.py"}),
        (
            "sentence_transformers",
            {"rag/embed.py", "rag/minilm.py", "rag/nli.py", "evals/bench/short.py", "evals/query_encoder.py"},
        ),
        ("openvino", {"rag/minilm.py"}),
        ("tiktoken", {"rag/tokens.py"}),
        ("xllamacpp", {"rag/local_llm.py"}),
        ("datasketch", {"corpus/alike.py"}),
        (
            "sqlalchemy",
            {f"corpus/{name}.py" for name in ("catalogue", "database")}
            | {
                f"ui/{name}.py"
                for name in (
                    "accounts",
                    "conversations",
                    "desk/gaps",
                    "desk/queries",
                    "kept",
                    "sharing",
                    "state",
                )
            }
            | {f"ui/migrations/versions/{name}.py" for name in ("0001_first", "0002_ended_sessions")},
        ),
        ("httpcore", {"corpus/fetch.py"}),
        ("protego", {"corpus/fetch.py"}),
        ("feedparser", {"corpus/sources/feed.py"}),
        ("defusedxml", {"corpus/sources/sitemap.py"}),
        (
            "gradio",
            {
                f"ui/{name}.py"
                for name in ("desk/page", "evals_page", "frame", "library_page", "page", "server", "tools")
            },
        ),
        (
            "typer",
            {
                f"ui/{name}.py"
                for name in ("bench_cli", "cli", "corpus_cli", "desk/cli", "eval_cli", "options", "user_cli")
            },
        ),
        ("argon2", {"ui/accounts.py"}),
        ("authlib", {"ui/signin.py"}),
        ("limits", {"ui/allowance.py"}),
        ("genai_prices", {"evals/metrics.py"}),
        ("ragas", {"evals/judges.py"}),
        ("locust", {"evals/bench/arrivals.py"}),
        ("pythonjsonlogger", {"ui/log.py"}),
        ("trafilatura", {"corpus/extract_html.py"}),
        ("pypdf", {"corpus/extract_pdf.py"}),
        ("docx", {"corpus/extract_docx.py"}),
    ],
)
def test_each_library_is_imported_only_where_it_is_at_home(library: str, homes: set[str]) -> None:
    assert importers(library) == homes


def test_ingest_knows_of_chroma_only_its_errors() -> None:
    names = {name for name in imports_of(ROOT / "rag" / "ingest.py") if name.startswith("chromadb")}
    assert names == {"chromadb.errors"}


def test_nothing_but_tests_imports_test_libraries() -> None:
    assert importers("pytest") | importers("hypothesis") | importers("tests") == set()
