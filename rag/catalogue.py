"""The catalogue of a data directory: a file in it, or a database elsewhere that serves it alone."""

import uuid
from pathlib import Path

from corpus.catalogue import Catalogue
from corpus.errors import ReexError
from rag.errors import IndexUnusableError

_FILE = "catalogue.sqlite"
_MARK = "catalogue.id"
_OWNER = "data_dir"  # the fact that equals the mark


def open_catalogue(folder: Path, url: str = "", *, create: bool = False, rebuild: bool = False) -> Catalogue:
    """Open the catalogue of a data directory.

    Args:
        folder: the data directory; must exist to create one.
        url: where the database is; empty for the file in the folder.
        create: make an empty catalogue when there is none.
        rebuild: also open one that an earlier version made or that belongs to another data directory.

    Raises:
        IndexUnusableError: there is none, or another data directory has it.
        UsageError, StorageError, OutdatedError: as `Catalogue`.
    """
    if not url:
        if not create and not (folder / _FILE).exists():
            raise _nothing_in(folder)
        return Catalogue(folder / _FILE, rebuild=rebuild)
    catalogue = Catalogue(url, rebuild=rebuild)
    try:
        _check_owner(catalogue, folder, create, rebuild)
    except (ReexError, OSError):
        catalogue.close()
        raise
    return catalogue


def _check_owner(catalogue: Catalogue, folder: Path, create: bool, rebuild: bool) -> None:
    """Two data directories with one catalogue would take each other's passages for lost and stale."""
    mark = folder / _MARK
    mine = mark.read_text() if mark.exists() else ""
    owner = catalogue.fact(_OWNER) or ""
    if mine and mine == owner:
        return
    if owner and not rebuild:
        raise IndexUnusableError(
            f"The catalogue {catalogue.name} belongs to another data directory than {folder}: set "
            "REEX_DATA_DIR or REEX_CATALOGUE_URL right, or run `reex ingest --rebuild` to use it here."
        )
    if not create:
        raise _nothing_in(folder)
    # The mark first: a kill in between leaves a catalogue that is still free.
    mine = mine or uuid.uuid4().hex
    mark.write_text(mine)
    catalogue.set_fact(_OWNER, mine)


def _nothing_in(folder: Path) -> IndexUnusableError:
    return IndexUnusableError(f"There is no index in {folder}: run `reex ingest` first.")
