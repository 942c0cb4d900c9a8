"""What the commands have in common: options, and the way to print."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the corpus to use; beats REEX_DATA_DIR.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]
Llm = Annotated[str | None, typer.Option("--llm", help="Model to use; beats REEX_LLM.", show_default=False)]


def print_json(data: object) -> None:
    """A result as one line of JSON on standard output; what JSON has no form for is text."""
    print(json.dumps(data, ensure_ascii=False, default=str), flush=True)


def say(text: str) -> None:
    """A line that is no result, on standard error."""
    print(text, file=sys.stderr, flush=True)
