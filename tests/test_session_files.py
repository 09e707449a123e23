"""Sessions on SQLite files as they are met: missing, in WAL mode, left by a crash, no database at all."""

import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attempts import fill
from drivers import ASYNC, make_engine
from servers import TestDatabase
from sqlalchemy.ext.asyncio import create_async_engine

from dbadmin import readonly
from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.errors import ConnectionFailed

pytestmark = pytest.mark.usefixtures("protection_ends")


@pytest.mark.parametrize("driver", ["pysqlite", "aiosqlite"])
@pytest.mark.parametrize("mode", ["read-only", "write"])
def test_a_missing_file_is_an_error_and_is_not_made(driver: str, mode: Any, tmp_path: Path) -> None:
    path = tmp_path / "missing.db"
    url = sa.URL.create(f"sqlite+{driver}", database=str(path))
    engine = create_async_engine(url) if driver in ASYNC else sa.create_engine(url)
    database = Database(engine, mode=mode)
    with pytest.raises(ConnectionFailed, match=r"missing\.db"):
        database.run(lambda connection: connection.exec_driver_sql("SELECT 1"))
    database.close()
    assert list(tmp_path.iterdir()) == []


def test_the_applications_engine_does_not_make_the_file_either(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/missing.db")
    readonly.protect(named("sqlite").address.of_url(engine.url))
    with pytest.raises(ConnectionFailed):
        engine.connect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("driver", ["pysqlite", "aiosqlite"])
def test_a_wal_file_is_read_whole_and_stays_as_it_is(driver: str, sqlite: TestDatabase) -> None:
    path = Path(str(sqlite.url.database))
    with closing(sqlite3.connect(path)) as writer:
        writer.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a)")
        writer.execute("INSERT INTO t VALUES (1)")
        writer.commit()
        before = sha256(path)
        database = Database(make_engine(sqlite, driver))
        assert database.run(lambda connection: connection.exec_driver_sql("SELECT * FROM t").all()) == [(1,)]
        database.close()
        assert sha256(path) == before


def sha256(path: Path) -> str:
    """By another process: reading here would drop the locks that this process holds on the file."""
    program = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
    return subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True).stdout


def test_a_hot_journal_is_explained_and_left_alone(sqlite: TestDatabase) -> None:
    path = Path(str(sqlite.url.database))
    fill(sqlite)
    crash = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("CREATE TABLE big (filler)")
connection.executemany("INSERT INTO big VALUES (hex(randomblob(200)))", [()] * 9999)
os._exit(1)
"""
    subprocess.run([sys.executable, "-c", crash, str(path)], check=False)
    journal = Path(f"{path}-journal")
    before = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, journal)]
    database = Database(sa.create_engine(sqlite.url))
    with pytest.raises(ConnectionFailed, match="journal"):
        database.run(lambda connection: connection.exec_driver_sql("SELECT * FROM items").all())
    database.close()
    assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, journal)] == before


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("dear diary, " * 100)
    database = Database(sa.create_engine(f"sqlite:///{tmp_path}/notes.db"))
    with pytest.raises(ConnectionFailed, match="not a SQLite database"):
        database.run(lambda connection: connection.exec_driver_sql("SELECT 1 FROM sqlite_master").all())
    database.close()
    directory = Database(sa.create_engine(f"sqlite:///{tmp_path}"))
    with pytest.raises(ConnectionFailed, match="directory"):
        directory.run(lambda connection: connection.exec_driver_sql("SELECT 1").all())


def test_pragmas_that_applications_send_on_connect_do_not_fail(sqlite: TestDatabase) -> None:
    fill(sqlite)
    engine = sa.create_engine(sqlite.url)

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: object) -> None:
        for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL", "optimize"):
            connection.execute(f"PRAGMA {pragma}")

    database = Database(engine)
    assert database.run(lambda connection: connection.exec_driver_sql("PRAGMA foreign_keys").scalar()) == 1
    database.close()
    assert sqlite.rows("PRAGMA journal_mode") == [("delete",)]
