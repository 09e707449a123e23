"""FILTER: `column OP value` → a condition with bound values."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Enum,
    FromClause,
    Integer,
    String,
    cast,
    literal,
    literal_column,
    select,
)
from sqlalchemy.sql.visitors import replacement_traverse

from dbadmin.errors import UsageError
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.paths import PATH, Path, Scope, parse_path, path_of, split_at_many
from dbadmin.queries.values import quoted, typed

Where = Any
"""A FILTER text, a dict of column → value, a SQLAlchemy condition, or several of these in a sequence."""

_FILTER = re.compile(
    rf"""\s*(?P<left>{PATH}|\w+\([^()]*\))\s*
    (?: (?P<op>!=|<>|<=|>=|==|<|>|=|~) \s*(?P<value>.*?)
      | (?<![\w"])(?:is\s+(?P<null>null|not\s+null) | in\b\s*(?P<values>.*?)) )\s*""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_SAME = {"<>": "!=", "==": "="}
_ITEM = re.compile(r"""\s*('(?:[^']|'')*'|"(?:[^"]|"")*"|[^,'"][^,]*|)\s*(,|$)""", re.DOTALL)
HINT = "write column OP value; OP is = != < <= > >= ~ (LIKE), in a,b, is null, is not null"


@dataclass(frozen=True)
class Value:
    """A value as it was typed; quotes say that it is text."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Filter:
    """A FILTER read but not yet typed. `op` is = != < <= > >= ~ in null not-null; `left` is as written."""

    left: str
    op: str
    values: tuple[Value, ...] = ()


def parse_filter(text: str) -> Filter:
    """Read a FILTER.

    >>> parse_filter("author.username ~ 'ann%'")
    Filter(left='author.username', op='~', values=(Value(text='ann%', quoted=True),))
    >>> parse_filter("published_at is not null")
    Filter(left='published_at', op='not-null', values=())
    """
    found = _FILTER.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no filter", hint=HINT)
    left = found["left"]
    if found["null"]:
        return Filter(left, "null" if found["null"].lower() == "null" else "not-null")
    if found["values"] is not None:
        return Filter(left, "in", _items(found["values"], text))
    op, value = found["op"], found["value"]
    if not value or value[0] in "=<>~":
        raise UsageError(
            f"{text!r} has no value" if not value else f"{text!r} is no filter",
            hint=f"{HINT}; '' is empty text",
        )
    return Filter(left, _SAME.get(op, op), (_value(value),))


def _value(text: str) -> Value:
    inside = quoted(text)
    return Value(text) if inside is None else Value(inside, quoted=True)


def _items(text: str, whole: str) -> tuple[Value, ...]:
    """`a,'b,c'` or `(a, b)` → values."""
    inside = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    items, position = [], 0
    while position <= len(inside):
        found = _ITEM.match(inside, position)
        if found is None or not found[1]:
            raise UsageError(f"{whole!r} has an empty or unfinished value", hint="write in a,b; quote 'a,b' and ''")
        items.append(_value(found[1].strip()))
        if not found[2]:
            return tuple(items)
        position = found.end()
    raise UsageError(f"{whole!r} has an empty or unfinished value", hint="write in a,b; quote 'a,b' and ''")


def conditions(scope: Scope, where: Where) -> list[ColumnElement[bool]]:
    """The conditions of `where`, to be joined by AND; the tables that they need are joined in `scope`."""
    if where is None:
        return []
    if isinstance(where, str):
        found = parse_filter(where)
        return [_along(scope, parse_path(found.left), lambda column: compare(column, found, found.left))]
    if isinstance(where, Mapping):
        return [_equal(scope, left, value) for left, value in where.items()]
    if isinstance(where, ColumnElement) or hasattr(where, "__clause_element__"):
        return [placed(scope.entity, scope.source, where)]
    if isinstance(where, Iterable):
        return [condition for one in where for condition in conditions(scope, one)]
    raise UsageError(f"{where!r} is no filter", hint=HINT)


def compare(column: ColumnElement[Any], found: Filter, shown: str) -> ColumnElement[bool]:
    """The condition for one column; values take its type."""
    if found.op == "null":
        return column.is_(None)
    if found.op == "not-null":
        return column.is_not(None)
    if found.op == "~":
        return _like(column, found.values[0].text)
    values = [_typed(value, column, shown) for value in found.values]
    if found.op == "in":
        return column.in_(values)
    operators: dict[str, Callable[[Any], ColumnElement[bool]]] = {
        "=": column.__eq__, "!=": column.__ne__, "<": column.__lt__,
        "<=": column.__le__, ">": column.__gt__, ">=": column.__ge__,
    }  # fmt: skip
    return operators[found.op](literal(values[0], column.type))


def _like(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    r"""LIKE without regard to case; `\%` is a percent sign, on every engine."""
    is_text = isinstance(column.type, String) and not isinstance(column.type, Enum)
    text = column if is_text else cast(column, String)
    return text.ilike(pattern, escape="\\")


def _typed(value: Value, column: ColumnElement[Any], shown: str) -> Any:
    if value.text.lower() == "null" and not value.quoted:
        raise UsageError(f"nothing compares with null: {shown}", hint=f"write {shown} is null, or 'null' for the text")
    return typed(value.text, column.type, shown)


def _equal(scope: Scope, left: Any, value: Any) -> ColumnElement[bool]:
    def condition(column: ColumnElement[Any]) -> Any:
        if value is None:
            return column.is_(None)
        if isinstance(value, list | tuple | set | frozenset):
            return column.in_(list(value))
        return column == value

    return _along(scope, path_of(left, scope.entity), condition)


def _along(
    scope: Scope, path: Path, condition: Callable[[ColumnElement[Any]], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """The condition at the end of a path; where it leads to several rows, one of them must fulfil it."""
    before, step, after = split_at_many(scope, path.steps)
    if step is None:
        return condition(scope.column(path))
    _, outside = scope.reach(before)
    first, *further = step.links
    start = scope.new_source(first.there, f"{first.there.table.name}_of_{scope.entity.table.name}")
    inner = Scope(scope.entities, first.there, start)
    inner.take_names_of(scope)
    if further:
        end = inner.follow(tuple(further), start, inner=True)
        last = Scope(scope.entities, step.there, end)
        last.from_clause, last._used = inner.from_clause, inner._used
        inner = last
    found = _along(inner, Path(after, path.name, path.part), condition)
    query = select(literal_column("1", Integer)).select_from(inner.from_clause).where(first.on(outside, start), found)
    return query.correlate(outside).exists()


def placed(entity: Entity, source: FromClause, condition: Any) -> Any:
    """A SQLAlchemy expression over a model, made to speak of the source that the statement selects from."""
    if source is entity.table:
        return condition

    def replace(element: Any, **_: Any) -> Any:
        ours = isinstance(element, Column) and element.table in entity.tables
        return entity.at(source, element) if ours else None

    element = condition.__clause_element__() if hasattr(condition, "__clause_element__") else condition
    return replacement_traverse(element, {}, replace)


__all__ = ["Entities", "Filter", "Value", "Where", "compare", "conditions", "parse_filter", "placed"]
