"""Looking from a connection that somebody else works with: nothing of the look stays in its session.

Settings, locks and helper functions end with a savepoint that is rolled back; where no transaction was open, none
is left open.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

# What turns values and catalog entries into text, and what could stop a look half-way.
PINNED = {
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "jit": "off",
}
_PIN = "SELECT " + ", ".join(f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in PINNED.items())
_number = count(1)


def ask(connection: "Connection", sql: str, *, stream: bool = False) -> Any:
    """Run one query as it stands; a per cent sign is one. With `stream`, rows come through a server-side cursor.

    The text is unique, so that no driver reuses a plan that was prepared before a table changed.
    """
    options: dict[str, Any] = {"no_parameters": True}
    if stream:
        options |= {"stream_results": True, "max_row_buffer": 2000}
    return connection.exec_driver_sql(f"{sql}\n-- dbadmin {next(_number)}", execution_options=options)


def rows(connection: "Connection", sql: str) -> list[Any]:
    """All rows of a query, SQLAlchemy's `Row` each."""
    return list(ask(connection, sql))


@contextmanager
def looking(connection: "Connection") -> Iterator[None]:
    """A block with `PINNED` settings, as the user who logged in; afterwards the session is as it was."""
    open_before = connection.in_transaction()
    alone = _commits_by_itself(connection)
    ask(connection, "BEGIN" if alone else "SAVEPOINT dbadmin_look")
    try:
        ask(connection, "SET LOCAL SESSION AUTHORIZATION DEFAULT")
        ask(connection, "SET LOCAL ROLE NONE")
        ask(connection, _PIN)
        yield
    finally:
        if not connection.invalidated:  # interrupted or lost: SQLAlchemy has closed it, and the session ended with it
            back = ("ROLLBACK",) if alone else ("ROLLBACK TO SAVEPOINT dbadmin_look", "RELEASE SAVEPOINT dbadmin_look")
            for statement in back:
                ask(connection, statement)
        if not open_before:
            connection.rollback()


@contextmanager
def undone(connection: "Connection") -> Iterator[None]:
    """A block inside `looking` that leaves nothing of what it makes, whether it fails or not."""
    ask(connection, "SAVEPOINT dbadmin_like")
    try:
        yield
    finally:
        if not connection.invalidated:
            ask(connection, "ROLLBACK TO SAVEPOINT dbadmin_like")


def _commits_by_itself(connection: "Connection") -> bool:
    """Whether every statement is a transaction of its own now: AUTOCOMMIT, and no BEGIN by hand.

    The time of a transaction stands still inside one, and moves from statement to statement without.
    """
    if not getattr(connection.connection.dbapi_connection, "autocommit", False):
        return False
    query = "SELECT pg_catalog.transaction_timestamp()"
    return bool(ask(connection, query).scalar() != ask(connection, query).scalar())


def literal(text: str) -> str:
    """A string constant.

    >>> literal("it's")
    "'it''s'"
    """
    escaped = text.replace("'", "''")
    return f"'{escaped}'" if "\\" not in text else "E'" + escaped.replace("\\", "\\\\") + "'"


def quote(name: str) -> str:
    """An identifier in double quotes.

    >>> quote('we"ird')
    '"we""ird"'
    """
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str | None, name: str) -> str:
    """A relation's full name; without a schema it is in public.

    >>> qualified(None, "users")
    '"public"."users"'
    """
    return f"{quote(schema or PUBLIC)}.{quote(name)}"


PUBLIC = "public"
"""The schema that `TableName.schema` leaves out: the same from every session, whatever its search_path."""
