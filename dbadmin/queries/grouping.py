"""What a group is: `by` read, and the tables joined that it needs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Integer, Label, func, literal_column, select
from sqlalchemy.sql.visitors import replacement_traverse

from dbadmin.errors import UsageError
from dbadmin.queries.filters import Where, conditions
from dbadmin.queries.links import Step, find_step, relationships, unique_sets
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.paths import Path, Scope, floor, path_of
from dbadmin.queries.query import looks_secret
from dbadmin.queries.types import family

PRESENT = "_present"


@dataclass(frozen=True)
class Grouping:
    """One `by`: the steps to a table, and there a column, or None for its rows themselves."""

    path: Path
    steps: tuple[Step, ...]
    entity: Entity
    column: Column[Any] | None

    @property
    def names(self) -> tuple[str, ...]:
        """The steps by name."""
        return self.path.steps if self.column is not None else (*self.path.steps, self.path.name)

    def labels(self, source: FromClause, sensitive: Iterable[str]) -> list[Label[Any]]:
        """What is grouped by, named as it was asked for: `author.id` and `author.username` for author."""
        if self.column is not None:
            column = self.entity.at(source, self.column)
            return [(floor(column, self.path) if self.path.part else column).label(str(self.path))]
        columns = [*self.entity.key, *first_unique_text(self.entity, sensitive)]
        if not columns:
            raise UsageError(f"{self.entity} has no key to group by", hint=f"name a column: {self.path}.…")
        for column in self.entity.key:
            if looks_secret(column, sensitive):
                raise UsageError(
                    f"the key of {self.entity} looks like a credential: {column.name}",
                    hint=f"name it, to see it: {self.path}.{column.name}",
                )
        return [self.entity.at(source, c).label(".".join((*self.names, c.name))) for c in columns]


@dataclass(frozen=True)
class Grouped:
    """The statement's tables, its groups, and its conditions; `rows` counts the rows of a group."""

    scope: Scope
    labels: list[Label[Any]]
    filters: list[ColumnElement[bool]]
    rows: ColumnElement[int]


def read_grouping(entities: Entities, entity: Entity, by: Any) -> Grouping:
    """Read one `by`. A relationship goes before a column of the same name, a column before a foreign key."""
    path = path_of(by, entity)
    taken = []
    here = entity
    for name in path.steps:
        taken.append(_step(entities, here, name))
        here = taken[-1].there
    column = here.find(path.name)
    if path.part is None and (column is None or any(s.name == path.name for s in relationships(here))):
        taken.append(_step(entities, here, path.name))
        return Grouping(path, tuple(taken), taken[-1].there, None)
    if column is None:
        _step(entities, here, path.name)
        raise UsageError(f"{path.name} is a relation, and has no {path.part}", hint="name a column behind it")
    return Grouping(path, tuple(taken), here, column)


def _step(entities: Entities, here: Entity, name: str) -> Step:
    """A step to a parent, or over an association table: each row then counts in every group it is in."""
    step = find_step(entities, here, name)
    if step.many and step.over is None:
        raise UsageError(
            f"{name} leads from one row of {here} to several of {step.there}",
            hint=f"group the many: dbadmin group {step.there} --by …",
        )
    return step


def first_unique_text(entity: Entity, sensitive: Iterable[str]) -> list[Column[Any]]:
    """The first unique text column beside the key (a name that people know a row by), if there is one."""
    for column in entity.columns:
        wanted = family(column.type) == "text" and column not in entity.key and not looks_secret(column, sensitive)
        if wanted and {column} in unique_sets(column.table):
            return [column]
    return []


def inner(
    entities: Entities, entity: Entity, groupings: list[Grouping], where: Where, sensitive: Iterable[str]
) -> Grouped:
    """Groups that have rows."""
    many = [g for g in groupings if any(step.many for step in g.steps)]
    if many and len(groupings) > 1:
        raise UsageError(
            f"{many[0].path} goes over an association table and groups only by itself", hint="leave out the other --by"
        )
    scope = Scope(entities, entity)
    labels: list[Label[Any]] = []
    for grouping in groupings:
        _, source = scope.reach(tuple(grouping.names), inner=True, many=True)
        labels += grouping.labels(source, sensitive)
    return Grouped(scope, labels, conditions(scope, where), func.count())


def outer(
    entities: Entities, entity: Entity, groupings: list[Grouping], where: Where, sensitive: Iterable[str]
) -> Grouped:
    """All parents. The rows are filtered before they are joined, so that parents without any stay."""
    if len(groupings) != 1 or not groupings[0].steps:
        raise UsageError("--outer takes one --by that leads to parents", hint="such as --by author")
    grouping = groupings[0]
    rows = Scope(entities, entity)
    _, source = rows.reach(grouping.names[:-1], inner=True, many=True)
    *first, last = grouping.steps[-1].links
    source = rows.follow(tuple(first), source, inner=True)
    filters = conditions(rows, where)
    parents = rows.new_source(last.there)
    far = [] if source is rows.source else last.here_columns
    keys = [last.here.at(source, c).label(f"_key_{n}") for n, c in enumerate(far)]
    own = [entity.at(rows.source, c).label(c.name) for c in entity.columns]
    found = (
        select(*own, *keys, literal_column("1", Integer).label(PRESENT))
        .select_from(rows.from_clause)
        .where(*filters)
        .subquery(f"{entity.table.name}_found")
    )

    def place(element: Any, **_: Any) -> Any:
        return found.corresponding_column(element) if getattr(element, "table", None) is source else None

    scope = Scope(entities, entity, found)
    scope.take_names_of(rows)
    scope.from_clause = parents.outerjoin(found, replacement_traverse(last.on(source, parents), {}, place))
    return Grouped(scope, grouping.labels(parents, sensitive), [], func.count(found.c[PRESENT]))
