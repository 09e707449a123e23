"""How an engine tells its plan for a statement, as steps that look alike for every engine."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from dbadmin.results.plans import PlanStep

if TYPE_CHECKING:
    from sqlalchemy import Row


class Explaining(ABC):
    """One engine's EXPLAIN."""

    @abstractmethod
    def statement(self, sql: str, *, analyze: bool) -> str:
        """The statement that gives the plan of `sql`; with `analyze` it is run, and what it took is told.

        Raises NotSupported where the engine cannot tell that.
        """

    @abstractmethod
    def plan(self, rows: "list[Row[tuple[object, ...]]]") -> tuple[PlanStep, ...]:
        """The steps from what that statement gave, the last to happen first."""
