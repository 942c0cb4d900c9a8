"""A database of ours under many writers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from corpus.database import Database
from corpus.errors import StorageError

TABLES = sa.MetaData()
NUMBERS = sa.Table("numbers", TABLES, sa.Column("number", sa.Integer, primary_key=True))


def test_what_a_transaction_has_read_still_holds_when_it_writes(tmp_path: Path) -> None:
    database = Database(tmp_path / "numbers.sqlite", "numbers", "NUMBERS_URL", "remove it")
    with database.writing() as db:
        TABLES.create_all(db)

    def append(_: int) -> None:
        with database.writing() as db:
            count = db.execute(sa.select(sa.func.count()).select_from(NUMBERS)).scalar_one()
            db.execute(NUMBERS.insert().values(number=count))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(append, range(200)))
    with database.reading() as db:
        assert db.execute(sa.select(NUMBERS.c.number)).scalars().all() == list(range(200))
    with pytest.raises(StorageError), database.writing() as db:
        db.execute(NUMBERS.insert(), [{"number": 200}, {"number": 0}])
    with database.reading() as db:
        assert db.execute(sa.select(sa.func.max(NUMBERS.c.number))).scalar_one() == 199
    database.close()
