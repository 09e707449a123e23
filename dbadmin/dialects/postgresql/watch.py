"""Locks, rewrites and sizes, as PostgreSQL tells them.

Locks are seen by a second session: the migration's own would have to be asked after every statement, and those of
CREATE INDEX CONCURRENTLY are gone by then. What was created in a transaction that is still open is invisible to a
second session, and so is its lock to everybody else: such relations are left out.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.costs import Costs, Held, Known, Rewrite, Storage, Stored, Watcher
from dbadmin.dialects.names import join
from dbadmin.dialects.postgresql.look import PUBLIC, ask, looking, rows

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

# From the manual, "Table-Level Locks", weakest first: what conflicts with each mode.
MODES: Mapping[str, str] = {
    "AccessShare": "schema changes",
    "RowShare": "schema changes",
    "RowExclusive": "schema changes",
    "ShareUpdateExclusive": "schema changes",
    "Share": "writes",
    "ShareRowExclusive": "writes",
    "Exclusive": "writes",
    "AccessExclusive": "reads and writes",
}

# Locks on relations of the application in this database, held by any session but this one (or, with `=`, by it).
HELD = """
    SELECT l.pid, l.relation, pg_catalog.replace(l.mode, 'Lock', '') AS mode
      FROM pg_catalog.pg_locks AS l
     WHERE l.locktype = 'relation' AND l.granted AND l.relation >= 16384 AND l.mode <> 'AccessShareLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                          WHERE d.datname = pg_catalog.current_database())
       AND l.pid {} pg_catalog.pg_backend_pid()
"""

# Sessions of clients; the others are the server's own (autovacuum, parallel workers).
CLIENTS = """
    SELECT a.pid FROM pg_catalog.pg_stat_activity AS a
     WHERE a.backend_type = 'client backend' AND a.datname = pg_catalog.current_database()
"""

# Every relation that has a name of its own, an index with its table. Sequences are left out: nextval() locks them.
RELATIONS = """
    SELECT c.oid, n.nspname, c.relname, t.relname AS table_name
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
      LEFT JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
     WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'i', 'I') AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

# What has a file: tables with what is stored out of line, and indexes.
STORED = """
    SELECT c.oid, n.nspname, c.relname, i.indrelid, t.relname AS table_name,
           pg_catalog.pg_relation_filenode(c.oid) AS file,
           coalesce(CASE WHEN c.relkind = 'i' THEN pg_catalog.pg_relation_size(c.oid)
                         ELSE pg_catalog.pg_table_size(c.oid) END, 0) AS bytes
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
      LEFT JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
     WHERE c.relkind IN ('r', 'm', 'i') AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_TRUNCATES = re.compile(r"\bTRUNCATE\b", re.IGNORECASE)
_PATIENCE = "SET statement_timeout = 2000; SET lock_timeout = 500; SET search_path = pg_catalog"

_REMEDIES = (
    (
        re.compile(r"^\s*(?:CREATE\s+(?:UNIQUE\s+)?|DROP\s+|RE)INDEX\b(?!.*\bCONCURRENTLY\b)", re.IGNORECASE),
        "use CONCURRENTLY (postgresql_concurrently=True in op.get_context().autocommit_block())",
    ),
    (
        re.compile(r"\b(?:FOREIGN\s+KEY|CHECK)\b", re.IGNORECASE),
        "add the constraint NOT VALID (postgresql_not_valid=True), and VALIDATE it in a revision of its own",
    ),
    (
        re.compile(r"\bADD\s+(?:CONSTRAINT\s+\S+\s+)?(?:UNIQUE|PRIMARY\s+KEY)\b", re.IGNORECASE),
        "create a unique index CONCURRENTLY, then add the constraint USING INDEX",
    ),
    (
        re.compile(r"\bSET\s+NOT\s+NULL\b", re.IGNORECASE),
        "add CHECK (… IS NOT NULL) NOT VALID, VALIDATE it in a revision of its own, then SET NOT NULL",
    ),
    (
        re.compile(r"^\s*ALTER\s+TABLE\b.*\b(?:TYPE|ADD)\b", re.IGNORECASE),
        "add a new column without a default, fill it in batches, then exchange the two; set lock_timeout",
    ),
)
_OTHERWISE = "SET lock_timeout, and keep what is slow out of this transaction: a lock is held until the commit"


class PostgresqlCosts(Costs):
    """Tried on 15 and 18."""

    modes = MODES

    def watcher(self, url: "URL") -> Watcher | None:
        """A session of its own."""
        return PostgresqlWatcher(url)

    def remedy(self, mode: str, statement: str) -> str:
        """The way of PostgreSQL's manual for the statement, where it has one that hardly locks."""
        return next((remedy for pattern, remedy in _REMEDIES if pattern.search(statement)), _OTHERWISE)

    def storage(self, connection: "Connection") -> Storage | None:
        """Files and sizes; an index stays the same while its name and table do, since ALTER TYPE makes it anew."""
        with looking(connection):
            found = rows(connection, STORED)
        objects = {
            (row.oid,) if row.indrelid is None else (row.indrelid, row.relname): Stored(
                _shown(row.nspname, row.relname), _table(row), row.file, row.bytes
            )
            for row in found
        }
        return Storage(sum(stored.bytes for stored in objects.values()), objects)

    def rewritten(self, before: Storage, after: Storage, statements: Mapping[str, None]) -> tuple[Rewrite, ...]:
        """Relations with another file, but for those that TRUNCATE emptied, which have a new one too."""
        truncating = any(_TRUNCATES.search(statement) for statement in statements)
        emptied = {
            then.name
            for key, then in before.objects.items()
            if (now := after.objects.get(key)) is not None and not now.bytes and (then.bytes or truncating)
        }
        found = super().rewritten(before, after, statements)
        return tuple(rewrite for rewrite in found if not emptied & {rewrite.object, rewrite.table})

    def session(self, connection: "Connection") -> int | None:
        """The server process of this session."""
        return int(ask(connection, "SELECT pg_catalog.pg_backend_pid()").scalar())

    def held(self, connection: "Connection") -> frozenset[Held] | None:
        """The locks that are held right before the transaction ends."""
        return frozenset(Held(*row) for row in ask(connection, HELD.format("=")))


class PostgresqlWatcher(Watcher):
    """Every look is a statement and a transaction of its own, and takes no lock on anything of the application."""

    def __init__(self, url: "URL") -> None:
        from sqlalchemy import NullPool, create_engine

        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._connection = engine.connect()
        self._connection.exec_driver_sql("SET application_name = 'dbadmin watch'")
        for setting in _PATIENCE.split("; "):
            self._connection.exec_driver_sql(setting)
        self._clients: set[int] = set()
        self._others: set[int] = set()

    def look(self) -> frozenset[Held]:
        """Locks held by clients of this database."""
        found = [Held(*row) for row in self._connection.exec_driver_sql(HELD.format("<>"))]
        if any(held.session not in self._clients | self._others for held in found):
            self._clients = {pid for (pid,) in self._connection.exec_driver_sql(CLIENTS)}
            self._others = {held.session for held in found} - self._clients
        return frozenset(held for held in found if held.session in self._clients)

    def known(self) -> Mapping[int | str, Known]:
        """Relations that are committed, by OID."""
        found = self._connection.exec_driver_sql(RELATIONS)
        return {row.oid: Known(_shown(row.nspname, row.relname), _table(row)) for row in found}

    def close(self) -> None:
        """End the session."""
        self._connection.close()
        self._connection.engine.dispose()


def _shown(schema: str, name: str) -> str:
    return join([None if schema == PUBLIC else schema, name])


def _table(row: Any) -> str | None:
    return None if row.table_name is None else _shown(row.nspname, row.table_name)
