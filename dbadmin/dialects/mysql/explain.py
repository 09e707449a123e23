"""EXPLAIN FORMAT=JSON, and MariaDB's ANALYZE FORMAT=JSON."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.explaining import Explaining
from dbadmin.results.plans import PlanStep

if TYPE_CHECKING:
    from sqlalchemy import Row

CHANGES = ("insert", "update", "delete")
DETAILS = ("key", "attached_condition", "index_condition", "ref", "message")


class MysqlExplaining(Explaining):
    """A tree of blocks and tables; what else they hold differs by version and is passed through."""

    def statement(self, sql: str, *, analyze: bool) -> str:
        """One row of JSON. ANALYZE FORMAT=JSON is MariaDB's."""
        return f"{'ANALYZE' if analyze else 'EXPLAIN'} FORMAT=JSON {sql}"

    def plan(self, rows: "list[Row[tuple[object, ...]]]") -> tuple[PlanStep, ...]:
        """The steps of the outermost block."""
        return tuple(steps(json.loads(str(rows[0][0]))))


def steps(node: Any) -> Iterator[PlanStep]:
    """The steps in a piece of the plan, nested as the server nests them; what holds none is no step, but counters.

    >>> [block] = steps({"query_block": {"table": {"access_type": "ALL", "table_name": "t", "r_engine_stats": {}}}})
    >>> block.steps
    (PlanStep(what='ALL t', detail='', rows=None, actual_rows=None, cost=None, seconds=None, steps=()),)
    """
    if isinstance(node, list):
        for one in node:
            yield from steps(one)
        return
    if not isinstance(node, Mapping):
        return
    for name, value in node.items():
        if name == "table":
            yield table(value)
        elif name == "query_block":
            what = f"{doing(value)} #{value.get('select_id', 1)}"
            yield PlanStep(what, cost=number(value, "cost"), seconds=time(value),
                           detail=value.get("message", ""), steps=tuple(steps(value)))  # fmt: skip
        elif found := tuple(steps(value)):
            took = time(value) if isinstance(value, Mapping) else None
            yield PlanStep(name.replace("_", " "), seconds=took, steps=found)


def doing(block: Mapping[str, Any]) -> str:
    """What a block does: MariaDB marks the table that is changed."""
    held = block.get("table")
    return next((one for one in CHANGES if isinstance(held, Mapping) and one in held), "select")


def table(node: Mapping[str, Any]) -> PlanStep:
    """Access to one table."""
    details = [f"{name.replace('_', ' ')}: {shown(node[name])}" for name in DETAILS if node.get(name)]
    actual, loops = node.get("r_rows"), node.get("r_loops", 1)
    return PlanStep(
        f"{node.get('access_type', 'table')} {node.get('table_name', '')}".strip(),
        "; ".join(details),
        rows=number(node, "rows", "rows_examined_per_scan"),
        actual_rows=None if actual is None else float(actual) * float(loops),
        cost=number(node, "cost"),
        seconds=time(node),
        steps=tuple(steps({k: v for k, v in node.items() if isinstance(v, Mapping)})),
    )


def number(node: Mapping[str, Any], *names: str) -> float | None:
    """The first of these that the node has."""
    found = next((node[name] for name in names if isinstance(node.get(name), int | float)), None)
    return None if found is None else float(found)


def time(node: Mapping[str, Any]) -> float | None:
    """Seconds, of MariaDB's milliseconds."""
    found = number(node, "r_total_time_ms", "r_table_time_ms")
    return None if found is None else found / 1000


def shown(value: Any) -> str:
    """A text, or a list of names."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
