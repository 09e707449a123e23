"""What SQLAlchemy reads in SHOW CREATE TABLE, read in information_schema: there a name may hold anything."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.mysql import catalog_sql as sql
from dbadmin.dialects.values import Reference, TableName

if TYPE_CHECKING:
    from sqlalchemy import Row

Key = tuple[str | None, str]


def columns(connection: Any, described: Mapping[Key, Any]) -> Mapping[Key, Any]:
    """Columns as SQLAlchemy describes them, and anew where it missed one: a backtick or a line break is in its name."""
    from sqlalchemy import text

    numbers = {row.name: row.number for row in connection.exec_driver_sql(sql.NUMBERS_OF_COLUMNS)}
    found = dict(described)
    for key, known in described.items():
        if len(known) != numbers.get(key[1]) or any("`" in column["name"] for column in known):
            rows = connection.execute(text(sql.COLUMNS), {"name": key[1]})
            found[key] = _named(known, [row.name for row in rows if row.table_name == key[1]])
    return found


def _named(known: Any, names: list[str]) -> list[Any]:
    """Columns by their names; of an unknown type where nothing is known."""
    from sqlalchemy.types import NullType

    by_name = {column["name"].replace("``", "`"): column for column in known}
    return [{**by_name.get(name, {"type": NullType(), "nullable": True}), "name": name} for name in names]


def references(connection: Any) -> Iterator[Reference]:
    """Foreign keys of the tables of this database."""
    found: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in connection.exec_driver_sql(sql.REFERENCES):
        found.setdefault((row.table_name, row.name), []).append(row)
    for (table, name), parts in found.items():
        referred = TableName(parts[0].referred_schema, parts[0].referred)
        own, others = tuple(part.column_name for part in parts), tuple(part.referred_column for part in parts)
        yield Reference(TableName(None, table), own, referred, others, name)
