"""Rows of JSON, one a line: the form of cases, records and articles."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def line(row: Any) -> str:
    """A row with its end of line."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def write(path: Path, rows: Iterable[Any]) -> None:
    """Write rows to a file, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text("".join(map(line, rows)), encoding="utf-8")
    fresh.replace(path)


def read(path: Path) -> list[Any]:
    """The rows of a file, without a line that an interruption cut off; none without the file."""
    if not path.exists():
        return []
    rows = []
    for one in path.read_text(encoding="utf-8").split("\n"):  # texts hold other breaks, such as U+2028
        try:
            rows.append(json.loads(one))
        except ValueError:
            continue
    return rows
