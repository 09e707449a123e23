"""EXPLAIN (FORMAT JSON)."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.explaining import Explaining
from dbadmin.results.plans import PlanStep

if TYPE_CHECKING:
    from sqlalchemy import Row

DETAILS = ("Index Cond", "Hash Cond", "Merge Cond", "Recheck Cond", "Join Filter", "Filter", "Sort Key", "Group Key")
"""What of a step is worth a look besides its name, in the server's own words."""


class PostgresqlExplaining(Explaining):
    """PostgreSQL tells rows and costs, and with ANALYZE the time of each step."""

    def statement(self, sql: str, *, analyze: bool) -> str:
        """One row of JSON."""
        return f"EXPLAIN (FORMAT JSON{', ANALYZE, TIMING' if analyze else ''}) {sql}"

    def plan(self, rows: "list[Row[tuple[object, ...]]]") -> tuple[PlanStep, ...]:
        """The tree as the server nests it."""
        value: Any = rows[0][0]
        found = json.loads(value) if isinstance(value, str | bytes) else value
        return tuple(step(one["Plan"]) for one in found if "Plan" in one)


def step(node: Mapping[str, Any]) -> PlanStep:
    """One node of the plan; times and rows of a loop are given for all of its turns."""
    loops = node.get("Actual Loops", 1) or 1
    actual, took = node.get("Actual Rows"), node.get("Actual Total Time")
    on = " ".join(str(node[key]) for key in ("Index Name", "Relation Name", "CTE Name") if key in node)
    alias = node.get("Alias")
    on += f" {alias}" if alias and alias not in on.split() else ""
    details = [f"{key.lower()}: {text(node[key])}" for key in DETAILS if key in node]
    return PlanStep(
        f"{doing(node)} {on}".strip(),
        "; ".join(details),
        rows=node.get("Plan Rows"),
        actual_rows=None if actual is None else actual * loops,
        cost=node.get("Total Cost"),
        seconds=None if took is None else took * loops / 1000,
        steps=tuple(step(child) for child in node.get("Plans", ())),
    )


def doing(node: Mapping[str, Any]) -> str:
    """The kind of a node; of one that changes a table, what it does.

    >>> doing({"Node Type": "ModifyTable", "Operation": "Delete"}), doing({"Node Type": "Seq Scan"})
    ('Delete', 'Seq Scan')
    """
    return str(node["Operation" if node["Node Type"] == "ModifyTable" else "Node Type"])


def text(value: Any) -> str:
    """A condition, or a list of keys."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
