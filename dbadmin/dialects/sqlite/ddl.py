"""SQLite keeps schema objects as the text they were written in; this reads that text into comparable parts.

The grammar is that of https://www.sqlite.org/lang_createtable.html. SQLite accepted the text before we see it, so the
parser need not refuse anything; where it meets what it does not know it raises ValueError, and the whole text stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dbadmin.dialects.sqlite.tokens import Token, closing, expression, items, spelled, tokens, without_parentheses

_TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_COLUMN_CONSTRAINTS = frozenset(
    {*_TABLE_CONSTRAINTS, "NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS", "DEFERRABLE"}
)


Refer = Callable[[str, list[str]], str]
"""Spells the table and columns that a foreign key refers to; no columns stand for the table's key."""


@dataclass
class ColumnText:
    """What only the text tells about a column."""

    name: str
    collation: str | None = None
    generated: str | None = None
    not_null_conflict: str | None = None


@dataclass
class TableText:
    """What only the text of a CREATE TABLE tells."""

    columns: dict[str, ColumnText] = field(default_factory=dict)
    constraints: list[tuple[str | None, str]] = field(default_factory=list)
    options: tuple[str, ...] = ()
    autoincrement: bool = False


def create_table(sql: str, names: Mapping[str, str], refer: Refer) -> TableText:
    """Read a CREATE TABLE. ValueError where something in it is not known here.

    `names` maps lower-case column names to those the table has; `refer` spells what a foreign key refers to.
    """
    found = tokens(sql)
    start = next((i for i, token in enumerate(found) if token.text == "("), None)
    if start is None:
        raise ValueError("no column list")
    end = closing(found, start)
    table = TableText(options=_options(found[end + 1 :]))
    for item in items(found[start + 1 : end]):
        Item(item, names, table, refer).read()
    return table


def create_index(sql: str, names: Mapping[str, str]) -> str:
    """A CREATE INDEX without the names of index and table: `UNIQUE (email COLLATE nocase) WHERE …`.

    >>> create_index('CREATE UNIQUE INDEX "ix" ON [t] (A asc, b DESC) WHERE a IS NOT NULL', {"a": "a", "b": "b"})
    'UNIQUE (a, b DESC) WHERE a IS NOT NULL'
    """
    found = tokens(sql)
    start = next(i for i, token in enumerate(found) if token.text == "(")
    unique = any(token.keyword == "UNIQUE" for token in found[:start])
    rest = [token for token in found[start:] if token.keyword != "ASC"]
    return ("UNIQUE " if unique else "") + expression(rest, names)


class Item:
    """One comma-separated part of a CREATE TABLE: a column with its constraints, or table constraints."""

    def __init__(self, found: list[Token], names: Mapping[str, str], table: TableText, refer: Refer) -> None:
        self.tokens, self.at = found, 0
        self.names, self.table, self.refer = names, table, refer

    def read(self) -> None:
        """Read all of it into the table."""
        if self.peek() in _TABLE_CONSTRAINTS:
            self.constraints(None)
            return
        column = ColumnText(self.take().value)
        self.table.columns[column.name] = column
        while self.at < len(self.tokens) and self.peek() not in _COLUMN_CONSTRAINTS:
            if self.tokens[self.at].text == "(":
                self.parenthesised()
            else:
                self.at += 1
        self.constraints(column)

    def constraints(self, column: ColumnText | None) -> None:
        """Read constraints to the end, of a column or of the table."""
        name: str | None = None
        while self.at < len(self.tokens):
            if self.accept("CONSTRAINT"):
                name = self.take().value
                continue
            definition = self.column_part(column) if column else None
            definition = definition if definition is not None else self.table_part(column)
            if definition:
                self.table.constraints.append((name, definition))
            name = None

    def column_part(self, column: ColumnText) -> str | None:
        """A part that only columns have; "" where it makes no constraint, None where it is none of them."""
        if self.accept("NOT"):
            if self.accept("NULL"):
                column.not_null_conflict = self.conflict() or None
            else:  # NOT DEFERRABLE, which is the rule
                self.deferrable()
        elif self.accept("NULL"):
            self.conflict()
        elif self.accept("DEFAULT"):
            self.default()
        elif self.accept("COLLATE"):
            column.collation = self.take().value.upper()
        elif self.peek() in ("GENERATED", "AS"):
            self.accept("GENERATED"), self.accept("ALWAYS")
            self.expect("AS")
            body = expression(without_parentheses(self.parenthesised()), self.names)
            kind = "STORED" if self.accept("STORED") else "VIRTUAL"
            self.accept("VIRTUAL")
            column.generated = f"GENERATED ALWAYS AS ({body}) {kind}"
        elif self.peek() == "REFERENCES":
            return self.references([column.name])
        else:
            return None
        return ""

    def table_part(self, column: ColumnText | None) -> str:
        """PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY, of the table or (without its list) of one column."""
        if self.accept("PRIMARY"):
            self.expect("KEY")
            return self.key("PRIMARY KEY", column)
        if self.accept("UNIQUE"):
            return self.key("UNIQUE", column)
        if self.accept("CHECK"):
            body = expression(without_parentheses(self.parenthesised()), self.names)
            self.conflict()
            return f"CHECK ({body})"
        self.expect("FOREIGN")
        self.expect("KEY")
        return self.references([self.known(t.value) for t in self.parenthesised() if t.text not in "(,)"])

    def key(self, kind: str, column: ColumnText | None) -> str:
        """The rest of PRIMARY KEY or UNIQUE."""
        if column is not None:
            order = " DESC" if self.accept("DESC") else ""
            self.accept("ASC")
            conflict = self.conflict()
            if self.accept("AUTOINCREMENT"):
                self.table.autoincrement = True
            return f"{kind} ({self.known(column.name)}{order}){conflict}"
        inside = [t for t in self.parenthesised()[1:-1] if t.keyword != "ASC"]
        if inside and inside[-1].keyword == "AUTOINCREMENT":
            self.table.autoincrement = True
            inside.pop()
        return f"{kind} ({expression(inside, self.names)}){self.conflict()}"

    def references(self, columns: list[str]) -> str:
        """REFERENCES with its actions, those that are the rule left out."""
        self.expect("REFERENCES")
        target = self.take().value
        to: list[str] = []
        if self.at < len(self.tokens) and self.tokens[self.at].text == "(":
            to = [t.value for t in self.parenthesised() if t.text not in "(,)"]
        actions: dict[str, str] = {}
        deferred = ""
        while self.peek() in ("ON", "MATCH", "NOT", "DEFERRABLE"):
            if self.accept("ON"):
                event = self.take().keyword
                actions[event] = self.action()
            elif self.accept("MATCH"):
                self.take()  # SQLite reads MATCH and does nothing with it
            elif self.peek() == "NOT" and self.peek(1) != "DEFERRABLE":
                break
            else:
                immediate = self.accept("NOT")
                deferred = "" if self.deferrable() == "" or immediate else " DEFERRABLE INITIALLY DEFERRED"
        rules = "".join(f" ON {event} {action}" for event, action in sorted(actions.items()) if action != "NO ACTION")
        own = ", ".join(spelled(self.known(name)) for name in columns)
        return f"FOREIGN KEY ({own}) REFERENCES {self.refer(target, to)}{rules}{deferred}"

    def action(self) -> str:
        """What ON DELETE or ON UPDATE does."""
        word = self.take().keyword
        return f"{word} {self.take().keyword}" if word in ("SET", "NO") else word

    def deferrable(self) -> str:
        """DEFERRED where a foreign key is checked at commit, else nothing."""
        self.expect("DEFERRABLE")
        if self.accept("INITIALLY"):
            return "DEFERRED" if self.take().keyword == "DEFERRED" else ""
        return ""

    def conflict(self) -> str:
        """ON CONFLICT, with ABORT, which is the rule, left out."""
        if self.peek() == "ON" and self.peek(1) == "CONFLICT":
            self.at += 2
            word = self.take().keyword
            return "" if word == "ABORT" else f" ON CONFLICT {word}"
        return ""

    def default(self) -> None:
        """Pass over a default; the catalog tells it."""
        if self.tokens[self.at].text == "(":
            self.parenthesised()
        else:
            if self.tokens[self.at].text in "+-":
                self.at += 1
            self.at += 1

    def parenthesised(self) -> list[Token]:
        """The tokens of a parenthesis, with it; ValueError where none is open."""
        if self.at >= len(self.tokens) or self.tokens[self.at].text != "(":
            raise ValueError("no parenthesis")
        end = closing(self.tokens, self.at)
        inside = self.tokens[self.at : end + 1]
        self.at = end + 1
        return inside

    def known(self, name: str) -> str:
        """A column as the table spells it."""
        return self.names.get(name.lower(), name)

    def peek(self, ahead: int = 0) -> str:
        """The keyword that comes next, or further ahead; empty at the end."""
        return self.tokens[self.at + ahead].keyword if self.at + ahead < len(self.tokens) else ""

    def accept(self, keyword: str) -> bool:
        """Whether this keyword comes next; then it is passed."""
        if self.peek() == keyword:
            self.at += 1
            return True
        return False

    def expect(self, keyword: str) -> None:
        """Pass this keyword; ValueError where another comes."""
        if not self.accept(keyword):
            raise ValueError(f"no {keyword}")

    def take(self) -> Token:
        """The next token; ValueError at the end."""
        if self.at >= len(self.tokens):
            raise ValueError("text ends early")
        self.at += 1
        return self.tokens[self.at - 1]


def _options(found: list[Token]) -> tuple[str, ...]:
    words = [" ".join(t.keyword for t in part) for part in items(found) if part]
    if unknown := set(words) - {"STRICT", "WITHOUT ROWID"}:
        raise ValueError(f"unknown table option {unknown}")
    return tuple(sorted(words))
