"""Models and tables with the relations between them, as a diagram shows them. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Enum, ForeignKeyConstraint
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.types import NullType

from dbadmin.queries.links import unique_sets
from dbadmin.queries.names import Entities, Entity, referred_columns
from dbadmin.results import Diagram, DiagramColumn, DiagramRelation, DiagramTable

UNGROUPED = 12
"""So many tables need no groups by the beginnings of their names."""
SMALLEST_PREFIX = 3
"""Tables that share the beginning of their names are a group from this number on."""

Reference = tuple[Entity, Entity, ForeignKeyConstraint]


def diagram(entities: Entities, around: Any = None) -> Diagram:
    """Every table and relation; with `around` (a model or a name), that table and those it has relations with.

    Groups are the schemas where there are several, else the modules of the models, else, from 13 tables on, what
    the names of tables begin with. Raises UnknownName and UsageError as `Entities.find` does.

    >>> from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table
    >>> metadata = MetaData()
    >>> users = Table("users", metadata, Column("id", Integer, primary_key=True))
    >>> posts = Table("posts", metadata, Column("author_id", ForeignKey("users.id"), nullable=False))
    >>> (one,) = diagram(Entities.of([], [metadata])).relations
    >>> one.table, one.columns, one.referred_table, one.many, one.optional
    ('posts', ('author_id',), 'users', True, False)
    """
    shown = entities.tables()
    references = all_references(entities)
    neighbours: dict[str, set[str]] = defaultdict(set)
    for child, parent, _ in references:
        neighbours[str(child)].add(str(parent))
        neighbours[str(parent)].add(str(child))
    groups = groups_of(shown)
    centre = None
    if around is not None:
        centre = str(entities.of_table(entities.find(around).table))
        shown = tuple(entity for entity in shown if str(entity) in neighbours[centre] | {centre})
    names = {str(entity) for entity in shown}
    outward: dict[str, list[Reference]] = defaultdict(list)
    for one in references:
        outward[str(one[0])].append(one)
    return Diagram(
        tables=tuple(
            _table(entity, groups.get(str(entity)), outward[str(entity)], len(neighbours[str(entity)] - {str(entity)}))
            for entity in shown
        ),
        relations=tuple(_relation(*one) for one in references if {str(one[0]), str(one[1])} <= names),
        around=centre,
        hidden=len(entities.tables()) - len(shown),
    )


def all_references(entities: Entities) -> list[Reference]:
    """Every foreign key once: (child, parent, constraint), by the child's name."""
    found: dict[int, Reference] = {}
    for entity in entities.tables():
        for child, parent, constraint in entities.references(entity):
            if child.table.name == entity.table.name and child.table.schema == entity.table.schema:
                found[id(constraint)] = (child, parent, constraint)
    return list(found.values())


def groups_of(entities: Sequence[Entity]) -> dict[str, str]:
    """The group of each table that has one; nothing where there would be a single one."""
    ways: tuple[Callable[[Sequence[Entity]], Mapping[str, str]], ...] = (by_schema, by_module, by_prefix)
    for way in ways:
        found = dict(way(entities))
        if len(set(found.values())) > 1 or (found and len(found) < len(entities)):
            return found
    return {}


def by_schema(entities: Sequence[Entity]) -> dict[str, str]:
    """Tables by schema, where there are several."""
    return {str(entity): entity.table.schema for entity in entities if entity.table.schema is not None}


def by_module(entities: Sequence[Entity]) -> dict[str, str]:
    """Tables by the part of their model's module that tells it apart."""
    modules = {str(entity): entity.model.__module__.split(".") for entity in entities if entity.model is not None}
    return {name: telling for name, parts in modules.items() if (telling := telling_part(parts, modules.values()))}


def telling_part(parts: Sequence[str], rivals: Iterable[Sequence[str]]) -> str:
    """What is left of a module's name without the beginning and the end that all share.

    >>> rivals = (["app", "blog", "models"], ["app", "auth", "models"])
    >>> [telling_part(parts, rivals) for parts in rivals]
    ['blog', 'auth']
    """
    others = [list(rival) for rival in rivals]
    rest = list(parts)
    for end in (0, -1):
        while all(len(other) > 1 for other in others) and len({other[end] for other in others}) == 1:
            for other in (rest, *others):
                del other[end]
    return ".".join(rest)


def by_prefix(entities: Sequence[Entity]) -> dict[str, str]:
    """Tables by the first word of their name, where there are many and some share it."""
    if len(entities) <= UNGROUPED:
        return {}
    first = {str(entity): entity.table.name.partition("_")[0] for entity in entities}
    stems = {name: word.removesuffix("s") for name, word in first.items()}  # users goes with user_roles
    often = Counter(stems.values())
    return {name: stem for name, stem in stems.items() if stem and often[stem] >= SMALLEST_PREFIX}


def _table(entity: Entity, group: str | None, references: Sequence[Reference], neighbours: int) -> DiagramTable:
    refers: dict[str, str] = {}
    for _, parent, constraint in references:
        for column in constraint.columns:
            refers.setdefault(column.name, str(parent))
    alone = {next(iter(columns)).name for columns in unique_sets(entity.table) if len(columns) == 1}
    return DiagramTable(
        table=str(entity),
        model=entity.model.__name__ if entity.model is not None else None,
        group=group,
        columns=tuple(_column(column, alone, refers.get(column.name)) for column in entity.table.columns),
        neighbours=neighbours,
    )


def _column(column: Column[Any], unique: set[str], refers: str | None) -> DiagramColumn:
    return DiagramColumn(
        name=column.name,
        type=type_words(column.type),
        nullable=bool(column.nullable),
        primary_key=column.primary_key,
        unique=column.name in unique and not column.primary_key,
        refers_to=refers,
    )


def type_words(type_: Any) -> str | None:
    """A type in SQL words, an enum by its name; None where SQLAlchemy does not know it.

    >>> from sqlalchemy import Enum, String
    >>> type_words(String(20)), type_words(Enum("a", "b", name="state")), type_words(NullType())
    ('VARCHAR(20)', 'state', None)
    """
    if isinstance(type_, NullType):
        return None
    if isinstance(type_, Enum):
        return str(type_.name or "ENUM")
    try:
        return str(type_)
    except (SQLAlchemyError, TypeError):
        return type(type_).__name__.upper()


def _relation(child: Entity, parent: Entity, constraint: ForeignKeyConstraint) -> DiagramRelation:
    columns = tuple(constraint.columns)
    return DiagramRelation(
        table=str(child),
        columns=tuple(column.name for column in columns),
        referred_table=str(parent),
        referred_columns=tuple(column.name for column in referred_columns(constraint, parent)),
        many=not any(unique <= set(columns) for unique in unique_sets(child.table)),
        optional=any(bool(column.nullable) for column in columns),
        names=(*_followed(child, columns, own=True), *_followed(parent, columns, own=False)),
    )


def _followed(entity: Entity, columns: Sequence[Column[Any]], *, own: bool) -> list[str]:
    """The relationships of an entity's model that compare just these foreign key columns."""
    if entity.mapper is None or entity.model is None:
        return []
    wanted = {(column.table.name, column.name) for column in columns}
    return [
        f"{entity.model.__name__}.{relationship.key}"
        for relationship in entity.mapper.relationships
        if relationship.secondary is None and _compared(relationship, own=own) == wanted
    ]


def _compared(relationship: "RelationshipProperty[Any]", *, own: bool) -> set[tuple[str, str]]:
    sides = relationship.local_columns if own else relationship.remote_side
    return {(column.table.name, column.name) for column in sides if isinstance(column, Column)}
