"""Space and upkeep: sizes, dead rows, bloat, statistics of the planner, numbers that run out."""

from collections.abc import Iterator

from dbadmin.dialects.facts import Table
from dbadmin.dialects.health import Mend
from dbadmin.health.check import Found, check
from dbadmin.health.look import Look
from dbadmin.render.values import size
from dbadmin.results import Severity

GB = 2**30
DAY = 86_400.0
ENLARGE = "make it a bigint; this rewrites the table, and columns that refer to it need the same"
WORTH_IT = 10 * 2**20
"""Bytes below which freeing space is not worth a lock."""


@check(
    "large-table",
    "note",
    "sizes",
    "tables",
    reads="sizes and counters in the catalog",
    why="a large table makes every migration, backup and scan of it long; its growth says when that matters",
    mend="partition it, archive old rows, or drop the indexes that nothing needs",
    threshold="tables of {} GB and more, and indexes that take more than the table itself",
    default=10.0,
)
def large_table(look: Look) -> Iterator[Found]:
    """A table that is large, or whose indexes are larger than itself."""
    most = look.threshold * GB
    for table in look.tables:
        held, indexes, toast = table.bytes or 0, table.index_bytes or 0, table.toast_bytes or 0
        whole = held + indexes + toast
        heavy = indexes > max(held + toast, WORTH_IT * 10)
        if whole < most and not heavy:
            continue
        parts = [f"{size(held)} of rows", f"{size(indexes)} of indexes"]
        parts += [f"{size(toast)} of TOAST"] if toast else []
        parts += [f"~{table.rows} rows"] if table.rows is not None else []
        told = f"~{size(whole)}: {', '.join(parts)}{growth(look, table)}"
        remedy = "look at unused-index and duplicate-index" if heavy else "partition it, or archive old rows"
        yield Found(str(table.name), told, remedy, about=look.about(table.name))


def growth(look: Look, table: Table) -> str:
    """By how many rows a table grew a day since its counters began, where there are some."""
    if table.inserted is None or not look.health.tells("statistics_since"):
        return ""
    days = look.since.seconds / DAY
    grown = table.inserted - (table.deleted or 0)
    return f"; grows by ~{round(grown / days)} rows a day" if days >= 1 and grown > 0 else ""


@check(
    "dead-rows",
    "warning",
    "autovacuum",
    "tables",
    reads="counters of live and dead rows (pg_stat_all_tables), autovacuum_enabled",
    why="rows that are no more are still read by every scan, and their space is not used again",
    mend="VACUUM (ANALYZE), and find the transaction that keeps autovacuum from it",
    threshold="above {} % dead, and 10000 of them",
    default=20.0,
)
def dead_rows(look: Look) -> Iterator[Found]:
    """A table with many dead rows, or that autovacuum was told to leave alone."""
    most = look.threshold / 100
    for table in look.tables:
        dead, live, about = table.dead or 0, table.live or 0, look.about(table.name)
        if not table.autovacuum:
            mend = look.health.autovacuum(look.quote, table.name)
            told = "autovacuum is switched off for this table"
            key = f"{table.name}:autovacuum"
            yield Found(str(table.name), told, "switch it on", mend, "note", key, about)
        if dead < 10_000 or dead <= most * (dead + live):
            continue
        since = f"; last vacuumed {table.vacuumed:%Y-%m-%d %H:%M}" if table.vacuumed else "; never vacuumed"
        told = f"~{dead} dead rows beside ~{live} live ones{since}"
        mend = look.health.clean(look.quote, table.name)
        yield Found(str(table.name), told, "vacuum the table", mend, about=about)


@check(
    "bloat",
    "warning",
    "bloat",
    reads="pages against rows and their widths (PostgreSQL), DATA_FREE (MariaDB), the freelist (SQLite)",
    why="space that holds nothing is read, cached and backed up like the rest",
    mend="write the table or file anew when there is time for it",
    threshold="above {} % of what it takes, and 10 MB",
    default=40.0,
)
def bloat(look: Look) -> Iterator[Found]:
    """A table or file that takes much more space than its rows need."""
    most = look.threshold / 100
    tables = {str(table.name): table.name for table in look.tables}
    for found in look.health.bloat(look.connection):
        if found.wasted < WORTH_IT or found.wasted <= most * found.bytes:
            continue
        share = round(100 * found.wasted / found.bytes)
        told = f"{'' if found.exact else '~'}{size(found.wasted)} of {size(found.bytes)} ({share} %) hold nothing"
        about = look.about(tables[found.object]) if found.object in tables else {}
        mend = Mend(found.sql, outside=True, lasting=False)
        yield Found(found.object, told, found.remedy, mend, about=about)


@check(
    "stale-statistics",
    "warning",
    "autovacuum",
    "tables",
    reads="counters of changes since the last ANALYZE (pg_stat_all_tables)",
    why="the planner chooses by what it believes a table holds",
    mend="ANALYZE the table; where that does not last, lower autovacuum_analyze_scale_factor for it",
    threshold="more than {} % changed since, or never analysed with 1000 rows",
    default=50.0,
)
def stale_statistics(look: Look) -> Iterator[Found]:
    """A table that changed much since it was last analysed."""
    most = look.threshold / 100
    for table in look.tables:
        changed, live = table.changed_since_analyze or 0, table.live or 0
        if table.analyzed is None and live >= 1_000:
            told = f"never analysed, with ~{live} rows"
        elif table.analyzed is not None and changed >= 10_000 and changed > most * max(live, 1):
            told = f"~{changed} changes to ~{live} rows since {table.analyzed:%Y-%m-%d %H:%M}"
        else:
            continue
        mend = look.health.refresh_statistics(look.quote, table.name)
        about = look.about(table.name)
        yield Found(str(table.name), told, "analyse the table", mend, about=about)


@check(
    "wraparound",
    "error",
    "wraparound",
    reads="age(datfrozenxid), mxid_age(datminmxid) and the oldest tables' age(relfrozenxid)",
    why="when transaction numbers run out the server takes no more writes until it was vacuumed",
    mend="VACUUM (FREEZE) what is oldest, and end the transactions and replication slots that hold it back",
    threshold="a warning from {} % of 2^31 on, an error from 75 %",
    default=25.0,
)
def wraparound(look: Look) -> Iterator[Found]:
    """A database or table whose oldest transaction lies far back."""
    least = look.threshold / 100
    for found in look.health.wraparound(look.connection):
        share = found.age / found.limit
        if share <= least:
            continue
        level: Severity = "error" if share >= 0.75 else "warning"
        told = f"{found.kind}: {found.age} of {found.limit} used ({share:.0%})"
        mend = Mend(found.sql, outside=True, lasting=False)
        remedy = "vacuum and freeze" if found.sql else "connect to it, and VACUUM (FREEZE) there"
        yield Found(found.object, told, remedy, mend, level, key=f"{found.object}:{found.kind}")


@check(
    "sequence-exhaustion",
    "error",
    "sequences",
    reads="the last value of sequences and AUTO_INCREMENT against their own and their column's type",
    why="when the numbers run out every INSERT fails",
    mend="make the column (and those that refer to it) a bigint before that",
    threshold="a warning from {} % on, an error from 90 %",
    default=70.0,
)
def sequence_exhaustion(look: Look) -> Iterator[Found]:
    """A source of numbers that nears its end."""
    least = look.threshold / 100
    for source in look.health.sequences(look.connection):
        share = source.last / source.largest
        if share <= least:
            continue
        level: Severity = "error" if share >= 0.9 else "warning"
        of = f" for {source.table}.{source.column}" if source.table is not None and source.column else ""
        told = f"{source.last} of {source.largest} used ({share:.0%}), {source.type}{of}"
        mend = Mend(source.widen, source.narrow)
        remedy = "let it count as far as its type goes" if source.capped else ENLARGE
        about = look.about(source.table) if source.table is not None else {}
        yield Found(source.name, told, remedy, mend, level, about=about)
