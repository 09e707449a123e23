"""The sqlite3 connection under a SQLAlchemy connection: looks there are seen by no listener and open no transaction."""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from dbadmin.dialects.sqlite.driver import on_driver

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")


def on_own_thread(connection: "Connection", work: Callable[[sqlite3.Connection], T]) -> T:
    """Call `work` with the sqlite3 connection, on the thread that owns it (aiosqlite has one per connection)."""
    return on_driver(connection.connection.dbapi_connection, work)


def reading(connection: "Connection", work: Callable[[sqlite3.Connection], T]) -> T:
    """As `on_own_thread`, text arriving as `str` and rows as tuples whatever the application has set."""

    def pinned(raw: sqlite3.Connection) -> T:
        text_factory, row_factory = raw.text_factory, raw.row_factory
        raw.text_factory, raw.row_factory = str, None
        try:
            return work(raw)
        finally:
            raw.text_factory, raw.row_factory = text_factory, row_factory

    return on_own_thread(connection, pinned)


def quote(name: str) -> str:
    """An identifier in double quotes.

    >>> quote('we"ird')
    '"we""ird"'
    """
    return '"' + name.replace('"', '""') + '"'
