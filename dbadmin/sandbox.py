"""A sandbox: one transaction of one connection, in which everything may be written and nothing stays.

`Database(engine, mode="sandbox")` opens it. Sessions and helpers work within, each between savepoints, so that a commit
releases a savepoint; every other connection to the database is read-only. What would commit the transaction is refused,
and before each statement the engine is asked whether it is still open. It ends by `end`, and by itself at its limit.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from dbadmin import readonly
from dbadmin.dialects import Dialect
from dbadmin.dialects.sandboxes import Mark
from dbadmin.errors import NotFinished, WriteRefused

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")
MINUTES = 15
HINT = "everything in a sandbox is rolled back in the end; to keep changes open the session with --write"
ANEW = "%mode sandbox NAME begins a new one"
LOST = "the sandbox's transaction is over: it was ended from outside, or its connection was lost"


class Sandbox:
    """The transaction of a sandbox, begun on `connection`, which belongs to it from now on.

    `limit` in seconds, None for none; `bind` is what sessions are bound to.
    """

    def __init__(self, dialect: Dialect, limit: float | None) -> None:
        self.dialect, self.limit = dialect, limit
        self.bind: Any = None
        self.ended: str | None = None
        self.stayed: str | None = None
        self._connection: Connection | None = None
        self._mark: Mark | None = None
        self._began = time.monotonic()
        self._lock = threading.RLock()

    def begin(self, connection: "Connection", bind: Any) -> None:
        """Begin on a connection that was opened within `readonly.opening_sandbox(self.judge)`."""
        connection.begin()
        self._mark = self.dialect.sandbox.begin(connection, self.limit)
        self._connection, self.bind = connection, bind

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def is_given_up(self) -> bool:
        """Whether `end` has done its work."""
        return self._connection is None and self.ended is not None

    def why_over(self) -> str | None:
        """Why it is over, or has to be ended now; None while it may go on."""
        connection = self._connection
        if self.ended is not None or connection is None:
            return self.ended or LOST
        if self.limit is not None and self.age >= self.limit:
            return f"the sandbox has ended after {self.limit / 60:g} min, its limit"
        transaction = connection.get_transaction()
        return None if transaction is not None and transaction.is_active and not connection.invalidated else LOST

    def run(self, work: "Callable[[Connection], T]") -> T:
        """Call `work` with the connection, between savepoints: when it fails, only its own changes go."""
        connection = self._connection
        if connection is None or self.ended is not None:
            raise NotFinished(self.ended or LOST, hint=ANEW)
        with connection.begin_nested():
            return work(connection)

    def judge(self, statement: str, connection: "Connection | None" = None) -> None:
        """Raise where a statement would leave the transaction, or where that is over. By cursors of the driver's own
        there is no `connection`."""
        if self._mark is None:
            return
        reason = self.dialect.sandbox.refused(statement, self._mark)
        if reason is not None:
            raise WriteRefused(f"refused in a sandbox: {reason}", hint=HINT)
        if connection is not None and not self.dialect.sandbox.is_open(connection, self._mark):
            self.ended = LOST
            raise NotFinished(LOST, hint=ANEW)

    def end(self, reason: str | None = None) -> None:
        """Roll everything back, and give the connection up; `stayed` tells what is known to have stayed."""
        with self._lock:
            connection, mark = self._connection, self._mark
            self._connection = self._mark = None
            self.ended = self.ended or reason or "the sandbox has ended"
        if connection is None or mark is None:
            return
        try:
            self.stayed = self.dialect.sandbox.end(connection, mark)
        except Exception as error:  # a lost connection has rolled back all the same
            if not connection.invalidated:
                self.stayed = f"the end could not be watched: {self.dialect.session.message(error)}"
        finally:
            readonly.leave_sandbox(connection)
