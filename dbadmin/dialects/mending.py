"""Statements that make, change or remove one object of a schema map. This base knows what standard SQL has.

Each takes the definition as the map has it; None where no single statement does it on this engine.
"""

from collections.abc import Callable, Iterator, Mapping

from dbadmin.dialects.names import split, table_of
from dbadmin.dialects.values import ObjectKey


class Mending:
    """How an engine's objects are made as their definition says. `quote` quotes a name by its rules."""

    unique: str = "unique_constraint"
    """What Alembic takes a UNIQUE for that it meets in a database, and not in the models."""
    default_schema: str | None = None
    """The schema that definitions name, and Alembic does not."""

    def __init__(self, quote: Callable[[str], str]) -> None:
        self.quote = quote

    def make(self, key: ObjectKey, text: str) -> str | None:
        """Make an object that is missing."""
        table, name = self.table(key), self.own_name(key)
        if key.kind == "column":
            return f"ALTER TABLE {table} ADD COLUMN {name} {text}"
        if key.kind == "constraint":
            named = "" if split(key.name)[-1] == text else f"CONSTRAINT {name} "
            return f"ALTER TABLE {table} ADD {named}{text}"
        return None

    def remove(self, key: ObjectKey, text: str) -> str | None:
        """Remove an object that should not be there."""
        if key.kind == "column":
            return f"ALTER TABLE {self.table(key)} DROP COLUMN {self.own_name(key)}"
        if key.kind == "constraint" and split(key.name)[-1] != text:
            return f"ALTER TABLE {self.table(key)} DROP CONSTRAINT {self.own_name(key)}"
        if key.kind in ("table", "view", "sequence"):
            return f"DROP {key.kind.upper()} {self.full_name(key)}"
        return None

    def change(self, key: ObjectKey, before: str, after: str) -> str | None:
        """Change an object from one definition to another."""
        if key.kind in ("constraint", "index", "trigger", "view"):
            removed, made = self.remove(key, before), self.make(key, after)
            return f"{removed}; {made}" if removed and made else None
        return None

    def remake(self, key: ObjectKey, before: str, after: str, schema: Mapping[ObjectKey, str]) -> str | None:
        """The same by making it anew with all of the schema map that depends on it, where `change` has no answer."""
        return None

    def make_table(self, key: ObjectKey, schema: Mapping[ObjectKey, str]) -> str | None:
        """Make a table that is missing, with all that the schema map has of it."""
        own = {other: text for other, text in schema.items() if self._is_of(other, key)}
        order = next((split(text) for other, text in own.items() if other.kind == "column-order"), ())
        columns = {split(other.name)[-1]: text for other, text in own.items() if other.kind == "column"}
        inside = [f"{self.quote(name)} {self.declared(columns[name])}" for name in order if name in columns]
        for other, text in own.items():
            if other.kind == "constraint":
                inside.append(text if split(other.name)[-1] == text else f"CONSTRAINT {self.own_name(other)} {text}")
        options = self.table_options(schema[key])
        if options is None or not inside:
            return None
        made = [f"CREATE TABLE {self.full_name(key)} ({', '.join(inside)}){options}"]
        beside = ("index", "trigger", "policy", "rule")
        rest = [self.make(other, text) for other, text in own.items() if other.kind in beside]
        return None if None in rest else "; ".join(filter(None, [*made, *rest, *self.describe(key, schema[key], own)]))

    def _is_of(self, other: ObjectKey, key: ObjectKey) -> bool:
        table = table_of(other)
        return table is not None and other.kind != "table" and tuple(filter(None, table)) == split(key.name)

    def declared(self, text: str) -> str:
        """A column's definition as CREATE TABLE takes it."""
        return text

    def table_options(self, text: str) -> str | None:
        """What stands behind the brackets of CREATE TABLE; None where that takes more than words."""
        return "" if text == "TABLE" else None

    def describe(self, key: ObjectKey, text: str, own: Mapping[ObjectKey, str]) -> Iterator[str]:
        """What is told of a table in statements of their own: comments, row level security."""
        return iter(())

    def revise(self, key: ObjectKey, before: str | None, after: str | None) -> str | None:
        """The same in a revision, by Alembic's operations, where the engine has no statement for it."""
        return None

    def table(self, key: ObjectKey) -> str:
        """The table of an object, quoted."""
        table = table_of(key)
        return "" if table is None else ".".join(self.quote(part) for part in table if part is not None)

    def own_name(self, key: ObjectKey) -> str:
        """The last part of an object's name, quoted."""
        return self.quote(split(key.name)[-1])

    def full_name(self, key: ObjectKey) -> str:
        """All parts of an object's name, quoted."""
        return ".".join(map(self.quote, split(key.name)))
