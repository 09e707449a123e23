"""`join`: rows of several tables, joined along the foreign keys."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Label, select
from sqlalchemy.orm.attributes import QueryableAttribute

from dbadmin.errors import UnknownName, UsageError
from dbadmin.queries.filters import Where, compare, parse_filter
from dbadmin.queries.links import Link, Step, find_step, foreign_keys, steps
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.pages import behind, key_values, leads_to_one
from dbadmin.queries.paths import Path, Scope, is_relation, parse_path, path_of
from dbadmin.queries.query import Query, as_select, by_key, limited, start, whole_row
from dbadmin.secrets import SENSITIVE_WORDS


@dataclass(frozen=True)
class Joined:
    """A table of the join under the name that its columns get; `asked` is False for tables between.

    `follows`: the rows of the tables before it leave at most one row of it, so that its key tells nothing more.
    """

    name: str
    entity: Entity
    source: FromClause
    asked: bool = True
    follows: bool = False


@dataclass(frozen=True)
class Route:
    """A way from a joined table to a new one: steps one after the other."""

    start: Joined
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return ", then ".join(step.shown for step in self.steps)


class Join:
    """The tables joined so far."""

    def __init__(self, entities: Entities, first: Entity, *, outer: bool) -> None:
        self.entities = entities
        self.outer = outer
        self.scope = Scope(entities, first)
        self.tables = [Joined(str(first), first, self.scope.source)]
        self.notes: list[str] = []

    def add(self, thing: Any) -> None:
        """Join one more table: by its name, or by a step (`blog_posts.author`, BlogPost.author)."""
        step = self._written_step(thing)
        if step is not None:
            self._take(step, alias=step.steps[-1].name)
            return
        entity = self.entities.find(thing)
        route = self._shortest(entity)
        if route.steps[-1].over or len(route.steps) > 1:
            between = [*(s.over for s in route.steps), *(s.there for s in route.steps[:-1])]
            self.notes.append(f"{entity} is joined over {', '.join(str(b) for b in between if b is not None)}")
        self._take(route)

    def _take(self, route: Route, alias: str | None = None) -> None:
        source = route.start.source
        for number, step in enumerate(route.steps):
            last = number == len(route.steps) - 1
            taken = any(joined.name == str(step.there) for joined in self.tables)
            name = (alias or step.name) if taken and last else str(step.there)
            for link in step.links[:-1]:
                source = self._link(link, source, str(link.there), None, asked=False)
            source = self._link(step.links[-1], source, name, name if taken else None, asked=last)

    def _link(self, link: Link, source: FromClause, name: str, alias: str | None, *, asked: bool) -> FromClause:
        there = self.scope.new_source(link.there, alias)
        condition = link.on(source, there)
        self.scope.from_clause = self.scope.from_clause.join(there, condition, isouter=self.outer)
        follows = leads_to_one(link.there, there, condition)
        self.tables.append(Joined(name, link.there, there, asked, follows))
        return there

    def _written_step(self, thing: Any) -> Route | None:
        """A table named by the step that leads to it, from either of its ends; None for a mere table."""
        if is_relation(thing):
            return self._forward_or_back(self.entities.find(thing.parent.class_), thing.key)
        if not isinstance(thing, str) or "." not in thing:
            return None
        try:
            self.entities.find(thing)
        except UnknownName:
            path = parse_path(thing)
            return self._forward_or_back(self.entities.find(".".join(path.steps)), path.name)
        return None

    def _forward_or_back(self, owner: Entity, name: str) -> Route:
        step = find_step(self.entities, owner, name)
        for joined in self.tables:
            if joined.entity.name == owner.name:
                return Route(joined, (step,))
        for joined in self.tables:
            if joined.entity.name == step.there.name:
                for back in foreign_keys(self.entities, joined.entity):
                    link, own = back.links[0], step.links[0]
                    if back.there.name == owner.name and set(link.there_columns) == set(own.here_columns):
                        return Route(joined, (back,))
        raise UsageError(f"neither end of {owner}.{name} is joined yet", hint=f"join {owner} first")

    def _shortest(self, entity: Entity) -> Route:
        """The only shortest way from what is joined to a new table. Raises UsageError with the choices."""
        routes = [Route(joined, ()) for joined in self.tables]
        seen = {joined.entity.name for joined in self.tables}
        while routes:
            longer = [
                Route(route.start, (*route.steps, step))
                for route in routes
                for step in _distinct(self.entities, route.steps[-1].there if route.steps else route.start.entity)
            ]
            found = [route for route in longer if route.steps[-1].there.name == entity.name]
            if len(found) > 1:
                raise self._ambiguous(entity, found)
            if found:
                return found[0]
            routes = [route for route in longer if route.steps[-1].there.name not in seen]
            seen |= {route.steps[-1].there.name for route in routes}
        known = ", ".join(joined.name for joined in self.tables if joined.asked)
        raise UsageError(f"no foreign keys lead from {known} to {entity}", hint="name a table between them first")

    def _ambiguous(self, entity: Entity, found: list[Route]) -> UsageError:
        ways = [f"{route} ({how_to_choose(route)})" for route in found]
        return UsageError(
            f"{entity} can be joined in {len(found)} ways: {'; '.join(ways)}",
            hint=f"instead of {entity} write the way, such as {how_to_choose(found[0])}",
        )


def how_to_choose(route: Route) -> str:
    """What to write for a route: its step from the side that has the key, or every table on the way."""
    first = route.steps[0]
    if len(route.steps) > 1:
        return " ".join(str(step.there) for step in route.steps)
    if first.many and first.over is None:
        return f"{first.there}.{first.links[0].there_columns[0].name}"
    return f"{route.start.name}.{first.name}"


def _distinct(entities: Entities, entity: Entity) -> list[Step]:
    """The ways out of a table; a relationship and the foreign key under it are one way."""
    keys = foreign_keys(entities, entity)
    found = {_compared(step): step for step in keys}
    if entity.mapper is None:
        return list(found.values())
    for step in steps(entities, entity)[: -len(keys) or None]:
        if step.over is None and _compared(step) in found and not step.many:
            found[_compared(step)] = step
    return list(found.values())


def _compared(step: Step) -> tuple[Any, ...]:
    link = step.links[-1]
    return step.there.name, frozenset(link.here_columns), frozenset(link.there_columns)


def join_query(
    table: Any,
    *tables: Any,
    columns: Iterable[Any] | None = None,
    outer: bool = False,
    where: Where = None,
    limit: int | None = None,
    offset: int | None = None,
    after: Any = None,
    reveal: bool = False,
    sensitive: Iterable[str] = SENSITIVE_WORDS,
    entities: Entities | None = None,
) -> Query:
    """Rows of two or more tables joined along their foreign keys, also over tables between, in key order.

    A further table may be named by the step to it (`blog_posts.author`, or BlogPost.author), which chooses
    one of several foreign keys; where the way is not clear, UsageError lists the choices.
    Columns whose name occurs twice are called `table.column`.

    Parameters: `columns`, `table.column` or a column that only one table has, default all but those that
    look like credentials, unless `reveal`; `outer`, rows of the first table without a partner too; `where`,
    filters; `after`, the key of the last row seen, to go on behind it without counting rows: the primary key of the
    first table, and of every further one of which a row before may have several (a sequence, None for no partner).

    >>> from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table
    >>> metadata = MetaData()
    >>> users = Table("users", metadata, Column("id", Integer, primary_key=True), Column("username", String))
    >>> posts = Table("posts", metadata, Column("id", Integer, primary_key=True),
    ...               Column("author_id", ForeignKey("users.id")))
    >>> print(join(posts, users))  # doctest: +NORMALIZE_WHITESPACE
    SELECT posts.id AS "posts.id", posts.author_id AS author_id,
           users.id AS "users.id", users.username AS username
    FROM posts JOIN users ON posts.author_id = users.id
    ORDER BY posts.id
    """
    entities, first = start(table, entities)
    joined = Join(entities, first, outer=outer)
    if not tables:
        raise UsageError("join takes two tables or more", hint=f"dbadmin join {first} …")
    for further in tables:
        joined.add(further)
    if columns is None:
        shown, withheld = _all_columns(joined, reveal=reveal, sensitive=sensitive)
    else:
        shown, withheld = _named_columns(joined, columns), ()
    leading = [one for one in joined.tables if not one.follows]
    order = [key for one in leading for key in by_key(one.entity, one.source)]
    later = [] if after is None else [_behind(leading, order, after)]
    query = (
        select(*shown).select_from(joined.scope.from_clause).where(*_conditions(joined, where), *later).order_by(*order)
    )
    return Query(limited(query, limit, offset), withheld, notes=tuple(joined.notes))


join = as_select(join_query)


def _behind(leading: list[Joined], order: list[ColumnElement[Any]], after: Any) -> ColumnElement[bool]:
    """The rows behind the one with this key."""
    for one in leading:
        if not one.entity.key:
            raise UsageError(f"{one.name} has no primary key to go on from", hint="use --offset")
    key = [(f"{one.name}.{column.name}", column) for one in leading for column in one.entity.key]
    return behind(order, key_values(after, key, "key of this join"))


def _all_columns(joined: Join, *, reveal: bool, sensitive: Iterable[str]) -> tuple[list[Label[Any]], tuple[str, ...]]:
    asked = [one for one in joined.tables if one.asked]
    times = Counter(column.name for one in asked for column in one.entity.columns)
    shown, withheld = [], []
    for one in asked:
        visible, hidden = whole_row(one.entity, reveal=reveal, sensitive=sensitive)
        shown += [one.entity.at(one.source, c).label(_label(one, c, times)) for c in visible]
        withheld += [_label(one, c, times) for c in hidden]
    return shown, tuple(withheld)


def _label(one: Joined, column: Column[Any], times: Counter[str]) -> str:
    return f"{one.name}.{column.name}" if times[column.name] > 1 else column.name


def _named_columns(joined: Join, columns: Iterable[Any]) -> list[Label[Any]]:
    found = []
    for thing in [columns] if isinstance(columns, str) else columns:
        path = _path(joined, thing)
        one, column = _locate(joined, path)
        found.append(one.entity.at(one.source, column).label(str(path)))
    return found


def _path(joined: Join, thing: Any) -> Path:
    if isinstance(thing, QueryableAttribute):
        return Path((str(joined.entities.find(thing.parent.class_)),), thing.key)
    if isinstance(thing, Column):
        return Path((str(joined.entities.of_table(thing.table)),), thing.name)
    return path_of(thing, joined.tables[0].entity)


def _locate(joined: Join, path: Path) -> tuple[Joined, Column[Any]]:
    """The table and column that `table.column`, or a column alone, means in this join."""
    wanted = ".".join(path.steps)
    at = [one for one in joined.tables if not wanted or _is_called(one, wanted)]
    if wanted and not at:
        raise UnknownName("table in this join", wanted, [one.name for one in joined.tables])
    found = [(one, column) for one in at if (column := one.entity.find(path.name)) is not None]
    if len([one for one, _ in found if one.asked]) > 0:
        found = [(one, column) for one, column in found if one.asked]
    if len(found) > 1:
        choices = [f"{one.name}.{path.name}" for one, _ in found]
        raise UsageError(f"{path.name} may be {' or '.join(choices)}", hint=f"write {choices[0]}")
    if not found:
        raise UnknownName("column", path.name, {name for one in at for name in one.entity.column_names})
    return found[0]


def _is_called(one: Joined, name: str) -> bool:
    names = {one.name, one.entity.table.name}
    if one.entity.model is not None and one.name == str(one.entity):
        names.add(one.entity.model.__name__)
    return name in names if one.name == str(one.entity) else name == one.name


def _conditions(joined: Join, where: Where) -> list[Any]:
    if where is None:
        return []
    if isinstance(where, str):
        found = parse_filter(where)
        one, column = _locate(joined, _path(joined, found.left))
        return [compare(one.entity.at(one.source, column), found, found.left)]
    if isinstance(where, Iterable):
        return [condition for single in where for condition in _conditions(joined, single)]
    return [where]
