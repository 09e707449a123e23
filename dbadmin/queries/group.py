"""`group`: aggregates per parent, per value or per period."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, select
from sqlalchemy.orm.attributes import QueryableAttribute

from dbadmin.errors import UnknownName, UsageError
from dbadmin.queries.aggregates import Aggregate, aggregates_of, expression, parse_aggregate
from dbadmin.queries.filters import Where, compare, parse_filter, placed
from dbadmin.queries.grouping import inner, read_grouping
from dbadmin.queries.grouping import outer as all_parents
from dbadmin.queries.names import Entities
from dbadmin.queries.others import with_others
from dbadmin.queries.paths import unquoted
from dbadmin.queries.query import Query, as_select, limited, start
from dbadmin.secrets import SENSITIVE_WORDS


def group_query(
    table: Any,
    *,
    by: Any,
    aggregates: Mapping[str, Any] | Sequence[str] | str | None = None,
    outer: bool = False,
    where: Where = None,
    having: Where = None,
    limit: int | None = None,
    others: bool = False,
    sensitive: Iterable[str] = SENSITIVE_WORDS,
    entities: Entities | None = None,
    **named: Any,
) -> Query:
    """Aggregates over the rows of one table, per group; sorted by the first aggregate, largest first.

    Parameters: `by`, a relation (`author`: per parent, shown by its key and its first unique text column), a
    path (`author.username`: per value) or a period (`created_at:month`), or several in a sequence;
    `aggregates` and further keywords, a name for each of count, count(col), count_distinct(col), sum(col),
    avg(col), min(col), max(col), default `count`; `outer`, parents without children too (counted 0);
    `where`, filters on rows; `having`, filters on aggregates; `limit`, groups at most; `others`, what the
    limit cuts off in one row more, aggregated from its rows, which a column `others` tells apart.

    >>> from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table
    >>> metadata = MetaData()
    >>> users = Table("users", metadata, Column("id", Integer, primary_key=True),
    ...               Column("username", String, unique=True))
    >>> posts = Table("posts", metadata, Column("id", Integer, primary_key=True),
    ...               Column("author_id", ForeignKey("users.id")))
    >>> print(group(posts, by="author", posts="count"))  # doctest: +NORMALIZE_WHITESPACE
    SELECT users.id AS "author.id", users.username AS "author.username", count(*) AS posts
    FROM posts JOIN users ON posts.author_id = users.id
    GROUP BY users.id, users.username
    ORDER BY posts DESC, "author.id", "author.username"
    """
    entities, entity = start(table, entities)
    groupings = [read_grouping(entities, entity, one) for one in several(by)]
    wanted = aggregates_of(aggregates) if aggregates or not named else {}
    wanted |= aggregates_of(named) if named else {}
    grouped = (all_parents if outer else inner)(entities, entity, groupings, where, sensitive)

    def value(aggregate: Any) -> ColumnElement[Any]:
        if isinstance(aggregate, Aggregate):
            return expression(aggregate, grouped.scope.column, grouped.rows)
        found: ColumnElement[Any] = placed(entity, grouped.scope.source, aggregate)
        return found

    values = {name: value(aggregate) for name, aggregate in wanted.items()}
    labels = grouped.labels
    for label in labels:
        if label.name in values:
            raise UsageError(f"an aggregate and a group are both called {label.name!r}", hint="name it: NAME=AGG")
    tests = having_conditions(having, values, value)
    shown = [found.label(name) for name, found in values.items()]
    first = next(iter(values))
    order = (*_nulls_last(wanted[first], values[first]), shown[0].desc(), *labels)
    if others:
        return Query(with_others(grouped, shown, order, tests, limit))
    query = (
        select(*labels, *shown)
        .select_from(grouped.scope.from_clause)
        .where(*grouped.filters)
        .group_by(*(label.element for label in labels))
        .order_by(*order)
    )
    return Query(limited(query.having(*tests) if tests else query, limit))


group = as_select(group_query)


def several(by: Any) -> list[Any]:
    """One thing or a sequence of things, as a list."""
    if isinstance(by, str | Column | QueryableAttribute):
        return [by]
    found = list(by)
    if not found:
        raise UsageError("nothing to group by", hint="--by COLUMN")
    return found


def having_conditions(
    having: Where, values: Mapping[str, ColumnElement[Any]], value: Callable[[Any], ColumnElement[Any]]
) -> list[ColumnElement[bool]]:
    """Conditions on aggregates, by their name or written out: `posts > 3`, `max(created_at) < 2024-01-01`."""
    if having is None:
        return []
    if isinstance(having, Mapping):
        return [_named(name, values) == wanted for name, wanted in having.items()]
    if isinstance(having, ColumnElement):
        return [value(having)]
    if not isinstance(having, str):
        return [condition for one in having for condition in having_conditions(one, values, value)]
    found = parse_filter(having)
    left = unquoted(found.left)
    known = left in values or "(" not in left
    return [compare(_named(left, values) if known else value(parse_aggregate(left)), found, left)]


def _named(name: str, values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    if name not in values:
        raise UnknownName("aggregate", name, values)
    return values[name]


def _nulls_last(aggregate: Any, value: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Groups without a value stand last on every engine; a count is never without one."""
    counts = isinstance(aggregate, Aggregate) and aggregate.function.startswith("count")
    return [] if counts else [value.is_(None)]
