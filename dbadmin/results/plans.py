"""`%explain`."""

from dataclasses import dataclass

from dbadmin.results.base import Record, Result


@dataclass(frozen=True)
class PlanStep(Record):
    """A step of a plan. `rows` are those that the engine expects, `actual_rows` and `seconds` what it took, all loops
    together; `cost` is in the engine's own unit. None where the engine does not tell.
    """

    what: str
    detail: str = ""
    rows: float | None = None
    actual_rows: float | None = None
    cost: float | None = None
    seconds: float | None = None
    steps: tuple["PlanStep", ...] = ()


@dataclass(frozen=True)
class QueryPlan(Result):
    """How the database would run a statement, or has run it where `analyzed`; `sql` has placeholders, never values."""

    kind = "explain"

    sql: str
    analyzed: bool
    steps: tuple[PlanStep, ...]
