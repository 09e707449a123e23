"""What information_schema says of tables. Each question is one query, whatever the number of tables."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.base import Catalog
from dbadmin.dialects.mysql import catalog_sql as sql
from dbadmin.dialects.mysql import reflecting
from dbadmin.dialects.values import Reference, TableName
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
    from sqlalchemy import Connection, Inspector, Row

COUNTED_AT_ONCE = 1_000
"""Tables counted by one statement; each is open meanwhile."""

NO_RULE = ("NO ACTION", "RESTRICT")
"""Both refuse at once; InnoDB makes no difference between them."""


class MysqlCatalog(Catalog):
    """Tables of the connected database: what other engines call a schema is a database of its own here."""

    def tables(self, connection: "Connection", *, exact: bool) -> tuple[TableInfo, ...]:
        """Every table; rows as the engine estimates them, or counted if `exact`.

        A table that this user may not read is never counted. MySQL 8 keeps estimates for a day
        (information_schema_stats_expiry).
        """
        rows = _tables(connection)
        columns = {row.name: row.number for row in connection.exec_driver_sql(sql.NUMBERS_OF_COLUMNS)}
        indexes = {row.name: row.number for row in connection.exec_driver_sql(sql.NUMBERS_OF_INDEXES)}
        counted = _count(connection, [row.name for row in rows]) if exact else {}
        return tuple(
            TableInfo(
                table=row.name,
                rows=counted.get(row.name, row.estimate),
                exact=row.name in counted,
                bytes=row.bytes,
                index_bytes=row.index_bytes,
                columns=columns.get(row.name, 0),
                indexes=indexes.get(row.name, 0),
                comment=row.comment or None,
            )
            for row in sorted(rows, key=lambda row: str(row.name))
        )

    def counts(
        self, connection: "Connection", *, exact: bool, among: Collection[str] | None = None
    ) -> tuple[TableCount, ...]:
        """Rows as the engine estimates them, or counted if `exact`, where this user may read the table."""
        names = [name for name in _names(connection) if among is None or name in among]
        counted = _count(connection, names) if exact else {}
        are_all = len(counted) == len(names)
        estimates = {} if are_all else {str(row.name): row.estimate for row in _tables(connection)}
        return tuple(TableCount(n, counted.get(n, estimates.get(n)), n in counted) for n in names)

    def table_names(self, connection: "Connection") -> tuple[TableName, ...]:
        """Ordinary and partitioned tables, without views and sequences."""
        return tuple(TableName(None, name) for name in _names(connection))

    def describe(self, connection: "Connection", table: TableName) -> TableDescription:
        """Columns, indexes, constraints, relations and sizes; raises UnknownName."""
        about = _about(connection, table)
        name = str(about.name)
        parts = _indexes(connection, name)
        keys = _foreign_keys(connection, name)
        return TableDescription(
            table=name,
            model=None,
            comment=about.comment or None,
            rows=about.estimate,
            exact=False,
            bytes=about.bytes,
            index_bytes=about.index_bytes,
            columns=tuple(_column(connection, row) for row in _rows(connection, sql.COLUMNS, name)),
            indexes=tuple(_index(connection, index) for index in parts),
            constraints=_constraints(connection, name, parts, keys),
            relations=_relations(name, keys),
        )

    def columns(self, inspector: "Inspector", schema: str | None) -> "Mapping[tuple[str | None, str], Any]":
        found = super().columns(inspector, schema)
        return found if schema else reflecting.columns(inspector.bind, found)

    def references(self, inspector: "Inspector", schema: str | None) -> Iterable[Reference]:
        return super().references(inspector, schema) if schema else reflecting.references(inspector.bind)

    def estimate(self, connection: "Connection", table: TableName) -> int | None:
        """Rows as the engine estimates them. Raises UnknownName."""
        estimate: int | None = _about(connection, table).estimate
        return estimate


def _tables(connection: "Connection") -> "Sequence[Row[Any]]":
    return connection.exec_driver_sql(sql.TABLES).all()


def _names(connection: "Connection") -> list[str]:
    return sorted(str(row.name) for row in connection.exec_driver_sql(sql.TABLE_NAMES))


def _rows(connection: "Connection", query: str, name: str) -> "list[Row[Any]]":
    """The rows of a query on one table; information_schema also finds names that differ by case or accents."""
    from sqlalchemy import text

    return [row for row in connection.execute(text(query), {"name": name}) if row.table_name == name]


def _about(connection: "Connection", table: TableName) -> "Row[Any]":
    from sqlalchemy import text

    here = connection.exec_driver_sql("SELECT DATABASE(), @@lower_case_table_names").one()
    name = table.name if here[1] == 0 else table.name.lower()
    if table.schema in (None, here[0]):
        for row in connection.execute(text(sql.ONE_TABLE), {"name": table.name}):
            if (row.name if here[1] == 0 else row.name.lower()) == name:
                return row
    raise UnknownName("table", str(table), _names(connection))


def _count(connection: "Connection", names: Sequence[str]) -> dict[str, int]:
    """Count many tables at once, each in a column of its own; one by one where a table may not be read."""
    from sqlalchemy.exc import DBAPIError

    found: dict[str, int] = {}
    for start in range(0, len(names), COUNTED_AT_ONCE):
        some = names[start : start + COUNTED_AT_ONCE]
        try:
            found |= _count_together(connection, some)
        except DBAPIError as error:
            if not _denied(error):
                raise
            found |= _count_one_by_one(connection, some)
    return found


def _count_together(connection: "Connection", names: Sequence[str]) -> dict[str, int]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    counts = ", ".join(f"(SELECT count(*) FROM {quote(name)})" for name in names)
    row = connection.exec_driver_sql(f"SELECT {counts}", ()).one()
    return dict(zip(names, map(int, row), strict=True))


def _count_one_by_one(connection: "Connection", names: Sequence[str]) -> dict[str, int]:
    from sqlalchemy.exc import DBAPIError

    found: dict[str, int] = {}
    for name in names:
        try:
            found |= _count_together(connection, [name])
        except DBAPIError as error:
            if not _denied(error):
                raise
    return found


def _denied(error: Any) -> bool:
    """Whether a table or a column may not be read (1142, 1143)."""
    from dbadmin.dialects.mysql.errors import error_number

    return error.orig is not None and error_number(error.orig) in (1142, 1143)


def _column(connection: "Connection", row: "Row[Any]") -> ColumnInfo:
    extra = str(row.extra or "")
    return ColumnInfo(
        name=row.name,
        type=row.type,
        nullable=bool(row.nullable),
        default=_default(connection, row, extra),
        primary_key=bool(row.primary_key),
        generated=_generated(row, extra),
        comment=row.comment or None,
    )


def _generated(row: "Row[Any]", extra: str) -> str | None:
    if row.generation:
        return f"GENERATED ALWAYS AS ({row.generation}) {'STORED' if 'STORED' in extra.upper() else 'VIRTUAL'}"
    return "AUTO_INCREMENT" if "auto_increment" in extra.lower() else None


def _default(connection: "Connection", row: "Row[Any]", extra: str) -> str | None:
    """The default as an expression. MariaDB tells it so, and NULL too; MySQL tells text without quotes."""
    if row.generation:
        return None
    found = None if row.expression is None else str(row.expression)
    if getattr(connection.dialect, "is_mariadb", False):
        found = None if found == "NULL" else found
    elif found is not None and "DEFAULT_GENERATED" not in extra:
        found = "'" + found.replace("'", "''") + "'"
    _, renewed, by = extra.lower().partition("on update ")
    return f"{found or 'NULL'} ON UPDATE {by}" if renewed else found


def _indexes(connection: "Connection", name: str) -> "list[list[Row[Any]]]":
    """The key parts of each index."""
    has_expressions = not getattr(connection.dialect, "is_mariadb", False)
    query = sql.INDEXES.format(expression="expression" if has_expressions else "NULL")
    found: dict[str, list[Row[Any]]] = {}
    for row in _rows(connection, query, name):
        found.setdefault(row.name, []).append(row)
    return list(found.values())


def _index(connection: "Connection", parts: "Sequence[Row[Any]]") -> IndexInfo:
    first = parts[0]
    kind = {"FULLTEXT": "FULLTEXT ", "SPATIAL": "SPATIAL "}.get(first.type, "UNIQUE " if first.is_unique else "")
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(_part(connection, part) for part in parts)
    definition = f"PRIMARY KEY ({columns})" if first.name == "PRIMARY" else f"{kind}KEY {quote(first.name)} ({columns})"
    return IndexInfo(first.name, bool(first.is_unique), tuple(p.column_name or p.expression for p in parts), definition)


def _part(connection: "Connection", part: "Row[Any]") -> str:
    name = (
        connection.dialect.identifier_preparer.quote(part.column_name) if part.column_name else f"({part.expression})"
    )
    prefix = f"({part.prefix})" if part.prefix else ""
    return f"{name}{prefix}{' DESC' if part.is_descending else ''}"


def _foreign_keys(connection: "Connection", name: str) -> "list[list[Row[Any]]]":
    """The columns of each foreign key from or to the table."""
    from sqlalchemy import text

    found: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in connection.execute(text(sql.FOREIGN_KEYS), {"name": name}):
        if row.table_name == name or (row.referred == name and row.referred_schema is None):
            found.setdefault((row.table_name, row.name), []).append(row)
    return list(found.values())


def _relations(name: str, keys: "Iterable[Sequence[Row[Any]]]") -> tuple[Relation, ...]:
    found = []
    for key in keys:
        first = key[0]
        columns, referred = tuple(row.column_name for row in key), tuple(row.referred_column for row in key)
        rule = None if first.delete_rule in NO_RULE else first.delete_rule
        target = str(TableName(first.referred_schema, first.referred))
        if first.table_name == name:
            found.append(Relation("out", target, columns, referred, first.name, rule))
        if target == name:
            found.append(Relation("in", first.table_name, columns, referred, first.name, rule))
    return tuple(sorted(found, key=lambda relation: (relation.direction != "out", relation.table, relation.name or "")))


def _constraints(
    connection: "Connection", name: str, indexes: "Sequence[Sequence[Row[Any]]]", keys: "Sequence[Sequence[Row[Any]]]"
) -> tuple[ConstraintInfo, ...]:
    """Primary key, uniques, checks and foreign keys, in this order."""
    found = []
    for parts in indexes:
        if parts[0].is_unique:
            kind = "primary key" if parts[0].name == "PRIMARY" else "unique"
            columns = ", ".join(_part(connection, part) for part in parts)
            found.append(ConstraintInfo(parts[0].name, kind, f"{kind.upper()} ({columns})"))
    is_mariadb = getattr(connection.dialect, "is_mariadb", False)
    checks = _rows(connection, sql.CHECKS_OF_MARIADB if is_mariadb else sql.CHECKS_OF_MYSQL, name)
    found += [ConstraintInfo(row.name, "check", f"CHECK ({row.clause})") for row in checks]
    found += [_foreign_key(connection, key) for key in keys if key[0].table_name == name]
    return tuple(found)


def _foreign_key(connection: "Connection", key: "Sequence[Row[Any]]") -> ConstraintInfo:
    quote = connection.dialect.identifier_preparer.quote
    first = key[0]
    target = ".".join(quote(part) for part in (first.referred_schema, first.referred) if part is not None)
    rules: Mapping[str, str] = {"DELETE": first.delete_rule, "UPDATE": first.update_rule}
    definition = (
        f"FOREIGN KEY ({', '.join(quote(row.column_name) for row in key)}) REFERENCES {target}"
        f"({', '.join(quote(row.referred_column) for row in key)})"
        + "".join(f" ON {event} {rule}" for event, rule in rules.items() if rule not in NO_RULE)
    )
    return ConstraintInfo(first.name, "foreign key", definition)
