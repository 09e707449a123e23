"""Sandboxes on PostgreSQL: one transaction, whose id says afterwards that it was rolled back."""

import re
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.postgresql.senders import make_pliable
from dbadmin.dialects.postgresql.statements import readings, refused_copy, refused_function
from dbadmin.dialects.sandboxes import Mark, Sandboxing, execute

if TYPE_CHECKING:
    from sqlalchemy import Connection

REFUSED = {
    "commit": "a sandbox is never committed",
    "end": "a sandbox is never committed",
    "abort": "it would end the sandbox",
    "begin": "the sandbox is a transaction already",
    "start": "the sandbox is a transaction already",
    "discard": "it resets the session",
    "load": "it loads code into the server",
    "checkpoint": "a rollback does not take it back",
    "vacuum": "a rollback does not take it back",
    "call": "a procedure may commit",
    "analyze": "statistics are not rolled back",
    "analyse": "statistics are not rolled back",
}
_SETVAL = re.compile(r"\bsetval\s*\(", re.IGNORECASE)

TRANSACTION = "SELECT pg_backend_pid(), transaction_timestamp()::text"
"""One row: the session and the start of its transaction, which no other has."""


class PostgresqlSandboxing(Sandboxing):
    """Everything in a transaction is taken back, but the numbers that sequences gave out."""

    def watchable(self, driver: str, cparams: dict[str, Any]) -> None:
        """psycopg2's classes are built in; see `make_pliable`."""
        make_pliable(driver, cparams)

    def begin(self, connection: "Connection", limit: float | None) -> Mark:
        """The transaction that SQLAlchemy began; a server that hears nothing for `limit` seconds ends it."""
        milliseconds = round(limit * 1000) + 5_000 if limit else 0
        execute(connection, f"SELECT set_config('idle_in_transaction_session_timeout', '{milliseconds:d}', true)")
        return Mark(tuple(execute(connection, TRANSACTION)))

    def is_open(self, connection: "Connection", mark: Mark) -> bool:
        """The same session in the same transaction; one that failed answers nothing, and is open until rolled back."""
        try:
            return bool(tuple(execute(connection, TRANSACTION)) == mark.transaction)
        except Exception as error:  # each driver has an error of its own
            return "current transaction is aborted" in str(error) or getattr(error, "sqlstate", "") == "25P02"

    def refused(self, statement: str, mark: Mark) -> str | None:
        """What ends the transaction, or acts outside it."""
        for one in readings(statement):
            lowered = one.lower()
            if 'U&"' in one:
                return 'U&"…": a name with escapes cannot be checked'
            words = re.findall(r"\w+", lowered)[:3]
            first = words[0] if words else ""
            if first == "rollback" and not re.match(r"rollback (?:work |transaction )?to\b", lowered):
                return "ROLLBACK: it would end the sandbox"
            if words[:2] == ["prepare", "transaction"]:
                return "PREPARE TRANSACTION: it leaves a transaction behind"
            if first in REFUSED:
                return f"{first.upper()}: {REFUSED[first]}"
            if _SETVAL.search(one):
                return "setval(): a sequence is not rolled back"
            reason = refused_copy(lowered) if first == "copy" else refused_function(one)
            if reason is not None:
                return reason
        return None

    def end(self, connection: "Connection", mark: Mark) -> str | None:
        """Roll back, and ask what became of the transaction's id, where it had one."""
        number = None
        try:
            row = execute(connection, "SELECT txid_current_if_assigned()")
            number = row[0] if row is not None else None
        finally:
            connection.connection.rollback()
        if number is None:
            return None
        (state,) = execute(connection, f"SELECT txid_status({int(number)})")
        connection.connection.rollback()
        return None if state == "aborted" else f"PostgreSQL says that transaction {number} is {state}"
