"""Pages by key: the rows behind the one that was seen last, without counting those before it."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, and_, literal, or_
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList
from sqlalchemy.sql.visitors import iterate

from dbadmin.errors import UsageError
from dbadmin.queries.links import unique_sets
from dbadmin.queries.names import Entity
from dbadmin.queries.values import typed


def key_values(after: Any, key: Sequence[tuple[str, Column[Any]]], whose: str) -> list[ColumnElement[Any] | None]:
    """The values of a key as they were given: one value, several in a sequence, or `5,17` in a text.

    `key` are the columns with the names they go by, `whose` says whose key it is. None, or nothing between two
    commas, stands for the row that an outer join has where there is no partner. Raises UsageError for a key of
    another length, or whose first value is missing.
    """
    parts = [after] if isinstance(after, str) or not isinstance(after, Iterable) else list(after)
    if len(parts) == 1 and isinstance(after, str) and len(key) > 1:
        parts = after.split(",")
    if len(parts) != len(key) or parts[0] is None:
        raise UsageError(
            f"the {whose} is {', '.join(name for name, _ in key)}",
            hint=f"give {'one value' if len(key) == 1 else f'{len(key)} values'} of the last row seen",
        )
    return [
        None
        if part is None or (part == "" and at)
        else literal(typed(part, column.type, name) if isinstance(part, str) else part, column.type)
        for at, (part, (name, column)) in enumerate(zip(parts, key, strict=True))
    ]


def shown_key(after: Any) -> str:
    """A key for a message, as it is typed.

    >>> shown_key(5), shown_key("5"), shown_key((5, "a"))
    ('5', '5', '5,a')
    """
    parts = [after] if isinstance(after, str) or not isinstance(after, Iterable) else after
    return ",".join(map(str, parts))


def behind(
    columns: Sequence[ColumnElement[Any]], values: Sequence[ColumnElement[Any] | None], *, descending: bool = False
) -> ColumnElement[bool]:
    """Rows that come after these values in the order of the columns.

    Written out, and with the bound of the first column apart: MariaDB and MySQL find no index for `(a, b) > (x, y)`.
    Nothing comes after None, which only an outer join has, and never beside another value.

    >>> from sqlalchemy import Integer, column
    >>> print(behind([column("a", Integer), column("b", Integer)], [literal(1), literal(2)]))
    a >= :param_1 AND (a > :param_1 OR a = :param_1 AND b > :param_2)
    """
    ways = []
    for at, (column, value) in enumerate(zip(columns, values, strict=True)):
        if value is None:
            continue
        before = zip(columns[:at], values[:at], strict=True)
        same = [one.is_(None) if known is None else one == known for one, known in before]
        ways.append(and_(*same, column < value if descending else column > value))
    if len(ways) == 1:
        return ways[0]
    bound = columns[0] <= values[0] if descending else columns[0] >= values[0]
    return and_(bound, or_(*ways))


def leads_to_one(entity: Entity, source: FromClause, condition: ColumnElement[bool]) -> bool:
    """Whether a join condition finds one row of `entity` (as `source`) at most: it fixes columns that are unique."""
    own = {entity.at(source, column): column for column in entity.columns}  # annotated ones hash alike
    is_and = isinstance(condition, BooleanClauseList) and condition.operator is operators.and_
    fixed = set()
    for part in condition.clauses if is_and else [condition]:
        if not isinstance(part, BinaryExpression) or part.operator is not operators.eq:
            continue
        for one, other in ((part.left, part.right), (part.right, part.left)):
            if one in own and not any(element in own for element in iterate(other)):
                fixed.add(own[one])
    return any(unique <= fixed for table in entity.tables for unique in unique_sets(table))
