"""SQL expressions that hash one column's value exactly, seeded: no two values of a type share a hash by rule.

PostgreSQL's typed hashes serve `=`, under which 1 = -1 in hash_numeric_extended, [] = {} in jsonb_hash_extended and
1 = 4294967296 in hashint8extended. So stored bytes are hashed ("image", needs a superuser, for functions of LANGUAGE
internal), or else the text that the type's own output function gives ("text"), settings being pinned.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.postgresql.look import PUBLIC, ask, literal, quote, rows
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Functions of this session alone, rolled back with the look: raw bytes of any varlena value, detoasted; and the
# number inside a date or a timestamp.
IMAGE_FUNCTIONS = (
    ("hv", "anyelement, bigint", "bigint", "hashvarlenaextended"),
    ("i8", "anyelement", "bigint", "int8up"),
    ("i4", "anyelement", "integer", "int4up"),
)

# Types whose stored bytes are equal exactly when their text is. Arrays name their elements' type by OID inside,
# so only those of the server's own types, whose OIDs never change.
IMAGE_TYPES = frozenset(
    {"text", "varchar", "bpchar", "bytea", "numeric", "json", "jsonb", "xml", "bit", "varbit", "inet", "cidr"}
    | {f"_{name}" for name in ("bool", "int2", "int4", "int8", "text", "varchar", "bpchar", "uuid", "numeric", "bytea")}
    | {f"_{name}" for name in ("date", "timestamp", "timestamptz", "jsonb")}
    | {"tsvector"}
)  # fmt: skip
NUMBERS_INSIDE = frozenset({"timestamp", "timestamptz", "time"})

# Columns of tables: base type below domains, its output function, and whether NULL is ruled out for sure.
COLUMNS = """
    WITH RECURSIVE wanted AS (
        SELECT c.oid, n.nspname, c.relname, c.relkind
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE (n.nspname, c.relname) IN (VALUES {names}) AND c.relkind IN ('r', 'm')
    ), attributes AS (
        SELECT w.oid AS relid, w.nspname, w.relname, a.attnum, a.attname, a.atttypid, a.attnotnull AND NOT EXISTS (
                   SELECT FROM pg_constraint AS k WHERE k.conrelid = w.oid AND k.contype = 'n'
                      AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated) AS never_null
          FROM wanted AS w LEFT JOIN pg_attribute AS a
            ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
    ), base (declared, oid) AS (
        SELECT DISTINCT atttypid, atttypid FROM attributes
         UNION ALL
        SELECT b.declared, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.oid WHERE t.typtype = 'd'
    )
    SELECT a.relid, a.nspname, a.relname, a.attname, a.never_null, a.atttypid <> t.oid AS is_domain,
           CASE WHEN tn.nspname = 'pg_catalog' THEN t.typname ELSE '' END AS type,
           format_type(t.oid, NULL) AS type_name, fn.nspname AS output_schema, f.proname AS output, a.attnum
      FROM attributes AS a
      LEFT JOIN (base AS b JOIN pg_type AS t ON t.oid = b.oid AND t.typtype <> 'd') ON b.declared = a.atttypid
      LEFT JOIN pg_namespace AS tn ON tn.oid = t.typnamespace
      LEFT JOIN pg_proc AS f ON f.oid = t.typoutput
      LEFT JOIN pg_namespace AS fn ON fn.oid = f.pronamespace
     ORDER BY a.relid, a.attnum
"""

# Keys: unique, checked at once, over all rows and plain columns. The caller sorts out columns that may be NULL.
KEYS = """
    SELECT i.indrelid, i.indisprimary, (
           SELECT array_agg(a.attname::text ORDER BY k.place)
             FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE k.place <= i.indnkeyatts)
      FROM pg_index AS i
     WHERE i.indrelid IN ({oids}) AND i.indisunique AND i.indimmediate AND i.indisvalid
       AND i.indpred IS NULL AND i.indexprs IS NULL
"""
_INTEGERS = frozenset({"int2", "int4", "int8"})


@dataclass(frozen=True)
class Column:
    """A column, as far as hashing it goes; `type` is empty for types that are not the server's own."""

    name: str
    type: str
    type_name: str
    output: str
    never_null: bool
    is_domain: bool

    @property
    def sql(self) -> str:
        """The value, of the base type."""
        return f"{quote(self.name)}::{self.type_name}" if self.is_domain else quote(self.name)

    @property
    def is_integer(self) -> bool:
        """Whether the value is its own number."""
        return self.type in _INTEGERS

    @property
    def text(self) -> str:
        """The text that the type's output function gives; a cast could have been redefined."""
        return f"textin({self.output}({self.sql}))"

    def hash(self, seed: str, image: bool) -> str:
        """A 64-bit hash of the value with this seed, NULL for NULL."""
        value = self.sql
        if self.type in ("int2", "int4"):
            return f"hashint4extended({value}::int4, {seed} # (({value}::int4 >> 31)::int8 << 32))"
        if self.type == "int8":
            return f"hashint8extended({value}, {seed} # (({value} >> 32) << 32))"
        if self.type == "bool":
            return f"hashint4extended({value}::int4, {seed})"
        if self.type == "uuid":
            return f"uuid_hash_extended({value}, {seed})"
        by_text = f'hashtextextended({self.text} COLLATE "C", {seed})'
        if self.type in ("float4", "float8"):
            return f"CASE WHEN {value} = 0 THEN {by_text} ELSE hash{self.type}extended({value}, {seed}) END"
        if image and self.type in IMAGE_TYPES:
            return f"pg_temp.hv({value}, {seed})"
        if image and self.type in NUMBERS_INSIDE:
            number = f"pg_temp.i8({value})"
            return f"hashint8extended({number}, {seed} # (({number} >> 32) << 32))"
        if image and self.type == "date":
            return f"hashint4extended(pg_temp.i4({value}), {seed})"
        return by_text


@dataclass(frozen=True)
class Table:
    """A table with its columns by name and its keys, best first."""

    name: TableName
    columns: dict[str, Column]
    keys: tuple[tuple[str, ...], ...]

    def seed(self, key: Sequence[str], image: bool) -> str:
        """The row's seed: an integer key itself, any other key hashed."""
        first = self.columns[key[0]]
        if len(key) == 1 and first.is_integer:
            return f"{first.sql}::int8"
        seed = "0"
        for name in key:
            seed = self.columns[name].hash(seed, image)
        return seed

    def row_hash(self, names: Iterable[str], image: bool) -> str:
        """A hash of whole rows: each value with a seed of its column's name, so that none stands for another."""
        parts = []
        for name in names:
            seed = _number(name)
            parts.append(f"coalesce({self.columns[name].hash(f'({seed})', image)}, {_number('NULL ' + name)})")
        return f"hashint4extended(0, {' # '.join(parts) or '0'})"


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest(), signed=True)


def tables(connection: "Connection", names: Sequence[TableName]) -> dict[TableName, Table]:
    """Columns and keys of these tables, in two queries per thousand; what is no table is left out."""
    found: dict[TableName, Table] = {}
    for start in range(0, len(names), 1000):
        some = names[start : start + 1000]
        values = ", ".join(f"({literal(n.schema or PUBLIC)}::name, {literal(n.name)}::name)" for n in some)
        catalog = rows(connection, COLUMNS.format(names=values))
        if catalog:
            oids = ", ".join(str(oid) for oid in sorted({row.relid for row in catalog}))
            found.update(_assembled(catalog, rows(connection, KEYS.format(oids=oids))))
    return found


def _assembled(catalog: Sequence[Any], indexes: Sequence[Any]) -> dict[TableName, Table]:
    columns: dict[int, dict[str, Column]] = {}
    names: dict[int, TableName] = {}
    for row in catalog:
        names[row.relid] = TableName(None if row.nspname == PUBLIC else row.nspname, row.relname)
        own = columns.setdefault(row.relid, {})
        if row.attname is not None:
            output = f"{quote(row.output_schema)}.{quote(row.output)}"
            own[row.attname] = Column(row.attname, row.type, row.type_name, output, row.never_null, row.is_domain)
    keys: dict[int, list[tuple[bool, bool, tuple[str, ...]]]] = {}
    for relid, primary, listed in indexes:
        if all(columns[relid][name].never_null for name in listed):
            integer = len(listed) == 1 and columns[relid][listed[0]].is_integer
            keys.setdefault(relid, []).append((not primary, not integer, tuple(listed)))
    return {
        name: Table(name, columns[relid], tuple(key for *_, key in sorted(keys.get(relid, []))))
        for relid, name in names.items()
    }


def prepare(connection: "Connection") -> bool:
    """Make the functions of the image method inside a look; False where this session may not."""
    allowed = ask(
        connection,
        "SELECT current_setting('is_superuser') = 'on' AND current_setting('transaction_read_only') = 'off'"
        " AND NOT pg_is_in_recovery()",
    ).scalar()
    if not allowed:
        return False
    for name, arguments, result, internal in IMAGE_FUNCTIONS:
        ask(
            connection,
            f"CREATE FUNCTION pg_temp.{name}({arguments}) RETURNS {result} LANGUAGE internal"
            f" IMMUTABLE STRICT PARALLEL SAFE AS '{internal}'",
        )
    return True
