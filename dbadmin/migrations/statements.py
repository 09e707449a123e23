"""What the user's statements do in one step: counted as SQLAlchemy executes them, on whatever engine."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import named
from dbadmin.migrations.explain import came_from_commit

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CHANGES = re.compile(
    r"^\s*(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|UPDATE(?:\s+OR\s+\w+)?(?:\s+ONLY)?|DELETE\s+FROM(?:\s+ONLY)?)"
    r"\s+(?P<table>(?:[\"`\[]?[\w$]+[\"`\]]?\.)?(?:\"[^\"]+\"|`[^`]+`|\[[^\]]+\]|[\w$]+))",
    re.IGNORECASE,
)
_READS = re.compile(
    r"^\s*(?:SELECT|VALUES|PRAGMA|EXPLAIN|SHOW|SET|BEGIN|START|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE
)
_REBUILT = "_alembic_tmp_"
"""How batch mode names the table that it copies rows to: no row changes by that."""
_VERB = re.compile(r"^\s*(\w+)")
_LONGEST_TOLD = 300
_TOLD = "dbadmin_told"
"""Where a connection keeps what was told of its open transaction."""
ELSEWHERE = "dbadmin_elsewhere"
"""Set where a connection leads elsewhere than to the copy, and is allowed to."""
_WAITING = "dbadmin_waiting"
"""Where a connection keeps what was executed and is not committed: statements with the step that they belong to."""


@dataclass(eq=False)
class Counted:
    """What the user's statements did since the step began. `committed` are texts of those that cannot be rolled
    back any more, in their order, each once; `definitions` are those of statements that change no rows by themselves.
    """

    statements: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    failed: str | None = None
    committed: dict[str, None] = field(default_factory=dict)
    definitions: dict[str, None] = field(default_factory=dict)


def shown(statement: str) -> str:
    r"""A statement as it may be told: without the values of rows, and not too long.

    >>> shown("UPDATE users SET name = 'Ada'"), shown("ALTER TABLE  users\n ADD x integer")
    ('UPDATE users', 'ALTER TABLE users ADD x integer')
    """
    table, verb = table_changed(statement), _VERB.match(statement)
    if table is not None and verb is not None:
        return f"{verb[1].upper()} {table}"
    text = " ".join(statement.split())
    return text if len(text) <= _LONGEST_TOLD else text[: _LONGEST_TOLD - 1] + "…"


def table_changed(statement: str) -> str | None:
    """The table that an INSERT, UPDATE or DELETE names, quotes removed; None for other statements.

    >>> table_changed('INSERT INTO "blog posts" VALUES (1)'), table_changed("update audit.log set x=1")
    ('blog posts', 'audit.log')
    >>> table_changed("select 1")
    """
    found = _CHANGES.match(statement)
    return re.sub(r"[\"`\[\]]", "", found["table"]) if found else None


class Statements:
    """Counts the statements that user code executes, on whatever engine, and notes which were committed."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self.counted = Counted()
        self.counting = False
        self.looking = False
        self.ending: Callable[[Connection], None] = lambda connection: None
        self.ended: Callable[[Connection], None] = lambda connection: None
        self._tell = tell
        self._told = False
        self._last_commit: list[tuple[Counted, str]] = []

    def install(self) -> None:
        """Listen on every engine of this process."""
        from sqlalchemy import Engine, event

        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)
        event.listen(Engine, "handle_error", self._failed)
        event.listen(Engine, "commit", self._commits)
        event.listen(Engine, "rollback", self._rolled_back)

    def _before(self, connection: "Connection", cursor: Any, statement: str, *_: Any) -> None:
        if not self.counting or self.looking:
            return
        self.counted.statements += 1
        self._told = _is_new(connection, statement)
        if self._told:
            self._tell("statement", at=time.monotonic(), text=shown(statement))
        if not _READS.match(statement) and not connection.info.get(ELSEWHERE):
            named(connection.dialect.name).costs.before(connection, statement)

    def _after(self, connection: "Connection", cursor: Any, statement: str, *_: Any) -> None:
        if not self.counting or self.looking:
            return
        table = table_changed(statement)
        if table is not None and not table.startswith(_REBUILT) and (cursor.rowcount or 0) > 0:
            self.counted.rows[table] += cursor.rowcount
        elif table is None and self._told:  # rows are changed in loops, of which only the first round is told
            self._tell("statement-ended", at=time.monotonic())
        waiting = connection.info.setdefault(_WAITING, [])
        entry = self.counted, " ".join(statement.split())
        dialect = named(connection.dialect.name)
        if not _READS.match(statement):
            if waiting[-1:] != [entry]:
                waiting.append(entry)
            if table is None:
                self.counted.definitions[entry[1]] = None
            if not connection.info.get(ELSEWHERE):
                with self._own_looks():
                    dialect.costs.after(connection, statement)
        if dialect.observe.is_committed(connection, statement):
            self._committed(connection)
            if table is None and not connection.info.get(ELSEWHERE):
                with self._own_looks():
                    self.ended(connection)

    @contextmanager
    def _own_looks(self) -> Iterator[None]:
        """Statements of dbadmin's own do not count."""
        self.looking = True
        try:
            yield
        finally:
            self.looking = False

    def _rolled_back(self, connection: "Connection") -> None:
        self._ends(connection)
        connection.info.pop(_WAITING, None)

    def _commits(self, connection: "Connection") -> None:
        self._ends(connection)
        self._committed(connection)

    def _ends(self, connection: "Connection") -> None:
        connection.info.pop(_TOLD, None)
        if not connection.info.get(ELSEWHERE):
            with self._own_looks():
                self.ending(connection)

    def _committed(self, connection: "Connection") -> None:
        self._last_commit = connection.info.pop(_WAITING, [])
        for counted, statement in self._last_commit:
            counted.committed[statement] = None

    def _failed(self, context: Any) -> None:
        if self.looking:
            return
        if context.statement:
            self.counted.failed = str(context.statement)
            connection = context.connection
            if connection is not None and named(connection.dialect.name).observe.commits_first(context.statement):
                self._committed(connection)
        elif came_from_commit(context.original_exception):
            for counted, statement in self._last_commit:
                counted.committed.pop(statement, None)


def _is_new(connection: "Connection", statement: str) -> bool:
    """Whether a statement is the first of its kind in its transaction: a loop over rows is told once."""
    told = connection.info.setdefault(_TOLD, set())
    if statement in told:
        return False
    told.add(statement)
    kind = shown(statement)
    new = kind == statement or kind not in told
    told.add(kind)
    return new
