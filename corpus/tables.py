"""Tables as lines of text."""

from collections.abc import Iterator, Sequence


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
