"""Rules of SQLite tables, read from the schema map (see `schema.py` there for what its definitions look like).

Lengths and integer widths are no rules here: SQLite takes any value in any column, but in STRICT tables.
"""

import re
from collections.abc import Iterator

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
from dbadmin.dialects.sqlite.tokens import tokens
from dbadmin.dialects.values import ObjectKey, Schema, TableName

_EXISTS = re.compile(
    r"(?:table|view|index|trigger) [\"`\[]?(?P<name>.+?)[\"`\]]? already exists|duplicate column name: (?P<column>.+)$"
)
_STRICT = {"INTEGER": "'integer'", "INT": "'integer'", "REAL": "'real', 'integer'", "TEXT": "'text'", "BLOB": "'blob'"}


class SqliteRules(Rules):
    """Reads the definitions that `SqliteSchema` makes."""

    def __init__(self) -> None:
        self.write = Writer(quoter("sqlite"))

    def of(self, schema: Schema) -> tuple[Rule, ...]:
        """Every rule of every table."""
        columns = columns_by_table(schema)
        found: list[Rule] = []
        for key, text in schema.items():
            if key.kind == "column" and " NOT NULL" in masked(text):
                found.append(self.write.not_null(key, table_of_column(key), split(key.name)[-1]))
            elif key.kind in ("constraint", "index"):
                table = table_of(key)
                if table is not None:
                    found += self._of_object(key, table, text, columns.get(table, []))
        return tuple(found)

    def narrowed(self, column: ObjectKey, schema: Schema, later: Schema) -> Rule | None:
        """A STRICT table's type, where the later one takes other values; ANY takes all."""
        table = table_of_column(column)
        own = ObjectKey("table", column.name.rpartition(".")[0])
        if "STRICT" not in schema.get(own, "") or schema.get(column) == later.get(column):
            return None
        now, then = (text.partition(" ")[0] for text in (schema[column], later[column]))
        if now == then and "STRICT" in later.get(own, ""):
            return None
        allowed = _STRICT.get(now)
        if allowed is None or table is None:
            return None
        name = self.write.quote(split(column.name)[-1])
        return self.write.type(column, f"typeof({name}) NOT IN ({allowed}, 'null')", f"type {now} of a STRICT table")

    def existing_object(self, message: str) -> str | None:
        """`table t already exists`, `index ix already exists`, `duplicate column name: c`."""
        found = _EXISTS.search(message)
        return (found["name"] or found["column"]).strip() if found else None

    def _of_object(self, key: ObjectKey, table: TableName, text: str, columns: list[str]) -> Iterator[Rule]:
        if text.startswith("CHECK"):
            yield self.write.check(key, table, bracketed(text)[0], columns, text)
        elif text.startswith(("UNIQUE", "PRIMARY KEY")):
            yield self._unique(key, table, text, columns)
        elif text.startswith("FOREIGN KEY"):
            own, rest = bracketed(text)
            after = rest.removeprefix(" REFERENCES ")
            to = tokens(after)[0].text
            there = parts(bracketed(after[len(to) :])[0])
            names = [_name(part) for part in parts(own)]
            if there != [""]:
                target = TableName(None, _name(to))
                yield self.write.foreign_key(key, table, names, target, [_name(part) for part in there], text)

    def _unique(self, key: ObjectKey, table: TableName, text: str, columns: list[str]) -> Rule:
        inside, rest = bracketed(text)
        terms = [re.sub(r" DESC$", "", part) for part in parts(inside)]
        plain = {name.lower(): name for name in columns}
        names = [plain[_name(term).lower()] for term in terms if _name(term).lower() in plain]
        condition = rest.partition("WHERE ")[2] if key.kind == "index" else ""
        simple = len(names) == len(terms)
        grouped = [self.write.quote(name) for name in names] if simple else terms
        mentioned = [name for name in columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", f"{inside} {condition}")]
        return self.write.unique(key, table, mentioned, text, parts=grouped, condition=condition)


def _name(text: str) -> str:
    """A name without its quotes."""
    found = tokens(text)
    return found[0].value if len(found) == 1 else text
