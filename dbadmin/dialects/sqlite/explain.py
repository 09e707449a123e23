"""EXPLAIN QUERY PLAN."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.explaining import Explaining
from dbadmin.errors import NotSupported
from dbadmin.results.plans import PlanStep

if TYPE_CHECKING:
    from sqlalchemy import Row


class SqliteExplaining(Explaining):
    """SQLite tells what it does, and neither rows nor costs."""

    def statement(self, sql: str, *, analyze: bool) -> str:
        """Rows of id, parent, an unused number, and what is done."""
        if analyze:
            raise NotSupported("SQLite does not tell what a statement took", hint="leave out --analyze")
        return f"EXPLAIN QUERY PLAN {sql}"

    def plan(self, rows: "list[Row[tuple[object, ...]]]") -> tuple[PlanStep, ...]:
        """The tree that the parents' numbers make."""
        children: dict[Any, list[tuple[Any, str]]] = defaultdict(list)
        for number, parent, _, what in map(tuple, rows):
            children[parent].append((number, str(what)))

        def below(parent: Any) -> tuple[PlanStep, ...]:
            return tuple(PlanStep(what, steps=below(number)) for number, what in children[parent])

        return below(0)
