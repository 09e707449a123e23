"""Keys: tables without one, and foreign keys whose type is not that of what they refer to."""

from collections.abc import Iterator, Sequence

from dbadmin.dialects.facts import Index
from dbadmin.health.check import Found, check
from dbadmin.health.look import Look
from dbadmin.results import Severity


@check(
    "no-primary-key",
    "warning",
    "tables",
    "indexes",
    reads="constraints in the catalog",
    why="rows cannot be told apart, logical replication cannot UPDATE or DELETE them, and an ORM cannot map them",
    mend="make a unique index over columns that are never NULL the primary key, or add a column for it",
)
def no_primary_key(look: Look) -> Iterator[Found]:
    """A table without a primary key."""
    keyless = [
        table.name
        for table in look.tables
        if not table.has_key and table.parent is None and table.name != look.version_table
    ]
    best = {name: over for name in keyless if (over := best_unique(look.indexes_of(name))) is not None}
    written = dict(zip(best, look.health.written(look.connection, list(best.values())), strict=True))
    for name in keyless:
        over = written.get(name)
        taken = look.once("columns", lambda c: look.health.column_names(c)).get(name, ())
        mend = look.health.add_key(look.quote, name, over, taken, partitioned=look.is_partitioned(name))
        if over is None and any(index.counts for index in look.indexes_of(name)):
            mend = None  # there can be only one such column
        told = f"; {over.name} is unique over columns that are never NULL" if over is not None else ""
        remedy = "add a primary key" if mend else "make the table anew with a primary key"
        if mend is None and look.is_partitioned(name):
            remedy = "add a primary key that holds the columns by which the table is divided"
        yield Found(str(name), f"no primary key{told}", remedy, mend, about=look.about(name))


def best_unique(indexes: Sequence[Index]) -> Index | None:
    """The shortest index that holds whole rows apart, by columns that are never NULL."""
    unique = [i for i in indexes if i.unique and i.all_not_null and i.predicate is None and i.valid and all(i.columns)]
    return min(unique, key=lambda index: len(index.parts), default=None)


@check(
    "fk-type-mismatch",
    "warning",
    "foreign_keys",
    reads="the types of both ends of every foreign key in the catalog",
    why="values fit one end and not the other, and comparing them may convert each row instead of using an index",
    mend="give the foreign key's column the type of the column that it refers to",
)
def foreign_key_type(look: Look) -> Iterator[Found]:
    """A foreign key whose column has another type than the column that it refers to."""
    for key in look.foreign_keys:
        if key.inherited:
            continue
        for column, own, to, other in zip(key.columns, key.types, key.to_columns, key.to_types, strict=False):
            if own == other or not own or not other:
                continue
            level: Severity = "note" if own.partition("(")[0] == other.partition("(")[0] else "warning"
            mend, besides = look.change_type(key.table, column, other, own)
            detail = f"{own} refers to {key.to}.{to}, which is {other}"
            remedy = f"change the type to {other}" + ("; it rewrites the table" if level == "warning" else "") + besides
            about = look.about(key.table)
            yield Found(f"{key.table}.{column}", detail, remedy, mend, level, about=about)
