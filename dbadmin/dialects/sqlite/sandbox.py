"""Sandboxes on SQLite: BEGIN, and an authorizer that lets nobody end it."""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.sandboxes import Mark, Sandboxing
from dbadmin.dialects.sqlite.authorizer import DENIED_FUNCTIONS, OWN_SESSION, READING
from dbadmin.dialects.sqlite.driver import on_driver
from dbadmin.dialects.sqlite.tokens import tokens
from dbadmin.errors import NotSupported

if TYPE_CHECKING:
    from sqlalchemy import Connection

REFUSED = {
    "COMMIT": "a sandbox is never committed",
    "END": "a sandbox is never committed",
    "BEGIN": "the sandbox is a transaction already",
    "ROLLBACK": "it would end the sandbox",
    "ATTACH": "another file is not rolled back",
    "DETACH": "another file is not rolled back",
    "VACUUM": "VACUUM rewrites the file",
}
SETTINGS = READING | OWN_SESSION | {"user_version", "application_id"}
"""PRAGMAs that may have an argument: they read, are this session's, or are rolled back."""


def authorize(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    """SQLite's authorizer callback of a sandbox: everything but what leaves the transaction."""
    if action in (sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in DENIED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        allowed = name in SETTINGS or (second is None and name not in ("incremental_vacuum", "wal_checkpoint"))
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


class SqliteSandboxing(Sandboxing):
    """One connection inside BEGIN; a rollback takes back everything, definitions included."""

    def watch(self, dbapi_connection: Any, judge: Callable[[str], None]) -> None:
        """Nothing: the authorizer sees every statement, whoever sends it, and the driver's commit."""

    def begin(self, connection: "Connection", limit: float | None) -> Mark:
        """BEGIN, unless the application's own events did. There is no server that could end it: `limit` is unused."""

        def work(raw: sqlite3.Connection) -> Any:
            if not raw.in_transaction:
                raw.execute("BEGIN")
            raw.set_authorizer(authorize)
            return raw.in_transaction

        if not self._on(connection, work):
            raise NotSupported("SQLite opened no transaction", hint="open the session read-only, or with --write")
        return Mark(None)

    def is_open(self, connection: "Connection", mark: Mark) -> bool:
        """The driver knows: nothing but an error of the file's ends the transaction."""
        return bool(self._on(connection, lambda raw: raw.in_transaction))

    def refused(self, statement: str, mark: Mark) -> str | None:
        """By its first word, in words of one's own; the authorizer sees the rest."""
        words = [token.keyword for token in tokens(statement)]
        first = words[0] if words else ""
        if first not in REFUSED or (first == "ROLLBACK" and "TO" in words[1:3]):
            return None
        return f"{first}: {REFUSED[first]}"

    def end(self, connection: "Connection", mark: Mark) -> str | None:
        """ROLLBACK."""

        def work(raw: sqlite3.Connection) -> bool:
            raw.set_authorizer(None)
            raw.rollback()
            return raw.in_transaction

        return "the transaction did not end" if self._on(connection, work) else None

    @staticmethod
    def _on(connection: "Connection", work: Callable[[sqlite3.Connection], Any]) -> Any:
        return on_driver(connection.connection.dbapi_connection, work)
