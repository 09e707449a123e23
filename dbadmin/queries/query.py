"""A helper's statement, with what has to be said beside it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import wraps
from inspect import signature
from numbers import Integral
from typing import Any, ParamSpec

from sqlalchemy import Column, ColumnElement, FromClause, Select, Table
from sqlalchemy.sql.visitors import iterate

from dbadmin.errors import UsageError
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.paths import Scope, is_relation, path_of
from dbadmin.queries.types import family
from dbadmin.secrets import SENSITIVE_WORDS, is_sensitive

P = ParamSpec("P")


@dataclass(frozen=True)
class Seen:
    """The row that a page goes on after, found by `select`: its value of `column`.

    Where that gives none, the page has no rows whatever the table holds, and `missing` is what to say.
    """

    select: Select[Any]
    missing: str
    column: str


@dataclass(frozen=True)
class Query:
    """A statement. `withheld` names the columns that were left out because they look like credentials.

    `without_time` counts the rows that `recent` leaves out because they have no value in `time_column`; it is
    None where every row has one. `notes` are for people. `seen` is the row that the statement goes on after, where
    its place is not told by its key alone. `anew` makes the same statement without columns that the database turned
    out not to have, which are then named in `missing`; a column that was asked for by its name stays.
    """

    select: Select[Any]
    withheld: tuple[str, ...] = ()
    without_time: Select[Any] | None = None
    time_column: str | None = None
    notes: tuple[str, ...] = ()
    seen: Seen | None = None
    missing: tuple[str, ...] = ()
    anew: Callable[[frozenset[Column[Any]]], "Query"] | None = None

    @property
    def tables(self) -> frozenset[Table]:
        """Every table that the statement reads."""
        return frozenset(part for part in iterate(self.select) if isinstance(part, Table))


def as_select(query: Callable[P, Query]) -> Callable[P, Select[Any]]:
    """The same helper, giving the bare Select."""

    @wraps(query)
    def select(*args: P.args, **kwargs: P.kwargs) -> Select[Any]:
        return query(*args, **kwargs).select

    told: Any = select  # so that help() tells of this function, not of the one inside
    told.__name__ = told.__qualname__ = query.__name__.removesuffix("_query")
    told.__signature__ = signature(query).replace(return_annotation=Select[Any])
    return select


def remade(make: Callable[[Entities], Query], entities: Entities) -> Query:
    """The Query that `make` gives, which can also be made of what the database turns out to have."""

    def anew(absent: frozenset[Column[Any]]) -> Query:
        names = sorted(f"{column.table}.{column.name}" for column in absent)
        return replace(make(entities.without(absent)), missing=tuple(names))

    return replace(make(entities), anew=anew)


def start(table: Any, entities: Entities | None) -> tuple[Entities, Entity]:
    """The entity that a helper starts from; without `entities`, those declared together with it."""
    if entities is None:
        if isinstance(table, str):
            raise UsageError(f"{table!r} is only a name", hint="give a model, a Table, or entities=")
        entities = table_entities(table)
    return entities, entities.find(table)


def table_entities(table: Any) -> Entities:
    """The tables around a model, a Table or an Entity."""
    return Entities.around((table.model or table.table) if isinstance(table, Entity) else table)


def whole_row(entity: Entity, *, reveal: bool, sensitive: Iterable[str]) -> tuple[list[Column[Any]], list[Column[Any]]]:
    """The columns of a whole row, and those left out because they look like credentials."""
    hidden = [] if reveal else [c for c in entity.columns if looks_secret(c, sensitive)]
    return [c for c in entity.columns if c not in set(hidden)], hidden


def looks_secret(column: Column[Any], words: Iterable[str] = SENSITIVE_WORDS) -> bool:
    """Text or bytes under a name such as reset_token."""
    return family(column.type) in ("text", "binary", "unknown") and is_sensitive(column.name, words)


def chosen_columns(
    scope: Scope, columns: Iterable[Any] | None, *, reveal: bool, sensitive: Iterable[str]
) -> tuple[list[ColumnElement[Any]], tuple[str, ...]]:
    """What to select: the columns asked for, labelled as they were written, else the whole row."""
    entity, source = scope.entity, scope.source
    if columns is None:
        shown, hidden = whole_row(entity, reveal=reveal, sensitive=sensitive)
        if not shown:
            raise UsageError(f"every column of {entity} is withheld", hint="name columns, or --reveal")
        return [entity.at(source, c).label(c.name) for c in shown], tuple(c.name for c in hidden)
    found: list[ColumnElement[Any]] = []
    for column in [columns] if isinstance(columns, str) else columns:
        if is_relation(column):
            raise UsageError(f"{column} is a relation, not a column", hint="name a column behind it")
        path = path_of(column, entity)
        found.append(scope.column(path).label(str(path)))
    return found, ()


def by_key(entity: Entity, source: FromClause, *, descending: bool = False) -> list[ColumnElement[Any]]:
    """An order that leaves no ties, as far as there is a key."""
    key = [entity.at(source, column) for column in entity.key]
    return [column.desc() for column in key] if descending else key


def limited(select: Select[Any], limit: int | None, offset: int | None = None) -> Select[Any]:
    """The statement cut to `limit` rows after `offset`. Raises UsageError for what is no number of rows."""
    for name, number in (("limit", limit), ("offset", offset)):
        if number is not None and (not isinstance(number, Integral) or number < 0):
            raise UsageError(f"{name} is {number!r}; give a whole number, 0 or more", hint=f"such as {name}=20")
    if limit is not None:
        select = select.limit(limit)
    return select.offset(offset) if offset else select
