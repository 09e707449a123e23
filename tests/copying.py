"""Copies of databases: opened, filled, counted and proven, for tests of what a copy is."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dbadmin.copies import Copy, open_copy
from dbadmin.database import Database


def silent(what: str, done: float, total: float | None) -> None: ...


@contextmanager
def opened(source: Path | str, **options: Any) -> Iterator[Copy]:
    """A copy of a file, or of what a URL names."""
    url = source if isinstance(source, str) else sa.URL.create("sqlite", database=str(source))
    database = Database(sa.create_engine(url, poolclass=sa.NullPool))
    try:
        with open_copy(database, progress=options.pop("progress", silent), **options) as copy:
            yield copy
    finally:
        database.close()


def filled(path: Path, *before: str) -> sqlite3.Connection:
    """A database with 100 rows in t, committed; its connection stays open."""
    connection = sqlite3.connect(path)
    for statement in (*before, "CREATE TABLE t (x INTEGER)"):
        connection.execute(statement)
    connection.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(100)])
    connection.commit()
    return connection


def count(url: sa.URL | Path) -> int:
    path = url if isinstance(url, Path) else Path(str(url.database))
    with closing(sqlite3.connect(path)) as connection:
        number: int = connection.execute("SELECT count(*) FROM t").fetchone()[0]
    return number


def proof(path: Path) -> tuple[str, int, int]:
    """Bytes, time and inode."""
    status = path.stat()
    return hashlib.sha256(path.read_bytes()).hexdigest(), status.st_mtime_ns, status.st_ino
