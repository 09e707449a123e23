"""Which tables a step wrote, told by the server's counters, by its files, and by the foreign keys it has.

Tried on MariaDB 10.11: performance_schema counts rows written by statements, triggers, functions and through views,
but not those that a foreign key's CASCADE or SET NULL writes; InnoDB's own counter sees these, but knows a table only
since it was opened. So the children of every written table count as written, too. Another number of a table means
TRUNCATE or a rebuild; what the catalog alone shows (a column added in an instant), the schema map tells.
CREATE INDEX puts both counters back to 0 and leaves the table's number: an UPDATE before it would be forgotten. The
statistics of `userstat` go on through every DDL statement, so they have to be on (MySQL has none: look at everything).
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.base import Observer
from dbadmin.dialects.mysql.committing import commits, commits_first, in_transaction, rolls_back
from dbadmin.dialects.mysql.look import database_of, is_mariadb, literal, looking, rows
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Whether the counters can be relied on: switched on, none lost, and since when the server counts.
TRUST = """
SELECT @@performance_schema AND @@userstat AND NOT EXISTS (
         SELECT 1 FROM performance_schema.setup_instruments
          WHERE name = 'wait/io/table/sql/handler' AND enabled = 'NO')
       AND EXISTS (
         SELECT 1 FROM performance_schema.setup_consumers WHERE name = 'global_instrumentation' AND enabled = 'YES')
       AND NOT EXISTS (
         SELECT 1 FROM performance_schema.global_status
          WHERE variable_value <> '0' AND variable_name IN
                ('Performance_schema_table_handles_lost', 'Performance_schema_table_instances_lost'))
       AND NOT EXISTS (
         SELECT 1 FROM performance_schema.setup_objects
          WHERE object_type = 'TABLE' AND enabled = 'NO'
            AND object_schema NOT IN ('mysql', 'performance_schema', 'information_schema')) AS counted,
       UNIX_TIMESTAMP() - (
         SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'Uptime') AS started
"""
# Every table, and the rows written to it since the server knows it.
COUNTERS = """
SELECT t.table_name AS name, UPPER(t.engine) AS engine, COALESCE(SUM(w.count_write), 0) AS written,
       COALESCE(SUM(w.count_update + w.count_delete), 0) AS changed, COALESCE(MAX(u.rows_changed), 0) AS ever
  FROM information_schema.tables AS t
  LEFT JOIN performance_schema.table_io_waits_summary_by_table AS w
    ON w.object_schema = t.table_schema AND w.object_name = t.table_name AND w.object_type = 'TABLE'
  LEFT JOIN information_schema.table_statistics AS u
    ON u.table_schema = t.table_schema AND u.table_name = t.table_name
 WHERE t.table_schema = {database} AND t.table_type <> 'VIEW' AND t.table_type <> 'SYSTEM VIEW'
 GROUP BY t.table_name, t.engine
"""
# InnoDB's own: a table (each partition is one) by its number, with rows changed since it was opened. File names
# spell what is no letter as @xxxx, which the character set "filename" reads.
_INNODB = """
SELECT name, GROUP_CONCAT(table_id, ':', changed ORDER BY table_id) AS files
  FROM (SELECT CONVERT(CAST(CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(t.name, '/', -1), '#', 1) AS BINARY)
                            AS CHAR CHARACTER SET filename) USING utf8mb4) AS name,
               t.table_id AS table_id, s.{changed} AS changed
          FROM information_schema.{tables} AS t
          JOIN information_schema.{stats} AS s ON s.table_id = t.table_id
         WHERE CONVERT(CAST(CAST(SUBSTRING_INDEX(t.name, '/', 1) AS BINARY)
                            AS CHAR CHARACTER SET filename) USING utf8mb4) = {{database}}) AS each_one
 GROUP BY name
"""
INNODB_MARIADB = _INNODB.format(changed="modified_counter", tables="innodb_sys_tables", stats="innodb_sys_tablestats")
INNODB_MYSQL = _INNODB.format(changed="modified_counter", tables="innodb_tables", stats="innodb_tablestats")
# Foreign keys that write the child when the parent is written.
CASCADES = """
SELECT referenced_table_name AS parent, table_name AS child
  FROM information_schema.referential_constraints
 WHERE constraint_schema = {database}
   AND (delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR update_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT'))
"""
# Sessions in this database besides this one.
OTHERS = """
SELECT COUNT(*) AS others FROM information_schema.processlist WHERE db = {database} AND id <> CONNECTION_ID()
"""
_SETTLING = 5.0  # seconds
_SAME_START = 1.5  # seconds: both times are whole seconds
_COUNTED = frozenset({"INNODB"})


@dataclass(frozen=True)
class Mark:
    """Counters at one moment; `tables`: name → engine and what was counted; `cascades`: parent and child.

    `changed`: name → rows updated or deleted, as INSERT moves no row of a child; and rows written ever that were no
    INSERT as far as is known, which moves too where DDL put the other counter back.
    """

    started: float
    tables: Mapping[str, tuple[Any, ...]]
    changed: Mapping[str, tuple[int, int]]
    cascades: frozenset[tuple[str, str]]


class MysqlObserver(Observer):
    """Needs performance_schema, which MariaDB has only when it was started with it."""

    sees_other_sessions = True

    def install(self) -> None:
        """Nothing has to be there from the start."""

    def mark(self, connection: "Connection") -> Mark | None:
        """Counters now; None where they cannot be relied on, or this account may not see them."""
        from sqlalchemy.exc import DBAPIError

        try:
            with looking(connection):
                return _mark(connection)
        except DBAPIError:
            return None

    def touched(self, connection: "Connection", since: Any) -> frozenset[TableName] | None:
        """Tables written since the mark, by whatever session, with those that a cascade may have reached.

        None, which means all, where the counters are off or the server was started anew. Tables of other engines
        than InnoDB are always among them: nothing tells of their TRUNCATE.
        """
        if not isinstance(since, Mark):
            return None
        now = self.mark(connection)
        if now is None or abs(now.started - since.started) > _SAME_START:
            return None
        names = {
            name
            for name in since.tables.keys() | now.tables.keys()
            if since.tables.get(name) != now.tables.get(name) or _engine(now, since, name) not in _COUNTED
        }
        parents = {name for name in names if since.changed.get(name) != now.changed.get(name)}
        names |= reached(parents, since.cascades | now.cascades)
        return frozenset(TableName(None, name) for name in names)

    def settle(self, connection: "Connection") -> None:
        """A session whose client has gone may still roll back."""
        until = time.monotonic() + _SETTLING
        query = OTHERS.format(database=_database(connection))
        with looking(connection):
            while rows(connection, query)[0]["others"] and time.monotonic() < until:
                time.sleep(0.01)

    def commits_first(self, statement: str) -> bool:
        return commits_first(statement)

    def is_committed(self, connection: "Connection", statement: str) -> bool:
        """Told by the server where the driver keeps its answer, else by the statement."""
        if rolls_back(statement):
            return False
        inside = in_transaction(connection.connection.dbapi_connection)
        return commits(statement) if inside is None else not inside


def reached(names: set[str], cascades: Collection[tuple[str, str]]) -> set[str]:
    """These tables, and those that a cascade from them may have written.

    >>> sorted(reached({"a"}, [("b", "c"), ("a", "b")]))
    ['a', 'b', 'c']
    """
    found = set(names)
    while more := {child for parent, child in cascades if parent in found} - found:
        found |= more
    return found


def _mark(connection: "Connection") -> Mark | None:
    trust = rows(connection, TRUST)[0]
    if not int(trust["counted"] or 0):
        return None
    database = _database(connection)
    innodb = INNODB_MARIADB if is_mariadb(connection) else INNODB_MYSQL
    files = {str(row["name"]): row["files"] for row in rows(connection, innodb.format(database=database))}
    counters = rows(connection, COUNTERS.format(database=database))
    return Mark(
        float(trust["started"]),
        {
            str(row["name"]): (row["engine"], int(row["written"]), int(row["ever"]), files.get(str(row["name"])))
            for row in counters
        },
        {str(row["name"]): (int(row["changed"]), int(row["ever"]) - int(row["written"])) for row in counters},
        frozenset((row["parent"], row["child"]) for row in rows(connection, CASCADES.format(database=database))),
    )


def _database(connection: "Connection") -> str:
    return literal(database_of(connection))


def _engine(now: Mark, before: Mark, name: str) -> str | None:
    engine: str | None = now.tables.get(name, before.tables.get(name, (None,)))[0]
    return engine
