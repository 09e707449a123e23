"""What MySQL and MariaDB tell of now and of their counters: sessions, cache, statements, settings, space."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbadmin.dialects.facts import (
    Advice,
    Bloat,
    CacheUse,
    CannotTell,
    Connections,
    Sequence,
    Session,
    Statement,
    TextColumn,
)
from dbadmin.dialects.health import Quote, quoter, spelled
from dbadmin.dialects.mysql import health_sql as sql
from dbadmin.dialects.mysql.health_settings import RULES
from dbadmin.dialects.mysql.look import literal, rows
from dbadmin.dialects.mysql.schema_sql import SEQUENCE
from dbadmin.dialects.mysql.show import number, status, variables
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

LARGEST = {"tinyint": 2**7 - 1, "smallint": 2**15 - 1, "mediumint": 2**23 - 1, "int": 2**31 - 1, "bigint": 2**63 - 1}
MOST = LARGEST["bigint"] - 1
"""The largest value that a sequence may be told to end at."""
SEQUENCES_AT_ONCE = 200
PICOSECONDS = 1e12
_INTEGER = re.compile(r"^\w+(?:\(\d+\))?")
"""A type's name and width, without what follows (unsigned, zerofill)."""
ENABLE_STATEMENTS = "performance_schema = ON in my.cnf, and restart the server"


class MysqlLive:
    """Facts that change by themselves."""

    def sequences(self, connection: "Connection") -> tuple[Sequence, ...]:
        """AUTO_INCREMENT of every table against the largest value of its column, and MariaDB's sequences.

        A column that foreign keys refer to cannot be changed before they are gone.
        """
        quote = quoter(connection)
        referred = {(row.to_name, row.to_column) for row in connection.exec_driver_sql(sql.FOREIGN_KEYS)}
        next_ones = {row.name: number(row.next_one) for row in connection.exec_driver_sql(sql.AUTO_INCREMENT)}
        found = []
        for row in connection.exec_driver_sql(sql.COLUMNS):
            following = next_ones.get(row.table_name)
            if "auto_increment" not in str(row.extra).lower() or following is None or row.data_type not in LARGEST:
                continue
            unsigned = "unsigned" in row.type
            largest = LARGEST[row.data_type] * 2 + 1 if unsigned else LARGEST[row.data_type]
            table = TableName(None, row.table_name)
            modify = f"ALTER TABLE {spelled(quote, table)} MODIFY {quote(row.name)}"
            rest = "NOT NULL AUTO_INCREMENT" + (f" COMMENT {literal(row.comment)}" if row.comment else "")
            stays = row.data_type == "bigint" or (row.table_name, row.name) in referred
            widen = () if stays else (f"{modify} {_INTEGER.sub('bigint', row.type, count=1)} {rest}",)
            narrow = (f"{modify} {row.type} {rest}",) if widen else ()
            name = f"{row.table_name}.{row.name}"
            found.append(Sequence(name, table, row.name, row.type, following - 1, largest, widen, narrow))
        return (*found, *_on_their_own(connection, quote))

    def bloat(self, connection: "Connection") -> tuple[Bloat, ...]:
        """DATA_FREE beside what the table's file holds; 4 MB of it are what InnoDB keeps ready."""
        quote = quoter(connection)
        remedy = "OPTIMIZE TABLE makes the table anew; writes go on meanwhile but for moments"
        found = []
        for row in connection.exec_driver_sql(sql.TABLES):
            free = max((number(row.free_bytes) or 0) - 4 * 2**20, 0)
            held = (number(row.bytes) or 0) + (number(row.index_bytes) or 0) + free
            table = TableName(None, row.name)
            optimize = (f"OPTIMIZE TABLE {spelled(quote, table)}",)
            found.append(Bloat(str(table), held, free, False, remedy, optimize))
        return tuple(found)

    def sessions(self, connection: "Connection") -> tuple[Session, ...]:
        """The process list of this database, with InnoDB's transactions and who waits for whom."""
        is_mariadb = getattr(connection.dialect, "is_mariadb", False)
        waits: dict[int, list[int]] = {}
        query = sql.WAITS_OF_MARIADB if is_mariadb else sql.WAITS_OF_MYSQL
        for row in connection.exec_driver_sql(query):
            waits.setdefault(int(row.waiting), []).append(int(row.blocking))
        open_ones = {int(row.id): float(row.seconds) for row in connection.exec_driver_sql(sql.TRANSACTIONS)}
        found = []
        for row in connection.exec_driver_sql(sql.SESSIONS):
            pid, sleeps, seconds = int(row.id), row.command == "Sleep", float(row.seconds or 0)
            state = "idle" if sleeps else "active"
            if sleeps and pid in open_ones:
                state = "idle in transaction"
            found.append(
                Session(
                    pid, row.user, None, row.host, state, row.query,
                    None if sleeps else seconds, open_ones.get(pid), seconds if sleeps else None,
                    tuple(sorted(set(waits.get(pid, ())))), "a row's lock" if pid in waits else None,
                )
            )  # fmt: skip
        return tuple(found)

    def connections(self, connection: "Connection") -> Connections:
        """Threads_connected against max_connections."""
        used = int(status(connection, "Threads_connected")["Threads_connected"])
        return Connections(used, int(variables(connection, "max_connections")["max_connections"]))

    def cache(self, connection: "Connection") -> CacheUse:
        """Reads of InnoDB's buffer pool that were served from it, and those that went to the disk."""
        names = ("Innodb_buffer_pool_read_requests", "Innodb_buffer_pool_reads")
        asked, read = (int(status(connection, *names)[name]) for name in names)
        held = variables(connection, "innodb_buffer_pool_size")["innodb_buffer_pool_size"]
        return CacheUse(max(asked - read, 0), read, f"innodb_buffer_pool_size = {held}")

    def statements(self, connection: "Connection") -> tuple[Statement, ...]:
        """performance_schema's digests of this database, those that took most time in all first."""
        if variables(connection, "performance_schema").get("performance_schema") != "ON":
            raise CannotTell(
                "performance_schema is off: the server keeps no statistics of statements", ENABLE_STATEMENTS
            )
        return tuple(
            Statement(
                row.query, int(row.calls), float(row.total) / PICOSECONDS, float(row.mean) / PICOSECONDS, int(row.sent)
            )
            for row in connection.exec_driver_sql(sql.STATEMENTS)
        )

    def settings(self, connection: "Connection") -> tuple[Advice, ...]:
        """Global variables, whatever this session has set."""
        rows = connection.exec_driver_sql("SHOW GLOBAL VARIABLES")
        known = {str(row[0]): str(row[1]) for row in rows}
        data = sum(
            (number(row.bytes) or 0) + (number(row.index_bytes) or 0) for row in connection.exec_driver_sql(sql.TABLES)
        )
        here = connection.exec_driver_sql("SELECT DATABASE(), @@character_set_database, @@collation_database").one()
        return tuple(advice for rule in RULES if (advice := rule(known, data, tuple(here))) is not None)

    def text_columns(self, connection: "Connection") -> tuple[TextColumn, ...]:
        """Columns of a character type that this user may see."""
        quote: Quote = connection.dialect.identifier_preparer.quote
        found = []
        for row in connection.exec_driver_sql(sql.COLUMNS):
            if row.characters is not None and row.data_type not in ("enum", "set"):
                table, column = TableName(None, row.table_name), quote(row.name)
                value = f"CONVERT(left({column}, 200) USING utf8mb4) COLLATE utf8mb4_bin"
                sample = f"SELECT {value} AS v FROM {spelled(quote, table)} WHERE {column} <> '' LIMIT 50"
                found.append(TextColumn(table, row.name, sample))
        return tuple(found)


def _on_their_own(connection: "Connection", quote: Quote) -> Iterator[Sequence]:
    """Sequences that count upward and do not cycle; one that ends where an integer type does may be of that type."""
    names = [row.name for row in connection.exec_driver_sql(sql.SEQUENCES)]
    ends = {largest * unsigned + unsigned - 2 for largest in LARGEST.values() for unsigned in (1, 2)}
    for start in range(0, len(names), SEQUENCES_AT_ONCE):
        some = names[start : start + SEQUENCES_AT_ONCE]
        each = (SEQUENCE.format(number=number, sequence=quote(name)) for number, name in enumerate(some))
        for row in rows(connection, " UNION ALL ".join(each)):
            name, largest, step = some[row["number"]], int(row["maximum_value"]), int(row["increment"])
            if step < 0 or row["cycle_option"]:
                continue
            capped = largest not in ends
            alter = f"ALTER SEQUENCE {quote(name)} MAXVALUE"
            widen, narrow = ((f"{alter} {MOST}",), (f"{alter} {largest}",)) if capped else ((), ())
            last = int(row["next_not_cached_value"]) - step
            yield Sequence(name, None, None, "sequence", last, largest, widen, narrow, capped)
