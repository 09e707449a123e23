"""What the user's statements do in one step: counted as SQLAlchemy executes them, on whatever engine."""

import re
from collections import Counter
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
_WAITING = "dbadmin_waiting"
"""Where a connection keeps what was executed and is not committed: statements with the step that they belong to."""


@dataclass(eq=False)
class Counted:
    """What the user's statements did since the step began. `committed` are texts of those that cannot be rolled
    back any more, in their order, each once.
    """

    statements: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    failed: str | None = None
    committed: dict[str, None] = field(default_factory=dict)


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

    def __init__(self) -> None:
        self.counted = Counted()
        self.counting = False
        self._last_commit: list[tuple[Counted, str]] = []

    def install(self) -> None:
        """Listen on every engine of this process."""
        from sqlalchemy import Engine, event

        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)
        event.listen(Engine, "handle_error", self._failed)
        event.listen(Engine, "commit", self._committed)
        event.listen(Engine, "rollback", lambda connection: connection.info.pop(_WAITING, None))

    def _before(self, *_: Any) -> None:
        self.counted.statements += self.counting

    def _after(self, connection: "Connection", cursor: Any, statement: str, *_: Any) -> None:
        if not self.counting:
            return
        table = table_changed(statement)
        if table is not None and not table.startswith(_REBUILT) and (cursor.rowcount or 0) > 0:
            self.counted.rows[table] += cursor.rowcount
        waiting = connection.info.setdefault(_WAITING, [])
        entry = self.counted, " ".join(statement.split())
        if not _READS.match(statement) and waiting[-1:] != [entry]:
            waiting.append(entry)
        if named(connection.dialect.name).observe.is_committed(connection, statement):
            self._committed(connection)

    def _committed(self, connection: "Connection") -> None:
        self._last_commit = connection.info.pop(_WAITING, [])
        for counted, statement in self._last_commit:
            counted.committed[statement] = None

    def _failed(self, context: Any) -> None:
        if context.statement:
            self.counted.failed = str(context.statement)
        elif came_from_commit(context.original_exception):
            for counted, statement in self._last_commit:
                counted.committed.pop(statement, None)
