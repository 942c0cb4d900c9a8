"""Tables as lines of text."""

import re
from collections.abc import Iterator, Sequence

_FIGURE = re.compile(r"[^\w\s]*(?:[A-Z]{1,3})?[^\w\s]*\d[\d,.\s]*(?:\W*\w{0,8}\W*)", re.ASCII)
_YEAR = re.compile(r"(?:[QHqh]\W?\d|\d[QHqh])?\D{0,10}(?:19|20)\d\d(?:\D{0,2}|[-/–]\d\d(?:\d\d)?)")
_LONGEST_FIGURE = 40


def table_lines(rows: Sequence[Sequence[str]], has_header: bool) -> Iterator[str]:
    """One line a row, "Quarter: Q1 | Output: 1,509 t", so that each row is understood by itself.

    Without a header, and in rows of another width, cells stand alone; empty cells are left out.
    """
    header = rows[0] if has_header and len(rows) > 1 and len(rows[0]) > 1 else ()
    for row in rows[1:] if header else rows:
        cells = [cell for cell in row if cell]
        if len(row) == len(header):
            cells = [
                f"{name}: {cell}" if name else cell for name, cell in zip(header, row, strict=True) if cell
            ]
        if cells:
            yield " | ".join(cells)


def is_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a row without figures stands above columns of them. A year heads a column; it is no figure.

    Two columns are more often names and values, "Company | Halden" above "Staff | 230".
    """
    if len(first) < 3 or not others or not all(first[1:]):
        return False
    if any(_is_figure(cell) for cell in first):
        return False
    same = [row for row in others if len(row) == len(first)]
    columns = list(zip(*same, strict=True))[1:]
    return any(2 * sum(_is_figure(cell) for cell in column) > len(column) for column in columns)


def _is_figure(cell: str) -> bool:
    return len(cell) <= _LONGEST_FIGURE and bool(_FIGURE.fullmatch(cell)) and not _YEAR.fullmatch(cell)
