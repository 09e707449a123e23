"""The sqlite3 connection inside a DBAPI connection, be it pysqlite's or aiosqlite's."""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def on_driver(dbapi_connection: Any, work: Callable[[sqlite3.Connection], T]) -> T:
    """Call `work` with the sqlite3 connection, in aiosqlite's own thread where there is one."""
    if isinstance(dbapi_connection, sqlite3.Connection):
        return work(dbapi_connection)
    result: T = dbapi_connection.run_async(lambda driver: driver._execute(work, driver._conn))
    return result


def interrupt(dbapi_connection: Any) -> None:
    """End what the connection does at this moment, in whichever thread that is."""
    one = isinstance(dbapi_connection, sqlite3.Connection)
    raw = dbapi_connection if one else dbapi_connection.driver_connection._conn
    raw.interrupt()


def file_of(raw: sqlite3.Connection) -> str:
    """The path of the main database as SQLite has it; empty in memory."""
    return next(str(row[2] or "") for row in raw.execute("PRAGMA database_list") if row[1] == "main")
