"""Locks, the way in which tables are changed, and sizes, as MariaDB and MySQL tell them.

Metadata locks are seen by a second session. MariaDB needs the plugin metadata_lock_info for that (its
performance_schema shows the first mode of a lock only); MySQL has performance_schema.metadata_locks. How an ALTER was
carried out is asked after each: DDL commits by itself, so that no transaction is open then.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.costs import Costs, Held, Known, Rewrite, Storage, Stored, Watcher
from dbadmin.dialects.mysql.errors import DENIED, error_number
from dbadmin.dialects.mysql.look import ask, database_of, is_mariadb, literal, rows

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

# From the manual, "Metadata Locking" and sql/mdl.h, weakest first: what conflicts with each mode.
MODES: Mapping[str, str] = {
    "SHARED_WRITE": "schema changes",
    "SHARED_WRITE_LOW_PRIO": "schema changes",
    "SHARED_UPGRADABLE": "schema changes",
    "SHARED_READ_ONLY": "writes",
    "SHARED_NO_WRITE": "writes",
    "SHARED_NO_READ_WRITE": "reads and writes",
    "EXCLUSIVE": "reads and writes",
}

# Locks on tables of this database, held by any session but this one.
LOCKS_MARIADB = """
    SELECT thread_id, table_name, REPLACE(lock_mode, 'MDL_', '') AS mode
      FROM information_schema.metadata_lock_info
     WHERE table_schema = DATABASE() AND table_name <> '' AND lock_type = 'Table metadata lock'
       AND thread_id <> CONNECTION_ID()
"""
LOCKS_MYSQL = """
    SELECT t.processlist_id, l.object_name, l.lock_type AS mode
      FROM performance_schema.metadata_locks AS l
      JOIN performance_schema.threads AS t ON t.thread_id = l.owner_thread_id
     WHERE l.object_type = 'TABLE' AND l.object_schema = DATABASE() AND l.lock_status = 'GRANTED'
       AND t.processlist_id <> CONNECTION_ID()
"""

# Tables and views that there are.
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"

# Tables of InnoDB, partitions one by one, with the size of their files; a table that is written anew has another id.
# Names are kept in the encoding of file names.
STORED = """
    SELECT CONVERT(CONVERT(CAST(n.name AS BINARY) USING filename) USING utf8mb4) AS name, n.path, n.id, n.bytes
      FROM (SELECT CONVERT(CONVERT(CAST(SUBSTRING_INDEX(t.name, '/', 1) AS BINARY) USING filename)
                           USING utf8mb4) AS database_name,
                   SUBSTRING_INDEX(REPLACE(SUBSTRING_INDEX(t.name, '/', -1), '#p#', '#P#'), '#P#', 1) AS name,
                   t.name AS path, t.table_id AS id, COALESCE(s.file_size, 0) AS bytes
              FROM information_schema.{tables} AS t
              LEFT JOIN information_schema.{spaces} AS s ON s.space = t.space AND t.space <> 0
             WHERE t.name LIKE '%/%' AND t.name NOT LIKE '%/FTS\\_%' AND t.name NOT LIKE '%/#%') AS n
     WHERE n.database_name = {database}
"""

# Stages that this session went through. They are only kept where the server was started for it.
STAGES = """
    SELECT DISTINCT h.event_name AS stage
      FROM performance_schema.events_stages_history_long AS h
      JOIN performance_schema.threads AS t ON t.thread_id = h.thread_id
     WHERE t.processlist_id = CONNECTION_ID() AND h.event_id > {}
"""
LAST_STAGE = """
    SELECT COALESCE(MAX(h.event_id), 0) AS last
      FROM performance_schema.events_stages_history_long AS h
      JOIN performance_schema.threads AS t ON t.thread_id = h.thread_id
     WHERE t.processlist_id = CONNECTION_ID()
"""
INSTANT = "SHOW GLOBAL STATUS LIKE 'Innodb_instant_alter_column'"

_CHANGES_TABLE = re.compile(r"^\s*(?:ALTER\s+(?:\w+\s+)?TABLE|CREATE\s+(?:\w+\s+)?INDEX|DROP\s+INDEX|OPTIMIZE)\b", re.I)
_SHOWN = 120


class MysqlCosts(Costs):
    """Tried on MariaDB 10.11; the queries for MySQL 8 are by its manual."""

    modes = MODES

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Stored] = {}
        self._last_stage = 0
        self._instant = 0
        self._blind = False
        self._algorithms: list[str] = []
        self._rewrites: dict[str, Rewrite] = {}

    def watcher(self, url: "URL") -> Watcher | None:
        """A session of its own; raises where the server does not tell metadata locks."""
        return MysqlWatcher(url)

    def remedy(self, mode: str, statement: str) -> str:
        """What the manual has for large tables."""
        if _CHANGES_TABLE.match(statement):
            return "ask for ALGORITHM=INSTANT or INPLACE, LOCK=NONE; else a tool that copies beside (gh-ost, pt-osc)"
        return super().remedy(mode, statement)

    def session(self, connection: "Connection") -> int | None:
        """The connection's id."""
        return int(ask(connection, "SELECT CONNECTION_ID()").scalar())

    def storage(self, connection: "Connection") -> Storage | None:
        """Ids and sizes of InnoDB's tables; indexes are parts of their table's file.

        None where this account may not see them: for that it takes PROCESS, and SELECT on performance_schema.
        """
        from sqlalchemy.exc import DBAPIError

        try:
            self._known = _stored(connection)
            self._last_stage, self._instant = _last_stage(connection), _instant(connection)
        except DBAPIError as error:
            if error.connection_invalidated or error_number(error.orig or error) not in DENIED:
                raise
            self._blind = True
            return None
        return Storage(sum(stored.bytes for stored in self._known.values()), self._known)

    def after(self, connection: "Connection", statement: str) -> None:
        """Find out how an ALTER was carried out."""
        if self._blind or not _CHANGES_TABLE.match(statement):
            return
        before, self._known = self._known, _stored(connection)
        rebuilt = {
            stored.name: stored for key, stored in before.items()
            if (now := self._known.get(key)) is not None and now.file != stored.file
        }  # fmt: skip
        stages = {row["stage"] for row in rows(connection, STAGES.format(self._last_stage))}
        self._last_stage, instant = _last_stage(connection), _instant(connection)
        algorithm = _algorithm(bool(rebuilt), stages, instant > self._instant)
        self._instant = instant
        if algorithm is not None:
            text = " ".join(statement.split())
            shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
            self._algorithms.append(f"{shown}: {algorithm}")
        for name in rebuilt:
            size = sum(stored.bytes for stored in before.values() if stored.name == name)
            first = self._rewrites.get(name)
            self._rewrites[name] = first or Rewrite(name, None, size, algorithm)

    def rewritten(self, before: Storage, after: Storage, statements: Mapping[str, None]) -> tuple[Rewrite, ...]:
        """Tables that an ALTER built anew; TRUNCATE gives a new id too, and is none."""
        found, self._rewrites = self._rewrites, {}
        return tuple(found[name] for name in sorted(found))

    def algorithms(self) -> tuple[str, ...] | None:
        """Each ALTER with its algorithm, in their order."""
        found, self._algorithms = tuple(self._algorithms), []
        return None if self._blind else found


def _algorithm(rebuilt: bool, stages: set[str], instant: bool) -> str | None:
    """ALGORITHM of an ALTER, by what is left of it; None where the server keeps no stages and nothing was rebuilt.

    >>> _algorithm(True, {"stage/sql/copy to tmp table"}, False), _algorithm(False, {"stage/sql/altering table"}, True)
    ('COPY', 'INSTANT')
    """
    names = {stage.removeprefix("stage/sql/").removeprefix("stage/innodb/") for stage in stages}
    if "copy to tmp table" in names:
        return "COPY"
    if rebuilt:
        return "INPLACE, rebuilt" if names else None
    if instant:
        return "INSTANT"
    if any(name.startswith("alter table (") for name in names):
        return "INPLACE"
    return "INSTANT" if names else None


def _stored(connection: "Connection") -> dict[tuple[Any, ...], Stored]:
    kind = "innodb_sys" if is_mariadb(connection) else "innodb"
    query = STORED.format(
        tables=f"{kind}_tables", spaces=f"{kind}_tablespaces", database=literal(database_of(connection))
    )
    return {
        (row["path"],): Stored(row["name"], None, int(row["id"]), int(row["bytes"])) for row in rows(connection, query)
    }


def _last_stage(connection: "Connection") -> int:
    return int(rows(connection, LAST_STAGE)[0]["last"])


def _instant(connection: "Connection") -> int:
    """How many ALTERs of the whole server were instant; MySQL does not count them."""
    found = ask(connection, INSTANT).all()
    return int(found[0][1]) if found else 0


class MysqlWatcher(Watcher):
    """Every look is a statement of its own, and takes no lock on anything of the application."""

    def __init__(self, url: "URL") -> None:
        from sqlalchemy import NullPool, create_engine

        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._connection = engine.connect()
        self._locks = LOCKS_MARIADB if is_mariadb(self._connection) else LOCKS_MYSQL
        self.look()

    def look(self) -> frozenset[Held]:
        """Locks held by other sessions on tables of this database."""
        found = ask(self._connection, self._locks)
        return frozenset(Held(int(thread), str(name), str(mode)) for thread, name, mode in found if mode in MODES)

    def known(self) -> Mapping[int | str, Known]:
        """Tables and views, by name."""
        return {str(name): Known(str(name)) for (name,) in ask(self._connection, TABLES)}

    def close(self) -> None:
        """End the session."""
        self._connection.close()
        self._connection.engine.dispose()
