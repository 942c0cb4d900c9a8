"""Progress of long work on standard error: a bar on a terminal, lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

Advance = Callable[[int, int], None]
"""Called with how much is done, and of how much."""


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """A bar with the time left on a terminal, and a line at every tenth elsewhere; nothing for no work."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lines_of_progress(label)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=total > 0)


def lines_of_progress(label: str) -> Advance:
    """Progress where there is no terminal: a line at every tenth of the work, with the time left."""
    started: tuple[float, int] | None = None
    told = -1

    def advance(done: int, total: int) -> None:
        nonlocal started, told
        if started is None:
            started = perf_counter(), done
        if not total or (tenth := 10 * done // total) == told:
            return
        told = tenth
        spent, fresh = perf_counter() - started[0], done - started[1]
        left = f", {_span(spent * (total - done) / fresh)} left" if fresh and done < total else ""
        print(f"{label}: {done} of {total}{left}", file=sys.stderr, flush=True)

    return advance


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def reading_as_text(describes: str, articles: int) -> str:
    """What is being read, and how many articles were found in it so far."""
    return f"Reading {describes}" + (f": {articles} articles so far." if articles else ".")
