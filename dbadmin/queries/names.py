"""What a TABLE may be called: a model, a model's name, a table's name, `schema.table`, a Table."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ColumnElement, ForeignKeyConstraint, FromClause, MetaData, Table
from sqlalchemy.exc import NoReferenceError, SQLAlchemyError
from sqlalchemy.orm import Mapper

from dbadmin.dialects.sessions import MISSING_COLUMN
from dbadmin.dialects.values import TableName
from dbadmin.errors import MissingColumn, UnknownName, UsageError, UserCodeError

NOTHING = "no models were found, and the database has no tables; dbadmin doctor shows what is used"
"""What to type next where there is no name to be near to."""


@dataclass(frozen=True)
class Entity:
    """A table, and the model that is mapped to it where there is one.

    `absent` are columns that are declared and that the database turned out not to have: nothing takes them unasked.
    """

    table: Table
    model: type[Any] | None = None
    absent: frozenset[Column[Any]] = frozenset()

    @classmethod
    def of_model(cls, model: type[Any]) -> "Entity | None":
        """The entity of a mapped class; None where it is not mapped to a table (but to a query, say)."""
        mapper = sa.inspect(model, raiseerr=False)
        if not isinstance(mapper, Mapper) or not isinstance(mapper.local_table, Table):
            return None
        return cls(mapper.local_table, model)

    @property
    def name(self) -> TableName:
        """The table's name."""
        return TableName(self.table.schema, self.table.name)

    def __str__(self) -> str:
        return str(self.name)

    @cached_property
    def mapper(self) -> Mapper[Any] | None:
        """The model's mapper, configured. Raises UserCodeError where the application's mappers do not fit."""
        if self.model is None:
            return None
        mapper: Mapper[Any] = sa.inspect(self.model)
        try:
            mapper.registry.configure(cascade=True)
        except SQLAlchemyError as error:
            raise UserCodeError(
                f"the models cannot be configured: {str(error).splitlines()[0]}",
                hint="mend the models: the application fails on them too",
            ) from error
        return mapper

    @cached_property
    def columns(self) -> tuple[Column[Any], ...]:
        """The columns in their order, those of an inherited table first."""
        return tuple(c for c in self._declared if c not in self.absent) if self.absent else self._declared

    @cached_property
    def _declared(self) -> tuple[Column[Any], ...]:
        if self.mapper is None or not self._joined:
            return tuple(self.table.columns)
        mapped = (c for c in self.mapper.columns if isinstance(c, Column))
        return tuple({c.name: c for c in mapped}.values())

    @cached_property
    def key(self) -> tuple[Column[Any], ...]:
        """The primary key's columns; empty where there is none."""
        key = self.table.primary_key if self.mapper is None else self.mapper.primary_key
        return tuple(column for column in key if isinstance(column, Column))

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The table, and the tables it inherits from."""
        if self.mapper is None:
            return (self.table,)
        return tuple(table for table in self.mapper.tables if isinstance(table, Table))

    @property
    def _joined(self) -> bool:
        return len(self.tables) > 1

    @cached_property
    def _by_name(self) -> dict[str, Column[Any]]:
        found = {}
        if self.mapper is not None:
            for attribute in self.mapper.column_attrs:
                if isinstance(attribute.columns[0], Column):
                    found[attribute.key] = attribute.columns[0]
        return {c.key: c for c in self._declared} | found | {c.name: c for c in self._declared}

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(c.name for c in self.columns)

    def find(self, name: str) -> Column[Any] | None:
        """A column by its name in the database, else by its attribute's; last without regard to case."""
        if name in self._by_name:
            return self._by_name[name]
        folded = {known.lower(): column for known, column in self._by_name.items()}
        return folded.get(name.lower())

    def source(self, alias: str | None = None) -> FromClause:
        """What to select from: the table; for an inheriting model, the query that gives only its rows."""
        mapper = self.mapper
        if mapper is None or not (self._joined or mapper.single):
            return self.table.alias(alias) if alias else self.table
        query = sa.select(*self.columns).select_from(mapper.persist_selectable)
        if mapper.single and mapper.polymorphic_on is not None:
            kinds = [m.polymorphic_identity for m in mapper.self_and_descendants]
            query = query.where(mapper.polymorphic_on.in_(kinds))
        return query.subquery(alias or self.table.name)

    def at(self, source: FromClause, column: Any) -> ColumnElement[Any]:
        """One of this entity's columns as `source` (or an alias, or a query of it) offers it."""
        found = source.corresponding_column(column)
        if found is None and self.mapper is not None:
            same = self.mapper.get_property_by_column(column).columns[0]
            found = source.corresponding_column(same)
        if found is None and column in self.absent:
            raise MissingColumn(f"the database has no column {column.table}.{column.name}", hint=MISSING_COLUMN)
        if found is None:
            raise UnknownName("column", column.name, self.column_names)
        return found


class Entities:
    """Every table that can be named, with the foreign keys between them."""

    def __init__(self, entities: Iterable[Entity], absent: frozenset[Column[Any]] = frozenset()) -> None:
        self.absent = absent
        self.all = tuple(map(self._here, entities))
        self._by_table: dict[TableName, Entity] = {}
        for entity in self.all:
            known = self._by_table.get(entity.name)
            if known is None or _owns_table(entity) > _owns_table(known):
                self._by_table[entity.name] = entity

    @classmethod
    def of(cls, models: Sequence[type[Any]], metadatas: Sequence[MetaData]) -> "Entities":
        """The models, and every further table of the metadata (theirs included). Where two hold a table of
        the same name, the first counts; a reflected MetaData belongs behind the application's own."""
        entities = [e for e in map(Entity.of_model, models) if e is not None]
        known = {e.name for e in entities}
        own = dict.fromkeys(e.table.metadata for e in entities)
        for metadata in {**own, **dict.fromkeys(metadatas)}:
            for table in metadata.tables.values():
                entity = Entity(table)
                if entity.name not in known:
                    known.add(entity.name)
                    entities.append(entity)
        return cls(entities)

    @classmethod
    def around(cls, thing: Any) -> "Entities":
        """The tables and models that are declared together with a model or a Table."""
        if isinstance(thing, Table):
            return cls.of([], [thing.metadata])
        mapper = sa.inspect(thing, raiseerr=False) if isinstance(thing, type) else None
        if not isinstance(mapper, Mapper):
            raise UsageError(f"{thing!r} is no model and no Table", hint="give entities= to find tables by name")
        beside = sorted((m.class_ for m in mapper.registry.mappers), key=lambda c: (c.__module__, c.__qualname__))
        return cls.of([mapper.class_, *(c for c in beside if c is not mapper.class_)], [])

    def without(self, absent: frozenset[Column[Any]]) -> "Entities":
        """The same, where the database does not have these columns."""
        return Entities(self.all, absent)

    def _here(self, entity: Entity) -> Entity:
        return replace(entity, absent=self.absent) if self.absent else entity

    def tables(self) -> tuple[Entity, ...]:
        """One entity per table, sorted by name."""
        return tuple(sorted(self._by_table.values(), key=str))

    def of_table(self, table: Table) -> Entity:
        """The entity of a table, known by name, so that reflected tables meet the models."""
        return self._by_table.get(TableName(table.schema, table.name)) or Entity(table)

    def find(self, name: Any) -> Entity:
        """The entity meant by a model class, a Table or a name.

        A model's name goes before a table's, an exact name before one in another case.
        Raises UnknownName with the nearest names, UsageError where several are meant.
        """
        if isinstance(name, Entity):
            return self._here(name)
        if isinstance(name, Table):
            return self.of_table(name)
        if isinstance(name, str):
            return self._named(name)
        entity = Entity.of_model(name) if isinstance(name, type) else None
        if entity is None:
            raise UsageError(
                f"{name!r} is no model, no Table and no name of one", hint="dbadmin tables lists the names"
            )
        return self._here(entity)

    def _named(self, name: str) -> Entity:
        for fold in (str, str.lower):
            models, tables = self._called[fold]
            if fold(name) in models:
                return _only(name, models[fold(name)], models=True)
            found = list(dict.fromkeys(self._by_table[e.name] for e in tables.get(fold(name), ())))
            found = [e for e in found if e.name.schema is None] or found
            if found:
                return _only(name, found, models=False)
        known = {str(e) for e in self.all} | {e.model.__name__ for e in self.all if e.model is not None}
        raise UnknownName("table", name, known, hint=None if known else NOTHING)

    @cached_property
    def _called(self) -> dict[Any, tuple[dict[str, list[Entity]], dict[str, list[Entity]]]]:
        """Models and tables by all their names, as they are written and in lower case."""
        found: dict[Any, tuple[dict[str, list[Entity]], dict[str, list[Entity]]]] = {}
        for fold in (str, str.lower):
            models, tables = defaultdict(list), defaultdict(list)
            for entity in self.all:
                for name in {fold(one) for one in _model_names(entity)}:
                    models[name].append(entity)
                for name in {fold(str(entity.name)), fold(entity.table.name)}:
                    tables[name].append(entity)
            found[fold] = models, tables
        return found

    @cached_property
    def _references(self) -> tuple[tuple["Entity", "Entity", ForeignKeyConstraint], ...]:
        found: dict[Any, tuple[Entity, Entity, ForeignKeyConstraint]] = {}
        for entity in self.tables():
            for constraint in sorted(entity.table.foreign_key_constraints, key=_position):
                referred = _referred(constraint)
                if referred is not None:  # the same key twice (REFERENCES at a column, and FOREIGN KEY) is one way
                    compared = frozenset((e.parent.name, e.column) for e in constraint.elements)
                    found.setdefault((entity.name, compared), (entity, self.of_table(referred), constraint))
        return tuple(found.values())

    @cached_property
    def _by_end(self) -> dict[TableName, list[tuple[Entity, Entity, ForeignKeyConstraint]]]:
        ends = defaultdict(list)
        for child, parent, constraint in self._references:
            ends[child.name].append((child, parent, constraint))
            if parent.name != child.name:
                ends[parent.name].append((child, parent, constraint))
        return ends

    def references(self, entity: Entity) -> Iterator[tuple[Entity, Entity, ForeignKeyConstraint]]:
        """Foreign keys out of and into an entity's tables: (child, parent, constraint)."""
        for table in entity.tables:
            yield from self._by_end.get(TableName(table.schema, table.name), ())


def referred_columns(constraint: ForeignKeyConstraint, parent: Entity) -> tuple[Column[Any], ...]:
    """The columns of `parent` that a foreign key refers to."""
    return tuple(parent.table.columns[element.column.key] for element in constraint.elements)


def _referred(constraint: ForeignKeyConstraint) -> Table | None:
    try:
        return constraint.referred_table
    except (NoReferenceError, SQLAlchemyError):
        return None  # refers to a table that no metadata holds


def _position(constraint: ForeignKeyConstraint) -> list[int]:
    order = {name: index for index, name in enumerate(constraint.parent.columns.keys())}
    return [order[key] for key in constraint.column_keys]


def _owns_table(entity: Entity) -> int:
    """A model that maps the whole table goes before one that maps some of its rows, and that before none."""
    if entity.model is None:
        return 0
    return 1 if sa.inspect(entity.model).single else 2


def _model_names(entity: Entity) -> Iterator[str]:
    """A model's name alone, and with more and more of its module before it."""
    if entity.model is not None:
        parts = f"{entity.model.__module__}.{entity.model.__qualname__}".split(".")
        yield from (".".join(parts[at:]) for at in range(len(parts)))


def _only(name: str, found: list[Entity], *, models: bool) -> Entity:
    if len(found) == 1:
        return found[0]
    if models:
        choices = [f"{e.model.__module__}.{e.model.__qualname__}" for e in found if e.model is not None]
    else:
        choices = [str(e) for e in found]
    raise UsageError(f"{name!r} may mean {' or '.join(sorted(choices))}", hint=f"write {sorted(choices)[0]}")
