"""`count`: how many rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Select, func, literal_column, select, union_all

from dbadmin.errors import UsageError
from dbadmin.queries.filters import Where, conditions
from dbadmin.queries.group import group_query
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.paths import Scope
from dbadmin.queries.query import Query, as_select, start, table_entities

UNION = 100
"""Arms of one UNION ALL: SQLite takes 500, and planners get slow long before."""


def counts(
    tables: Sequence[Any] | None = None, *, where: Where = None, entities: Entities | None = None
) -> Select[Any]:
    """One row per table, in the order asked for: `table`, `rows`. One statement for all tables.

    Parameters: `tables`, models, Tables or names, default every table of `entities`; `where`, a filter that
    every table must fit. Raises UsageError where there is no table.

    >>> from sqlalchemy import Column, Integer, MetaData, Table
    >>> tags = Table("tags", MetaData(), Column("id", Integer, primary_key=True))
    >>> print(counts([tags]))  # doctest: +NORMALIZE_WHITESPACE
    SELECT counted."table", counted.rows
    FROM (SELECT 0 AS position, 'tags' AS "table",
          (SELECT count(*) AS count_1 FROM tags) AS rows) AS counted
    ORDER BY counted.position
    """
    if tables is None and entities is None:
        raise UsageError("no tables to count", hint="give tables or entities=")
    if tables is None and entities is not None:
        found: list[tuple[Entities, Entity]] = [(entities, entity) for entity in entities.tables()]
    else:
        found = [start(table, entities) for table in tables or ()]
    if not found:
        raise UsageError("there are no tables to count", hint="dbadmin status tells where the database stands")
    arms = [
        select(
            literal_column(str(position)).label("position"),
            literal_column("'" + str(entity).replace("'", "''") + "'").label("table"),
            count(entity, where=where, entities=known).scalar_subquery().label("rows"),
        )
        for position, (known, entity) in enumerate(found)
    ]
    groups = [_union(arms[at : at + UNION]) for at in range(0, len(arms), UNION)]
    counted = (groups[0] if len(groups) == 1 else _union([select(g.subquery()) for g in groups])).subquery("counted")
    return select(counted.c.table, counted.c.rows).order_by(counted.c.position)


def _union(arms: list[Any]) -> "Select[Any] | CompoundSelect[Any]":
    return arms[0] if len(arms) == 1 else union_all(*arms)


def count(table: Any, *, where: Where = None, entities: Entities | None = None) -> Select[Any]:
    """The number of rows of one table that fulfil `where`."""
    entities, entity = start(table, entities or (table_entities(table) if isinstance(table, Entity) else None))
    scope = Scope(entities, entity)
    wanted = conditions(scope, where)
    return select(func.count()).select_from(scope.from_clause).where(*wanted)


def count_by_query(
    table: Any, by: Any, *, where: Where = None, limit: int | None = None, entities: Entities | None = None
) -> Query:
    """Row counts per value of a column, largest first: the column, `count`.

    Parameters: `by`, a path as in `group` (several in a sequence); `where`, filters; `limit`, groups at most.

    >>> from sqlalchemy import Column, MetaData, String, Table
    >>> payments = Table("payments", MetaData(), Column("status", String))
    >>> print(count_by(payments, "status"))  # doctest: +NORMALIZE_WHITESPACE
    SELECT payments.status AS status, count(*) AS count
    FROM payments GROUP BY payments.status
    ORDER BY count DESC, status
    """
    return group_query(table, by=by, where=where, limit=limit, entities=entities)


count_by = as_select(count_by_query)
