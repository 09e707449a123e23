"""What SQLite's catalog says of tables; the queries stand in `catalog_sql`."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.base import Catalog
from dbadmin.dialects.sqlite.catalog_sql import (
    COLUMNS,
    ESTIMATES,
    FOREIGN_KEYS,
    INDEXES,
    NAMES,
    OLD_NAMES,
    OLD_TABLES,
    SIZES,
    TABLES,
)
from dbadmin.dialects.values import TableName
from dbadmin.errors import UnknownName
from dbadmin.results import (
    ColumnInfo,
    ConstraintInfo,
    IndexInfo,
    Relation,
    TableCount,
    TableDescription,
    TableInfo,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

COUNTED_AT_ONCE = 1_000
MEASURED_UNASKED = 256 * 2**20
"""dbstat reads every page: files larger than this are measured only when exact numbers are asked for."""

HIDDEN = {2: "VIRTUAL", 3: "STORED"}


class SqliteCatalog(Catalog):
    """Tables of the main database; virtual tables as themselves, not as the shadow tables behind them."""

    def tables(self, connection: "Connection", *, exact: bool) -> tuple[TableInfo, ...]:
        """Every table; rows as the last ANALYZE found them, None before it, or counted if `exact`."""
        rows = _tables(connection)
        estimates = _estimates(connection)
        counted = _count(connection, [row.name for row in rows]) if exact else {}
        sizes = _sizes(connection, unasked=not exact)
        return tuple(
            TableInfo(
                table=row.name,
                rows=counted.get(row.name, estimates.get(row.name)),
                exact=row.name in counted,
                bytes=_size(sizes, row, 0),
                index_bytes=_size(sizes, row, 1),
                columns=row.columns,
                indexes=row.indexes,
            )
            for row in sorted(rows, key=lambda row: str(row.name))
        )

    def counts(
        self, connection: "Connection", *, exact: bool, among: Collection[str] | None = None
    ) -> tuple[TableCount, ...]:
        """Rows as the last ANALYZE found them, None before it, or counted if `exact`."""
        version = connection.dialect.server_version_info or (0,)
        found = connection.exec_driver_sql(NAMES if version >= (3, 37) else OLD_NAMES).scalars()
        names = sorted(str(name) for name in found if among is None or name in among)
        rows = _count(connection, names) if exact else _estimates(connection)
        return tuple(TableCount(name, rows.get(name), exact) for name in names)

    def table_names(self, connection: "Connection") -> tuple[TableName, ...]:
        """Ordinary and virtual tables."""
        return tuple(sorted((TableName(None, row.name) for row in _tables(connection)), key=str))

    def describe(self, connection: "Connection", table: TableName) -> TableDescription:
        """Columns, indexes, constraints and relations; raises UnknownName. SQLite has no comments."""
        row = _one(connection, table)
        literal = _literal(row.name)
        sizes = _sizes(connection, unasked=True)
        columns = connection.exec_driver_sql(COLUMNS.format(table=literal)).all()
        indexes = _indexes(connection, literal)
        keys = _foreign_keys(connection, literal)
        return TableDescription(
            table=row.name,
            model=None,
            comment=None,
            rows=_estimates(connection).get(row.name),
            exact=False,
            bytes=_size(sizes, row, 0),
            index_bytes=_size(sizes, row, 1),
            columns=tuple(_column(column) for column in columns if column.hidden != 1),
            indexes=tuple(index for index, _ in indexes),
            constraints=_constraints(connection, row.name, columns, indexes, keys),
            relations=_relations(connection, row.name, keys),
        )

    def estimate(self, connection: "Connection", table: TableName) -> int | None:
        """Rows as the last ANALYZE found them. Raises UnknownName."""
        return _estimates(connection).get(_one(connection, table).name)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _tables(connection: "Connection") -> "Sequence[Row[Any]]":
    version = connection.dialect.server_version_info or (0,)
    return connection.exec_driver_sql(TABLES if version >= (3, 37) else OLD_TABLES).all()


def _one(connection: "Connection", table: TableName) -> "Row[Any]":
    rows = _tables(connection)
    for row in rows:
        if table.schema in (None, "main") and row.name.lower() == table.name.lower():
            return row
    raise UnknownName("table", str(table), (row.name for row in rows))


def _count(connection: "Connection", names: Sequence[str]) -> dict[str, int]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    counts = [f"({_literal(name)}, (SELECT count(*) FROM main.{quote(name)}))" for name in names]
    found: dict[str, int] = {}
    for start in range(0, len(counts), COUNTED_AT_ONCE):
        values = ",\n".join(counts[start : start + COUNTED_AT_ONCE])
        found |= {str(name): rows for name, rows in connection.exec_driver_sql(f"VALUES {values}")}
    return found


def _estimates(connection: "Connection") -> dict[str, int]:
    there = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").scalar()
    if not there:
        return {}
    return {str(name): rows for name, rows in connection.exec_driver_sql(ESTIMATES)}


def _sizes(connection: "Connection", *, unasked: bool) -> dict[tuple[str, int], int] | None:
    """Bytes by table and (0) table or (1) index; None without dbstat, or where measuring would take long."""
    if unasked:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        if pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one() > MEASURED_UNASKED:
            return None
    has_dbstat = "SELECT count(*) FROM pragma_module_list WHERE name = 'dbstat'"
    if not connection.exec_driver_sql(has_dbstat).scalar():
        return None
    return {(row[0], int(row[1])): row[2] for row in connection.exec_driver_sql(SIZES)}


def _size(sizes: Mapping[tuple[str, int], int] | None, row: "Row[Any]", index: int) -> int | None:
    if sizes is None:
        return None
    own = sizes.get((row.name, index), 0)
    if not row.is_virtual:
        return own
    prefix = row.name.lower() + "_"
    return own + sum(size for (name, i), size in sizes.items() if i == index and name.lower().startswith(prefix))


def _column(row: "Row[Any]") -> ColumnInfo:
    return ColumnInfo(
        name=row.name,
        type=row.type,
        nullable=not row.is_not_null,
        default=row.dflt_value,
        primary_key=row.pk > 0,
        generated=f"GENERATED ALWAYS {HIDDEN[row.hidden]}" if row.hidden in HIDDEN else None,
    )


def _indexes(connection: "Connection", literal: str) -> list[tuple[IndexInfo, str]]:
    """Each index with its origin: c (CREATE INDEX), u (UNIQUE) or pk."""
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.exec_driver_sql(INDEXES.format(table=literal)):
        found.setdefault(row.name, []).append(row)
    return [
        (
            IndexInfo(
                name,
                bool(rows[0].is_unique),
                tuple(r.column_name or "(expression)" for r in rows),
                rows[0].definition,
            ),
            rows[0].origin,
        )
        for name, rows in found.items()
    ]


def _foreign_keys(connection: "Connection", literal: str) -> "list[list[Row[Any]]]":
    found: dict[tuple[str, int], list[Row[Any]]] = {}
    for row in connection.exec_driver_sql(FOREIGN_KEYS.format(table=literal)):
        found.setdefault((row.table_name, row.id), []).append(row)
    return list(found.values())


def _referred(connection: "Connection", key: "Sequence[Row[Any]]") -> tuple[str, ...]:
    """The referred columns; a key that names none means the primary key."""
    if key[0].referred_column is not None:
        return tuple(row.referred_column for row in key)
    rows = connection.exec_driver_sql(COLUMNS.format(table=_literal(key[0].referred))).all()
    return tuple(row.name for row in sorted(rows, key=lambda row: int(row.pk)) if row.pk)


def _relations(connection: "Connection", name: str, keys: "Sequence[Sequence[Row[Any]]]") -> tuple[Relation, ...]:
    found = []
    for key in keys:
        first, columns, referred = key[0], tuple(row.column_name for row in key), _referred(connection, key)
        rule = None if first.on_delete == "NO ACTION" else first.on_delete
        if first.table_name == name:
            found.append(Relation("out", first.referred, columns, referred, None, rule))
        if first.referred.lower() == name.lower():
            found.append(Relation("in", first.table_name, columns, referred, None, rule))
    return tuple(sorted(found, key=lambda relation: (relation.direction != "out", relation.table)))


def _constraints(
    connection: "Connection",
    name: str,
    columns: "Sequence[Row[Any]]",
    indexes: Sequence[tuple[IndexInfo, str]],
    keys: "Sequence[Sequence[Row[Any]]]",
) -> tuple[ConstraintInfo, ...]:
    quote = connection.dialect.identifier_preparer.quote

    def listed(names: Sequence[str]) -> str:
        return ", ".join(quote(column) for column in names)

    found = []
    primary = [column.name for column in sorted(columns, key=lambda column: int(column.pk)) if column.pk]
    if primary:
        found.append(ConstraintInfo(None, "primary key", f"PRIMARY KEY ({listed(primary)})"))
    for index, origin in indexes:
        if origin == "u":
            found.append(ConstraintInfo(None, "unique", f"UNIQUE ({listed(index.columns)})"))
    for key in keys:
        if key[0].table_name == name:
            rule = "" if key[0].on_delete == "NO ACTION" else f" ON DELETE {key[0].on_delete}"
            definition = (
                f"FOREIGN KEY ({listed([row.column_name for row in key])}) REFERENCES "
                f"{quote(key[0].referred)}({listed(_referred(connection, key))}){rule}"
            )
            found.append(ConstraintInfo(None, "foreign key", definition))
    return (*found, *_checks(connection, name))


def _checks(connection: "Connection", name: str) -> list[ConstraintInfo]:
    """CHECKs stand in the table's text alone; SQLAlchemy reads them there."""
    from sqlalchemy import inspect

    checks = inspect(connection).get_check_constraints(name)
    return [ConstraintInfo(check["name"], "check", f"CHECK ({' '.join(check['sqltext'].split())})") for check in checks]
