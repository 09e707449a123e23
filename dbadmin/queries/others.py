"""The largest groups, and one row for all that are smaller."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Label, Select, case, func, literal_column, select

from dbadmin.errors import UsageError
from dbadmin.queries.grouping import Grouped
from dbadmin.queries.types import family

OTHERS = "others"


def with_others(
    grouped: Grouped,
    aggregates: Sequence[Label[Any]],
    order: Sequence[ColumnElement[Any]],
    having: Sequence[ColumnElement[bool]],
    limit: int | None,
) -> Select[Any]:
    """The `limit` first groups in their order, then one that is computed from the rows of all others.

    Averages and distinct counts of the others are those of their rows, which the groups' own values do not tell.
    `having` leaves groups out of both. Raises UsageError without a limit above 0, and for names that are taken.
    """
    if not limit or limit < 0:
        raise UsageError("others are what a limit cuts off", hint="say how many groups stay: --limit 10")
    if OTHERS in {label.name for label in (*grouped.labels, *aggregates)}:
        raise UsageError(f"a column is already called {OTHERS!r}", hint="give the aggregate another name")
    last: ColumnElement[int] = literal_column(str(int(limit)), Integer)
    # In a window, order by expressions: labels of the same SELECT are not known there.
    expressions = [_expression(one) for one in order]
    rank = func.row_number().over(order_by=expressions).label("_rank")
    ranked = (
        select(*(label.element.label(f"_key_{n}") for n, label in enumerate(grouped.labels)), rank)
        .select_from(grouped.scope.from_clause)
        .where(*grouped.filters)
        .group_by(*(label.element for label in grouped.labels))
        .having(*having)
        .subquery("_ranked")
    )
    keys = [ranked.c[f"_key_{n}"] for n in range(len(grouped.labels))]
    same = [label.element.is_not_distinct_from(key) for label, key in zip(grouped.labels, keys, strict=True)]
    within = ranked.c["_rank"] <= last
    place = case((within, ranked.c["_rank"]), else_=last + 1)
    texts = [n for n, label in enumerate(grouped.labels) if family(label.element.type) == "text"]
    shown = [
        case((within, key), else_=literal_column(f"'{OTHERS}'") if n in texts[-1:] else None).label(label.name)
        for n, (key, label) in enumerate(zip(keys, grouped.labels, strict=True))
    ]
    rest = case((within, literal_column("0")), else_=literal_column("1"))
    on = same[0] if len(same) == 1 else same[0] & _all(same[1:])
    return (
        select(*shown, (rest == literal_column("1")).label(OTHERS), *aggregates)
        .select_from(grouped.scope.from_clause.join(ranked, on))
        .where(*grouped.filters)
        .group_by(place, rest, *(column.element for column in shown))
        .order_by(place)
    )


def _all(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    found = conditions[0]
    for condition in conditions[1:]:
        found = found & condition
    return found


def _expression(one: Any) -> Any:
    """An ORDER BY element without the label in it."""
    if isinstance(one, Label):
        return one.element
    inner = getattr(one, "element", None)
    if isinstance(inner, Label) and getattr(one, "modifier", None) is not None:
        return inner.element.desc()
    return one
