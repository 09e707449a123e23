"""SQL expressions that hash one column's value exactly, bound to the row's key.

Every value of a type has bytes of its own (`Column.bytes`): the stored bytes of text and binary strings, so that
neither a collation nor trailing blanks hide anything; the text that the server writes for numbers and times; for FLOAT
and DOUBLE, whose text hides digits and the sign of zero, the eight bytes inside a point.

Method `crc` (MariaDB from 10.8, which has two-argument crc32 and crc32c) multiplies two 32-bit checksums:

    crc32c(A, value) * crc32(B, value)         A, B: two different hashes of the key

A checksum alone is linear: a plain xor of them does not see two values exchanged, and one seeded with the key does
not where the values differ as the keys do. The product is not linear, and fits 64 bits. Two different sets of rows
have the same xor of products with a probability of about 2**-58 (the product of two 32-bit numbers has a few divisors
to choose from, else it would be 2**-64); no pair of values or rows is blind by rule. It finds accidents of
migrations, and is no proof against somebody who computes collisions on purpose.

Method `reversed` (MySQL and older MariaDB, which have crc32 of one argument only) does the same with the checksums of
key and value read forward and backward, at several times the cost: two texts with one checksum have two when reversed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

from dbadmin.dialects.mysql.look import is_mariadb, literal, quote, rows, version
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

Method = Literal["crc", "reversed"]

# Columns of tables, in the order of their names: what is hashed, and how.
COLUMNS = """
    SELECT table_name, column_name, data_type, column_type, is_nullable, character_set_name, generation_expression
      FROM information_schema.columns
     WHERE table_schema = {database}{only}
     ORDER BY table_name, ordinal_position
"""

# Tables whose rows are their own: MERGE, FEDERATED and the like show those of other tables or servers.
TABLES = """
    SELECT table_name
      FROM information_schema.tables
     WHERE table_schema = {database} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
       AND coalesce(engine, '') NOT IN ('MRG_MyISAM', 'FEDERATED', 'CONNECT', 'SPIDER')
     ORDER BY table_name
"""

# Columns of unique indexes over whole values.
KEYS = """
    SELECT table_name, index_name, seq_in_index, column_name, sub_part
      FROM information_schema.statistics
     WHERE table_schema = {database} AND non_unique = 0{only}
     ORDER BY table_name, index_name, seq_in_index
"""

_SMALL = frozenset({"tinyint", "smallint", "mediumint", "int"})
_INTEGERS = _SMALL | {"bigint"}
_FLOATS = frozenset({"float", "double"})
_LISTS = frozenset({"enum", "set"})
# Character sets that hold every character of theirs in utf8mb4 too: a column moved between them keeps its values.
_CONVERTED = frozenset({"latin1", "ucs2", "utf16", "utf16le", "utf32"})
_UNICODE = _CONVERTED | {"utf8", "utf8mb3", "utf8mb4", "ascii"}
_PLAIN_TEXT = _INTEGERS | {"decimal", "date", "datetime", "timestamp", "time", "year"}
# When a row was written, kept by the server itself: no migration can bring it back, and none sets it.
_PERIOD = frozenset({"ROW START", "ROW END"})
_WRITTEN = frozenset({"uuid", "inet4", "inet6", "json"})
_MEMBER = re.compile(r"'((?:[^']|'')*)'")
_ODD = (2654435761, 2246822519)  # odd numbers of 32 bits (from Knuth, and xxHash), to spread keys


@dataclass(frozen=True)
class Column:
    """A column, as far as hashing it goes."""

    name: str
    type: str
    never_null: bool
    charset: str | None = None
    by_number: bool = False

    @property
    def is_integer(self) -> bool:
        """Whether the value is its own number."""
        return self.type in _INTEGERS

    @property
    def bytes(self) -> str:
        """An expression whose bytes, or whose text, are others for every other value."""
        name = quote(self.name)
        if self.type in _FLOATS:
            return f"point({name}, 0)"
        if self.charset in _CONVERTED:
            name = f"convert({name} USING utf8mb4)"
        # '' may be a member of an ENUM and also what an invalid value became: only its number tells
        return f"concat({quote(self.name)} + 0, ':', {name})" if self.by_number else name

    @property
    def text(self) -> str:
        """The same as a binary string."""
        if self.type in _FLOATS or self.type in _SPATIAL:
            return f"hex({self.bytes})"
        if self.type in _WRITTEN:  # as a binary string it would be its stored bytes, which nobody reads
            return f"CAST(CAST({self.bytes} AS CHAR) AS BINARY)"
        return f"CAST({self.bytes} AS BINARY)"

    @property
    def joined(self) -> str:
        """The same as a part of `concat`, which must not translate it into another character set."""
        return self.bytes if self.type in _PLAIN_TEXT or self.charset in _UNICODE else self.text


_SPATIAL = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection"}
)


@dataclass(frozen=True)
class Seed:
    """What binds a value to its row: two expressions for `crc`, one for `reversed`.

    `long` is a key of 64 bits, which needs other expressions than the same number in 32 bits.
    """

    method: Method
    parts: tuple[str, ...]
    long: bool = False

    @property
    def method_told(self) -> str:
        """What fingerprints must have in common to be compared."""
        return f"{self.method}, long key" if self.long else self.method

    def hash(self, column: Column) -> str:
        """A 64-bit number for a column's value with this seed, NULL for NULL."""
        return self._of(column.bytes if self.method == "crc" else column.joined)

    @property
    def alone(self) -> str:
        """A 64-bit number for the row itself."""
        return self._of("'NULL'")

    def _of(self, value: str) -> str:
        if self.method == "crc":
            return f"crc32c({self.parts[0]}, {value}) * crc32({self.parts[1]}, {value})"
        return _both_ways(f"concat({self.parts[0]}, '=', {value})")


@dataclass(frozen=True)
class Table:
    """A table with its columns by name and its keys, best first."""

    name: TableName
    columns: Mapping[str, Column]
    keys: tuple[tuple[str, ...], ...]

    def seed(self, key: Sequence[str], method: Method) -> Seed:
        """The seed of each row, from its key."""
        columns = [self.columns[name] for name in key]
        first = columns[0]
        if method == "reversed":
            alone = len(columns) == 1 and first.is_integer
            return Seed(method, (first.bytes if alone else ", ".join(_framed(column.joined) for column in columns),))
        if len(columns) == 1 and first.is_integer:
            name = quote(first.name)
            if first.type in _SMALL:
                return Seed(method, (name, f"{name} * {_ODD[0]}"))
            return Seed(method, (name, f"crc32({name})"), long=True)
        one, other = "", ""
        for column in columns:
            # between two parts, a multiplication: else ('ab', 'c') and ('a', 'bc') were one key
            one = f"crc32c({one}{column.bytes}) * {_ODD[0]}"
            other = f"crc32({other}{column.bytes}) * {_ODD[1]}"
            one, other = f"{one}, ", f"{other}, "
        return Seed(method, (one.removesuffix(", "), other.removesuffix(", ")))

    def row_hash(self, names: Iterable[str], method: Method) -> str:
        """A hash of whole rows: each value with a seed of its column's name, so that none stands for another."""
        columns = [self.columns[name] for name in sorted(names)]
        if method == "reversed":
            parts = [f"'{_number(c.name)}', coalesce(concat({_framed(c.joined)}), 'NULL')" for c in columns]
            return _both_ways(f"concat({', '.join(parts) or repr('')})")
        hashed = []
        for function, odd in (("crc32c", 0), ("crc32", 1)):
            parts = [
                f"coalesce({function}({_number(c.name) ^ odd}, {c.bytes}), {_number('NULL ' + c.name) ^ odd})"
                for c in columns
            ]
            hashed.append(f"{function}(concat_ws(',', {', '.join(parts) or repr('')}))")
        return " * ".join(hashed)


CONSTANT: Mapping[Method, Seed] = {"crc": Seed("crc", ("17", "4093")), "reversed": Seed("reversed", ("''",))}
"""The seed of tables without a key, and of values compared row by row."""


def method_of(connection: "Connection") -> Method:
    """The method that this server can do."""
    return "crc" if is_mariadb(connection) and version(connection) >= (10, 8) else "reversed"


def tables(connection: "Connection", database: str, names: Sequence[TableName]) -> dict[TableName, Table]:
    """Columns and keys of these tables, in two queries; what is no table of this database is left out."""
    wanted = {name.name for name in names if name.schema in (None, database)}
    only = f" AND table_name IN ({', '.join(map(literal, sorted(wanted)))})" if len(wanted) <= 100 else ""
    columns: dict[str, dict[str, Column]] = {}
    periods: set[tuple[str, str]] = set()
    if not wanted:
        return {}
    for row in rows(connection, COLUMNS.format(database=literal(database), only=only)):
        own = columns.setdefault(row["table_name"], {})
        if row["generation_expression"] in _PERIOD:
            periods.add((row["table_name"], row["column_name"]))
        else:
            own[row["column_name"]] = _column(row)
    indexes: dict[tuple[str, str], list[tuple[str | None, Any]]] = {}
    for row in rows(connection, KEYS.format(database=literal(database), only=only)):
        if (row["table_name"], row["column_name"]) not in periods:  # the same in all current rows
            listed = indexes.setdefault((row["table_name"], row["index_name"]), [])
            listed.append((row["column_name"], row["sub_part"]))
    return {
        name: Table(name, columns[name.name], _keys(name.name, columns[name.name], indexes))
        for name in names
        if name.schema in (None, database) and name.name in columns
    }


def _column(row: Mapping[str, Any]) -> Column:
    type_ = row["data_type"].lower()
    by_number = type_ in _LISTS and _is_ambiguous(row["column_type"])
    return Column(row["column_name"], type_, row["is_nullable"] == "NO", row["character_set_name"], by_number)


def _is_ambiguous(column_type: str) -> bool:
    """Whether two values of an ENUM or SET may have the same text.

    >>> _is_ambiguous("enum('','a')"), _is_ambiguous("enum('a','it''s')"), _is_ambiguous("set('a','a')")
    (True, False, True)
    """
    members = _MEMBER.findall(column_type)
    return "" in members or len({member.casefold() for member in members}) < len(members)


def _keys(
    table: str, columns: Mapping[str, Column], indexes: Mapping[tuple[str, str], list[tuple[str | None, Any]]]
) -> tuple[tuple[str, ...], ...]:
    """Keys without NULLs, best first: the primary one, then integers, then by their columns' names."""
    found = []
    for (owner, index), listed in indexes.items():
        names = tuple(name for name, _ in listed if name is not None)
        whole = len(names) == len(listed) and all(part is None for _, part in listed)
        if owner == table and whole and all(name in columns and columns[name].never_null for name in names):
            integer = len(names) == 1 and columns[names[0]].is_integer
            found.append((index != "PRIMARY", not integer, names))
    return tuple(names for *_, names in sorted(found))


def _framed(text: str) -> str:
    """Parts of `concat` that tell where they end."""
    return f"length({text}), ':', {text}"


def _both_ways(text: str) -> str:
    # the sign before the reversed text, so that no text has the product of its own reverse
    return f"crc32({text}) * crc32(concat('#', reverse({text})))"


def _number(text: str) -> int:
    """A number of 32 bits that stands for a text."""
    return int.from_bytes(blake2b(text.encode(errors="surrogateescape"), digest_size=4).digest())
