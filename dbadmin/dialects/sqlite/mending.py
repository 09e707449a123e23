"""Statements that make SQLite's objects as the schema map describes them; most changes need a new table."""

from dbadmin.dialects.mending import Mending
from dbadmin.dialects.rules import quoter
from dbadmin.dialects.values import ObjectKey


class SqliteMending(Mending):
    """There is no ALTER for constraints and columns: Alembic's batch mode makes the table anew."""

    def __init__(self) -> None:
        super().__init__(quoter("sqlite"))

    def make(self, key: ObjectKey, text: str) -> str | None:
        """Views and triggers are their own statements."""
        if key.kind == "index":
            unique, rest = ("UNIQUE ", text.removeprefix("UNIQUE ")) if text.startswith("UNIQUE ") else ("", text)
            return f"CREATE {unique}INDEX {self.own_name(key)} ON {self.table(key)} {rest}"
        if key.kind in ("view", "trigger"):
            return text
        return super().make(key, text) if key.kind == "column" else None

    def remove(self, key: ObjectKey, text: str) -> str | None:
        """Indexes and triggers go by their name alone."""
        if key.kind in ("index", "trigger"):
            return f"DROP {key.kind.upper()} {self.own_name(key)}"
        return None if key.kind == "constraint" else super().remove(key, text)
