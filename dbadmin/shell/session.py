"""The session at the prompt: timeouts, and how each statement leaves it."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbadmin import readonly, sandbox
from dbadmin.database import Database, explain
from dbadmin.database.failures import ECHO
from dbadmin.errors import ConnectionFailed, DbadminError, WriteRefused
from dbadmin.protected import name_of
from dbadmin.secrets import mask
from dbadmin.shell.uncommitted import Uncommitted

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

CALLS = {
    "dbadmin describe TABLE": "db.describe('TABLE')",
    "dbadmin tables": "db.tables()",
    "dbadmin status": "db.status()",
    "use --app DIR": "import dbadmin; db = dbadmin.connect(app='DIR')",
}
"""Commands that are typed as calls of Python at a prompt."""
STATEMENT_SECONDS = {"read-only": 30.0, "write": 60.0, "sandbox": 60.0}


def inner(session: Any) -> "Session":
    """The Session, also within an AsyncSession."""
    found: Session = getattr(session, "sync_session", session)
    return found


def limit(database: Database, seconds: float | None) -> Callable[[], None]:
    """Set the timeouts at the start of every transaction of the application's engine, whoever begins it.

    `seconds` is for statements; None and 0: none. Gives what ends it.
    """
    from sqlalchemy import event

    database.statement_timeout = seconds or None
    database.lock_timeout = database.lock_timeout or None

    def set_timeouts(connection: "Connection") -> None:
        database.dialect.session.set_timeouts(connection, database.statement_timeout, database.lock_timeout)

    event.listen(database.sync_engine, "begin", set_timeouts)
    return lambda: event.remove(database.sync_engine, "begin", set_timeouts)


class Keeper:
    """Leaves the session usable after each statement, and without a transaction where it is read-only."""

    def __init__(self, database: Database, session: Any) -> None:
        self.database = database
        self.session = session
        self._uncommitted = Uncommitted(database, inner(session)) if database.mode == "write" else None

    @property
    def has_changes(self) -> bool:
        """Whether the open transaction has written something."""
        return self._uncommitted is not None and self._uncommitted.anything

    def after_statement(self, failed: bool) -> str | None:
        """Put the session in order; gives what the user has to know, if there is something.

        Read-only: the transaction ends, objects are read anew when next looked at, and changes to them are
        dropped. Writing: a transaction that cannot go on is rolled back; any other stays open.
        """
        return self._within(lambda session: self._settle(session, failed))

    def close(self) -> str | None:
        """End the session; gives a note where changes were not committed."""
        return self._within(self._close)

    def _within(self, work: "Callable[[Session], str | None]") -> str | None:
        if self.database.is_async:
            return self.database.loop.call(self.session.run_sync(work))  # type: ignore[no-any-return]
        return work(inner(self.session))

    def _settle(self, session: "Session", failed: bool) -> str | None:
        if self.database.mode == "read-only":
            dropped = pending(session)
            if session.in_transaction() or dropped:
                roll_back(session)
            # After an error the user knows already that nothing was written.
            told = f"this session is read-only: {dropped} not kept\nhint: {write_hint(self.database)}"
            return told if dropped and not failed else None
        if failed and session.in_transaction() and not goes_on(session, self.database):
            roll_back(session)
            if self.database.mode == "sandbox" and self.database.sandbox.why_over() is not None:
                return None  # that is told, and the session is another one next
            return "the open transaction cannot go on after this error, and was rolled back"
        return None

    def _close(self, session: "Session") -> str | None:
        lost = self.database.mode == "write" and (self.has_changes or bool(pending(session)))
        if self._uncommitted is not None:
            self._uncommitted.stop()
        try:
            session.close()
        except Exception:
            roll_back(session)
        return "changes that were not committed were rolled back" if lost else None


def pending(session: "Session") -> str:
    """Changes that a flush would write, in words; empty where there are none."""
    changed = sum(session.is_modified(one) for one in session.dirty)
    parts = [(len(session.new), "new"), (changed, "changed"), (len(session.deleted), "deleted")]
    said = ", ".join(f"{number} {what}" for number, what in parts if number)
    return f"{said} object{'s' if sum(n for n, _ in parts) > 1 else ''}" if said else ""


def roll_back(session: "Session") -> None:
    """Roll back, also where the connection is gone."""
    with suppress(Exception):
        session.rollback()
        return
    with suppress(Exception):
        session.invalidate()
        return
    with suppress(Exception):
        session.close()


def goes_on(session: "Session", database: Database) -> bool:
    """Whether the open transaction takes another statement: after an error, some engines' do not.

    Nor does it where rows are still to come: somebody has interrupted what read them.
    """
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection = session.connection()
        if database.dialect.session.is_unread(connection.connection.driver_connection):
            return False
        connection.execute(select(1))
    except (SQLAlchemyError, OSError):
        return False
    return True


def explained(error: BaseException, database: Database) -> DbadminError | None:
    """dbadmin's own error for what a statement of the user raised; None where it is not the database's."""
    from sqlalchemy.exc import DBAPIError

    if isinstance(error, DbadminError):
        return error
    if isinstance(error, DBAPIError):
        known = explain(error, database)
        # Without a statement it may have failed while it connected: not all drivers tell.
        return (unreachable(database) if error.statement is None else None) or known
    if database.mode == "read-only" and database.dialect.session.is_read_only_error(error):
        detail = mask(database.dialect.session.message(error))
        return WriteRefused(f"this session is read-only: {detail}", hint=readonly.HINT)  # by a raw connection
    return unreachable(database) if isinstance(error, OSError) else None


def at_prompt(error: DbadminError, database: Database) -> DbadminError:
    """The error with a hint for somebody who has a session already: its mode can be changed, its errors looked at."""
    if isinstance(error, WriteRefused) and error.hint in (readonly.HINT, sandbox.HINT):
        return WriteRefused(error.message, hint=write_hint(database))
    if error.hint == sandbox.ANEW:
        return type(error)(error.message, hint=error.hint.replace("NAME", name_of(database.place)))
    if error.hint == ECHO:
        return type(error)(error.message, hint="%tb shows the statement, and where it was run")
    error.hint = typed_here(error.hint) if error.hint else None
    return error


def typed_here(hint: str) -> str:
    """A hint that names commands, as they are typed at a prompt of Python's.

    >>> typed_here("dbadmin describe TABLE shows the columns that are there, dbadmin status what is pending")
    "db.describe('TABLE') shows the columns that are there, db.status() what is pending"
    >>> typed_here("is the server running there? dbadmin doctor")
    'is the server running there? !dbadmin doctor'
    >>> typed_here("a revision needs one: use --app DIR")
    "a revision needs one: import dbadmin; db = dbadmin.connect(app='DIR')"
    """
    for command, call in CALLS.items():
        hint = re.sub(rf"(?<!!)\b{command}\b(?! -)", call, hint)
    return re.sub(r"(?<![!\w./'-])dbadmin (?=[a-z-])", "!dbadmin ", hint)


def write_hint(database: Database) -> str:
    """What to type in a session that may only read."""
    name = name_of(database.place)
    if database.mode == "sandbox":
        return f"everything in a sandbox is rolled back in the end; %mode write {name} keeps what is committed"
    return f"%mode sandbox {name} takes every write and keeps none; %mode write {name} keeps what is committed"


def unreachable(database: Database) -> ConnectionFailed | None:
    """Why the database cannot be reached now; None where it can."""
    try:
        database.run(lambda connection: None)
    except ConnectionFailed as error:
        return error
    except DbadminError:
        return None
    return None
