"""Indexes: which cost and do not serve, which are there twice, and which a foreign key lacks."""

import re
from collections.abc import Callable, Iterator, Sequence

from dbadmin.dialects import TableName
from dbadmin.dialects.facts import CannotTell, ForeignKey, Index, Table
from dbadmin.dialects.health import NO_MEND
from dbadmin.health.alike import duplicates, overlaps
from dbadmin.health.check import Found, check
from dbadmin.health.look import Look
from dbadmin.render.values import duration, size
from dbadmin.results import Severity

LOOKED_UP_BY = ("btree", "hash")
"""Methods that find rows by equal values: an inverted, spatial or block range index does not serve a foreign key."""
SMALL_TABLE = 1_000
"""Rows below which a scan costs nothing: a missing index is a note there."""
_ONLY_NOT_NULL = re.compile(r'[\s()]*(?:"(?:[^"]|"")*"|`[^`]*`|\w+)\s+IS\s+NOT\s+NULL[\s()]*', re.IGNORECASE)


def only_not_null(predicate: str | None, columns: Sequence[str]) -> bool:
    """Whether a partial index leaves out only rows without a value in these columns, which refer to nothing.

    >>> only_not_null("(a IS NOT NULL)", ["a"]), only_not_null("(b IS NOT NULL)", ["a"]), only_not_null("a > 0", ["a"])
    (True, False, False)
    """
    if predicate is None:
        return True
    terms = re.split(r"\bAND\b", predicate, flags=re.IGNORECASE)
    names = [re.sub(r"\s+IS\s+NOT\s+NULL", "", term.strip(" ()\n"), flags=re.IGNORECASE) for term in terms]
    bare = [name.strip(' ()"`').replace('""', '"') for name in names]
    return all(map(_ONLY_NOT_NULL.fullmatch, terms)) and set(bare) <= set(columns)


def covers(index: Index, columns: Sequence[str]) -> bool:
    """Whether an index finds the rows that have these values, in whatever order the columns stand in it.

    Its first parts must be exactly these columns: as themselves, whole, in their own collation; not in INCLUDE.
    """
    first = index.parts[: len(columns)]
    return (
        index.valid
        and not index.hidden
        and index.method in LOOKED_UP_BY
        and (index.method != "hash" or len(index.parts) == len(columns))
        and all(part.plain for part in first)
        and {part.column for part in first} == set(columns)
        and len(first) == len(columns)
        and only_not_null(index.predicate, columns)
    )


def is_covered(key: ForeignKey, tables: dict[TableName, Table], of: "Callable[[TableName], Sequence[Index]]") -> bool:
    """Whether a foreign key's own columns have an index; of partitions, each has one of its own, or the parent has."""
    if any(covers(index, key.columns) for index in of(key.table)):
        return True
    parts = [table.name for table in tables.values() if table.parent == key.table]
    return bool(parts) and all(
        is_covered(ForeignKey(part, None, key.columns, key.to, (), (), ()), tables, of) for part in parts
    )


@check(
    "fk-without-index",
    "warning",
    "foreign_keys",
    "indexes",
    "tables",
    reads="foreign keys and indexes in the catalog",
    why="each DELETE or key change in the parent scans the whole child table, holding locks meanwhile; joins do too",
    mend="create an index that begins with the foreign key's columns",
    threshold="below {} rows it is a note",
    default=SMALL_TABLE,
)
def foreign_key_without_index(look: Look) -> Iterator[Found]:
    """A foreign key whose columns no index begins with."""
    tables = dict(look.by_table)
    seen: set[tuple[TableName, frozenset[str]]] = set()
    small = look.threshold
    for key in look.foreign_keys:
        same = (key.table, frozenset(key.columns))
        if key.inherited or same in seen or is_covered(key, tables, look.indexes_of):
            continue
        seen.add(same)
        rows = tables[key.table].rows if key.table in tables else None
        few = rows is not None and rows < small
        near = next(
            (why_not(index, key.columns) for index in look.indexes_of(key.table) if why_not(index, key.columns)), ""
        )
        detail = f"the foreign key to {key.to} has no index" + (f" (~{rows} rows)" if rows is not None else "") + near
        name = free_name(f"ix_{key.table.name}_{'_'.join(key.columns)}", look.indexes_of(key.table))
        divided = look.is_partitioned(key.table)
        mend = look.health.add_index(look.quote, key.table, name, key.columns, unique=False, partitioned=divided)
        object = f"{key.table}.{','.join(key.columns)}"
        about = look.about(key.table)
        yield Found(object, detail, "create the index", mend, "note" if few else "warning", about=about)


def why_not(index: Index, columns: Sequence[str]) -> str:
    """Why an index that looks as if it covered does not, where there is something to say."""
    if {part.column for part in index.parts[: len(columns)]} != set(columns) or index.primary:
        return ""
    if not index.valid:
        return f"; {index.name} is invalid"
    if index.hidden:
        return f"; {index.name} is ignored by the planner"
    if index.predicate is not None and not only_not_null(index.predicate, columns):
        return f"; {index.name} is partial"
    return ""


def free_name(name: str, indexes: Sequence[Index], most: int = 63) -> str:
    """A name for an index that is not taken, and no longer than every engine takes.

    >>> free_name("ix_" + "a" * 80, [])[-10:], len(free_name("ix_" + "ä" * 80, []).encode())
    ('aaa_c289ac', 62)
    """
    from hashlib import sha256

    if len(name.encode()) > most or any(index.name == name for index in indexes):
        end = sha256(name.encode()).hexdigest()[:6]
        name = f"{name.encode()[: most - 7].decode(errors='ignore')}_{end}"
    return name


# Twice the same.


@check(
    "duplicate-index",
    "warning",
    "indexes",
    reads="index definitions in the catalog",
    why="two indexes that do the same cost every write and the disk twice, and serve once",
    mend="drop the one that no constraint, foreign key or replica identity needs",
)
def duplicate_index(look: Look) -> Iterator[Found]:
    """Two indexes with the same key parts, method, condition and included columns."""
    chosen = [
        (index, f"does the same as {kept.name}, which {kept_because(kept, index)}")
        for table in look.tables_with_indexes
        for index, kept in duplicates(look.indexes_of(table))
    ]
    yield from dropped(look, chosen)


@check(
    "overlapping-index",
    "note",
    "indexes",
    reads="index definitions in the catalog",
    why="an index on (a) is served by one on (a, b) too, and costs every write",
    mend="drop the shorter one, unless it is much smaller and used for most reads",
)
def overlapping_index(look: Look) -> Iterator[Found]:
    """An index that a longer one begins with."""
    chosen = [
        (index, f"{kept.name} begins with the same columns and goes on")
        for table in look.tables_with_indexes
        for index, kept in overlaps(look.indexes_of(table))
    ]
    yield from dropped(look, chosen)


def kept_because(kept: Index, other: Index) -> str:
    """Why of two this one is kept."""
    if kept.primary:
        return "is the primary key"
    if kept.replica_identity:
        return "is the replica identity"
    if kept.referenced and not other.referenced:
        return "foreign keys refer to"
    if kept.constraint is not None and other.constraint is None:
        return "belongs to a constraint"
    return "is unique" if kept.unique and not other.unique else "is kept"


def dropped(look: Look, chosen: Sequence[tuple[Index, str]]) -> Iterator[Found]:
    """Findings that are mended by dropping an index each, of indexes with the reason."""
    written = look.health.written(look.connection, [index for index, _ in chosen])
    for index, (_, reason) in zip(written, chosen, strict=True):
        takes = f" ({size(index.bytes)})" if index.bytes else ""
        mend, remedy = look.health.drop_index(look.quote, index), f"drop {index.name}"
        if index.constraint == "":  # a constraint without a name of its own cannot be dropped by it
            mend, remedy = NO_MEND, "make the table anew without that constraint"
        yield Found(index.full_name, reason + takes, remedy, mend, about=look.about(index.table))


# Never used, never valid.

DAY = 86_400.0


def redundant(look: Look) -> Iterator[tuple[Index, Index]]:
    """Each index that another one makes needless, with that other one."""
    for table in look.tables_with_indexes:
        yield from duplicates(look.indexes_of(table))
        yield from overlaps(look.indexes_of(table))


def needed(index: Index, indexes: Sequence[Index], keys: Sequence[ForeignKey]) -> bool:
    """Whether something other than reads speaks for an index: a constraint, a foreign key, a replica identity."""
    if index.unique or index.constraint is not None or index.primary or index.exclusion:
        return True
    if index.replica_identity or index.referenced or index.clustered or index.inherited or not index.valid:
        return True
    if index.counts and not any(other.counts for other in indexes if other is not index):
        return True
    for key in keys:
        others = [other for other in indexes if other is not index and covers(other, key.columns)]
        if key.table == index.table and covers(index, key.columns) and not others:
            return True
    return False


@check(
    "unused-index",
    "warning",
    "indexes",
    "index_uses",
    "foreign_keys",
    "statistics_since",
    "tables",
    reads="the server's counters of index scans (pg_stat_all_indexes; performance_schema or userstat)",
    why="an index that nothing reads costs every write, the disk and the cache",
    mend="drop it, once you know that no rare job and no replica needs it",
    threshold="withheld while the counters are younger than {} days",
    default=7.0,
)
def unused_index(look: Look) -> Iterator[Found]:
    """An index that was not used since the statistics began, and that nothing but reads could need."""
    uses = look.once("index uses", look.health.index_uses)
    days = look.threshold
    age = duration(look.since.seconds)
    if look.since.seconds < days * DAY:
        raise CannotTell(
            f"the counters are only {age} old", f"wait until they are {days:g} days old, or --threshold unused-index=0"
        )
    read = look.by_table
    heirs = {kept.full_name for _, kept in redundant(look)}  # what reads the other one will read these, once it is gone
    chosen = []
    for index in look.indexes:
        if index.full_name in heirs or uses.get((index.table, index.name)) != 0:
            continue
        if needed(index, look.indexes_of(index.table), look.foreign_keys):
            continue
        table = read.get(index.table)
        if table is not None and table.scans == 0 and not table.index_scans and not table.partitioned:
            continue  # nobody reads the table at all: that says nothing about its indexes
        elsewhere = f"; {look.since.elsewhere}" if look.since.elsewhere else ""
        chosen.append((index, f"not used once in {age}{elsewhere}"))
    yield from dropped(look, chosen)


@check(
    "invalid-index",
    "error",
    "invalid",
    "indexes",
    reads="index flags in the catalog (indisvalid; IGNORED or INVISIBLE)",
    why="it is kept up to date at every write and never used to read; a unique one may not even hold",
    mend="build it again, or drop it",
)
def invalid_index(look: Look) -> Iterator[Found]:
    """An index that is there and does not serve."""
    for index, why, mend in look.health.invalid(look.quote, look.indexes):
        level: Severity = "error" if not index.valid else "warning"
        remedy = "build it again, or drop it" if mend.sql else "make an index on each partition, and attach it"
        yield Found(index.full_name, why, remedy, mend, level, about=look.about(index.table))
