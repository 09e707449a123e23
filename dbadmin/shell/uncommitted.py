"""What the open transaction of a writing session has written: whoever sent it, in SQL or as objects."""

import re
from typing import Any

from dbadmin.database import Database

UNDONE = "dbadmin_undone"
"""The execution option of a statement whose savepoint is rolled back: it changes nothing that would have to be asked
for, or committed."""

_HARMLESS = re.compile(
    r"\s*(?:set|show|pragma|savepoint|release|rollback|begin|start|describe|use)\b(?!\s+prepared)", re.IGNORECASE
)
"""First words of statements that leave nothing to commit."""

_PLAN = re.compile(
    r"\s*(?:(?:explain|analyze|verbose)\b(?:\s+query\s+plan\b|\s+format\s*=\s*\w+|\s*\([^)]*\))?\s*)+",
    re.IGNORECASE,
)
"""What stands before a statement whose plan is asked for."""


class Uncommitted:
    """Looks at every statement that a session has run; `anything` is whether one of them is waiting for a commit."""

    def __init__(self, database: Database, session: Any) -> None:
        from sqlalchemy import event

        self.anything = False
        self._engine, self._connections = database.sync_engine, set[Any]()
        event.listen(session, "after_begin", self._begun)
        for end in ("after_commit", "after_rollback"):
            event.listen(session, end, self._ended)
        event.listen(self._engine, "after_cursor_execute", self._ran)

    def _begun(self, session: Any, transaction: Any, connection: Any) -> None:
        self._connections.add(connection)

    def _ended(self, session: Any) -> None:
        if session.in_nested_transaction():
            return  # a savepoint's end commits nothing
        self.anything = False
        self._connections.clear()

    def _ran(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if not self.anything and connection in self._connections and writes(statement) and not is_undone(context):
            self.anything = True

    def stop(self) -> None:
        """Look no more."""
        from sqlalchemy import event

        if event.contains(self._engine, "after_cursor_execute", self._ran):
            event.remove(self._engine, "after_cursor_execute", self._ran)


def is_undone(context: Any) -> bool:
    """Whether a statement that runs in this context is taken back at once."""
    return context is not None and UNDONE in context.execution_options


def writes(statement: str) -> bool:
    """Whether a statement may have left something to commit.

    >>> [writes(s) for s in ("select 1", "SET LOCAL timezone = 'UTC'", "explain (costs) delete from t")]
    [False, False, False]
    >>> [writes(s) for s in ("update t set a = 1", "explain analyze delete from t", "analyze t")]
    [True, True, True]
    """
    from dbadmin.queries.written import only_reads

    plan = _PLAN.match(statement)
    if plan and "analyze" not in plan[0].lower():
        return False
    asked = statement[plan.end() :] if plan else statement
    return not (_HARMLESS.match(asked) or only_reads(asked))
