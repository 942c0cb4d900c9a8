"""Adding to the corpus from the Library page: files and web addresses, in a thread of their own."""

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from corpus.article import Article
from corpus.errors import ReexError, StoppedError, UsageError
from corpus.reading import MAX_FILE_BYTES, SUFFIXES, Rejected, read_articles
from rag.ingest import Report, locked, source_name, update
from rag.settings import Settings
from ui.background import told_by
from ui.progress import reading_as_text

_PAUSE_S = 0.1  # at least, between two words about what is read: a list gives thousands at once

Tell = Callable[[str], None]
"""Called with a sentence about how far it is."""


@dataclass(frozen=True)
class Progress:
    """A word about how far an addition is, or how it ended.

    ``lines`` are sentences; ``over`` is set in the last one, and ``failed`` when nothing was added.
    """

    lines: tuple[str, ...]
    over: bool = False
    failed: bool = False


def add_address(address: str, settings: Settings, halt: threading.Event | None = None) -> Iterator[Progress]:
    """Make a web address a source of the corpus, and ingest it; tells how far it is.

    The ingest goes on to its end when nobody listens any more. Once ``halt`` is set it ends soon, and what
    was read until then stays: see `rag.ingest.ingest`.
    """
    halt = halt or threading.Event()
    return _watched(lambda tell: _add_address(checked(address), settings, tell, halt))


def add_files(
    files: Sequence[Path], settings: Settings, halt: threading.Event | None = None
) -> Iterator[Progress]:
    """Copy files into the folder ``uploads`` of the corpus, a source of its own, and ingest it.

    A file of which no article can be read is left out; see `add_address` for the rest.
    """
    halt = halt or threading.Event()
    return _watched(lambda tell: _add_files(files, settings, tell, halt))


def checked(address: str) -> str:
    """The address, without blanks around it.

    Raises:
        UsageError: it is none of the web: paths and other names of sources are not for a page.
    """
    address = address.strip()
    try:
        parts = urlsplit(address)
        is_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise UsageError("Only web addresses can be added here: give one that starts with https://.")
    return address


def _add_address(address: str, settings: Settings, tell: Tell, halt: threading.Event) -> tuple[str, ...]:
    tell(f"Looking at {address}.")
    return _report(_ingest(settings, [address], tell, halt))


def _add_files(
    files: Sequence[Path], settings: Settings, tell: Tell, halt: threading.Event
) -> tuple[str, ...]:
    folder = settings.data_dir / "uploads"
    catalogue_url = settings.catalogue_url.get_secret_value()
    with locked(settings.data_dir, catalogue_url):  # while another ingest is running, nothing is copied
        copied, refused = keep(_one_by_one(files, tell, halt), folder)
    notes = tuple(f"{item.where} {item.reason}." for item in refused)
    if len(refused) == len(files):
        raise UsageError(" ".join(notes) or "No file was given: choose some.")
    try:
        return *notes, *_report(_ingest(settings, [source_name(folder)], tell, halt))
    except ReexError:
        for path in copied:
            path.unlink(missing_ok=True)
        raise


def _one_by_one(files: Sequence[Path], tell: Tell, halt: threading.Event) -> Iterator[Path]:
    for number, file in enumerate(files, 1):
        if halt.is_set():
            return
        tell(f"Looking at {file.name}" + (f", {number} of {len(files)}." if len(files) > 1 else "."))
        yield file


def keep(files: Iterable[Path], folder: Path) -> tuple[list[Path], list[Rejected]]:
    """Copy files that hold an article into a folder, named by what they hold and not as they were given.

    Returns:
        The new files, and what was refused under the names as given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copied: list[Path] = []
    refused: list[Rejected] = []
    for file in files:
        reason = _refusal(file)
        if reason:
            refused.append(Rejected(file.name, reason))
            continue
        path = folder / f"{_digest(file)[:32]}{file.suffix.lower()}"
        if not path.exists():
            shutil.copyfile(file, path)
            copied.append(path)
    return copied, refused


def _refusal(file: Path) -> str:
    """Why no article can be read of a file; empty when one can."""
    if file.suffix.lower() not in SUFFIXES:
        return f"is of no kind that can be read ({', '.join(SUFFIXES)})"
    if file.stat().st_size > MAX_FILE_BYTES:
        return f"is larger than {MAX_FILE_BYTES // 2**20} MiB"
    reason = "is empty"
    for item in read_articles(file):
        if isinstance(item, Article):
            return ""
        reason = item.reason
    return reason


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _ingest(settings: Settings, sources: Sequence[str], tell: Tell, halt: threading.Event) -> Report:
    told = 0.0

    def reading(describes: str, articles: int) -> None:
        nonlocal told
        if not articles or monotonic() - told >= _PAUSE_S:
            told = monotonic()
            tell(reading_as_text(describes, articles))

    def storing(done: int, total: int) -> None:
        if total:
            tell(f"Indexing: {done} of {total} articles.")

    return update(
        settings,
        sources,
        halt,
        progress=storing,
        reading=reading,
    )


def _report(report: Report) -> tuple[str, ...]:
    items = [f"{item.where} {item.reason}" for item in (*report.rejected, *report.duplicates)]
    failed = [f"The source {item.where} failed: {item.reason}" for item in report.failed]
    return *report.as_text().splitlines(), *items, *failed


def _watched(work: Callable[[Tell], tuple[str, ...]]) -> Iterator[Progress]:
    """What work tells, and at last what came of it."""

    def tell_all(tell: Callable[[Progress], None]) -> None:
        last = Progress(("It stopped with an error that was not foreseen: see the terminal.",), True, True)
        try:
            last = Progress(work(lambda line: tell(Progress((line,)))), over=True)
        except StoppedError:
            last = Progress(("Stopped: nothing was added.",), over=True)
        except ReexError as error:
            last = Progress((str(error),), over=True, failed=True)
        finally:
            tell(last)

    return told_by(tell_all)
