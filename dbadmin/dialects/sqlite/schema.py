"""The schema of a SQLite file as a flat map, two texts of one meaning giving one definition."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.base import SchemaReader
from dbadmin.dialects.names import join
from dbadmin.dialects.sqlite import ddl, tokens
from dbadmin.dialects.sqlite.raw import reading
from dbadmin.dialects.sqlite.schema_sql import COLUMNS, FOREIGN_KEYS, INTERNAL_INDEXES, NUMBERS, OBJECTS
from dbadmin.dialects.values import ObjectKey, Schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Endings of the names of shadow tables: FTS3 to FTS5, R*Tree.
SHADOWS = (
    "data",
    "idx",
    "content",
    "docsize",
    "config",
    "segments",
    "segdir",
    "stat",
    "node",
    "parent",
    "rowid",
)

_EXTERNAL_TEXT = re.compile(r"create\s+virtual\b.*\bcontent\s*=", re.IGNORECASE | re.DOTALL)
_CONSTANT_DEFAULT = re.compile(r"(?P<type>\w[^']*?) DEFAULT (?P<value>'(?:[^']|'')*'|-?[\d.]+)")

# What Alembic's batch mode writes back for these, the engine treating both alike.
_SAME_TYPE = {"INT": "INTEGER", "BOOL": "BOOLEAN"}


@dataclass
class Table:
    """What the catalog tells about one table."""

    name: str
    sql: str
    columns: list[tuple[str, str, bool, str | None, int, int]] = field(default_factory=list)
    foreign_keys: int = 0
    unique: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def primary_key(self) -> list[str]:
        """Columns of the primary key, in its order."""
        return [c[0] for c in sorted((c for c in self.columns if c[4]), key=lambda c: c[4])]


class SqliteSchema(SchemaReader):
    """Reads `sqlite_master` and the table-valued pragmas: seven queries, whatever the number of tables."""

    def read(self, connection: "Connection") -> Schema:
        """Every object with its definition; names that SQLite made up (sqlite_autoindex_…) do not occur.

        A constraint without a name has its own definition as the last part of its name.
        """
        return reading(connection, read)

    def canonical(
        self, connection: "Connection", pairs: Mapping[ObjectKey, tuple[str, str]]
    ) -> Mapping[ObjectKey, tuple[str, str]]:
        """Constant defaults that are one value of the column's type (`'0'` and `0` of a NUMERIC) become equal.

        Nothing else is left to do: `read` gives one definition to texts of one meaning.
        """
        result = dict(pairs)
        for key, pair in pairs.items():
            found = [match for text in pair if (match := _CONSTANT_DEFAULT.fullmatch(text))]
            if key.kind == "column" and len(found) == 2 and found[0]["type"] == found[1]["type"]:
                one, other = (match["value"] for match in found)
                if _same_value(connection, found[0]["type"].partition(" ")[0], one, other):
                    result[key] = (pair[1], pair[1])
        return result


def _same_value(connection: "Connection", type_: str, one: str, other: str) -> bool:
    """Whether two literals are the same once a column of this type holds them; leaves nothing."""
    ask = connection.exec_driver_sql
    ask(f"CREATE TEMP TABLE dbadmin_like (a {type_} DEFAULT {one}, b {type_} DEFAULT {other})".replace("%", "%%"))
    try:
        ask("INSERT INTO temp.dbadmin_like DEFAULT VALUES")
        return bool(ask("SELECT a IS b AND typeof(a) = typeof(b) FROM temp.dbadmin_like").scalar())
    finally:
        if not connection.invalidated:
            ask("DROP TABLE temp.dbadmin_like")


def read(raw: sqlite3.Connection) -> dict[ObjectKey, str]:
    """As `SqliteSchema.read`, from a sqlite3 connection whose text_factory is str."""
    ask = _asker(raw)
    objects = _without_shadows(ask(OBJECTS))
    tables = _tables(objects, ask)
    refer = _referring(tables)
    names = {row[1] for row in objects} | {c[0] for table in tables.values() for c in table.columns}
    schema: dict[ObjectKey, str] = {}
    for kind, name, table_name, sql in objects:
        if kind == "table" and name in tables:
            schema.update(_table(tables[name], refer))
        elif kind == "table":
            schema[ObjectKey("table", join([name]))] = tokens.text(sql, names)
        elif kind == "index":
            key = ObjectKey("index", join([table_name, name]))
            schema[key] = ddl.create_index(sql, _spelling(tables[table_name]))
        else:
            own = [name] if kind == "view" else [table_name, name]
            schema[ObjectKey(kind, join(own))] = tokens.text(sql, names)
    schema.update({ObjectKey("setting", name): str(value) for name, value in ask(NUMBERS)})
    if ask("SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_sequence'"):
        for name, position in ask("SELECT name, seq FROM main.sqlite_sequence ORDER BY name"):
            schema[ObjectKey("sequence-position", join([name]))] = str(position)
    return schema


def tables_of(raw: sqlite3.Connection) -> list[str]:
    """Names of tables with rows of their own, sorted: ordinary and virtual ones.

    A full-text index on another table's text shows that table's rows, whatever it holds itself; how long each document
    is that it knows stands in a table behind it.
    """
    objects = [row for row in _asker(raw)(OBJECTS) if row[0] == "table"]
    indexes = {f"{row[1]}_docsize" for row in objects if _EXTERNAL_TEXT.match(row[3])}
    own = [row[1] for row in _without_shadows(objects)]
    return sorted({*own, *indexes.intersection(row[1] for row in objects)})


def _without_shadows(objects: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Without the tables that a full-text index or an R*Tree keeps its own data in: they come and go with it."""
    virtual = [row[1] for row in objects if row[0] == "table" and row[3].upper().startswith("CREATE VIRTUAL")]
    shadows = {f"{name}_{suffix}" for name in virtual for suffix in SHADOWS}
    return [row for row in objects if row[2] not in shadows]


def _asker(raw: sqlite3.Connection) -> Any:
    def ask(sql: str) -> list[tuple[Any, ...]]:
        cursor = raw.cursor()
        try:
            return cursor.execute(sql).fetchall()
        finally:
            cursor.close()

    return ask


def _tables(objects: list[tuple[Any, ...]], ask: Any) -> dict[str, Table]:
    tables = {
        name: Table(name, sql)
        for kind, name, _, sql in objects
        if kind == "table" and not sql.upper().startswith("CREATE VIRTUAL")
    }
    for table, column, type_, not_null, default, pk, hidden in ask(COLUMNS):
        if table in tables:
            tables[table].columns.append((column, type_, bool(not_null), default, pk, hidden))
    for table, number in ask(FOREIGN_KEYS):
        if table in tables:
            tables[table].foreign_keys = number
    indexes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table, origin, index, column in ask(INTERNAL_INDEXES):
        if origin == "u" and table in tables:
            indexes[table, index].append(column)
    for (table, _), columns in indexes.items():
        tables[table].unique.add(tuple(columns))
    return tables


def _spelling(table: Table) -> dict[str, str]:
    return {column[0].lower(): column[0] for column in table.columns}


def _table(table: Table, refer: ddl.Refer) -> dict[ObjectKey, str]:
    """A table, its columns and constraints; where its text cannot be relied on, that whole text is the table."""
    names = _spelling(table)
    try:
        found = ddl.create_table(table.sql, names, refer)
        agreed = _agrees(table, found)
    except (ValueError, IndexError):
        agreed = False
    if not agreed:
        found = ddl.TableText(options=("AS WRITTEN", tokens.text(table.sql)))
    rowid_alias = _is_rowid_alias(table, found)
    schema = {
        ObjectKey("table", join([table.name])): ", ".join(
            ["TABLE", *found.options, *(["AUTOINCREMENT"] if found.autoincrement else [])]
        ),
        ObjectKey("column-order", join([table.name])): join((c[0] for c in table.columns), ", "),
    }
    for column in table.columns:
        schema[ObjectKey("column", join([table.name, column[0]]))] = _column(column, table, found, rowid_alias)
    schema.update(_constraints(table, found))
    return schema


def _agrees(table: Table, found: ddl.TableText) -> bool:
    """Whether what was read from the text is what the engine read from it."""
    keys = [text for _, text in found.constraints if text.startswith("PRIMARY KEY")]
    unique = sum(text.startswith("UNIQUE") for _, text in found.constraints)
    foreign = sum(text.startswith("FOREIGN KEY") for _, text in found.constraints)
    return (
        [name.lower() for name in found.columns] == [c[0].lower() for c in table.columns]
        and len(keys) == (1 if table.primary_key else 0)
        and foreign == table.foreign_keys
        and unique >= len(table.unique)
    )


def _is_rowid_alias(table: Table, found: ddl.TableText) -> bool:
    key = table.primary_key
    return (
        len(key) == 1
        and "WITHOUT ROWID" not in found.options
        and any(c[0] == key[0] and c[1].upper() == "INTEGER" for c in table.columns)
        and not any(text.startswith("PRIMARY KEY") and " DESC" in text for _, text in found.constraints)
    )


def _column(
    column: tuple[str, str, bool, str | None, int, int], table: Table, found: ddl.TableText, rowid_alias: bool
) -> str:
    name, type_, not_null, default, pk, _ = column
    text = found.columns.get(name) or next(
        (c for c in found.columns.values() if c.name.lower() == name.lower()), ddl.ColumnText(name)
    )
    spelled = " ".join(type_.upper().split()).replace(" (", "(").replace(", ", ",")
    # INT PRIMARY KEY is no alias of the rowid and INTEGER PRIMARY KEY is: there the difference counts
    parts = [spelled if pk else _SAME_TYPE.get(spelled, spelled)]
    if text.collation not in (None, "BINARY"):
        parts.append(f"COLLATE {text.collation}")
    if text.generated:
        parts.append(text.generated)
    # a key of a WITHOUT ROWID table is NOT NULL anyhow, and an alias of the rowid takes NULL as "the next number"
    if not_null and not (pk and (rowid_alias or "WITHOUT ROWID" in found.options)):
        parts.append(f"NOT NULL{text.not_null_conflict or ''}")
    if default is not None:
        body = tokens.expression(tokens.without_parentheses(tokens.tokens(default)), {})
        parts.append(f"DEFAULT {body}")
    return " ".join(part for part in parts if part)


def _constraints(table: Table, found: ddl.TableText) -> dict[ObjectKey, str]:
    schema: dict[ObjectKey, str] = {}
    for name, definition in found.constraints:
        key = ObjectKey("constraint", join([table.name, name or definition]))
        if name is None and key in schema:
            continue  # the same rule twice is one rule
        number = 2
        while key in schema:
            key = ObjectKey("constraint", join([table.name, f"{name} #{number}"]))
            number += 1
        schema[key] = definition
    return schema


def _referring(tables: Mapping[str, Table]) -> ddl.Refer:
    """Foreign keys in one spelling: names as their tables have them, the key where no columns are named."""
    lowered = {name.lower(): table for name, table in tables.items()}

    def refer(target: str, columns: list[str]) -> str:
        table = lowered.get(target.lower())
        if table is None:
            return f"{tokens.spelled(target.lower())} ({', '.join(map(tokens.spelled, columns))})"
        names = _spelling(table)
        referred = [names.get(c.lower(), c) for c in columns] or table.primary_key
        return f"{tokens.spelled(table.name)} ({', '.join(map(tokens.spelled, referred))})"

    return refer
