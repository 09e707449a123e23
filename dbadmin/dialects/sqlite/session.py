"""Sessions on SQLite: opened with mode=ro, kept read-only by query_only and an authorizer."""

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dbadmin.dialects.sessions import MISSING_COLUMN, MISSING_TABLE, SessionRules
from dbadmin.dialects.sqlite.address import Location, SqliteAddressing, join, locate
from dbadmin.dialects.sqlite.authorizer import authorize
from dbadmin.dialects.sqlite.driver import file_of, interrupt, on_driver
from dbadmin.dialects.values import Identity
from dbadmin.errors import ConnectionFailed, DbadminError, MissingColumn, NotFinished, StatementFailed, TimedOut

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection
    from sqlalchemy.engine import ExceptionContext


class Deadline:
    """Interrupts a statement that runs longer than `seconds`; SQLite asks every ten thousand steps."""

    def __init__(self) -> None:
        self.seconds: float | None = None
        self.at: float | None = None

    def start(self, *_: Any) -> None:
        """A statement begins."""
        self.at = None if self.seconds is None else time.monotonic() + self.seconds

    def clear(self, *_: Any) -> None:
        """The transaction is over: the connection may now serve somebody without a limit."""
        self.at = None

    def passed(self) -> int:
        """SQLite's progress handler: non-zero interrupts."""
        return int(self.at is not None and time.monotonic() > self.at)


_deadlines: "WeakKeyDictionary[Connection, Deadline]" = WeakKeyDictionary()


def _stopped(context: "ExceptionContext") -> BaseException | None:
    """After Ctrl-C: end what a thread of the driver still runs, and tell that it was Ctrl-C.

    Python drops what is raised in a progress handler, so that KeyboardInterrupt becomes an error of SQLite.
    """
    connection, error = context.connection, context.original_exception
    deadline = None if connection is None else _deadlines.get(connection)
    if connection is None or deadline is None:
        return None
    if connection.dialect.is_async and not isinstance(error, Exception):
        interrupt(connection.connection.dbapi_connection)
    if getattr(error, "sqlite_errorname", "") != "SQLITE_INTERRUPT" or deadline.passed():
        return None
    return KeyboardInterrupt()


class SqliteSession(SessionRules):
    """How sessions behave on SQLite."""

    def read_only_parameters(self, driver: str, cargs: list[Any], cparams: dict[str, Any]) -> None:
        """Open with mode=ro. Raises ConnectionFailed where there is no such file; nothing is created."""
        location = locate(cargs, cparams)
        if location.path is None:
            return
        require_file(location)
        options = {key: value for key, value in location.options.items() if key not in ("mode", "immutable")}
        name = join(location.path, {**options, "mode": "ro"})
        if cargs:
            cargs[0] = name
        else:
            cparams["database"] = name
        cparams["uri"] = True

    def make_read_only(self, dbapi_connection: Any) -> None:
        """Set query_only and the authorizer, which keeps SQL from switching it off."""

        def guard(raw: sqlite3.Connection) -> None:
            raw.execute("PRAGMA query_only = ON")
            raw.set_authorizer(authorize)

        on_driver(dbapi_connection, guard)

    def begin_read_only(self, connection: "Connection") -> None:
        """Nothing to say: the whole session is read-only."""
        return

    def prove_read_only(self, connection: "Connection") -> None:
        """Try CREATE TABLE inside a savepoint that is rolled back; ends the open transaction."""
        from sqlalchemy.exc import DBAPIError

        try:
            connection.exec_driver_sql("SAVEPOINT dbadmin_proof")
            connection.exec_driver_sql("CREATE TABLE dbadmin_read_only_proof (id INTEGER)")
        except DBAPIError as error:
            if error.orig is not None and self.is_read_only_error(error.orig):
                return
            raise
        finally:
            connection.rollback()
        raise NotFinished(
            "this session takes writes although it was opened read-only; the proof was rolled back",
            hint="use a login that may only read; dbadmin doctor shows what this one may do",
        )

    def refused(self, statement: str) -> str | None:
        """Nothing by name: the authorizer sees what a statement does."""
        return None

    def set_timeouts(self, connection: "Connection", statement: float | None, lock: float | None) -> None:
        """Set busy_timeout, and a limit by the progress handler; None leaves either as the driver has it.

        SQLite asks the handler only while it works: who waits for a lock does not, so that must not take longer.
        """
        from sqlalchemy import event

        deadline = _deadlines.get(connection)
        if deadline is None:
            deadline = _deadlines[connection] = Deadline()
            event.listen(connection, "before_cursor_execute", deadline.start)
            event.listen(connection, "commit", deadline.clear)
            event.listen(connection, "rollback", deadline.clear)
            if not event.contains(connection.dialect, "handle_error", _stopped):
                event.listen(connection.dialect, "handle_error", _stopped)
        deadline.seconds = statement
        if deadline.at is not None:  # a statement is about to run, and began to count with what was said before
            deadline.start()
        handler = None if statement is None else deadline.passed

        def limit(raw: sqlite3.Connection) -> None:
            if lock is not None:
                waits = lock if statement is None else min(lock, statement)
                raw.execute(f"PRAGMA busy_timeout = {round(waits * 1000):d}")
            raw.set_progress_handler(handler, 10_000)

        on_driver(connection.connection.dbapi_connection, limit)

    def identity(self, connection: "Connection") -> Identity:
        """The file by device and inode; in memory, the connection itself."""
        path = on_driver(connection.connection.dbapi_connection, file_of)
        if not path:
            memory = str(id(connection.connection.driver_connection))
            return Identity("sqlite", ":memory:", ("memory", memory), "a database in memory")
        status = Path(path).stat()
        real = str(Path(path).resolve())
        return Identity("sqlite", Path(real).name, (str(status.st_dev), str(status.st_ino)), real)

    def server_version(self, connection: "Connection") -> str:
        """The version of the SQLite library that the driver was linked with."""
        return str(connection.exec_driver_sql("SELECT sqlite_version()").scalar_one())

    def is_read_only_error(self, error: BaseException) -> bool:
        """A write stopped by the authorizer, by query_only or by mode=ro."""
        if _trouble_with_file(error):
            return False
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_AUTH" or name.startswith("SQLITE_READONLY"):
            return True
        return isinstance(error, sqlite3.Error) and "not authorized" in str(error)

    def check_target(self, url: "URL") -> None:
        """Raise ConnectionFailed where the file does not exist: connecting would make an empty one."""
        require_file(SqliteAddressing().location_of_url(url))

    def explain(self, error: BaseException) -> DbadminError | None:
        """Files that cannot be read as a database, and statements that took too long."""
        trouble = _trouble_with_file(error)
        if trouble is not None:
            return ConnectionFailed(trouble[0], hint=trouble[1])
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_INTERRUPT":
            return TimedOut(
                "the statement ran longer than the time limit", hint="allow more with --statement-timeout 5m"
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return TimedOut(
                "another session holds a lock on the database",
                hint="try again, or wait longer with --lock-timeout 30s",
            )
        text = str(error) if name == "SQLITE_ERROR" else ""
        if text.startswith("no such column"):
            return MissingColumn(text, hint=MISSING_COLUMN)
        if text.startswith("no such table"):
            return StatementFailed(text, hint=MISSING_TABLE)
        if text == "incomplete input":
            return StatementFailed(f"the statement ends too early: {text}", hint="write the rest of it")
        return None


def require_file(location: Location) -> None:
    """Raise ConnectionFailed unless there is a file (nothing to check in memory)."""
    if location.path is None:
        return
    path = Path(location.path)
    if path.is_dir():
        raise ConnectionFailed(f"{path} is a directory, not a SQLite database", hint="dbadmin doctor")
    if not path.exists():
        raise ConnectionFailed(
            f"there is no SQLite database {path}",
            hint="a relative path counts from the current directory; dbadmin doctor shows where it came from",
        )


def _trouble_with_file(error: BaseException) -> tuple[str, str] | None:
    """What is wrong with the file itself and what to do, or None."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_NOTADB":
        return "the file is not a SQLite database, or it is encrypted", "dbadmin doctor"
    if name == "SQLITE_CORRUPT":
        return "the SQLite database is damaged", "restore it from a backup"
    if name in ("SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY"):
        return (
            "a writer crashed and left a journal beside the SQLite database: it cannot be read as it stands",
            "open it once with the application, which rolls the journal back",
        )
    if name in ("SQLITE_READONLY_CANTINIT", "SQLITE_CANTOPEN"):
        return (
            "the SQLite database cannot be opened for reading",
            "its user needs to read the file, and in WAL mode to write in its directory",
        )
    return None
