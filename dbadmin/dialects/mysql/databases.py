"""Databases of dbadmin's own on a server that others use: made, told from all others, and dropped."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import marks
from dbadmin.dialects.mysql.look import ask, literal, quote
from dbadmin.errors import InternalError, NotFinished
from dbadmin.secrets import first_line

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

LONGEST_NAME = 64  # characters
_LOCK_WAIT = 10  # seconds that DROP waits for a session which is just ending
# Databases with their comments, which MariaDB keeps from 10.5 on.
_COMMENTS = "SELECT schema_name, schema_comment FROM information_schema.schemata"


def name_of(token: str, name: str) -> str:
    """What one of our databases is called on a server of the user's."""
    return marks.name_of(token, name)[:LONGEST_NAME]


def make(admin: "Connection", name: str, owner: Mapping[str, Any], how: str = "") -> None:
    """CREATE DATABASE with its mark, in one statement; `how` is its character set."""
    ask(admin, f"CREATE DATABASE {quote(name)} {how} COMMENT {literal(marks.mark(owner))}")


def mark(admin: "Connection", name: str, owner: Mapping[str, Any]) -> None:
    """Say anew whose it is."""
    ask(admin, f"ALTER DATABASE {quote(name)} COMMENT {literal(marks.mark(owner))}")


def names(admin: "Connection", token: str) -> Iterator[tuple[str, bool]]:
    """Databases that have this token in their name, and whether they carry dbadmin's mark."""
    prefix = name_of(token, "")
    for name, comment in ask(admin, _COMMENTS).all():
        if str(name).startswith(prefix):
            yield str(name), marks.owner_in(comment) is not None


def drop_marked(admin: "Connection", token: str, name: str) -> None:
    """Drop a database that has both dbadmin's name and its mark; anything else is refused.

    Raises NotFinished with the command to type where the server refuses, DBAPIError where the connection is lost.
    """
    from sqlalchemy.exc import DBAPIError

    if not dict(names(admin, token)).get(name):
        raise InternalError(f"the database {name} does not carry dbadmin's mark: it is not dropped")
    statement = f"DROP DATABASE {quote(name)}"
    ask(admin, f"SET SESSION lock_wait_timeout = {_LOCK_WAIT}")
    try:
        ask(admin, statement)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        raise NotFinished(f"the copy {name} could not be dropped: {first_line(error)}", hint=f"{statement};") from error


@contextmanager
def connected(url: "URL") -> "Iterator[Connection]":
    """A connection that commits by itself."""
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def end_sessions(connection: "Connection", database: str | None = None) -> None:
    """End the other sessions of this connection's own account, in one database or anywhere."""
    from sqlalchemy.exc import DBAPIError

    where = "" if database is None else f" AND db = {literal(database)}"
    for (number,) in ask(connection, _OWN_SESSIONS + where).all():
        with suppress(DBAPIError):  # it ended by itself
            ask(connection, f"KILL {int(number)}")


# Sessions of this account, but this one; every account may see and end its own.
_OWN_SESSIONS = """
SELECT id FROM information_schema.processlist
 WHERE user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND id <> CONNECTION_ID()
"""
