"""Rules of MySQL and MariaDB tables, read from the schema map (see `tables.py` for what its definitions look like).

Types are rules in strict mode, the default of both: a value that does not fit makes ALTER TABLE fail.
"""

import re
from collections.abc import Iterator, Sequence

from dbadmin.dialects.names import split, table_of
from dbadmin.dialects.rules import (
    Rule,
    Rules,
    Writer,
    bracketed,
    columns_by_table,
    masked,
    parts,
    quoter,
    table_of_column,
)
from dbadmin.dialects.values import ObjectKey, Schema, TableName

_TYPE = re.compile(r"^(?P<base>\w+)(?:\((?P<inside>(?:[^()']|'(?:[^']|'')*')*)\))?(?P<unsigned> unsigned)?")
_EXISTS = re.compile(
    r"(?:Table|Trigger|Sequence|View|Event) [`'](?P<object>[^`']+)[`'] already exists"
    r"|(?:PROCEDURE|FUNCTION) (?P<routine>\S+) already exists"
    r"|Duplicate (?:column name|key name|CHECK constraint name|foreign key constraint name) '(?P<part>[^']+)'"
)
_BITS = {"tinyint": 7, "smallint": 15, "mediumint": 23, "int": 31, "bigint": 63}
_BYTES = {"tinytext": 2**8, "text": 2**16, "mediumtext": 2**24, "longtext": 2**32}
_PREFIX = re.compile(r"^(?P<name>`(?:[^`]|``)+`)\((?P<length>\d+)\)$")


class MysqlRules(Rules):
    """Reads the definitions that `MysqlSchema` gives."""

    def __init__(self) -> None:
        self.write = Writer(quoter("mysql"))

    def of(self, schema: Schema) -> tuple[Rule, ...]:
        """Every rule of every table."""
        columns = columns_by_table(schema)
        found: list[Rule] = []
        for key, text in schema.items():
            if key.kind == "column":
                found += self._of_column(key, text)
            elif key.kind == "constraint":
                table = table_of(key)
                if table is not None and " NOT ENFORCED" not in masked(text):
                    found += self._of_constraint(key, table, text, columns.get(table, []))
        return tuple(found)

    def narrowed(self, column: ObjectKey, schema: Schema, later: Schema) -> Rule | None:
        """A length, a range of numbers, or the values of an enum or a set."""
        now, then = _TYPE.match(schema[column]), _TYPE.match(later[column])
        if now is None or then is None or now.group() == then.group():
            return None
        condition = _misfits(self.write.quote(split(column.name)[-1]), now, then)
        return self.write.type(column, condition, f"type {now.group()}") if condition else None

    def existing_object(self, message: str) -> str | None:
        """`Table 't' already exists`, `Duplicate column name 'c'`, `Duplicate key name 'ix'` …"""
        found = _EXISTS.search(message)
        return (found["object"] or found["routine"] or found["part"]).rpartition(".")[2] if found else None

    def _of_column(self, key: ObjectKey, text: str) -> Iterator[Rule]:
        table, name = table_of_column(key), split(key.name)[-1]
        plain = masked(text)
        if " NOT NULL" in plain:
            yield self.write.not_null(key, table, name)
        at = plain.find(" CHECK ")
        if at >= 0:
            expression, _ = bracketed(text, at)
            yield self.write.check(key, table, expression, [name], f"CHECK ({expression})")

    def _of_constraint(self, key: ObjectKey, table: TableName, text: str, columns: Sequence[str]) -> Iterator[Rule]:
        inside, rest = bracketed(text)
        if text.startswith("CHECK"):
            yield self.write.check(key, table, inside, columns, text)
        elif text.startswith(("UNIQUE", "PRIMARY KEY")):
            terms = [_PREFIX.sub(r"left(\g<name>, \g<length>)", part.removesuffix(" DESC")) for part in parts(inside)]
            simple = [self.write.quote(_name(term)) if term.startswith("`") else term for term in terms]
            names = [name for name in columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", inside)]
            yield self.write.unique(key, table, names, text, parts=simple)
        elif text.startswith("FOREIGN KEY"):
            target = rest.split(" REFERENCES ", 1)[1]
            there, after = bracketed(target)
            to = [_name(part) for part in target[: -len(f"({there}){after}")].strip().split("`.`")]
            yield self.write.foreign_key(
                key, table, [_name(p) for p in parts(inside)],
                TableName(to[0] if len(to) > 1 else None, to[-1]), [_name(p) for p in parts(there)], text,
            )  # fmt: skip


def _misfits(name: str, now: "re.Match[str]", then: "re.Match[str]") -> str | None:
    """A condition for values of the later type that the earlier one does not take; None where all fit, or unknown."""
    base, wide = now["base"], then["base"]
    texts = wide in _BYTES or wide in ("varchar", "char")
    if base in ("varchar", "char") and texts:
        fits = wide in ("varchar", "char") and int(then["inside"] or 1) <= int(now["inside"] or 1)
        return None if fits else f"char_length({name}) > {int(now['inside'] or 1)}"
    if base in _BYTES and wide in _BYTES:
        return f"length({name}) >= {_BYTES[base]}" if _BYTES[wide] > _BYTES[base] else None
    if base in _BITS and (wide in _BITS or wide in ("decimal", "float", "double")):
        low, high = _range(now)
        fits = wide in _BITS and low <= _range(then)[0] and _range(then)[1] <= high
        return None if fits else f"{name} NOT BETWEEN {low} AND {high}"
    if base in _BITS and texts:
        return f"{name} NOT REGEXP '^[[:space:]]*[-+]?[0-9]+[[:space:]]*$'"
    if base == wide == "decimal":
        digits, other = (int(d) - int(s) for d, s in (t["inside"].split(",") for t in (now, then)))
        scale = now["inside"].split(",")[1]
        return f"abs(round({name}, {scale})) >= 1e{digits}" if other > digits else None
    if base == "enum" and (wide == "enum" or texts):
        labels = _labels(now)
        if wide == "enum" and set(_labels(then)) <= set(labels):
            return None
        return f"{name} NOT IN ({', '.join(labels)})"
    return None


def _range(type_: "re.Match[str]") -> tuple[int, int]:
    bits = _BITS[type_["base"]]
    return (0, 2 ** (bits + 1) - 1) if type_["unsigned"] else (-(2**bits), 2**bits - 1)


def _labels(type_: "re.Match[str]") -> list[str]:
    return re.findall(r"'(?:[^']|'')*'", type_["inside"] or "")


def _name(text: str) -> str:
    """A name without its quotes."""
    return text.strip().strip("`").replace("``", "`")
