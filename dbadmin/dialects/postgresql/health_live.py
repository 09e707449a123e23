"""What PostgreSQL tells of now and of its counters: sessions, cache, statements, settings, space, ages."""

from typing import TYPE_CHECKING, Any

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
    Unvalidated,
    Wraparound,
)
from dbadmin.dialects.health import Quote, quoter, spelled
from dbadmin.dialects.postgresql import health_live_sql as sql
from dbadmin.dialects.postgresql.health_settings import RULES
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
HIDDEN = "<insufficient privilege>"
AGES = 2**31 - 1
ENABLE_STATEMENTS = "shared_preload_libraries = 'pg_stat_statements', restart, CREATE EXTENSION pg_stat_statements"


def _widened(
    quote: Quote, row: "Row[Any]", table: TableName | None, *, capped: bool
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Statements that let a sequence count further, and those that take that back."""
    widen, narrow = [], []
    own = f"ALTER SEQUENCE {spelled(quote, TableName(row.schema, row.name))}"
    column = f"ALTER TABLE {spelled(quote, table)} ALTER COLUMN {quote(row.column_name)}" if table is not None else ""
    if column and row.column_type in ("smallint", "integer"):
        widen, narrow = [f"{column} TYPE bigint"], [f"{column} TYPE {row.column_type}"]
    if row.type != "bigint" and not row.is_identity:
        widen, narrow = [*widen, f"{own} AS bigint"], [f"{own} AS {row.type}", *narrow]
    if capped:
        limit = f"{column} SET" if row.is_identity else own
        widen, narrow = [*widen, f"{limit} NO MAXVALUE"], [f"{limit} MAXVALUE {int(row.largest):d}", *narrow]
    return widen, narrow


class PostgresqlLive:
    """Facts that change by themselves."""

    def sequences(self, connection: "Connection") -> tuple[Sequence, ...]:
        """pg_sequence, with the column that each belongs to; those that count upward and do not cycle."""
        quote = quoter(connection)
        found = []
        for row in connection.exec_driver_sql(sql.SEQUENCES):
            table = TableName(row.table_schema, row.table_name) if row.table_name is not None else None
            name = str(TableName(row.schema, row.name))
            largest = min(int(row.largest), LARGEST.get(row.column_type, int(row.largest)))
            capped = int(row.largest) < LARGEST[row.type]
            widen, narrow = _widened(quote, row, table, capped=capped)
            kind = row.column_type or row.type
            found.append(
                Sequence(
                    name, table, row.column_name, kind, int(row.last), largest, tuple(widen), tuple(narrow), capped
                )
            )
        return tuple(found)

    def unvalidated(self, connection: "Connection") -> tuple[Unvalidated, ...]:
        """Constraints that were made NOT VALID, and are still so."""
        quote, version = quoter(connection), connection.dialect.server_version_info or (0,)
        query = sql.UNVALIDATED.format(enforced="k.conenforced" if version >= (18,) else "true")
        found = []
        for row in connection.exec_driver_sql(query):
            table = TableName(row.schema, row.table_name)
            alter = f"ALTER TABLE {spelled(quote, table)}"
            undo = (f"{alter} DROP CONSTRAINT {quote(row.name)}",
                    f"{alter} ADD CONSTRAINT {quote(row.name)} {row.definition}")  # fmt: skip
            validate = f"{alter} VALIDATE CONSTRAINT {quote(row.name)}"
            found.append(Unvalidated(table, row.name, row.definition, validate, undo))
        return tuple(found)

    def bloat(self, connection: "Connection") -> tuple[Bloat, ...]:
        """Pages beyond those that the rows need, by the column widths of pg_stats; of tables above 1 MB."""
        quote = quoter(connection)
        found = []
        for row in connection.exec_driver_sql(sql.BLOAT):
            table = TableName(row.schema, row.name)
            remedy = "VACUUM FULL locks the table until it is done; pg_repack does the same without that"
            full = (f"VACUUM (FULL, ANALYZE) {spelled(quote, table)}",)
            found.append(Bloat(str(table), int(row.bytes), int(row.wasted), False, remedy, full))
        return tuple(found)

    def wraparound(self, connection: "Connection") -> tuple[Wraparound, ...]:
        """The age of the oldest transaction of each database, and of this one's oldest tables."""
        quote = quoter(connection)
        found = []
        for row in connection.exec_driver_sql(sql.AGES):
            what = f"database {row.name}"
            vacuum: tuple[str, ...] = ("VACUUM (FREEZE)",) if row.is_here else ()  # which has to be run there
            if row.is_table:
                table = TableName(row.schema, row.name)
                what, vacuum = str(table), (f"VACUUM (FREEZE) {spelled(quote, table)}",)
            found.append(Wraparound(what, row.kind, int(row.age), AGES, vacuum))
        return tuple(found)

    def sessions(self, connection: "Connection") -> tuple[Session, ...]:
        """pg_stat_activity of this database without this session; blockers by pg_blocking_pids."""
        found = []
        for row in connection.exec_driver_sql(sql.SESSIONS):
            hidden = row.query == HIDDEN
            found.append(
                Session(
                    int(row.pid), row.usename, row.application_name or None, row.client, row.state or "",
                    None if hidden else row.query, row.query_seconds, row.transaction_seconds, row.idle_seconds,
                    tuple(row.blocked_by), row.waits_for, hidden,
                )
            )  # fmt: skip
        return tuple(found)

    def connections(self, connection: "Connection") -> Connections:
        """Client backends of the whole server, and how many ordinary users may have."""
        row = connection.exec_driver_sql(sql.CONNECTIONS).one()
        return Connections(int(row.used), int(row.most))

    def cache(self, connection: "Connection") -> CacheUse:
        """Blocks of this database that were found in shared_buffers, and those that were not."""
        row = connection.exec_driver_sql(sql.CACHE).one()
        return CacheUse(int(row.hits), int(row.reads), f"shared_buffers = {row.buffers}")

    def statements(self, connection: "Connection") -> tuple[Statement, ...]:
        """pg_stat_statements of this database, those that took most time in all first."""
        where = connection.exec_driver_sql(sql.STATEMENTS_SCHEMA).scalar()
        if where is None:
            raise CannotTell("the extension pg_stat_statements is not installed here", ENABLE_STATEMENTS)
        if not connection.exec_driver_sql(sql.STATEMENTS_LOADED).scalar():
            raise CannotTell("pg_stat_statements was not loaded when the server started", ENABLE_STATEMENTS)
        version = connection.dialect.server_version_info or (0,)
        time = "exec_time" if version >= (13,) else "time"
        schema = connection.dialect.identifier_preparer.quote(where)
        rows = connection.exec_driver_sql(sql.STATEMENTS.format(schema=schema, time=time))
        return tuple(
            Statement(
                r.query, int(r.calls), float(r.total), float(r.mean), int(r.rows), hidden=r.query == HIDDEN
            )
            for r in rows
        )  # fmt: skip

    def settings(self, connection: "Connection") -> tuple[Advice, ...]:
        """pg_settings as the server has them, whatever this session has set."""
        known = {row.name: row for row in connection.exec_driver_sql(sql.SETTINGS)}
        pages = int(connection.exec_driver_sql(sql.PAGES).scalar() or 0)
        return tuple(advice for rule in RULES if (advice := rule(known, pages)) is not None)

    def text_columns(self, connection: "Connection") -> tuple[TextColumn, ...]:
        """Columns of a string type; a sample of those that this role may read, in tables whose every row it sees."""
        quote: Quote = connection.dialect.identifier_preparer.quote
        found = []
        for row in connection.exec_driver_sql(sql.TEXT_COLUMNS):
            table, column = TableName(row.schema, row.table_name), quote(row.name)
            sample = f"SELECT left({column}::text, 200) AS v FROM {spelled(quote, table)} WHERE {column} <> '' LIMIT 50"
            found.append(TextColumn(table, row.name, sample if row.readable else None))
        return tuple(found)
