"""The database of what people leave behind: its migrations make what the code reads and writes."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from corpus.errors import OutdatedError, StorageError
from rag.settings import Settings
from tests.conftest import POSTGRES
from ui.state import open_state, tables


def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    state = open_state(Settings(data_dir=tmp_path))
    with state.reading() as db:
        assert compare_metadata(MigrationContext.configure(db), tables) == []
    state.close()


def test_what_was_kept_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    for times in (1, 2):
        state = open_state(settings)
        with state.writing() as db:
            row = {"query_id": "q", "at": sa.func.now(), "who": "me", "what": "came", "detail": ""}
            db.execute(sa.insert(tables.tables["events"]).values(row))
        with state.reading() as db:
            events = sa.select(sa.func.count()).select_from(tables.tables["events"])
            assert db.execute(events).scalar_one() == times
        state.close()


def test_a_later_version_of_the_product_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    state = open_state(settings)
    with state.writing() as db:
        db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    state.close()
    with pytest.raises(OutdatedError, match="later version"):
        open_state(settings)


@pytest.mark.skipif(bool(POSTGRES), reason="is about the file")
def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match=r"state\.sqlite is damaged"):
        open_state(Settings(data_dir=tmp_path))
