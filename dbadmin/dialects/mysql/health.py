"""Facts about health of MySQL and MariaDB, and how they mend."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.facts import CannotTell, ForeignKey, Index, Part, Since, Table
from dbadmin.dialects.health import Health, Mend, Quote, add_constraint, free, names_by_table, quoter, refers, spelled
from dbadmin.dialects.mysql import health_sql as sql
from dbadmin.dialects.mysql.health_live import ENABLE_STATEMENTS, MysqlLive
from dbadmin.dialects.mysql.look import login
from dbadmin.dialects.mysql.show import number, status, variables
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_WIDTH = re.compile(r"^((?:tiny|small|medium|big)?int)\(\d+\)", re.IGNORECASE)


class MysqlHealth(MysqlLive, Health):
    """Facts of the connected database."""

    def right(self, connection: "Connection") -> str | None:
        """PROCESS for other sessions, performance_schema for statements."""
        account = login(connection)
        return f"GRANT PROCESS ON *.* TO {account}; GRANT SELECT ON performance_schema.* TO {account};"

    def tables(self, connection: "Connection") -> tuple[Table, ...]:
        """information_schema.tables; rows and sizes are the engine's estimates."""
        keyed = {row.name for row in connection.exec_driver_sql(sql.KEYED)}
        return tuple(
            Table(
                TableName(None, row.name), row.name in keyed, number(row.estimate), bytes=number(row.bytes),
                index_bytes=number(row.index_bytes), free_bytes=number(row.free_bytes),
                partitioned="partitioned" in str(row.options),
            )
            for row in connection.exec_driver_sql(sql.TABLES)
        )  # fmt: skip

    def sizes(self, connection: "Connection") -> tuple[Table, ...]:
        """As `tables`, which has them."""
        return self.tables(connection)

    def indexes(self, connection: "Connection") -> tuple[Index, ...]:
        """information_schema.statistics; every foreign key that refers to an index marks it."""
        is_mariadb = getattr(connection.dialect, "is_mariadb", False)
        version = connection.dialect.server_version_info or (0,)
        hidden = "CASE is_visible WHEN 'NO' THEN 'INVISIBLE' END"
        if is_mariadb:
            hidden = "CASE ignored WHEN 'YES' THEN 'IGNORED' END" if version >= (10, 6) else "NULL"
        query = sql.INDEXES.format(expression="NULL" if is_mariadb else "expression", hidden=hidden)
        rows = connection.exec_driver_sql(query).all()
        referenced = {(key.to, key.to_columns) for key in self.foreign_keys(connection)}
        counting = {(row.table_name, row.name) for row in connection.exec_driver_sql(sql.COUNTING)}
        quote = quoter(connection)
        return tuple(
            _index(TableName(None, table), list(parts), referenced, counting, quote)
            for (table, _), parts in groupby(rows, key=lambda row: (row.table_name, row.name))
        )

    def foreign_keys(self, connection: "Connection") -> tuple[ForeignKey, ...]:
        """information_schema.key_column_usage, with types without the display width of integers."""
        types = {
            (row.table_name, row.name): f"{_WIDTH.sub(lambda m: m[1], str(row.type))}"
            + (f" {row.characters}" if row.characters else "")
            for row in connection.exec_driver_sql(sql.COLUMNS)
        }
        rows = connection.exec_driver_sql(sql.FOREIGN_KEYS).all()
        found = []
        for (table, name), grouped in groupby(rows, key=lambda row: (row.table_name, row.name)):
            parts = list(grouped)
            own = tuple(types.get((table, part.column_name), "") for part in parts)
            other = (
                tuple(types.get((part.to_name, part.to_column), "") for part in parts)
                if parts[0].to_schema is None
                else own  # in a database that was not read; the server itself has compared them
            )
            to = TableName(parts[0].to_schema, parts[0].to_name)
            columns, to_columns = tuple(p.column_name for p in parts), tuple(p.to_column for p in parts)
            found.append(ForeignKey(TableName(None, table), name, columns, to, to_columns, own, other))
        return tuple(found)

    def column_names(self, connection: "Connection") -> dict[TableName, tuple[str, ...]]:
        """Of every table, in their order."""
        return names_by_table(connection.exec_driver_sql(sql.COLUMNS))

    def index_uses(self, connection: "Connection") -> dict[tuple[TableName, str], int]:
        """performance_schema, else MariaDB's userstat. Raises CannotTell where both are off."""
        if _is_on(connection, "performance_schema"):
            rows: Iterable[Any] = connection.exec_driver_sql(sql.USES)
            return {(TableName(None, row.table_name), row.name): int(row.uses) for row in rows}
        if not _is_on(connection, "userstat"):
            userstat = getattr(connection.dialect, "is_mariadb", False)
            enable = "SET GLOBAL userstat = ON;" if userstat else ENABLE_STATEMENTS
            raise CannotTell("the server does not count the uses of indexes", enable)
        counted = {
            (row.table_name, row.name): int(row.uses) for row in connection.exec_driver_sql(sql.USES_BY_USERSTAT)
        }
        every = connection.exec_driver_sql(sql.INDEXES.format(expression="NULL", hidden="NULL"))
        names = {(row.table_name, row.name) for row in every}
        return {(TableName(None, table), name): counted.get((table, name), 0) for table, name in names}

    def statistics_since(self, connection: "Connection") -> Since:
        """The server's uptime: its counters begin anew with it."""
        return Since(float(status(connection, "Uptime")["Uptime"]))

    def invalid(self, quote: Quote, indexes: Sequence[Index]) -> tuple[tuple[Index, str, Mend], ...]:
        """Indexes that the planner was told to ignore (MariaDB IGNORED, MySQL INVISIBLE)."""
        found = []
        for index in indexes:
            if index.hidden is not None:
                alter = f"ALTER TABLE {spelled(quote, index.table)} ALTER INDEX {quote(index.name)}"
                why = f"it is {index.hidden}: kept up to date at every write, never used to read"
                on = "VISIBLE" if index.hidden == "INVISIBLE" else "NOT IGNORED"
                found.append((index, why, Mend((f"{alter} {on}",), (f"{alter} {index.hidden}",))))
        return tuple(found)

    def end_session(self, pid: int, *, whole: bool) -> Mend:
        """KILL the connection, or only its QUERY."""
        return Mend((f"KILL {'CONNECTION' if whole else 'QUERY'} {pid:d}",), lasting=False)

    def refresh_statistics(self, quote: Quote, table: TableName) -> Mend:
        """ANALYZE TABLE."""
        return Mend((f"ANALYZE TABLE {spelled(quote, table)}",), lasting=False)

    def add_index(
        self, quote: Quote, table: TableName, name: str, columns: Sequence[str], *, unique: bool,
        partitioned: bool = False,
    ) -> Mend:  # fmt: skip
        """CREATE INDEX, which InnoDB does without blocking writes where it can."""
        made = super().add_index(quote, table, name, columns, unique=unique)
        return Mend(made.sql, (f"DROP INDEX {quote(name)} ON {spelled(quote, table)}",), up=made.up, down=made.down)

    def drop_index(self, quote: Quote, index: Index) -> Mend:
        """DROP INDEX ON the table."""
        return Mend((f"DROP INDEX {quote(index.name)} ON {spelled(quote, index.table)}",), (index.definition,))

    def add_key(
        self, quote: Quote, table: TableName, over: Index | None, taken: Sequence[str], *, partitioned: bool = False
    ) -> Mend | None:  # fmt: skip
        """From a unique index, else of a new AUTO_INCREMENT column; both rewrite the table."""
        name = spelled(quote, table)
        if over is not None:
            columns = ", ".join(part.text for part in over.parts)
            again = over.definition.partition(" ADD ")[2]
            drop, add = ("", "") if over.referenced else (f", DROP INDEX {quote(over.name)}", f", ADD {again}")
            return Mend(
                (f"ALTER TABLE {name} ADD PRIMARY KEY ({columns}){drop}",),
                (f"ALTER TABLE {name} DROP PRIMARY KEY{add}",),
            )
        if partitioned:
            return None
        column = quote(free("id", taken))
        add = f"ALTER TABLE {name} ADD COLUMN {column} bigint NOT NULL AUTO_INCREMENT PRIMARY KEY"
        return Mend((add,), (f"ALTER TABLE {name} DROP COLUMN {column}",))

    def set_not_null(self, connection: "Connection", quote: Quote, table: TableName, column: str) -> Mend | None:
        """MODIFY with all else that SHOW CREATE TABLE says of the column."""
        name = connection.dialect.identifier_preparer.quote_identifier(column)
        lines = str(connection.exec_driver_sql(f"SHOW CREATE TABLE {spelled(_driver(connection), table)}").one()[1])
        written = next((line.strip().rstrip(",") for line in lines.splitlines() if line.strip().startswith(name)), None)
        if written is None:
            return None
        alter = f"ALTER TABLE {spelled(quote, table)} MODIFY"
        return Mend((f"{alter} {written.replace(' DEFAULT NULL', '', 1)} NOT NULL",), (f"{alter} {written}",))

    def set_default(self, quote: Quote, table: TableName, column: str, default: str) -> Mend | None:
        """SET DEFAULT, an expression in brackets."""
        alter = f"ALTER TABLE {spelled(quote, table)} ALTER COLUMN {quote(column)}"
        return Mend((f"{alter} SET DEFAULT ({default})",), (f"{alter} DROP DEFAULT",))

    def add_foreign_key(
        self, quote: Quote, table: TableName, name: str, columns: Sequence[str], to: TableName, others: Sequence[str],
        *, covered: bool,
    ) -> Mend | None:  # fmt: skip
        """ADD CONSTRAINT; InnoDB makes the index that it needs under the same name, and leaves it."""
        drop = f"ALTER TABLE {spelled(quote, table)} DROP FOREIGN KEY {quote(name)}"
        drop += "" if covered else f", DROP INDEX {quote(name)}"
        return Mend((add_constraint(quote, table, name, refers(quote, columns, to, others)),), (drop,))


def _driver(connection: "Connection") -> Quote:
    """Names for the driver, which reads a percent sign itself."""
    quote: Quote = connection.dialect.identifier_preparer.quote
    return quote


def _is_on(connection: "Connection", name: str) -> bool:
    return variables(connection, name).get(name) == "ON"


def _index(
    table: TableName, parts: "list[Row[Any]]", referenced: set[Any], counting: set[Any], quote: Quote
) -> Index:  # fmt: skip
    first = parts[0]
    made = tuple(_part(part, quote) for part in parts)
    columns = tuple(part.column_name for part in parts)
    kind = "PRIMARY KEY" if first.name == "PRIMARY" else f"{_kind(first)}INDEX {quote(first.name)}"
    listed = ", ".join(part.text for part in made)
    return Index(
        table=table,
        name=first.name,
        parts=made,
        definition=f"ALTER TABLE {spelled(quote, table)} ADD {kind} ({listed})"
        + (f" {first.hidden}" if first.hidden else ""),
        method=str(first.type).lower(),
        unique=bool(first.is_unique),
        primary=first.name == "PRIMARY",
        hidden=first.hidden,
        referenced=any((table, columns[:at]) in referenced for at in range(1, len(columns) + 1)),
        all_not_null=not any(part.nullable for part in parts),
        counts=(table.name, first.column_name) in counting,
    )


def _kind(row: "Row[Any]") -> str:
    if row.type in ("FULLTEXT", "SPATIAL"):
        return f"{row.type} "
    return "UNIQUE " if row.is_unique else ""


def _part(row: "Row[Any]", quote: Quote) -> Part:
    text = f"({row.expression})" if row.column_name is None else quote(row.column_name)
    if row.prefix is not None and row.type not in ("FULLTEXT", "SPATIAL"):
        text += f"({row.prefix})"
    if row.is_descending:
        text += " DESC"
    return Part(row.column_name, text, plain=row.column_name is not None and row.prefix is None)
