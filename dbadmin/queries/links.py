"""Steps from one table to another: relationships of the models, and foreign keys by name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Column, ColumnElement, ForeignKeyConstraint, FromClause, Table, and_
from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.sql.visitors import replacement_traverse

from dbadmin.errors import UnknownName, UsageError
from dbadmin.queries.names import Entities, Entity, referred_columns

Condition = Callable[[FromClause, FromClause], ColumnElement[bool]]


@dataclass(frozen=True)
class Link:
    """One join: from a row of `here` to its rows of `there` (several where `many`).

    `on` gives the condition for two sources; `here_columns` and `there_columns` are the columns it compares.
    """

    here: Entity
    there: Entity
    many: bool
    on: Condition
    here_columns: tuple[Column[Any], ...]
    there_columns: tuple[Column[Any], ...]


@dataclass(frozen=True)
class Step:
    """One named step: a link, or two where it goes over an association table (`over`).

    `shown` tells what it compares, for choices in messages.
    """

    name: str
    links: tuple[Link, ...]
    shown: str

    @property
    def here(self) -> Entity:
        """Where the step starts."""
        return self.links[0].here

    @property
    def there(self) -> Entity:
        """Where the step leads."""
        return self.links[-1].there

    @property
    def over(self) -> Entity | None:
        """The association table between, if any."""
        return self.links[0].there if len(self.links) > 1 else None

    @property
    def many(self) -> bool:
        """Whether one row may lead to several."""
        return any(link.many for link in self.links)


def steps(entities: Entities, entity: Entity) -> tuple[Step, ...]:
    """Every step away from an entity: relationships, then foreign keys out of it, then those into it."""
    return (*relationships(entity), *foreign_keys(entities, entity))


def find_step(entities: Entities, entity: Entity, name: str) -> Step:
    """The step that a name means.

    Names, first to last: a relationship (`author`); a foreign key's column, with or without `_id`
    (`author_id`, `author`); the table or model at the other end, if only one foreign key leads there.
    Raises UnknownName, and UsageError with the choices where the name is ambiguous.
    """
    for step in relationships(entity):
        if step.name == name:
            return step
    keys = foreign_keys(entities, entity)
    own = [step for step in keys if not step.many and name in _column_names(step)]
    if len(own) == 1:
        return own[0]
    far = own or [step for step in keys if _is_called(step.there, name)]
    if len(far) == 1:
        return far[0]
    if far:
        raise UsageError(
            f"{name!r} is ambiguous from {entity}: {'; '.join(f'{s.name} ({s.shown})' for s in far)}",
            hint=f"write {far[0].name}",
        )
    known = {s.name for s in steps(entities, entity)} | {str(s.there) for s in keys}
    raise UnknownName(f"column or relation of {entity}", name, known | set(entity.column_names))


def relationships(entity: Entity) -> tuple[Step, ...]:
    """The relationships of an entity's model that lead to tables."""
    if entity.mapper is None:
        return ()
    found = []
    for relationship in entity.mapper.relationships:
        there = Entity.of_model(relationship.mapper.class_)
        if there is not None:
            there = replace(there, absent=entity.absent) if entity.absent else there
            links = _links(relationship, entity, there)
            found.append(Step(relationship.key, links, _shown(links)))
    return tuple(found)


def foreign_keys(entities: Entities, entity: Entity) -> tuple[Step, ...]:
    """A step for every foreign key out of an entity, then for every one into it."""
    out, into = [], []
    for child, parent, constraint in entities.references(entity):
        here = tuple(constraint.columns)
        there = referred_columns(constraint, parent)
        if _is_of(entity, child):
            link = _key_link(entity, parent, here, there, many=False)
            out.append(Step(_key_name(constraint), (link,), _shown((link,))))
        if _is_of(entity, parent):
            link = _key_link(entity, child, there, here, many=not _unique(child.table, here))
            into.append(Step(_backward_name(entities, child, parent, constraint), (link,), _shown((link,))))
    return (*out, *into)


def _is_of(entity: Entity, end: Entity) -> bool:
    return any((t.schema, t.name) == (end.table.schema, end.table.name) for t in entity.tables)


def _key_link(
    here: Entity, there: Entity, mine: tuple[Column[Any], ...], theirs: tuple[Column[Any], ...], *, many: bool
) -> Link:
    def on(left: FromClause, right: FromClause) -> ColumnElement[bool]:
        return and_(*(here.at(left, a) == there.at(right, b) for a, b in zip(mine, theirs, strict=True)))

    return Link(here, there, many, on, mine, theirs)


def _links(relationship: RelationshipProperty[Any], here: Entity, there: Entity) -> tuple[Link, ...]:
    """The links of a relationship, with its own join condition, which may be more than a foreign key."""
    first, second = relationship.primaryjoin, relationship.secondaryjoin
    mine = tuple(c for c in relationship.local_columns if isinstance(c, Column))
    secondary = relationship.secondary
    if second is None or not isinstance(secondary, Table):
        many = bool(relationship.uselist)

        def on(left: FromClause, right: FromClause) -> ColumnElement[bool]:
            return _placed(first, lambda c: there.at(right, c) if _is_remote(c, here, there) else here.at(left, c))

        theirs = tuple(c for c in relationship.remote_side if isinstance(c, Column))
        return (Link(here, there, many, on, mine, theirs),)

    between = Entity(secondary)

    def on_first(left: FromClause, middle: FromClause) -> ColumnElement[bool]:
        return _placed(first, lambda c: between.at(middle, c) if c.table is secondary else here.at(left, c))

    def on_second(middle: FromClause, right: FromClause) -> ColumnElement[bool]:
        return _placed(second, lambda c: between.at(middle, c) if c.table is secondary else there.at(right, c))

    refers = tuple(c for c in relationship.remote_side if isinstance(c, Column))
    to_first = tuple(c for c in refers if any(fk.column in mine for fk in c.foreign_keys)) or refers
    to_second = tuple(c for c in refers if c not in to_first) or refers
    far = tuple(fk.column for c in to_second for fk in c.foreign_keys)
    return (
        Link(here, between, True, on_first, mine, to_first),
        Link(between, there, False, on_second, to_second, far),
    )


def _placed(condition: ColumnElement[bool], place: Callable[[Any], Any]) -> ColumnElement[bool]:
    def replace(element: Any, **_: Any) -> Any:
        return place(element) if isinstance(element, Column) and isinstance(element.table, Table) else None

    return replacement_traverse(condition, {}, replace)


def _is_remote(column: Any, here: Entity, there: Entity) -> bool:
    """Whether a condition means the far end; between one table and itself SQLAlchemy says so."""
    mine, theirs = column.table in here.tables, column.table in there.tables
    return "remote" in column._annotations if mine == theirs else theirs


def _shown(links: Sequence[Link]) -> str:
    """What a step compares: `author_id → users.id`, `post_tags.post_id, post_tags.tag_id → tags.id`."""
    last = links[-1]
    over = f"{links[0].there}." if len(links) > 1 else ""
    if len(links) == 1 and _refers(last.there_columns, last.here_columns):
        names = ", ".join(f"{last.there}.{c.name}" for c in last.there_columns)
        return f"{names} → {', '.join(c.name for c in last.here_columns)}"
    here = ", ".join(over + c.name for c in last.here_columns)
    return f"{here} → {', '.join(f'{last.there}.{c.name}' for c in last.there_columns)}"


def _refers(columns: Sequence[Column[Any]], to: Sequence[Column[Any]]) -> bool:
    return any(fk.column in to for c in columns for fk in c.foreign_keys) and not any(
        fk.column in columns for c in to for fk in c.foreign_keys
    )


def _key_name(constraint: ForeignKeyConstraint) -> str:
    """`author` for author_id; the referred table's name where the key has several columns."""
    columns = tuple(constraint.columns)
    return _short(columns[0].name) if len(columns) == 1 else str(constraint.referred_table.name)


def _backward_name(entities: Entities, child: Entity, parent: Entity, constraint: ForeignKeyConstraint) -> str:
    """The child's name, with the key where several lead from there to here: `posts.editor`."""
    alike = [c for a, b, c in entities.references(parent) if a == child and b == parent]
    return str(child) if len(alike) == 1 else f"{child}.{_key_name(constraint)}"


def _short(column: str) -> str:
    """A foreign key's column without its ending.

    >>> [_short(name) for name in ("author_id", "authorId", "author", "id")]
    ['author', 'author', 'author', 'id']
    """
    return re.sub(r"(?<=.)(?:_id|_uuid|_fk|Id)$", "", column)


def _column_names(step: Step) -> set[str]:
    columns = step.links[0].here_columns
    names = {step.name}
    return names | {columns[0].name, columns[0].key} if len(columns) == 1 else names


def _is_called(entity: Entity, name: str) -> bool:
    names = {str(entity), entity.table.name} | ({entity.model.__name__} if entity.model is not None else set())
    return name in names or name.lower() in {n.lower() for n in names}


def _unique(table: Table, columns: tuple[Column[Any], ...]) -> bool:
    """Whether the columns identify at most one row."""
    return any(unique <= set(columns) for unique in unique_sets(table))


def unique_sets(table: Table) -> list[set[Column[Any]]]:
    """The column sets that the metadata declares unique: primary key, constraints, plain unique indexes."""
    from sqlalchemy import UniqueConstraint

    sets = [{c} for c in table.columns if c.unique]
    sets += [set(u.columns) for u in table.constraints if isinstance(u, UniqueConstraint)]
    for index in table.indexes:
        partial = any(value is not None for key, value in index.dialect_kwargs.items() if key.endswith("_where"))
        if index.unique and not partial and len(index.columns) == len(index.expressions):
            sets.append(set(index.columns))
    if len(table.primary_key):
        sets.append(set(table.primary_key))
    return sets
