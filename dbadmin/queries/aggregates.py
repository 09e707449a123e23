"""AGG: `count`, `max(created_at)` … → an aggregate over the rows of a group."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, Numeric, func
from sqlalchemy.types import TypeEngine

from dbadmin.errors import UnknownName, UsageError
from dbadmin.queries.paths import PATH, Path, parse_path
from dbadmin.queries.types import NUMBERS, family

FUNCTIONS = ("count", "count_distinct", "sum", "avg", "min", "max")
_AGGREGATE = re.compile(rf"\s*(?P<function>\w+)\s*(?:\(\s*(?P<path>\*|{PATH})?\s*\))?\s*")
_UNORDERED = frozenset({"boolean", "json", "array", "binary"})
HINT = "write count, count(col), count_distinct(col), sum(col), avg(col), min(col) or max(col)"


@dataclass(frozen=True)
class Aggregate:
    """A function, and the path to its column; without one it counts rows."""

    function: str
    path: Path | None = None

    def __str__(self) -> str:
        return f"{self.function}({self.path})" if self.path else self.function

    @property
    def default_name(self) -> str:
        """The name it has unless one is given.

        >>> Aggregate("max", Path(("author",), "id")).default_name
        'max_author_id'
        """
        return "_".join((self.function, *self.path.steps, self.path.name)) if self.path else self.function


def parse_aggregate(text: str) -> Aggregate:
    """Read an AGG.

    >>> parse_aggregate("count_distinct(author_id)")
    Aggregate(function='count_distinct', path=Path(steps=(), name='author_id', part=None))
    >>> parse_aggregate("count(*)")
    Aggregate(function='count', path=None)
    """
    found = _AGGREGATE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no aggregate", hint=HINT)
    function, path = found["function"].lower(), found["path"]
    if function not in FUNCTIONS:
        raise UnknownName("aggregate", function, FUNCTIONS, hint=HINT)
    if path in (None, "*"):
        if function != "count":
            raise UsageError(f"{function} needs a column", hint=f"write {function}(column)")
        return Aggregate("count")
    return Aggregate(function, parse_path(path))


def parse_named(texts: Sequence[str]) -> dict[str, Aggregate]:
    """`NAME=AGG` or `AGG`, in their order.

    >>> {name: str(agg) for name, agg in parse_named(["posts=count", "max(created_at)"]).items()}
    {'posts': 'count', 'max_created_at': 'max(created_at)'}
    """
    found: dict[str, Aggregate] = {}
    for text in texts:
        name, equals, aggregate = text.partition("=")
        parsed = parse_aggregate(aggregate if equals else text)
        key = name.strip() if equals else parsed.default_name
        if not key or key in found:
            raise UsageError(
                f"two aggregates are called {key!r}" if key else f"{text!r} has no name",
                hint="name each one: posts=count",
            )
        found[key] = parsed
    return found


def aggregates_of(given: Mapping[str, Any] | Sequence[str] | str | None) -> dict[str, Any]:
    """Aggregates by name; expressions of SQLAlchemy stay as they are, nothing given is one count."""
    if not given:
        return {"count": Aggregate("count")}
    if isinstance(given, str):
        return dict(parse_named([given]))
    if isinstance(given, Mapping):
        return {name: parse_aggregate(agg) if isinstance(agg, str) else agg for name, agg in given.items()}
    return dict(parse_named(given))


def expression(
    aggregate: Aggregate,
    column: Callable[[Path], ColumnElement[Any]],
    rows: ColumnElement[int],
) -> ColumnElement[Any]:
    """The SQL of an aggregate; `column` finds columns, `rows` counts those of a group."""
    if aggregate.path is None:
        return rows
    value = column(aggregate.path)
    if aggregate.function == "count":
        return func.count(value)
    if aggregate.function == "count_distinct":
        return func.count(value.distinct())
    kind = family(value.type)
    if aggregate.function in ("sum", "avg"):
        if kind not in NUMBERS | {"interval", "unknown"}:
            raise UsageError(
                f"{aggregate} does not work: {aggregate.path} is {_shown(value.type)}",
                hint=f"{aggregate.function} takes numbers; count it, or take min or max",
            )
    elif kind in _UNORDERED:
        raise UsageError(
            f"{aggregate} does not work: {aggregate.path} is {_shown(value.type)}, which has no order",
            hint="count(col) and count_distinct(col) do",
        )
    if aggregate.function == "avg":  # more digits than the column itself has
        exact = kind in ("numeric", "interval", "unknown")
        return func.avg(value, type_=(Numeric() if kind == "numeric" else value.type) if exact else Float())
    return getattr(func, aggregate.function)(value, type_=value.type)  # type: ignore[no-any-return]


def _shown(type_: TypeEngine[Any]) -> str:
    return str(type_) if family(type_) != "unknown" else repr(type_)
