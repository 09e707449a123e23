"""Dotted paths (`author.username`, `created_at:month`), and the joins that they need."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause
from sqlalchemy.orm import InstrumentedAttribute, RelationshipProperty
from sqlalchemy.orm.attributes import QueryableAttribute

from dbadmin.dialects.dates import PERIODS, date_floor
from dbadmin.errors import UnknownName, UsageError
from dbadmin.queries.links import Link, Step, find_step, steps
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.types import TEMPORAL, family

NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
PATH = rf"{NAME}(?:\.{NAME})*(?::\w+)?"
_PATH = re.compile(rf"\s*(?P<names>{NAME}(?:\.{NAME})*)(?::(?P<part>\w+))?\s*")


@dataclass(frozen=True)
class Path:
    """The steps to another table, and the name at the end: a column, or a relation.

    >>> str(Path(("author",), "username")), str(Path((), "created_at", "month"))
    ('author.username', 'created_at:month')
    """

    steps: tuple[str, ...]
    name: str
    part: str | None = None

    def __str__(self) -> str:
        return ".".join((*self.steps, self.name)) + (f":{self.part}" if self.part else "")


def parse_path(text: str) -> Path:
    """Read a path; names with other characters than letters, digits, _ and $ stand in double quotes.

    >>> parse_path('author."first name"')
    Path(steps=('author',), name='first name', part=None)
    """
    found = _PATH.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no column", hint='quote unusual names: author."first name"')
    names = [unquoted(name) for name in re.findall(NAME, found["names"])]
    return Path(tuple(names[:-1]), names[-1], found["part"])


def unquoted(name: str) -> str:
    """A name without its double quotes.

    >>> unquoted('"first name"'), unquoted('id')
    ('first name', 'id')
    """
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def path_of(thing: Any, entity: Entity) -> Path:
    """The path that a text, a mapped attribute or a Column means, seen from `entity`.

    A text that is a column's whole name means this column, whatever characters are in it.
    """
    if isinstance(thing, Path):
        return thing
    if isinstance(thing, str):
        return Path((), thing) if thing in entity.column_names else parse_path(thing)
    if isinstance(thing, InstrumentedAttribute | QueryableAttribute):
        owner = thing.parent.class_
        at_home = entity.model is not None and issubclass(entity.model, owner)
        return Path(() if at_home else (owner.__name__,), thing.key)
    if isinstance(thing, Column):
        at_home = thing.table in entity.tables or thing.table is None
        return Path(() if at_home else (thing.table.name,), thing.name)
    raise UsageError(
        f"{thing!r} is no column; give its name, or Model.column", hint="dbadmin describe TABLE lists them"
    )


def is_relation(thing: Any) -> bool:
    """Whether this is a relationship attribute such as BlogPost.author."""
    return isinstance(getattr(thing, "property", None), RelationshipProperty)


class Scope:
    """The tables of one statement: the first, and those that paths have led to, each joined once.

    `from_clause` grows with every new step; rows of the first table are never multiplied, unless a step is
    followed with `many=True`.
    """

    def __init__(self, entities: Entities, entity: Entity, source: FromClause | None = None) -> None:
        self.entities = entities
        self.entity = entity
        self.source: FromClause = entity.source() if source is None else source
        self.from_clause: FromClause = self.source
        self._reached: dict[tuple[str, ...], tuple[Entity, FromClause]] = {}
        self._used = {_called(self.source)}

    def column(self, path: Path, *, inner: bool = False) -> ColumnElement[Any]:
        """The column (or the beginning of its period) at the end of a path; joins what lies between."""
        entity, source = self.reach(path.steps, inner=inner)
        column = entity.find(path.name)
        if column is None:
            raise unknown_column(self.entities, entity, path.name)
        found = entity.at(source, column)
        return floor(found, path) if path.part else found

    def reach(self, names: tuple[str, ...], *, inner: bool = False, many: bool = False) -> tuple[Entity, FromClause]:
        """The table at the end of some steps; outer joins keep rows that lead nowhere."""
        entity, source = self.entity, self.source
        for index, name in enumerate(names):
            taken = names[: index + 1]
            if taken not in self._reached:
                step = find_step(self.entities, entity, name)
                if step.many and not many:
                    raise UsageError(
                        f"{name} leads from one row of {entity} to several of {step.there}",
                        hint=f"start from {step.there} instead",
                    )
                self._reached[taken] = step.there, self.follow(step.links, source, inner=inner)
            entity, source = self._reached[taken]
        return entity, source

    def follow(self, links: tuple[Link, ...], source: FromClause, *, inner: bool) -> FromClause:
        """Join along links; gives the last source."""
        for link in links:
            there = self.new_source(link.there)
            self.from_clause = self.from_clause.join(there, link.on(source, there), isouter=not inner)
            source = there
        return source

    def new_source(self, entity: Entity, wish: str | None = None) -> FromClause:
        """A source for another table, under a name that this statement does not use yet."""
        name = wanted = wish or entity.table.name
        number = 2
        while name in self._used:
            name, number = f"{wanted}_{number}", number + 1
        self._used.add(name)
        return entity.source(None if name == entity.table.name else name)

    def take_names_of(self, other: "Scope") -> None:
        """Avoid the names of a statement around this one."""
        self._used |= other._used


def floor(column: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
    """The beginning of the period that a date lies in."""
    periods = [period for period in PERIODS if period == path.part]
    if not periods:
        raise UnknownName("part of a date", str(path.part), PERIODS)
    kind = family(column.type)
    # SQLite often keeps times in columns that are plainly TEXT, or have no type; never in a VARCHAR(200).
    may_hold_times = kind == "unknown" or (kind == "text" and getattr(column.type, "length", None) is None)
    if kind not in TEMPORAL and not may_hold_times:
        raise UsageError(f"{path.name} is {column.type} and has no {path.part}", hint="take a date or a time")
    if kind == "date" and path.part in ("hour", "minute"):
        raise UsageError(f"{path.name} is a date and has no {path.part}", hint="take year, quarter, month, week or day")
    return date_floor(periods[0], column, aware=kind == "aware")


def split_at_many(scope: Scope, names: tuple[str, ...]) -> tuple[tuple[str, ...], Step | None, tuple[str, ...]]:
    """Cut a path before its first step that leads to several rows: (before, that step, after)."""
    entity = scope.entity
    for index, name in enumerate(names):
        step = find_step(scope.entities, entity, name)
        if step.many:
            return names[:index], step, names[index + 1 :]
        entity = step.there
    return names, None, ()


def unknown_column(entities: Entities, entity: Entity, name: str) -> UsageError:
    """The error for a name that is no column of this table; a relation wants a column after it."""
    for step in steps(entities, entity):
        if step.name == name:
            return UsageError(
                f"{name} is a relation of {entity}, not a column", hint=f"name a column behind it: {name}.…"
            )
    return UnknownName(f"column of {entity}", name, entity.column_names)


def _called(source: FromClause) -> str:
    return str(getattr(source, "name", ""))
