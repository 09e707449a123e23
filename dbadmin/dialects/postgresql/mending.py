"""Statements that make PostgreSQL's objects as `schema_sql.py` describes them, most in the server's own words."""

import re
from collections.abc import Iterator, Mapping

from dbadmin.dialects.mending import Mending
from dbadmin.dialects.names import split
from dbadmin.dialects.postgresql import composing
from dbadmin.dialects.postgresql.altering import alter_column, alter_domain, alter_sequence, comment
from dbadmin.dialects.postgresql.look import PUBLIC
from dbadmin.dialects.postgresql.rules import column_type, type_key
from dbadmin.dialects.rules import quoter
from dbadmin.dialects.values import ObjectKey

_DEFAULT = re.compile(r" DEFAULT (.*?)(?= NOT NULL| STATISTICS | COMMENT '|$)", re.DOTALL)
_BESIDE = re.compile(r" (?:STATISTICS -?\d+|COMMENT '(?:[^']|'')*')")
_COMMENT = re.compile(r" COMMENT ('(?:[^']|'')*')$")
_SECURED = re.compile(r" (FORCE )?ROW LEVEL SECURITY")
_OWNED = re.compile(r" OWNED BY (.*)$")
_IDENTITY = re.compile(r" IDENTITY OF .*$")
_REPLICA = re.compile(r" REPLICA IDENTITY (FULL|NOTHING)")
_OPTIONS = re.compile(r" WITH \(([^()]*)\)")
_PERSISTENCE = re.compile(r"^UNLOGGED ")
_WHOLE = ("index", "trigger", "rule", "function", "procedure", "statistics")
"""Kinds whose definition is the statement that makes them."""
_LABEL = re.compile(r"'(?:[^']|'')*'")


class PostgresqlMending(Mending):
    """The definitions of indexes, triggers and functions are statements already."""

    default_schema = PUBLIC

    def __init__(self) -> None:
        super().__init__(quoter("postgresql"))

    def make(self, key: ObjectKey, text: str) -> str | None:
        """Also types, sequences, views, policies, extensions and schemas."""
        name = self.full_name(key)
        if key.kind in _WHOLE:
            return text.partition(" /* ")[0]
        if key.kind == "comment":
            return comment(split(key.name)[-1], text)
        if key.kind == "aggregate":
            return composing.create_aggregate(self._signature(key), text)
        if key.kind == "sequence" and _IDENTITY.search(text):
            return None  # it comes with its column
        words = {
            "enum": f"CREATE TYPE {name} AS ENUM ({text})",
            "composite-type": f"CREATE TYPE {name} AS ({text})",
            "domain": f"CREATE DOMAIN {name} AS {text}",
            "sequence": f"CREATE SEQUENCE {name} {text}",
            "view": f"CREATE VIEW {name} {text}",
            "materialized-view": f"CREATE MATERIALIZED VIEW {name} {text}",
            "schema": f"CREATE SCHEMA {name}",
            "extension": f"CREATE EXTENSION {name}",
            "policy": f"CREATE POLICY {self.own_name(key)} ON {self.table(key)} AS {text}",
        }
        return words.get(key.kind) or super().make(key, text)

    def remove(self, key: ObjectKey, text: str) -> str | None:
        """A function's name has its arguments, which are no name to be quoted."""
        if key.kind in ("function", "procedure", "aggregate"):
            return f"DROP {key.kind.upper()} {self._signature(key)}"
        if key.kind == "comment":
            return comment(split(key.name)[-1], None)
        if key.kind == "sequence" and _IDENTITY.search(text):
            return None  # it goes with its column
        if key.kind == "index":
            *schema, _, name = split(key.name)
            return f"DROP INDEX {'.'.join(map(self.quote, [*schema, name]))}"
        if key.kind in ("trigger", "rule", "policy"):
            return f"DROP {key.kind.upper()} {self.own_name(key)} ON {self.table(key)}"
        words = {"enum": "TYPE", "composite-type": "TYPE", "domain": "DOMAIN", "extension": "EXTENSION",
                 "materialized-view": "MATERIALIZED VIEW", "schema": "SCHEMA"}  # fmt: skip
        if key.kind in words:
            return f"DROP {words[key.kind]} {self.full_name(key)}"
        return super().remove(key, text)

    def change(self, key: ObjectKey, before: str, after: str) -> str | None:
        """Columns part by part; an enum that only lacks labels gets them; functions are replaced."""
        if key.kind == "column":
            return alter_column(self.table(key), self.own_name(key), before, after)
        if key.kind == "table":
            return "; ".join(self._told(key, before, after)) or None
        if key.kind == "sequence":
            return alter_sequence(self.full_name(key), before, after)
        if key.kind == "domain":
            return alter_domain(self.full_name(key), before, after)
        if key.kind == "comment":
            return comment(split(key.name)[-1], after)
        if key.kind == "composite-type":
            return composing.alter_type(self.full_name(key), before, after)
        if key.kind == "enum":
            return self._labels(key, _LABEL.findall(before), _LABEL.findall(after))
        if key.kind in ("function", "procedure"):
            return after
        if key.kind in ("policy", "rule", "materialized-view", "aggregate"):
            made = self.make(key, after)
            return f"{self.remove(key, before)}; {made}" if made else None
        return super().change(key, before, after)

    def remake(self, key: ObjectKey, before: str, after: str, schema: Mapping[ObjectKey, str]) -> str | None:
        """An enum whose labels go or stand in another order: a new type, taken by one column after the other."""
        if key.kind != "enum":
            return None
        *schemas, name = split(key.name)
        place = self.quote(schemas[0] if schemas else PUBLIC)
        own, old = f"{place}.{self.quote(name)}", self.quote(f"{name}_was")
        statements = [f"ALTER TYPE {own} RENAME TO {old}", f"CREATE TYPE {own} AS ENUM ({after})"]
        for column, text in schema.items():
            if column.kind == "column" and type_key(column_type(text).removesuffix("[]")) == key.name:
                statements.append(self._taken(column, text, own))
        return "; ".join([*statements, f"DROP TYPE {place}.{old}"])

    def _taken(self, column: ObjectKey, text: str, type_: str) -> str:
        name, default = self.own_name(column), _DEFAULT.search(text)
        many = "[]" if column_type(text).endswith("[]") else ""
        parts = ["DROP DEFAULT"] if default else []
        parts.append(f"TYPE {type_}{many} USING {name}::text{many}::{type_}{many}")
        parts += [f"SET DEFAULT {default[1]}"] if default else []
        return f"ALTER TABLE {self.table(column)} {', '.join(f'ALTER COLUMN {name} {part}' for part in parts)}"

    def _signature(self, key: ObjectKey) -> str:
        *schema, name = split(key.name)
        head, _, arguments = name.partition("(")
        return f"{'.'.join(map(self.quote, [*schema, head]))}({arguments}"

    def make_table(self, key: ObjectKey, schema: Mapping[ObjectKey, str]) -> str | None:
        """With the sequences that belong to its columns; a partition has them from its parent."""
        if made := composing.partition(self.full_name(key), _COMMENT.sub("", schema[key])):
            return made
        made = super().make_table(key, schema)
        for other, text in schema.items():
            owned = _OWNED.search(text) if other.kind == "sequence" else None
            own = split(owned[1])[:-1] if owned is not None else ()
            if made is not None and owned is not None and own[-len(split(other.name)) :] == split(key.name):
                name = self.full_name(other)
                made = (
                    f"CREATE SEQUENCE {name} {_OWNED.sub('', text)}; {made}; ALTER SEQUENCE {name} OWNED BY {owned[1]}"
                )
        return made

    def declared(self, text: str) -> str:
        """Statistics and comments are said in statements of their own."""
        return _BESIDE.sub("", text)

    def table_options(self, text: str) -> str | None:
        """Typed and foreign tables take more than words."""
        rest = _SECURED.sub("", _COMMENT.sub("", text)).removeprefix("TABLE")
        return rest if not rest or rest.startswith((" WITH (", " INHERITS (", " PARTITION BY ")) else None

    def describe(self, key: ObjectKey, text: str, own: Mapping[ObjectKey, str]) -> Iterator[str]:
        """Comments and row level security."""
        bare = "TABLE" + "".join(found[0] for found in composing.PLACE.finditer(text))
        yield from self._told(key, bare, text)
        for other, definition in own.items():
            if other.kind == "column" and (found := _COMMENT.search(definition)):
                yield f"COMMENT ON COLUMN {self.table(other)}.{self.own_name(other)} IS {found[1]}"

    def _told(self, key: ObjectKey, before: str, after: str) -> Iterator[str]:
        """What differs in a table's comment, row level security and storage; nothing where anything else does, too."""
        if _essence(before) != _essence(after):
            return
        name, was, is_now = self.full_name(key), _COMMENT.search(before), _COMMENT.search(after)
        if (was and was[1]) != (is_now and is_now[1]):
            yield f"COMMENT ON TABLE {name} IS {is_now[1] if is_now else 'NULL'}"
        flags = [{found[1] or "" for found in _SECURED.finditer(text)} for text in (before, after)]
        for word, on, off in (("", "ENABLE", "DISABLE"), ("FORCE ", "FORCE", "NO FORCE")):
            if (word in flags[0]) != (word in flags[1]):
                yield f"ALTER TABLE {name} {on if word in flags[1] else off} ROW LEVEL SECURITY"
        yield from (f"ALTER TABLE {name} {action}" for action in _stored(before, after))
        yield from composing.moved(name, before, after)

    def _labels(self, key: ObjectKey, before: list[str], after: list[str]) -> str | None:
        if [label for label in after if label in before] != before:
            return None  # the order differs, or a label has to go: the type has to be made anew
        name, statements = self.full_name(key), []
        for at, label in enumerate(after):
            if label not in before:
                where = f" AFTER {after[at - 1]}" if at else f" BEFORE {before[0]}" if before else ""
                statements.append(f"ALTER TYPE {name} ADD VALUE {label}{where}")
        return "; ".join(statements) or None


def _essence(text: str) -> str:
    """A table's definition without what is said of it in statements of their own."""
    for pattern in (_COMMENT, _SECURED, _REPLICA, _OPTIONS, _PERSISTENCE, composing.PLACE):
        text = pattern.sub("", text)
    return text


def _stored(before: str, after: str) -> Iterator[str]:
    """What follows ALTER TABLE for what differs in how a table is stored."""
    was, is_now = ((bool(_PERSISTENCE.match(text)), _REPLICA.search(text), _options(text)) for text in (before, after))
    if was[0] != is_now[0]:
        yield "SET UNLOGGED" if is_now[0] else "SET LOGGED"
    if (was[1] and was[1][1]) != (is_now[1] and is_now[1][1]):
        yield f"REPLICA IDENTITY {is_now[1][1] if is_now[1] else 'DEFAULT'}"
    if gone := [name for name in was[2] if name not in is_now[2]]:
        yield f"RESET ({', '.join(gone)})"
    if given := [f"{name}={value}" for name, value in is_now[2].items() if was[2].get(name) != value]:
        yield f"SET ({', '.join(given)})"


def _options(text: str) -> dict[str, str]:
    """Storage parameters by name."""
    found = _OPTIONS.search(text)
    return dict(part.split("=", 1) for part in found[1].split(", ") if "=" in part) if found else {}
