"""Which tables a step wrote, told by the server's write counters, by its files, and by the locks it holds.

Tried on 15 and 18: counters see every row written, by triggers, cascades, rules and COPY too; files see TRUNCATE and
rewrites; locks see what else a transaction may have done. What the catalog alone shows (a column dropped, an enum
value renamed) the schema map tells.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.base import Observer
from dbadmin.dialects.postgresql.look import PUBLIC, ask, looking, rows
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Whether the counters can be relied on: when the statistics were last reset, whether rows are counted,
# and whether another session worked in this database since (its counts arrive up to ten seconds late).
TRUST = """
    SELECT coalesce(pg_stat_get_db_stat_reset_time(d.oid)::text, '') AS reset,
           current_setting('track_counts') = 'on' AND current_setting('server_version_num')::int >= 150000 AS counted,
           clock_timestamp() AS now,
           (SELECT max(a.state_change) FROM pg_stat_activity AS a
             WHERE a.datid = d.oid AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
               AND a.application_name !~ '^dbadmin') AS others
      FROM pg_database AS d
     WHERE d.datname = current_database()
"""

# Sessions of clients in this database besides this one.
OTHERS = """
    SELECT count(*) AS others
      FROM pg_stat_activity AS a
     WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
"""
_SETTLING = 5.0  # seconds

# Rows written so far, as other sessions know them plus what this one has not told them yet; and the table's file.
COUNTERS = """
    SELECT c.oid, n.nspname, c.relname,
           pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid)
           + pg_stat_get_tuples_deleted(c.oid) + pg_stat_get_xact_tuples_inserted(c.oid)
           + pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid) AS written,
           pg_relation_filenode(c.oid) AS file, pg_relation_size(c.oid) AS bytes
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
       AND n.nspname <> 'information_schema'
"""

# Locks of this session on relations of the application, an index's as its table's too.
LOCKS = """
    SELECT l.relation, n.nspname, c.relname, c.relkind::text AS kind, replace(l.mode, 'Lock', '') AS mode
      FROM pg_locks AS l
      JOIN pg_class AS c ON c.oid = l.relation
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND l.granted AND l.relation >= 16384
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND n.nspname !~ '^pg_'
"""

_WRITING = frozenset({"RowExclusive", "Exclusive"})
"""Modes of statements that write rows; they show beside a stronger one that the transaction holds as well.

The other strong modes are of definitions, indexes and triggers, which the schema map shows, and of TRUNCATE and
rewrites, which make a new file.
"""


@dataclass(frozen=True)
class Mark:
    """Counters at one moment. `tables`: OID → name and what was counted; `locks`: relation and mode."""

    reset: str
    now: Any
    tables: Mapping[int, tuple[TableName, tuple[Any, ...]]]
    locks: frozenset[tuple[int, str]]


class PostgresqlObserver(Observer):
    """Needs PostgreSQL 15 or later, and `track_counts` on."""

    sees_other_sessions = True

    def install(self) -> None:
        """Nothing has to be there from the start."""

    def mark(self, connection: "Connection") -> Mark | None:
        """Counters, files and locks now; None where the counters cannot be relied on."""
        with looking(connection):
            return _mark(connection)[0]

    def touched(self, connection: "Connection", since: Any) -> frozenset[TableName] | None:
        """Tables written since the mark, from this session and, once committed, from any other.

        None, which means all, where the counters were reset or off, and where another session that is still there
        worked in the database: it may not have told its counts yet. Sessions whose application_name begins with
        "dbadmin" only look and do not count. The mark may come from another connection, closed meanwhile.
        """
        if not isinstance(since, Mark):
            return None
        with looking(connection):
            now, others = _mark(connection)
        if now is None or now.reset != since.reset:
            return None
        if others is not None and others >= since.now:
            return None
        touched: set[TableName] = set()
        for oid in since.tables.keys() | now.tables.keys():
            before, after = since.tables.get(oid), now.tables.get(oid)
            if before != after:
                touched.update(entry[0] for entry in (before, after) if entry is not None)
        for oid, mode in now.locks - since.locks:
            if mode in _WRITING and oid in now.tables:
                touched.add(now.tables[oid][0])
        return frozenset(touched)

    def settle(self, connection: "Connection") -> None:
        """A session tells its counts when it ends, which may be a moment after its client has gone."""
        until = time.monotonic() + _SETTLING
        with looking(connection):
            while rows(connection, OTHERS)[0].others and time.monotonic() < until:
                time.sleep(0.01)
                ask(connection, "SELECT pg_stat_clear_snapshot()")


def _mark(connection: "Connection") -> tuple[Mark | None, Any]:
    """The counters, and when another session last did something."""
    ask(connection, "SELECT pg_stat_clear_snapshot()")
    trust = rows(connection, TRUST)[0]
    if not trust.counted:
        return None, None
    tables: dict[int, tuple[TableName, tuple[Any, ...]]] = {
        row.oid: (TableName(None if row.nspname == PUBLIC else row.nspname, row.relname), tuple(row[3:]))
        for row in rows(connection, COUNTERS)
    }
    locks = frozenset((row.relation, row.mode) for row in rows(connection, LOCKS))
    return Mark(trust.reset, trust.now, tables, locks), trust.others
