"""Statements that make, change or remove one object of a schema map. This base knows what standard SQL has.

Each takes the definition as the map has it; None where no single statement does it on this engine.
"""

from collections.abc import Callable

from dbadmin.dialects.names import split, table_of
from dbadmin.dialects.values import ObjectKey


class Mending:
    """How an engine's objects are made as their definition says. `quote` quotes a name by its rules."""

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
