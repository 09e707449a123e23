"""Which tables a step wrote, told by SQLite's authorizer, which is asked whenever a statement is prepared.

Python keeps prepared statements, and the same text again asks nobody; setting the authorizer anew makes SQLite
prepare everything once more, so it is set anew at every look. The application may set an authorizer of its own:
it is asked too, after ours.
"""

import sqlite3
import sqlite3.dbapi2
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from dbadmin.dialects.base import Observer
from dbadmin.dialects.sqlite.raw import on_own_thread
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]

_TABLE_FIRST = frozenset(
    {
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_CREATE_VTABLE,
        sqlite3.SQLITE_DROP_VTABLE,
    }
)
_STRICTNESS = {sqlite3.SQLITE_OK: 0, sqlite3.SQLITE_IGNORE: 1, sqlite3.SQLITE_DENY: 2}


class Log:
    """What this process wrote to any SQLite file: table → number of the last write; `blind` is the last time
    that something was written unseen."""

    def __init__(self) -> None:
        self.now = 0
        self.blind = 0
        self.tables: dict[str, int] = {}
        self.connections: WeakSet[Observed] = WeakSet()

    def wrote(self, table: str) -> None:
        """Note a write."""
        self.now += 1
        self.tables[table] = self.now

    def since(self, number: int) -> set[str]:
        """Tables with a later write than this."""
        return {name for name, last in self.tables.items() if last > number}

    def lost_sight(self) -> None:
        """Note that tables may have been written without notice."""
        self.now += 1
        self.blind = self.now


LOG = Log()
GUARDS: list[Authorizer] = []
"""Asked before the application's own authorizer; the strictest answer counts. For what must be denied."""


class Observed(sqlite3.Connection):
    """A connection whose writes are noted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._application: Authorizer | None = None
        self._seen = 0
        self.released = 0.0
        LOG.connections.add(self)
        self.arm()

    def commit(self) -> None:
        """Note when the transaction has ended, and its lock with it."""
        super().commit()
        self.released = time.monotonic()

    def rollback(self) -> None:
        """As `commit`."""
        super().rollback()
        self.released = time.monotonic()

    def arm(self) -> None:
        """Set the authorizer anew: every statement is prepared again, and asks again."""
        super().set_authorizer(self._authorize)

    def is_armed(self) -> bool:
        """Whether our authorizer is really asked: a statement that nobody prepared before must come to it."""
        before = self._seen
        with suppress(sqlite3.Error):
            sqlite3.Connection.execute(self, f"SELECT {before} AS dbadmin_probe").close()
        return self._seen > before

    def set_authorizer(self, authorizer_callback: Authorizer | None) -> None:
        """Keep the application's authorizer; it is asked after ours."""
        self._application = authorizer_callback
        self.arm()

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
    ) -> int:
        self._seen += 1
        if database != "temp":
            if action in _TABLE_FIRST and first:
                LOG.wrote(first)
            elif action == sqlite3.SQLITE_ALTER_TABLE and second:
                LOG.wrote(second)
        answers = [guard(action, first, second, database, trigger) for guard in GUARDS]
        if self._application is not None:
            answers.append(self._application(action, first, second, database, trigger))
        return max(answers, key=lambda answer: _STRICTNESS.get(answer, 2), default=sqlite3.SQLITE_OK)

    def blobopen(self, table: str, *args: Any, **kwargs: Any) -> Any:
        """Incremental writes to a value ask no authorizer."""
        LOG.wrote(table)
        return super().blobopen(table, *args, **kwargs)

    def deserialize(self, *args: Any, **kwargs: Any) -> None:
        """A whole database put in place of this one."""
        LOG.lost_sight()
        super().deserialize(*args, **kwargs)

    def backup(self, target: sqlite3.Connection, **kwargs: Any) -> None:
        """The target is overwritten."""
        LOG.lost_sight()
        super().backup(target, **kwargs)


class SqliteObserver(Observer):
    """Wraps `sqlite3.connect`; every connection made after that is observed."""

    beginning = 0

    def install(self) -> None:
        """Wrap `sqlite3.connect` and `sqlite3.dbapi2.connect`, which pysqlite and aiosqlite call."""
        if getattr(sqlite3.connect, "dbadmin", False):
            return
        wrapped = _observing(sqlite3.connect)
        for module in (sqlite3, sqlite3.dbapi2):
            setattr(module, "connect", wrapped)  # noqa: B010 - mypy has the functions as constants

    def mark(self, connection: "Connection") -> int | None:
        """The number of the last write, None where the connection is not observed; arms every connection."""
        return LOG.now if _rearm(connection) else None

    def touched(self, connection: "Connection", since: Any) -> frozenset[TableName] | None:
        """Tables that statements prepared since the mark write, triggers and cascades included.

        None where something could be written unseen: a connection made behind our back, one whose authorizer was
        replaced, or one that another thread holds.
        """
        if since is None or LOG.blind > since or not _rearm(connection) or LOG.blind > since:
            return None
        names = LOG.since(since)
        names |= on_own_thread(connection, lambda raw: _shadows(raw, names))
        return _tables(names)

    def written_here(self, since: Any) -> frozenset[TableName] | None:
        """What any connection of this process prepared a write for since the mark."""
        return None if since is None or LOG.blind > since else _tables(LOG.since(since))

    def is_committed(self, connection: "Connection", statement: str) -> bool:
        """Whether no transaction is open: Python's driver begins one before INSERT, UPDATE and DELETE only."""
        return on_own_thread(connection, lambda raw: not raw.in_transaction)


def _tables(names: set[str]) -> frozenset[TableName]:
    return frozenset(TableName(None, name) for name in names if not name.lower().startswith("sqlite_"))


def _observing(connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    position = 5  # of `factory` among the arguments of sqlite3.connect

    def observed(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        factory: Any = args[position] if len(args) > position else kwargs.get("factory", sqlite3.Connection)
        if not (isinstance(factory, type) and issubclass(factory, sqlite3.Connection)):
            LOG.lost_sight()
            return connect(*args, **kwargs)
        ours = observed_class(factory)
        if len(args) > position:
            args = (*args[:position], ours, *args[position + 1 :])
        else:
            kwargs["factory"] = ours
        return connect(*args, **kwargs)

    observed.dbadmin = True  # type: ignore[attr-defined]
    observed.__doc__ = connect.__doc__
    return observed


_CLASSES: dict[type, type[Observed]] = {}


def observed_class(factory: type[sqlite3.Connection]) -> type[Observed]:
    """The application's connection class, observed."""
    if issubclass(factory, Observed):
        return factory
    if factory is sqlite3.Connection:
        return Observed
    if factory not in _CLASSES:
        _CLASSES[factory] = type(f"Observed{factory.__name__}", (Observed, factory), {})
    return _CLASSES[factory]


def _rearm(connection: "Connection") -> bool:
    """Arm every living connection; False where this one is not observed, or the authorizer was gone."""

    def own(raw: sqlite3.Connection) -> bool:
        if not isinstance(raw, Observed):
            return False
        was_armed = raw.is_armed()
        raw.arm()
        for other in list(LOG.connections):
            if other is not raw:
                _rearm_other(other)
        return was_armed

    return on_own_thread(connection, own)


def _rearm_other(other: Observed) -> None:
    try:
        if not other.is_armed():
            LOG.lost_sight()
        other.arm()
    except sqlite3.ProgrammingError as error:
        if "closed" not in str(error):  # another thread's: what it prepared before stays unseen
            LOG.lost_sight()


def _shadows(raw: sqlite3.Connection, names: set[str]) -> set[str]:
    """Every table whose name begins as a touched virtual table's: its module may write without being asked."""
    objects = raw.execute("SELECT name, sql FROM main.sqlite_master WHERE type = 'table'").fetchall()
    virtual = [name for name, sql in objects if name in names and str(sql).upper().startswith("CREATE VIRTUAL")]
    return {name for name, _ in objects for table in virtual if name.startswith(f"{table}_")}


__all__ = ["GUARDS", "Observed", "SqliteObserver", "observed_class"]
