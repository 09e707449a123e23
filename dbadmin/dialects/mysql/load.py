"""The statements of a dump, sent to the server one after the other; the client program has no part in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import watched
from dbadmin.dialects.mysql import contents
from dbadmin.dialects.mysql.plain import Statement, parts
from dbadmin.errors import DamagedBackup, DbadminError, NotFinished
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

# As a dump with all its comments begins; what it sets itself comes after and wins.
_FRAME = (
    "SET NAMES utf8mb4",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "SET SESSION foreign_key_checks = 0",
    "SET SESSION unique_checks = 0",
)
# What a session waits for, and for how many seconds: sleeping and waiting for locks are no progress.
_WAITS = """
SELECT time FROM information_schema.processlist
 WHERE id = %s AND (state = 'User sleep' OR state LIKE 'Waiting for %%lock%%')
"""
_ACCESS_DENIED = (1044, 1045, 1142, 1143, 1227, 1370, 1419)


def fill(
    read: Callable[[int], bytes],
    url: "URL",
    shown: str,
    *,
    database: str | None,
    moved: "Callable[[bytes], bytes] | None" = None,
) -> None:
    """Fill the database at `url` with what `read` gives; `shown` is the dump's name in messages.

    `database` is what the dump calls its own database; `moved` changes statements before they are run. Raises
    DamagedBackup where the dump ends too early or nothing moves on, UsageError for what must not be run, NotFinished
    where a statement fails.
    """
    line = 1
    with connected(url) as connection:
        for statement in _FRAME:
            run(connection, statement)
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        with (
            _cursor(connection) as cursor,
            watched.beside(lambda: _looking(url, number, shown), lambda: _kill(url, number)),
        ):
            errors: Any = connection.dialect.loaded_dbapi.Error
            try:
                for part in parts(read):
                    if not isinstance(part, Statement):
                        continue
                    line, code = part.line, contents.bare(part.text)
                    contents.refuse(code, part, shown, database)
                    if contents.wanted(code):
                        cursor.execute(moved(part.text) if moved else part.text)
            except errors as error:
                raise _failure(shown, line, error) from error


@contextmanager
def _cursor(connection: "Connection") -> Iterator[Any]:
    """The driver's own cursor. Ctrl-C leaves an answer unread: neither cursor nor connection can be used any more."""
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except BaseException as error:
        if not isinstance(error, Exception):
            connection.invalidate()
        raise
    finally:
        with suppress(connection.dialect.loaded_dbapi.Error):
            cursor.close()


@contextmanager
def _looking(url: "URL", number: int, shown: str) -> Iterator[watched.Look]:
    """A look at what a session does; it gives a DamagedBackup once it has only waited for too long."""
    with connected(url) as connection:

        def look() -> DamagedBackup | None:
            waited = connection.exec_driver_sql(_WAITS, (number,)).scalar()
            if waited is None or waited <= watched.QUIET:
                return None
            return DamagedBackup(
                f"restoring {shown} made no progress for {watched.QUIET:g} s", hint="make the backup again"
            )

        yield look


def _kill(url: "URL", number: int) -> None:
    with connected(url) as connection:
        run(connection, f"KILL QUERY {int(number)}")


def _failure(shown: str, line: int, error: Any) -> DbadminError:
    number, *told = error.args or (None, str(error))
    words = mask(str(told[0]) if told else str(number)).partition("\n")[0]
    hint = "restore it yourself where you may, then --in-place"
    if number in _ACCESS_DENIED:
        words += " (a backup is restored by an account that may only fill its own database)"
    return NotFinished(f"restoring {shown} failed in line {line}: {words}", hint=hint)


@contextmanager
def connected(url: "URL") -> "Iterator[Connection]":
    """A connection that commits by itself."""
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def run(connection: "Connection", statement: str) -> None:
    """Run one statement as it stands; a per cent sign is one."""
    connection.exec_driver_sql(statement.replace("%", "%%"))
