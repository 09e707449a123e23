"""Statements that make MySQL's and MariaDB's objects as the schema map describes them."""

import re

from dbadmin.dialects.mending import Mending
from dbadmin.dialects.names import split
from dbadmin.dialects.rules import quoter
from dbadmin.dialects.values import ObjectKey

_INDEX = re.compile(r"(?P<kind>(?:[A-Z]+ )?INDEX|UNIQUE(?: KEY)?)")


class MysqlMending(Mending):
    """Indexes and columns are changed through their table."""

    def __init__(self) -> None:
        super().__init__(quoter("mysql"))

    def make(self, key: ObjectKey, text: str) -> str | None:
        """An index has its name after its kind; a view without its definer."""
        if key.kind == "index" and (found := _INDEX.match(text)):
            named = f"{found.group()} {self.own_name(key)}{text[found.end() :]}"
            return f"ALTER TABLE {self.table(key)} ADD {named}"
        if key.kind == "view":
            return (
                f"CREATE {text.removeprefix('VIEW').partition(' AS ')[0].strip()} VIEW {self.full_name(key)} AS "
                + (text.partition(" AS ")[2])
            )
        if key.kind == "trigger":
            return self._trigger(key, text)
        return super().make(key, text)

    def remove(self, key: ObjectKey, text: str) -> str | None:
        """A constraint without a name of its own can only be dropped by the one that the server made."""
        if key.kind == "index":
            return f"ALTER TABLE {self.table(key)} DROP INDEX {self.own_name(key)}"
        if key.kind == "constraint" and split(key.name)[-1] != text:
            what = "PRIMARY KEY" if text.startswith("PRIMARY") else None
            what = what or f"{'INDEX' if text.startswith('UNIQUE') else 'CONSTRAINT'} {self.own_name(key)}"
            return f"ALTER TABLE {self.table(key)} DROP {what}"
        if key.kind in ("trigger", "function", "procedure", "event"):
            return f"DROP {key.kind.upper()} {self.own_name(key)}"
        return super().remove(key, text)

    def change(self, key: ObjectKey, before: str, after: str) -> str | None:
        """A column is said anew as a whole."""
        if key.kind == "column":
            return f"ALTER TABLE {self.table(key)} MODIFY COLUMN {self.own_name(key)} {after}"
        return super().change(key, before, after)

    def _trigger(self, key: ObjectKey, text: str) -> str | None:
        found = re.match(r"TRIGGER (BEFORE|AFTER) (INSERT|UPDATE|DELETE) ", text)
        body = re.search(r"\b(BEGIN|SET|INSERT|UPDATE|DELETE|CALL|IF|SIGNAL)\b", text[found.end() :]) if found else None
        if found is None or body is None:
            return None
        when = f"{found[1]} {found[2]} ON {self.table(key)} FOR EACH ROW"
        return f"CREATE TRIGGER {self.own_name(key)} {when} {text[found.end() + body.start() :]}"
