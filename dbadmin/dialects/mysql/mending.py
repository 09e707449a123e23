"""Statements that make MySQL's and MariaDB's objects as the schema map describes them."""

import re

from dbadmin.dialects.mending import Mending
from dbadmin.dialects.names import split
from dbadmin.dialects.rules import quoter
from dbadmin.dialects.values import ObjectKey

_ROUTINE = re.compile(
    r"(?P<kind>FUNCTION|PROCEDURE) (?P<head>.*? SQL SECURITY \w+)(?: DEFINER=\S+)? SQL_MODE '[^']*' (?P<body>.*)",
    re.DOTALL,
)
_EVENT = re.compile(
    r"EVENT (?P<when>(?:AT|EVERY) .*?) (?P<then>ON COMPLETION (?:NOT )?PRESERVE)(?P<state> \w+)?(?: TIME ZONE \S+)?"
    r"(?: DEFINER=\S+)? SQL_MODE '[^']*'(?P<comment> COMMENT '(?:[^']|'')*')? (?P<body>.*)", re.DOTALL
)  # fmt: skip
_STATES = {"ENABLED": " ENABLE", "DISABLED": " DISABLE"}
_APART = re.compile(r"PARTITION BY|WITH SYSTEM VERSIONING")
"""What is no option of a table, but a change of what it holds."""
_INDEX = re.compile(r"(?P<kind>(?:[A-Z]+ )?INDEX|UNIQUE(?: KEY)?)")


class MysqlMending(Mending):
    """Indexes and columns are changed through their table."""

    unique = "index"

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
        if found := _ROUTINE.match(text):
            return f"CREATE {found['kind']} {self.own_name(key)}{found['head']} {found['body']}"
        if key.kind == "constraint" and text.startswith("PRIMARY"):
            return f"ALTER TABLE {self.table(key)} ADD {text}"
        if key.kind == "sequence":
            return f"CREATE SEQUENCE {self.own_name(key)} {text}"
        if found := _EVENT.match(text):
            when = re.sub(r"(AT|STARTS|ENDS) (\d[\d-]* [\d:.]+)", r"\1 '\2'", found["when"])
            told = f"{found['then']}{_STATES.get((found['state'] or '').strip(), '')}{found['comment'] or ''}"
            return f"CREATE EVENT {self.own_name(key)} ON SCHEDULE {when} {told} DO {found['body']}"
        return super().make(key, text)

    def table_options(self, text: str) -> str | None:
        """The options of a table are written as the map has them."""
        return text.removeprefix("TABLE")

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
        """A column is said anew as a whole, as are the options of a table."""
        if key.kind == "table" and not _APART.search(before + after):
            comment = "" if " COMMENT '" in after else " COMMENT ''"
            return f"ALTER TABLE {self.full_name(key)}{after.removeprefix('TABLE')}{comment}"
        if key.kind == "sequence":
            return f"ALTER SEQUENCE {self.own_name(key)} {after}{'' if ' CYCLE' in after else ' NOCYCLE'}"
        if key.kind == "constraint" and before.startswith("PRIMARY") and after.startswith("PRIMARY"):
            return f"ALTER TABLE {self.table(key)} DROP PRIMARY KEY, ADD {after}"  # in one, so that there is always one
        if key.kind in ("function", "procedure", "event"):
            made = self.make(key, after)
            return f"{self.remove(key, before)}; {made}" if made else None
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
