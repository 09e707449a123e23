"""Time limits of statements and locks, in each transaction of a Connection, put back after it."""

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dbadmin.dialects.cursors import execute_own
from dbadmin.dialects.mysql import ending

if TYPE_CHECKING:
    from sqlalchemy import Connection

IDLE_SECONDS = 60

_timeouts: "WeakKeyDictionary[Connection, Timeouts]" = WeakKeyDictionary()


class Timeouts:
    """Statements that set the timeouts of a session, and give it back those that it had."""

    def __init__(self, before: dict[str, Any]) -> None:
        self.before = before
        self.wanted: dict[str, float | int] = {}

    def start(self, connection: "Connection") -> None:
        """A transaction begins."""
        if self.wanted:
            connection.exec_driver_sql(_set(self.wanted))

    def end(self, connection: "Connection") -> None:
        """It ends, and the connection may serve somebody else. A lost connection has nothing to give back."""
        if self.wanted:
            with suppress(Exception):
                before = {name: self.before[name] for name in self.wanted}
                execute_own(connection.connection.dbapi_connection, _set(before))

    def rolled_back(self, connection: "Connection") -> None:
        """The same, where no rows are still to come: else the connection is given up; see `SessionRules.abandon`."""
        if not connection.invalidated and ending.unread(connection.connection.driver_connection) is None:
            self.end(connection)


def set_timeouts(connection: "Connection", statement: float | None, lock: float | None) -> None:
    """Set them in this transaction and at the start of each later one of this Connection; put back after each.

    MariaDB limits every statement (max_statement_time), MySQL only SELECT (max_execution_time). Locks are
    waited for in whole seconds, one at least. With a statement timeout MariaDB ends a session, too, that idles for
    a minute in a transaction: it would hold back purging.
    """
    from sqlalchemy import event

    is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
    limit = "max_statement_time" if is_mariadb else "max_execution_time"
    known = _timeouts.get(connection)
    if known is None:
        idle = ("idle_transaction_timeout",) if is_mariadb else ()
        names = (limit, "lock_wait_timeout", "innodb_lock_wait_timeout", *idle)
        row = connection.exec_driver_sql(f"SELECT {', '.join(f'@@session.{name}' for name in names)}").one()
        known = _timeouts[connection] = Timeouts(dict(zip(names, row, strict=True)))
        event.listen(connection, "begin", known.start)
        event.listen(connection, "commit", known.end)
        event.listen(connection, "rollback", known.rolled_back)
    known.end(connection)
    known.wanted = {}
    if statement is not None:
        known.wanted[limit] = statement if is_mariadb else max(1, round(statement * 1000))
        if is_mariadb:
            known.wanted["idle_transaction_timeout"] = IDLE_SECONDS
    if lock is not None:
        seconds = max(1, math.ceil(lock))
        known.wanted |= {"lock_wait_timeout": seconds, "innodb_lock_wait_timeout": seconds}
    known.start(connection)


def _set(values: dict[str, Any]) -> str:
    return "SET " + ", ".join(f"SESSION {name} = {value}" for name, value in values.items())
