"""How an engine keeps a sandbox: one transaction that takes writes, and that nothing but its end can end.

A sandbox is judged statement by statement: what would commit it, or would change something that a rollback does not
take back, is refused. Before each statement the engine is asked whether the transaction is still the one that began.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.cursors import Own, judge_statements

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True)
class Mark:
    """The transaction of a sandbox: what tells it from any other, and what no rollback takes back, with why."""

    transaction: Any
    kept: Mapping[str, str] = field(default_factory=dict)


class Sandboxing(ABC):
    """One engine's sandboxes."""

    def watchable(self, driver: str, cparams: dict[str, Any]) -> None:
        """Change the parameters of a connection so that `watch` sees all of its cursors."""
        return

    def watch(self, dbapi_connection: Any, judge: Callable[[str], None]) -> None:
        """Have `judge` see statements on the driver's own cursors, too, and its commit where it can be had."""
        judge_statements(dbapi_connection, judge, whole=True)

    @abstractmethod
    def begin(self, connection: "Connection", limit: float | None) -> Mark:
        """Begin the transaction, so that only `end` ends it; idle for `limit` seconds, the server ends it itself.

        Raises NotSupported where the engine cannot say whether it is still open.
        """

    def kept(self, connection: "Connection") -> Mapping[str, str]:
        """Tables that no rollback takes back, and why."""
        return {}

    @abstractmethod
    def is_open(self, connection: "Connection", mark: Mark) -> bool:
        """Whether the transaction of `mark` is the open one."""

    @abstractmethod
    def refused(self, statement: str, mark: Mark) -> str | None:
        """Why a statement is refused in a sandbox, or None."""

    @abstractmethod
    def end(self, connection: "Connection", mark: Mark) -> str | None:
        """Roll everything back; gives what is known to have stayed, None where nothing has."""


def execute(connection: "Connection", statement: str) -> Any:
    """Run a statement of dbadmin's own, which no sandbox judges; gives its first row, None without one."""
    rows = execute_all(connection, statement)
    return rows[0] if rows else None


def execute_all(connection: "Connection", statement: str) -> list[Any]:
    """The same, with every row."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(Own(statement))
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()
