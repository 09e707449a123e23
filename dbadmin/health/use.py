"""What the server's own counters tell: the cache, scans of large tables, slow statements, settings."""

import re
from collections.abc import Iterator

from dbadmin.dialects import TableName
from dbadmin.dialects.facts import CannotTell, Statement
from dbadmin.dialects.health import Mend
from dbadmin.health.check import Found, check
from dbadmin.health.live import shape, uncommented
from dbadmin.health.look import Look
from dbadmin.render.values import duration

ENOUGH_READS = 10_000
"""Blocks read below which a share says nothing."""


@check(
    "cache-hits",
    "warning",
    "cache",
    reads="the server's counters of cached reads (pg_stat_database, InnoDB's buffer pool)",
    why="what is not in the server's cache is read from the system or the disk, many times slower",
    mend="give the server more memory, or read less: indexes, fewer columns, no scans",
    threshold="below {} % of reads, of 10000 and more",
    default=90.0,
)
def cache_hits(look: Look) -> Iterator[Found]:
    """The cache serves too few reads."""
    use = look.health.cache(look.connection)
    whole = use.hits + use.reads
    least = look.threshold
    if whole < ENOUGH_READS:
        raise CannotTell(f"only {whole} reads were counted so far", "wait until the application has worked for a while")
    if 100 * use.hits / whole < least:
        told = f"{100 * use.hits / whole:.1f} % of {whole} reads came from the cache ({use.setting})"
        yield Found("server", told, "more memory for the cache, or fewer reads")


@check(
    "seq-scans",
    "note",
    "scans",
    "tables",
    reads="counters of whole scans of each table (pg_stat_all_tables)",
    why="a large table that is read whole again and again may lack an index",
    mend="find the statement (slow-statements), and index what it filters by",
    threshold="tables of {} rows and more, read whole more often than by an index",
    default=100_000.0,
)
def seq_scans(look: Look) -> Iterator[Found]:
    """A large table that is mostly read whole."""
    least = look.threshold
    for table in look.tables:
        scans, read, by_index = table.scans or 0, table.rows_scanned or 0, table.index_scans or 0
        rows = table.live if table.live is not None else table.rows
        if rows is None or rows < least or scans < 10 or scans <= by_index or read < rows:
            continue
        told = f"{scans} scans read {read} rows of ~{rows}; {by_index} lookups by index"
        remedy = "index what the statements filter by (slow-statements names them)"
        yield Found(str(table.name), told, remedy, about=look.about(table.name))


@check(
    "slow-statements",
    "warning",
    "statements",
    reads="pg_stat_statements; performance_schema's digests",
    why="a statement that is slow each time holds its locks and its user for that long",
    mend="EXPLAIN it; index, rewrite, or page it",
    threshold="a mean above {} seconds",
    default=0.5,
    ranked=True,
)
def slow_statements(look: Look) -> Iterator[Found]:
    """A shape of statement that is slow in the mean, with the model whose table it reads first; most time first."""
    slow = [one for one in look.health.statements(look.connection) if one.mean > look.threshold]
    hidden = sum(one.hidden for one in slow)
    if hidden and hidden == len(slow):
        raise CannotTell(
            f"this login may not see the text of {hidden} slow statements of others", look.health.right(look.connection)
        )
    for statement in sorted(slow, key=lambda one: -one.total):
        if not statement.hidden:
            yield slow_statement(statement, look)


def slow_statement(statement: Statement, look: Look) -> Found:
    """One shape, named by its table and a digest of its text; comments may name a request, and are left out."""
    from hashlib import sha256

    digest = sha256(" ".join(uncommented(statement.query).split()).encode()).hexdigest()[:8]
    told = f"{statement.calls} × {duration(statement.mean)} = {duration(statement.total)}: {shape(statement.query)}"
    table = first_table(statement.query, look)
    about = look.about(table) if table is not None else {}
    return Found(f"{table or 'statement'} #{digest}", told, "EXPLAIN it", about=about)


_NAME = r'(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[\w$]+)'
_TABLES = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+({_NAME}(?:\s*\.\s*{_NAME})?)", re.IGNORECASE)


def tables_in(query: str) -> Iterator[TableName]:
    """Tables that a statement names, in its order.

    >>> [str(t) for t in tables_in('SELECT * FROM "users" AS u JOIN blog . posts ON x')]
    ['users', 'blog.posts']
    """
    for found in _TABLES.finditer(query):
        parts = [part.strip().strip('"`') for part in re.findall(_NAME, found[1])]
        yield TableName(parts[0] if len(parts) > 1 else None, parts[-1])


def first_table(query: str, look: Look) -> TableName | None:
    """The first table of a statement that exists."""
    known = look.by_table
    by_name = {table.name: table for table in known}
    for table in tables_in(query):
        if table in known:
            return table
        if table.name in by_name:
            return by_name[table.name]
    return None


@check(
    "settings",
    "error",
    "settings",
    reads="the server's settings (pg_settings, global variables, PRAGMAs of the application's connections)",
    why="some settings trade the data's safety for speed; others wait until it is too late to be missed",
    mend="change the setting; the finding says what else that needs",
)
def settings(look: Look) -> Iterator[Found]:
    """A setting that is not as it should be."""
    for advice in look.health.settings(look.connection):
        told = f"{advice.value}: {advice.detail}"
        mend = Mend(advice.sql, advice.undo, outside=True, lasting=False)
        yield Found(advice.name, told, advice.remedy, mend, advice.level)
