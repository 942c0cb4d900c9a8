"""``reex bench``: how fast the product is here, beside its floor, the tutorial chain and LlamaIndex."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rag.settings import load_settings
from ui.options import AsJson, DataDir, Llm, print_json, say
from ui.progress import progress


def bench(
    questions: Annotated[
        int, typer.Option(min=2, help="Questions that are asked; half as many follow-ups.")
    ] = 12,
    suite: Annotated[str, typer.Option(help="The suite whose articles and questions are used.")] = "starter",
    llm: Llm = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Measure indexing, search and answers against the tutorial chain and LlamaIndex, in the same run.

    Takes ten to twenty minutes on two cores with nothing else to do. The result is kept as JSON and as a page
    with plots in the folder benchmarks of the data directory; the corpus there is left alone.
    """
    from evals.bench.page import as_html, as_text
    from evals.bench.short import measure

    settings = load_settings(data_dir=data_dir, llm=llm)
    say("Indexing here, in the tutorial chain and in LlamaIndex.")
    with progress("Asking questions") as advance:
        result = measure(settings, suite, questions, advance)
    folder = settings.data_dir / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{result['started'][:19].replace(':', '-')}.json"
    kept.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
    page = kept.with_suffix(".html")
    page.write_text(as_html(result), encoding="utf-8")
    if as_json:
        print_json(result)
    else:
        print(as_text(result))
    say(f"Kept as {_shown(kept)} and {_shown(page)}.")


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
