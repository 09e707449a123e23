"""PostgreSQL's facts about health, and how it mends: CONCURRENTLY, so that nobody waits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.facts import ForeignKey, Index, Part, Since, Table
from dbadmin.dialects.health import Health, Mend, Quote, add_constraint, free, refers, schema, spelled
from dbadmin.dialects.postgresql import health_sql as sql
from dbadmin.dialects.postgresql.health_live import PostgresqlLive
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

CONCURRENTLY = "postgresql_concurrently=True"
LEFT_BY_REINDEX = ("_ccnew", "_ccold")
"""How the name of what an interrupted REINDEX CONCURRENTLY leaves behind ends (digits may follow)."""


class PostgresqlHealth(PostgresqlLive, Health):
    """Facts of every schema but the system's."""

    def right(self, connection: "Connection") -> str | None:
        """pg_monitor."""
        role = connection.exec_driver_sql("SELECT pg_catalog.quote_ident(current_user)").scalar_one()
        return f"GRANT pg_monitor TO {role};"

    def tables(self, connection: "Connection") -> tuple[Table, ...]:
        """pg_class and pg_stat_all_tables."""
        return tuple(map(_table, connection.exec_driver_sql(sql.TABLES)))

    def sizes(self, connection: "Connection") -> tuple[Table, ...]:
        """As `tables`, which has them."""
        return self.tables(connection)

    def indexes(self, connection: "Connection") -> tuple[Index, ...]:
        """pg_index."""
        version = connection.dialect.server_version_info or (0,)
        nulls = "i.indnullsnotdistinct" if version >= (15,) else "false"
        return tuple(map(_index, connection.exec_driver_sql(sql.INDEXES.format(nulls_alike=nulls))))

    def written(self, connection: "Connection", indexes: Sequence[Index]) -> tuple[Index, ...]:
        """pg_get_indexdef and pg_get_constraintdef of these alone."""
        numbers = ", ".join(f"{index.number:d}" for index in indexes if index.number is not None)
        if not numbers:
            return tuple(indexes)
        rows = {row.number: row for row in connection.exec_driver_sql(sql.DEFINITIONS.format(numbers=numbers))}
        return tuple(
            replace(index, definition=row.definition, constraint_definition=row.constraint_definition)
            if (row := rows.get(index.number)) is not None
            else index  # dropped meanwhile
            for index in indexes
        )

    def foreign_keys(self, connection: "Connection") -> tuple[ForeignKey, ...]:
        """pg_constraint."""
        return tuple(
            ForeignKey(
                TableName(row.schema, row.table_name),
                row.name,
                tuple(row.columns),
                TableName(row.to_schema, row.to_name),
                tuple(row.to_columns),
                tuple(row.types),
                tuple(row.to_types),
                row.inherited,
            )
            for row in connection.exec_driver_sql(sql.FOREIGN_KEYS)
        )

    def column_names(self, connection: "Connection") -> dict[TableName, tuple[str, ...]]:
        """pg_attribute."""
        rows = connection.exec_driver_sql(sql.COLUMN_NAMES)
        return {TableName(row.schema, row.table_name): tuple(row.names) for row in rows}

    def index_uses(self, connection: "Connection") -> dict[tuple[TableName, str], int]:
        """pg_stat_all_indexes' idx_scan, summed over partitions."""
        rows = connection.exec_driver_sql(sql.INDEX_USES)
        return {(TableName(row.schema, row.table_name), row.name): int(row.scans) for row in rows}

    def statistics_since(self, connection: "Connection") -> Since:
        """stats_reset of pg_stat_database, else the server's start."""
        row = connection.exec_driver_sql(sql.SINCE).one()
        elsewhere = None
        if row.is_standby:
            elsewhere = "this is a standby: what the primary reads is not counted here"
        elif row.standbys:
            elsewhere = f"what is read on {row.standbys} standby servers is not counted here"
        return Since(float(row.seconds), elsewhere)

    def scans(self, connection: "Connection") -> Since:
        """pg_stat_all_tables has them, as old as the rest."""
        return self.statistics_since(connection)

    def invalid(self, quote: Quote, indexes: Sequence[Index]) -> tuple[tuple[Index, str, Mend], ...]:
        """Left by a CREATE INDEX or REINDEX CONCURRENTLY that failed, and not being built now."""
        found = []
        for index in indexes:
            if index.valid or index.building:
                continue
            if index.partitioned:
                why = "not every partition has it: it is made by ATTACH PARTITION of an index of each"
                mend = Mend((), lasting=False)
            elif index.name.rstrip("0123456789").endswith(LEFT_BY_REINDEX):
                why = "left by a REINDEX CONCURRENTLY that failed: kept up to date at every write, never used to read"
                mend = Mend((f"DROP INDEX CONCURRENTLY {_index_name(quote, index)}",), outside=True, lasting=False)
            else:
                why = "its CREATE INDEX CONCURRENTLY failed: kept up to date at every write, never used to read"
                mend = Mend((f"REINDEX INDEX CONCURRENTLY {_index_name(quote, index)}",), outside=True, lasting=False)
            found.append((index, why, mend))
        return tuple(found)

    def end_session(self, pid: int, *, whole: bool) -> Mend:
        """pg_terminate_backend, or pg_cancel_backend."""
        return Mend((f"SELECT pg_{'terminate' if whole else 'cancel'}_backend({pid:d})",), lasting=False)

    def clean(self, quote: Quote, table: TableName) -> Mend:
        """VACUUM with ANALYZE, which holds up nobody."""
        return Mend((f"VACUUM (ANALYZE) {spelled(quote, table)}",), outside=True, lasting=False)

    def autovacuum(self, quote: Quote, table: TableName) -> Mend:
        """Let autovacuum see to the table again."""
        alter = f"ALTER TABLE {spelled(quote, table)}"
        return Mend((f"{alter} RESET (autovacuum_enabled)",), (f"{alter} SET (autovacuum_enabled = false)",))

    def add_index(
        self, quote: Quote, table: TableName, name: str, columns: Sequence[str], *, unique: bool,
        partitioned: bool = False,
    ) -> Mend:  # fmt: skip
        """CREATE INDEX CONCURRENTLY: nobody waits who reads or writes; a partitioned table does not take that."""
        if partitioned:
            made = super().add_index(quote, table, name, columns, unique=unique)
            return replace(made, undo=(f"DROP INDEX {spelled(quote, TableName(table.schema, name))}",))
        listed, kind = ", ".join(map(quote, columns)), "UNIQUE INDEX" if unique else "INDEX"
        options = f"{schema(table)}, unique={unique}, {CONCURRENTLY}"
        return Mend(
            (f"CREATE {kind} CONCURRENTLY {quote(name)} ON {spelled(quote, table)} ({listed})",),
            (f"DROP INDEX CONCURRENTLY {spelled(quote, TableName(table.schema, name))}",),
            outside=True,
            up=(f"op.create_index({name!r}, {table.name!r}, {list(columns)!r}{options})",),
            down=(f"op.drop_index({name!r}, table_name={table.name!r}{schema(table)}, {CONCURRENTLY})",),
        )

    def drop_index(self, quote: Quote, index: Index) -> Mend:
        """DROP INDEX CONCURRENTLY; of a constraint, that, and of a partitioned table without CONCURRENTLY."""
        table = spelled(quote, index.table)
        if index.constraint is not None:
            again = f"ADD CONSTRAINT {quote(index.constraint)} {index.constraint_definition}"
            drop = f"DROP CONSTRAINT {quote(index.constraint)}"
            return Mend((f"ALTER TABLE {table} {drop}",), (f"ALTER TABLE {table} {again}",))
        if index.partitioned:
            again = index.definition.replace(" ON ONLY ", " ON ", 1)  # and of its partitions
            return Mend((f"DROP INDEX {_index_name(quote, index)}",), (again,))
        made = index.definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1)
        return Mend((f"DROP INDEX CONCURRENTLY {_index_name(quote, index)}",), (made,), outside=True)

    def add_key(
        self, quote: Quote, table: TableName, over: Index | None, taken: Sequence[str], *, partitioned: bool = False
    ) -> Mend | None:  # fmt: skip
        """From a unique index at once; else of a new identity column, which rewrites the table.

        A partitioned table's key holds the columns that it is divided by: no new column alone can be one.
        """
        name = spelled(quote, table)
        key = quote(f"{table.name}_pkey")
        drop_key = f"ALTER TABLE {name} DROP CONSTRAINT {key}"
        if over is not None and over.constraint is None and not over.partitioned:
            using = f"PRIMARY KEY USING INDEX {quote(over.name)}"
            return Mend((f"ALTER TABLE {name} ADD CONSTRAINT {key} {using}",), (drop_key, over.definition))
        if over is not None:
            columns = ", ".join(quote(str(column)) for column in over.columns)
            without = Mend((), ()) if over.referenced else self.drop_index(quote, over)
            return Mend(
                (f"ALTER TABLE {name} ADD CONSTRAINT {key} PRIMARY KEY ({columns})", *without.sql),
                (*without.undo, drop_key),
            )
        if partitioned:
            return None
        column = quote(free("id", taken))
        return Mend(
            (f"ALTER TABLE {name} ADD COLUMN {column} bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",),
            (f"ALTER TABLE {name} DROP COLUMN {column}",),
        )

    def set_not_null(self, connection: "Connection", quote: Quote, table: TableName, column: str) -> Mend | None:
        """SET NOT NULL, which reads the whole table under a lock."""
        alter = f"ALTER TABLE {spelled(quote, table)} ALTER COLUMN {quote(column)}"
        return Mend((f"{alter} SET NOT NULL",), (f"{alter} DROP NOT NULL",))

    def set_default(self, quote: Quote, table: TableName, column: str, default: str) -> Mend | None:
        """SET DEFAULT; rows that are there stay as they are."""
        alter = f"ALTER TABLE {spelled(quote, table)} ALTER COLUMN {quote(column)}"
        return Mend((f"{alter} SET DEFAULT {default}",), (f"{alter} DROP DEFAULT",))

    def add_foreign_key(
        self, quote: Quote, table: TableName, name: str, columns: Sequence[str], to: TableName, others: Sequence[str],
        *, covered: bool,
    ) -> Mend | None:  # fmt: skip
        """NOT VALID first, so that nobody waits while the rows are looked at."""
        add = add_constraint(quote, table, name, f"{refers(quote, columns, to, others)} NOT VALID")
        alter = f"ALTER TABLE {spelled(quote, table)}"
        validate, drop = (f"{alter} {what} CONSTRAINT {quote(name)}" for what in ("VALIDATE", "DROP"))
        return Mend((add, validate), (drop,))

    def columns_in_views(self, connection: "Connection") -> dict[tuple[TableName, str], tuple[str, ...]]:
        """pg_depend: ALTER COLUMN TYPE is refused where a view or a rule uses the column."""
        rows = connection.exec_driver_sql(sql.COLUMNS_IN_VIEWS)
        return {(TableName(row.schema, row.table_name), row.column_name): tuple(row.views) for row in rows}

    def change_type(self, quote: Quote, table: TableName, column: str, type: str, old: str) -> Mend | None:
        """ALTER COLUMN TYPE; `type` and `old` are the catalog's own words."""
        alter = f"ALTER TABLE {spelled(quote, table)} ALTER COLUMN {quote(column)} TYPE"
        return Mend((f"{alter} {type}",), (f"{alter} {old}",))


def _index_name(quote: Quote, index: Index) -> str:
    return f"{quote(index.table.schema)}.{quote(index.name)}" if index.table.schema else quote(index.name)


def _table(row: "Row[Any]") -> Table:
    parent = TableName(row.parent_schema, row.parent_name) if row.parent_name is not None else None
    return Table(
        TableName(row.schema, row.name), row.has_key, row.rows, row.partitioned, parent, row.bytes, row.index_bytes,
        row.toast_bytes, None, row.scans, row.rows_scanned, row.index_scans, row.live, row.dead, row.inserted,
        row.deleted, row.changed, row.vacuumed, row.analyzed, row.autovacuum, row.age,
    )  # fmt: skip


def _index(row: "Row[Any]") -> Index:
    parts = zip(row.columns, row.texts, row.rests, row.plain, strict=True)
    return Index(
        table=TableName(row.schema, row.table_name),
        name=row.name,
        parts=tuple(Part(*part) for part in parts),
        included=tuple(row.included),
        predicate=row.predicate,
        method=row.method,
        unique=row.is_unique,
        primary=row.is_primary,
        constraint=row.constraint_name,
        exclusion=row.is_exclusion,
        valid=row.valid,
        building=row.building,
        replica_identity=row.replica_identity,
        clustered=row.clustered,
        referenced=row.referenced,
        inherited=row.inherited,
        partitioned=row.partitioned,
        nulls_alike=row.nulls_alike,
        all_not_null=row.all_not_null,
        bytes=row.bytes,
        number=row.number,
    )
