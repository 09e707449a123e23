"""Statements that make SQLite's objects as the schema map describes them; most changes need a new table."""

import re
from collections.abc import Mapping

from dbadmin.dialects.mending import Mending
from dbadmin.dialects.names import join, split, table_of
from dbadmin.dialects.rules import quoter
from dbadmin.dialects.values import ObjectKey

_COLUMN = re.compile(r"(?P<type>.*?)(?P<null> NOT NULL)?(?: DEFAULT (?P<default>.*))?", re.DOTALL)
_TYPE = re.compile(r"(?P<name>[A-Z]+)(?P<rest>\(\d+(?:, ?\d+)?\))?")
_KNOWN = frozenset({
    "INTEGER", "BIGINT", "SMALLINT", "VARCHAR", "CHAR", "TEXT", "NUMERIC", "DECIMAL", "FLOAT", "REAL", "BOOLEAN",
    "DATE", "DATETIME", "TIME", "TIMESTAMP", "BLOB", "JSON",
})  # fmt: skip
"""Types that SQLAlchemy has by these names."""
_GENERATED = re.compile(r"GENERATED ALWAYS AS \(.*\) (?P<kind>STORED|VIRTUAL)", re.DOTALL)
_FOREIGN = re.compile(r"FOREIGN KEY \((?P<own>.*)\) REFERENCES (?P<table>.+?) \((?P<theirs>.*?)\)(?P<rest>.*)")
_ACTION = re.compile(r" ON (DELETE|UPDATE) (CASCADE|SET NULL|SET DEFAULT|RESTRICT|NO ACTION)")

_OPTIONS = {"STRICT": ("sqlite_strict", True), "WITHOUT ROWID": ("sqlite_with_rowid", False),
            "AUTOINCREMENT": ("sqlite_autoincrement", True)}  # fmt: skip
"""Words of a table → the argument of SQLAlchemy's Table, and its value."""


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
        found = _GENERATED.search(text)
        stored = found is not None and found["kind"] == "STORED"  # which ALTER TABLE does not add
        return super().make(key, text) if key.kind == "column" and not stored else None

    def remove(self, key: ObjectKey, text: str) -> str | None:
        """Indexes and triggers go by their name alone."""
        if key.kind in ("index", "trigger"):
            return f"DROP {key.kind.upper()} {self.own_name(key)}"
        return None if key.kind == "constraint" else super().remove(key, text)

    def change(self, key: ObjectKey, before: str, after: str) -> str | None:
        """A generated column holds nothing that would be lost with it."""
        if key.kind == "column" and _GENERATED.search(before) and _GENERATED.search(after):
            made = self.make(key, after)
            return f"{self.remove(key, before)}; {made}" if made else None
        return super().change(key, before, after)

    def table_options(self, text: str) -> str | None:
        """STRICT and WITHOUT ROWID stand behind the brackets, AUTOINCREMENT in a column: see `make_table`."""
        words = [word.strip() for word in text.split(",")[1:]]
        known = set(words) <= {"STRICT", "WITHOUT ROWID"}
        return (f" {', '.join(words)}" if words else "") if known else None

    def make_table(self, key: ObjectKey, schema: Mapping[ObjectKey, str]) -> str | None:
        """AUTOINCREMENT stands in the column that is the primary key."""
        head, counted, rest = schema[key].partition(", AUTOINCREMENT")
        if not counted:
            return super().make_table(key, schema)
        own = {other: text for other, text in schema.items() if self._is_of(other, key)}
        primary = next((other for other, text in own.items() if text.startswith("PRIMARY KEY")), None)
        if primary is None:
            return None
        column = ObjectKey("column", join([split(key.name)[-1], *split(own[primary][len("PRIMARY KEY (") : -1])]))
        counting = {column: f"{own[column]} PRIMARY KEY AUTOINCREMENT", key: head + rest}
        return super().make_table(
            key, {other: text for other, text in {**schema, **counting}.items() if other != primary}
        )

    def revise(self, key: ObjectKey, before: str | None, after: str | None) -> str | None:
        """Columns are altered, and constraints made and dropped, in batch mode; None for those without a name."""
        table = table_of(key)
        if key.kind == "table" and before and after:
            return _remade(split(key.name)[-1], before, after)
        name = split(key.name)[-1]
        if key.kind == "constraint" and table is not None and before is None and name == after:
            name = _named(table.name, after)
        if table is None or key.kind not in ("column", "constraint") or name in (before, after):
            return None
        parts = [_altered(name, before, after)] if key.kind == "column" else []
        if key.kind == "constraint":
            parts += [f"batch.drop_constraint({name!r}, type_={_kind(before)!r})"] if before is not None else []
            parts += [_made(name, after)] if after is not None else []
        calls = [part for part in parts if part is not None]
        if len(calls) != len(parts) or not calls:
            return None
        return f"with op.batch_alter_table({table.name!r}) as batch: {'; '.join(calls)}"


def _remade(name: str, before: str, after: str) -> str | None:
    """What makes a table anew with other words behind its brackets; None for a virtual table."""
    (was, *old), (is_now, *words) = before.split(", "), after.split(", ")
    if (was, is_now) != ("TABLE", "TABLE") or not {*old, *words} <= set(_OPTIONS):
        return None
    off = [word for word in old if word not in words]
    values = {_OPTIONS[word][0]: _OPTIONS[word][1] is (word not in off) for word in (*words, *off)}
    given = ", ".join(f"{option!r}: {value}" for option, value in values.items())
    return f"with op.batch_alter_table({name!r}, recreate='always', table_kwargs={{{given}}}): pass"


def _named(table: str, text: str) -> str:
    """A name for a constraint that has none, without which batch mode makes none.

    >>> _named("users", "UNIQUE (email)"), _named("posts", "FOREIGN KEY (a, b) REFERENCES users (a, b)")
    ('uq_users_email', 'fk_posts_a_b')
    """
    short = {"unique": "uq", "check": "ck", "foreignkey": "fk", "primary": "pk"}[_kind(text)]
    columns = re.match(r"(?:UNIQUE|FOREIGN KEY|PRIMARY KEY) \((.*?)\)", text)
    return "_".join([short, table, *(split(columns[1]) if columns else ())])


def _kind(text: str) -> str:
    words = {"UNIQUE": "unique", "CHECK": "check", "FOREIGN": "foreignkey", "PRIMARY": "primary"}
    return words.get(text.split()[0], "check")


def _altered(name: str, before: str | None, after: str | None) -> str | None:
    """What makes a column as it should be."""
    was, is_now = (_COLUMN.fullmatch(text) if text is not None else None for text in (before, after))
    if was is None or is_now is None:
        return None
    given = []
    if was["type"] != is_now["type"]:
        found = _TYPE.fullmatch(is_now["type"])
        if found is None or found["name"] not in _KNOWN:
            return None
        given.append(f"type_=sa.{found['name']}{found['rest'] or '()'}")
    if was["null"] != is_now["null"]:
        given.append(f"nullable={is_now['null'] is None}")
    if was["default"] != is_now["default"]:
        default = is_now["default"]
        given.append(f"server_default={f'sa.text({default!r})' if default is not None else None}")
    return f"batch.alter_column({name!r}, {', '.join(given)})"


def _made(name: str, text: str) -> str | None:
    """What makes a constraint as its definition says."""
    if text.startswith("CHECK (") and text.endswith(")"):
        return f"batch.create_check_constraint({name!r}, sa.text({text[7:-1]!r}))"
    if found := re.fullmatch(r"UNIQUE \((.*)\)", text):
        return f"batch.create_unique_constraint({name!r}, {list(split(found[1]))!r})"
    if found := re.fullmatch(r"PRIMARY KEY \((.*)\)", text):
        return f"batch.create_primary_key({name!r}, {list(split(found[1]))!r})"
    found = _FOREIGN.fullmatch(text)
    if found is None or _ACTION.sub("", found["rest"]):
        return None
    lists = f"{list(split(found['own']))!r}, {list(split(found['theirs']))!r}"
    actions = "".join(f", on{what.lower()}={action!r}" for what, action in _ACTION.findall(found["rest"]))
    return f"batch.create_foreign_key({name!r}, {split(found['table'])[-1]!r}, {lists}{actions})"
