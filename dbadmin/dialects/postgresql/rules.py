"""Rules of PostgreSQL tables, read from the schema map (see `schema_sql.py` for the definitions, the server's own).

The queries run on 15 and later, and do not depend on search_path but for tables of its first schema.
"""

import re
from collections.abc import Iterator, Sequence

from dbadmin.dialects.names import join, split, table_of
from dbadmin.dialects.postgresql.look import PUBLIC, literal
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

_AFTER_TYPE = re.compile(
    r" (?:COLLATE|STORAGE|COMPRESSION|GENERATED|DEFAULT|NOT NULL|STATISTICS|WITH|OPTIONS|COMMENT)(?= |$)"
)
_EXISTS = re.compile(
    r"(?:relation|type|schema|function|constraint|trigger|column|extension|policy|domain|role|rule) "
    r"(?P<name>\"(?:[^\"]|\"\")+\"|\S+?)(?: (?:of|for|with) .*)? already exists"
)
_INDEX_PART = re.compile(r"(?: \w+_ops)?(?: DESC| ASC)?(?: NULLS (?:FIRST|LAST))?$")
_INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_TEXTS = ("text", "character varying", "character")
_LENGTH = re.compile(r"^(character varying|character|bit|bit varying)(?:\((\d+)\))?$")
_NUMERIC = re.compile(r"^numeric(?:\((\d+),(\d+)\))?$")
_WIDE = ("numeric", "real", "double precision")
_UUID = "'^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$'"


class PostgresqlRules(Rules):
    """Reads the definitions that `PostgresqlSchema` gives."""

    def __init__(self) -> None:
        self.write = Writer(quoter("postgresql"))

    def of(self, schema: Schema) -> tuple[Rule, ...]:
        """Every rule of every table, those of domains told of the columns that have them."""
        columns = columns_by_table(schema)
        found: list[Rule] = []
        for key, text in schema.items():
            if key.kind == "column":
                found += self._of_column(key, text, schema)
                continue
            table = table_of(key)
            if table is None or key.kind not in ("constraint", "index"):
                continue
            if key.kind == "constraint":
                found += self._of_constraint(key, table, text, columns.get(table, []))
            elif text.startswith("CREATE UNIQUE INDEX") and "/* INVALID */" not in text:
                found.append(self._of_index(key, table, text, columns.get(table, [])))
        return tuple(found)

    def narrowed(self, column: ObjectKey, schema: Schema, later: Schema) -> Rule | None:
        """A length, a range of numbers, the labels of an enum, or a format that a wider type does not ask for."""
        now, then = column_type(schema[column]), column_type(later[column])
        name = self.write.quote(split(column.name)[-1])
        labels = enum_labels(now, schema)
        if labels is not None:
            wider = enum_labels(then, later)
            if wider is not None and set(wider) <= set(labels):
                return None
            if wider is None and then.partition("(")[0] not in _TEXTS:
                return None
            listed = ", ".join(literal(label) for label in labels) or "NULL"
            shown = f"type {now} with the values {', '.join(labels)}"
            key = ObjectKey("enum", type_key(now))
            return self.write.type(column, f"{name}::text NOT IN ({listed})", shown, key=key)
        condition = None if now == then else _misfits(name, now, then)
        return self.write.type(column, condition, f"type {now}") if condition else None

    def existing_object(self, message: str) -> str | None:
        """`relation "t" already exists`, `column "c" of relation "t" already exists` …"""
        found = _EXISTS.search(message)
        return ".".join(split(found["name"])) if found else None

    def _of_column(self, key: ObjectKey, text: str, schema: Schema) -> Iterator[Rule]:
        table, name = table_of_column(key), split(key.name)[-1]
        if " NOT NULL" in masked(text):
            yield self.write.not_null(key, table, name)
        of_domain = ObjectKey("domain", type_key(column_type(text)))
        domain = schema.get(of_domain)
        if domain is None:
            return
        if " NOT NULL" in masked(domain):
            yield self.write.not_null(of_domain, table, name)
        for found in re.finditer(r"\bCHECK\b", masked_but_brackets(domain)):
            expression, _ = bracketed(domain, found.end())
            of_column = re.sub(r"\bVALUE\b", lambda _: self.write.quote(name), expression)
            yield self.write.check(of_domain, table, of_column, [name], f"CHECK ({expression})")

    def _of_constraint(self, key: ObjectKey, table: TableName, text: str, columns: Sequence[str]) -> Iterator[Rule]:
        if " NOT ENFORCED" in masked(text):
            return
        if text.startswith("CHECK"):
            yield self.write.check(key, table, bracketed(text)[0], columns, text)
        elif text.startswith(("UNIQUE", "PRIMARY KEY")):
            inside, _ = bracketed(text)
            if "WITHOUT OVERLAPS" not in inside:
                names = [_plain(part) for part in parts(inside)]
                alike = "NULLS NOT DISTINCT" in masked(text)
                yield self.write.unique(key, table, names, text, nulls_alike=alike)
        elif text.startswith("FOREIGN KEY"):
            own, rest = bracketed(text)
            to = rest.split(" REFERENCES ", 1)[1]
            there, after = bracketed(to)
            target = _table(to[: -len(f"({there}){after}")])
            if not re.search(r"\bPERIOD\b", own):
                yield self.write.foreign_key(
                    key, table, [_plain(p) for p in parts(own)], target, [_plain(p) for p in parts(there)], text
                )

    def _of_index(self, key: ObjectKey, table: TableName, text: str, columns: Sequence[str]) -> Rule:
        text = text.partition(" /* ")[0]
        inside, rest = bracketed(text, text.index(" USING "))
        terms = [_INDEX_PART.sub("", part) for part in parts(inside)]
        condition = rest.partition(" WHERE ")[2]
        read = f"{inside} {condition}"
        names = [name for name in columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", read)]
        return self.write.unique(
            key, table, names, f"UNIQUE ({', '.join(terms)})" + (f" WHERE {condition}" if condition else ""),
            parts=terms, condition=condition, nulls_alike="NULLS NOT DISTINCT" in masked(rest),
        )  # fmt: skip


def column_type(text: str) -> str:
    """The type at the beginning of a column's definition.

    >>> column_type("character varying(20) DEFAULT 'a NOT NULL' NOT NULL"), column_type("timestamp with time zone")
    ('character varying(20)', 'timestamp with time zone')
    """
    plain = masked(text)
    at = min((found.start() for found in _AFTER_TYPE.finditer(plain)), default=len(plain))
    if plain[at:].startswith(" WITH ") and not plain[at + 6 :].startswith(" "):  # time zone, not an option list
        later = [found.start() for found in _AFTER_TYPE.finditer(plain, at + 1)]
        at = min(later, default=len(plain))
    return text[:at].strip()


def enum_labels(type_: str, schema: Schema) -> list[str] | None:
    """The labels of an enum type, None for other types."""
    text = schema.get(ObjectKey("enum", type_key(type_)))
    return None if text is None else [label[1:-1].replace("''", "'") for label in re.findall(r"'(?:[^']|'')*'", text)]


def masked_but_brackets(text: str) -> str:
    """A definition with its string constants blanked."""
    return re.sub(r"'(?:[^']|'')*'", lambda found: " " * len(found.group()), text)


def type_key(type_: str) -> str:
    """A type's name, without its length and without the schema that need not be said."""
    names = split(type_.partition("(")[0])
    return join(names[1:] if len(names) > 1 and names[0] == PUBLIC else names)


def _misfits(name: str, now: str, then: str) -> str | None:
    """A condition for values of the type `then` that the type `now` does not take; None where all fit, or unknown."""
    length, other = _LENGTH.match(now), _LENGTH.match(then)
    base = then.partition("(")[0]
    if length is not None and length[2]:
        wider = (other is not None and (other[2] is None or int(other[2]) > int(length[2]))) or base == "text"
        counted = "length" if length[1].startswith("bit") else "char_length"
        return f"{counted}({name}) > {length[2]}" if wider else None
    if now in _INTEGERS:
        most = _INTEGERS[now]
        if base in _TEXTS:
            return f"{name} !~ '^\\s*[-+]?[0-9]+\\s*$'"
        wider = base in _WIDE or _INTEGERS.get(base, 0) > most
        return f"{name} NOT BETWEEN {-most} AND {most - 1}" if wider else None
    number, wide = _NUMERIC.match(now), _NUMERIC.match(then)
    if number is not None and number[1]:
        digits = int(number[1]) - int(number[2])
        fits = wide is not None and wide[1] is not None and int(wide[1]) - int(wide[2]) <= digits
        known = wide is not None or base in ("real", "double precision")
        return f"abs(round({name}::numeric, {number[2]})) >= 1e{digits}" if known and not fits else None
    if now == "uuid" and base in _TEXTS:
        return f"{name} !~ {_UUID}"
    return None


def _plain(text: str) -> str:
    """A column's name as it stands in a definition, without quotes."""
    names = split(text)
    return names[0] if names else text


def _table(text: str) -> TableName:
    names = split(text.strip())
    if len(names) == 1 or names[0] == PUBLIC:
        return TableName(None, names[-1])
    return TableName(names[0], names[-1])
