"""Every statement that writes or ends read-only, thrown at ways in; all of them: `python -m tests.readonlymatrix`."""

from pathlib import Path

import pytest
from readonlymatrix import WAYS, throw
from servers import TestDatabase

pytestmark = pytest.mark.usefixtures("protection_ends")

OWN_PATHS = ("session.execute", "raw_connection", "driver by hand", "db.sql")
"""Ways that share no code: the others go through `Database.run` as db.sql does."""
EVERY_DAY = {(driver, way) for driver in ("psycopg", "pymysql") for way in OWN_PATHS} | {
    *(("pysqlite", way) for way in WAYS),
    ("psycopg2", "raw_connection"), ("pg8000", "driver by hand"), ("asyncpg", "session.execute"),
    ("psycopg_async", "raw_connection"), ("aiomysql", "raw_connection"), ("asyncmy", "session.execute"),
    ("mysqlconnector", "raw_connection"), ("mysqldb", "session.execute"), ("mariadbconnector", "session.execute"),
    ("aiosqlite", "session.execute"), ("psycopg", "%sql"),
}  # fmt: skip


@pytest.mark.parametrize(("driver", "way"), sorted(EVERY_DAY))
def test_no_statement_gets_through(
    driver: str, way: str, made: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)  # a server of another user could write there
    outcome = throw(driver, way, made, tmp_path)
    assert outcome.wrong == []
    assert outcome.attempts > 30
