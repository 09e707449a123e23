"""The schema of a PostgreSQL database as a flat map, every definition in the server's own words."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from dbadmin.dialects.base import SchemaReader
from dbadmin.dialects.names import join, split, table_of
from dbadmin.dialects.postgresql import schema_sql
from dbadmin.dialects.postgresql.look import PUBLIC, ask, looking, qualified, quote, rows, undone
from dbadmin.dialects.values import ObjectKey, Schema
from dbadmin.errors import NotSupported

if TYPE_CHECKING:
    from sqlalchemy import Connection

OLDEST = (15,)
_CONSTANT_DEFAULT = re.compile(
    r"""^(.*?\ DEFAULT\ )
        ((?:'(?:[^']|'')*'|\(?-?[\d.]+\)?|true|false)(?:::[\w\s".\[\]()]+?)?)
        (\ NOT\ NULL.*|\ COMMENT\ .*|)$""",
    re.VERBOSE | re.DOTALL,
)


class PostgresqlSchema(SchemaReader):
    """Reads the catalogs in about 25 queries, whatever the number of tables (one more per 200 unused sequences)."""

    def read(self, connection: "Connection") -> Schema:
        """Every object with its definition. Names in `public` stand without their schema, whatever search_path is.

        Raises NotSupported on servers older than 15.
        """
        version = connection.dialect.server_version_info or (0,)
        if tuple(version) < OLDEST:
            raise NotSupported(
                f"PostgreSQL {version[0]} is too old for comparing schemas",
                hint="dbadmin compares on PostgreSQL 15 and later: restore into a newer scratch server",
            )
        with looking(connection):
            schema: dict[ObjectKey, str] = {}
            for query in schema_sql.SIMPLE:
                schema.update((_key(kind, parts), text) for kind, parts, text in rows(connection, query))
            schema.update(_columns(connection))
            schema.update(_sequences(connection))
        return schema

    def canonical(
        self, connection: "Connection", pairs: Mapping[ObjectKey, tuple[str, str]]
    ) -> Mapping[ObjectKey, tuple[str, str]]:
        """Both texts as the server writes them today: made once more on an empty temporary table, read back.

        A type changed there and back rewrites the text of CHECKs and of index predicates. Where a text cannot be
        made again it stays as it is. Constant defaults are compared by their value.
        """
        result = dict(pairs)
        with looking(connection):
            for key, pair in pairs.items():
                rewrite = _REWRITES.get(key.kind)
                if key.kind == "column" and _same_words(pair[0]) == _same_words(pair[1]):
                    result[key] = (pair[1], pair[1])
                elif rewrite is not None and pair[0] != pair[1]:
                    result[key] = rewrite(connection, key, pair)
        return result

    def make_room(self, connection: "Connection", schema: Schema) -> None:
        """Extensions that this server has, and schemas."""
        available = {row[0] for row in rows(connection, "SELECT name FROM pg_available_extensions")}
        for key in sorted(schema):
            name = split(key.name)[-1]
            if key.kind == "schema" and name != PUBLIC:
                ask(connection, f"CREATE SCHEMA IF NOT EXISTS {quote(name)}")
        for key in sorted(schema):
            name = split(key.name)[-1]
            if key.kind == "extension" and name in available:
                ask(connection, f"CREATE EXTENSION IF NOT EXISTS {quote(name)} CASCADE")


def _same_words(text: str) -> str:
    return re.sub(r"\bCURRENT_TIMESTAMP\b(?!\()", "now()", text)


def _key(kind: str, parts: Sequence[str]) -> ObjectKey:
    own = parts[1:] if len(parts) > 1 and parts[0] == PUBLIC else parts
    return ObjectKey(kind, join(own))


def _columns(connection: "Connection") -> Iterator[tuple[ObjectKey, str]]:
    """Columns, their order, and on 18 the names of their NOT NULL constraints."""
    order: dict[tuple[str, str], list[str]] = defaultdict(list)
    for schema, table, column, text, not_null in rows(connection, schema_sql.COLUMNS):
        order[schema, table].append(column)
        yield _key("column", [schema, table, column]), text
        if not_null is not None:
            yield _key("not-null-name", [schema, table, column]), not_null
    for name, columns in order.items():
        yield _key("column-order", name), join(columns, ", ")


def _sequences(connection: "Connection") -> Iterator[tuple[ObjectKey, str]]:
    """Sequences, and where they stand: the last number given out, or `1, not called`."""
    unused: list[tuple[str, str]] = []
    for kind, parts, text, last_value, readable in rows(connection, schema_sql.SEQUENCES):
        yield _key(kind, parts), text
        if last_value is not None:
            yield _key("sequence-position", parts), str(last_value)
        elif readable:
            unused.append((parts[0], parts[1]))
    for some in _chunks(unused, 200):
        query = " UNION ALL ".join(
            f"SELECT {i}, last_value, is_called FROM {qualified(*name)}" for i, name in enumerate(some)
        )
        for i, value, called in rows(connection, query):
            yield _key("sequence-position", some[i]), f"{value}{'' if called else ', not called'}"


def _chunks(items: Iterable[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def _constraint(connection: "Connection", key: ObjectKey, pair: tuple[str, str]) -> tuple[str, str]:
    if not all(text.startswith(("CHECK", "EXCLUDE")) for text in pair):
        return pair
    before, after = (
        _made_again(
            connection,
            key,
            f"ALTER TABLE pg_temp.dbadmin_like ADD CONSTRAINT dbadmin_c {text}",
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'pg_temp.dbadmin_like'::regclass AND conname = 'dbadmin_c'",
        )
        or text
        for text in pair
    )
    return before, after


def _index(connection: "Connection", key: ObjectKey, pair: tuple[str, str]) -> tuple[str, str]:
    results = []
    for text in pair:
        head, _, rest = text.partition(" USING ")
        body, mark, flags = rest.partition(" /* ")
        unique = "UNIQUE " if head.startswith("CREATE UNIQUE") else ""
        made = _made_again(
            connection,
            key,
            f"CREATE {unique}INDEX dbadmin_i ON pg_temp.dbadmin_like USING {body}",
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = 'pg_temp.dbadmin_like'::regclass AND indexrelid::regclass::text ~ 'dbadmin_i'",
        )
        results.append(f"{head} USING {made.partition(' USING ')[2]}{mark}{flags}" if made else text)
    return results[0], results[1]


def _view(connection: "Connection", key: ObjectKey, pair: tuple[str, str]) -> tuple[str, str]:
    """Text of a view as this server writes it: another major version qualifies columns otherwise."""
    from sqlalchemy.exc import DBAPIError

    made = []
    for text in pair:
        head, _, rest = text.partition("AS ")
        body = rest.removesuffix(schema_sql.EMPTY)
        try:
            with undone(connection):
                ask(connection, f"CREATE TEMP VIEW dbadmin_v AS {body.strip().rstrip(';')}")
                found = ask(connection, "SELECT pg_get_viewdef('pg_temp.dbadmin_v'::regclass)").scalar()
            made.append(f"{head}AS {found}{rest[len(body) :]}")
        except DBAPIError:
            made.append(text)
    return made[0], made[1]


def _made_again(connection: "Connection", key: ObjectKey, statement: str, read_back: str) -> str | None:
    """What the catalog says of an object made from this text on an empty table like its own; None if it fails."""
    from sqlalchemy.exc import DBAPIError

    table = table_of(key)
    assert table is not None
    try:
        with undone(connection):
            ask(connection, f"CREATE TEMP TABLE dbadmin_like (LIKE {qualified(table.schema, table.name)})")
            ask(connection, statement)
            text: str | None = ask(connection, read_back).scalar()
            return text
    except DBAPIError:
        return None


def _column(connection: "Connection", key: ObjectKey, pair: tuple[str, str]) -> tuple[str, str]:
    """Two constant defaults that are one value of the column's type: `0` and `'0'::numeric`."""
    from sqlalchemy.exc import DBAPIError

    found = [match for text in pair if (match := _CONSTANT_DEFAULT.search(text))]
    if len(found) < 2 or found[0][1] != found[1][1] or found[0][3] != found[1][3]:
        return pair
    table = table_of(key)
    assert table is not None
    column = split(key.name)[-1]
    try:
        with undone(connection):
            ask(connection, f"CREATE TEMP TABLE dbadmin_like (LIKE {qualified(table.schema, table.name)})")
            nullable = "ALTER TABLE pg_temp.dbadmin_like ALTER COLUMN {} DROP NOT NULL"
            for name in _not_null(connection):
                ask(connection, nullable.format(quote(name)))
            for match in found:
                ask(connection, f"INSERT INTO pg_temp.dbadmin_like ({quote(column)}) VALUES ({match[2]})")
            values = [row[0] for row in rows(connection, f"SELECT {quote(column)}::text FROM pg_temp.dbadmin_like")]
        same = values[0] == values[1]
    except DBAPIError:
        same = False
    return (pair[1], pair[1]) if same else pair


def _not_null(connection: "Connection") -> list[str]:
    query = """
        SELECT attname FROM pg_attribute
         WHERE attrelid = 'pg_temp.dbadmin_like'::regclass AND attnotnull AND attnum > 0 AND NOT attisdropped"""
    return [row[0] for row in rows(connection, query)]


_REWRITES = {
    "constraint": _constraint, "index": _index, "column": _column, "view": _view, "materialized-view": _view,
}  # fmt: skip
