"""The catalogue of an index: a file in the data directory, or a database elsewhere that serves it alone.

Passages are in one place, which the catalogue remembers: a data directory, or a collection on a Chroma
server. With another one it would take its passages for lost, and those it finds there for stale.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from corpus.catalogue import Catalogue, ingesting
from corpus.errors import ReexError
from rag.errors import BusyError, IndexUnusableError

_FILE = "catalogue.sqlite"
_MARK = "catalogue.id"
_OWNER = "data_dir"  # the fact that names the place: a mark, or a collection
_COLLECTION = "passages-"  # and a mark: any number of catalogues may share one server


def open_catalogue(
    folder: Path, url: str = "", *, on_server: bool = False, create: bool = False, rebuild: bool = False
) -> Catalogue:
    """Open the catalogue of a data directory.

    Args:
        folder: the data directory; must exist to create one.
        url: where the database is; empty for the file in the folder.
        on_server: whether the passages are on a Chroma server, which any data directory may share.
        create: make an empty catalogue when there is none.
        rebuild: also open one that an earlier version made or whose passages are elsewhere.

    Raises:
        IndexUnusableError: there is none, or its passages are elsewhere.
        UsageError, StorageError, OutdatedError: as `Catalogue`.
    """
    if not url and not create and not (folder / _FILE).exists():
        raise _nothing_in(folder)
    catalogue = Catalogue(url or folder / _FILE, rebuild=rebuild)
    try:
        _check_owner(catalogue, folder, url, on_server, create, rebuild)
    except (ReexError, OSError):
        catalogue.close()
        raise
    return catalogue


def server_collection(catalogue: Catalogue) -> str:
    """The name of the collection on a Chroma server that holds the passages of a catalogue."""
    return catalogue.fact(_OWNER) or ""


@contextmanager
def one_ingest(url: str) -> Iterator[None]:
    """Keep ingests on other machines away from a catalogue in PostgreSQL; elsewhere this does nothing.

    Raises:
        BusyError: one is running.
    """
    if not url:
        yield
        return
    with ingesting(url) as alone:
        if not alone:
            raise BusyError("Another ingest is running on this catalogue: wait until it ends.")
        yield


def _check_owner(
    catalogue: Catalogue, folder: Path, url: str, on_server: bool, create: bool, rebuild: bool
) -> None:
    owner = catalogue.fact(_OWNER) or ""
    mark = folder / _MARK
    mine = mark.read_text() if url and mark.exists() else ""
    if owner.startswith(_COLLECTION) if on_server else mine == owner and (mine or not url):
        return
    if owner and not rebuild:
        raise IndexUnusableError(_elsewhere(catalogue.name, owner, folder, on_server))
    if not create:
        raise _nothing_in(folder)
    # The mark first: a kill in between leaves a catalogue that is still free.
    fresh = uuid.uuid4().hex
    if on_server:
        mine = f"{_COLLECTION}{fresh}"
    elif url:
        mine = mine or fresh
        mark.write_text(mine)
    catalogue.set_fact(_OWNER, mine)


def _elsewhere(name: str, owner: str, folder: Path, on_server: bool) -> str:
    if on_server:
        return (
            f"The passages of the catalogue {name} are in a data directory, and CHROMA_URL is set: unset it, "
            "or run `reex ingest --rebuild` to put them on the Chroma server."
        )
    if owner.startswith(_COLLECTION):
        return (
            f"The passages of the catalogue {name} are on a Chroma server: set CHROMA_URL, or run "
            "`reex ingest --rebuild` to have them here."
        )
    return (
        f"The catalogue {name} belongs to another data directory than {folder}: set "
        "REEX_DATA_DIR or REEX_CATALOGUE_URL right, or run `reex ingest --rebuild` to use it here."
    )


def _nothing_in(folder: Path) -> IndexUnusableError:
    return IndexUnusableError(f"There is no index in {folder}: run `reex ingest` first.")
