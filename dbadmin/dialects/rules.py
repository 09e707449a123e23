"""Rules that a schema holds rows to, as values that can be compared, each with the query that counts who breaks it.

An engine's package reads them from its own definitions (`rules.py` there); which of them an upgrade relaxes and a
downgrade restores is told by `dbadmin.rollback.relaxed`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dbadmin.dialects.names import join, split
from dbadmin.dialects.values import ObjectKey, Schema, TableName

Kind = Literal["not-null", "unique", "check", "foreign-key", "type"]

_BOUND = re.compile(r"^(?P<left>[^<>=]*[^<>=\s])\s*(?P<op>>=|<=|>|<)\s*(?P<number>-?\d+(?:\.\d+)?)$")
_CAST = re.compile(
    r"::(?:\"(?:[^\"]|\"\")+\"|[a-z_][\w.]*(?: varying| precision| with(?:out)? time zone)?)"
    r"(?:\(\d+(?:,\d+)?\))?(?:\[\])*"
)
_AROUND_NAME = re.compile(r"(?<!\w)\((\w+|\"(?:[^\"]|\"\")+\"|'(?:[^']|'')*')\)")
_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`"
"""A literal or a name in quotes of any engine."""
_LITERALS = re.compile(r"(?:'(?:[^']|'')*'(?:, ?)?)+")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True)
class Rule:
    """A rule on the rows of a table.

    `key` is the schema object that makes it (a constraint, a column, an enum), `name` what a finding calls it,
    `shown` what it says; `content` makes it this rule whatever it is called: for a unique one its columns, for a
    check its expression, for a foreign key all of it. `needs` are the columns that `query` reads; `query` counts
    the rows that break it, in the engine's own SQL.
    """

    kind: Kind
    key: ObjectKey
    name: str
    table: TableName
    content: tuple[str, ...]
    shown: str
    query: str = field(compare=False)
    needs: frozenset[ObjectKey] = field(compare=False)

    def implies(self, other: "Rule") -> bool:
        """Whether rows that keep this rule keep the other one too."""
        if (self.kind, self.table) != (other.kind, other.table):
            return False
        if self.content == other.content:
            return True
        if self.kind == "unique":
            # The first part is the condition of a partial index: only under the same one do fewer columns say more.
            return self.content[0] == other.content[0] and set(self.content[1:]) <= set(other.content[1:])
        return self.kind == "check" and check_implies(self.content[0], other.content[0])


class Rules:
    """How an engine's rules are read from its schema map. This base knows none."""

    def of(self, schema: Schema) -> tuple[Rule, ...]:
        """NOT NULL, keys, checks and foreign keys of every table, each as its own rule."""
        return ()

    def narrowed(self, column: ObjectKey, schema: Schema, later: Schema) -> Rule | None:
        """The rule that a column's type in `schema` is, for rows that its type in `later` allows; else None.

        Both schemas have the column.
        """
        return None

    def existing_object(self, message: str) -> str | None:
        """The object that is there already, where that is what an error of this engine says; else None."""
        return None


@dataclass(frozen=True)
class Writer:
    """Writes the queries, quoting names by the engine's rules."""

    quote: Callable[[str], str]

    def table(self, table: TableName) -> str:
        """The table's name as SQL has it."""
        return ".".join(self.quote(part) for part in table if part is not None)

    def columns(self, table: TableName, names: Iterable[str]) -> frozenset[ObjectKey]:
        """The schema objects that these columns are."""
        return frozenset(ObjectKey("column", join([table.schema, table.name, name])) for name in names)

    def where(self, table: TableName, condition: str) -> str:
        """Count the rows for which a condition holds."""
        return f"SELECT count(*) FROM {self.table(table)} WHERE {condition}"

    def not_null(self, key: ObjectKey, table: TableName, column: str) -> Rule:
        """A column that must have a value."""
        query = self.where(table, f"{self.quote(column)} IS NULL")
        needs = self.columns(table, [column])
        return Rule("not-null", key, next(iter(needs)).name, table, (column,), "NOT NULL", query, needs)

    def unique(
        self, key: ObjectKey, table: TableName, names: Sequence[str], shown: str, *, parts: Sequence[str] = (),
        condition: str = "", nulls_alike: bool = False,
    ) -> Rule:  # fmt: skip
        """Columns (or `parts`, expressions as they are grouped by) of which no two rows have the same.

        The query counts the rows that are too many.
        """
        terms = list(parts) or [self.quote(name) for name in names]
        conditions = [f"({condition})"] * bool(condition)
        if not nulls_alike:
            conditions += [f"{term} IS NOT NULL" for term in terms]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        listed = ", ".join(terms)
        query = (
            f"SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {self.table(table)}{where}"
            f" GROUP BY {listed} HAVING count(*) > 1) AS same"
        )
        head = f"{condition}{' NULLS NOT DISTINCT' if nulls_alike else ''}"
        content = (without_casts(head), *map(without_casts, terms))
        return Rule("unique", key, key.name, table, content, shown, query, self.columns(table, names))

    def check(
        self, key: ObjectKey, table: TableName, expression: str, columns: Iterable[str], shown: str
    ) -> Rule:  # fmt: skip
        """An expression that must not be false; `columns` are all columns of the table, those in it are needed."""
        mentioned = [name for name in columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", expression)]
        needs = self.columns(table, mentioned)
        name = key.name if key.kind == "constraint" else ", ".join(sorted(column.name for column in needs))
        query = self.where(table, f"NOT ({expression})")
        return Rule("check", key, name, table, (without_casts(expression),), shown, query, needs)

    def foreign_key(
        self, key: ObjectKey, table: TableName, names: Sequence[str], to: TableName, to_names: Sequence[str], shown: str
    ) -> Rule:
        """Values that must stand in another table."""
        own, other = [self.quote(name) for name in names], [self.quote(name) for name in to_names]
        given = " AND ".join(f"c.{name} IS NOT NULL" for name in own)
        same = " AND ".join(f"p.{theirs} = c.{ours}" for ours, theirs in zip(own, other, strict=True))
        query = (
            f"SELECT count(*) FROM {self.table(table)} AS c WHERE {given}"
            f" AND NOT EXISTS (SELECT 1 FROM {self.table(to)} AS p WHERE {same})"
        )
        content = (*names, str(to), *to_names)
        needs = self.columns(table, names) | self.columns(to, to_names)
        return Rule("foreign-key", key, key.name, table, content, shown, query, needs)

    def type(self, column: ObjectKey, condition: str, shown: str, *, key: ObjectKey | None = None) -> Rule:
        """A column's type that some values do not fit: those for which the condition holds."""
        table, query = table_of_column(column), self.where(table_of_column(column), condition)
        return Rule("type", key or column, column.name, table, (column.name, shown), shown, query, frozenset({column}))


def table_of_column(key: ObjectKey) -> TableName:
    """The table of a column's key."""
    *schema, table, _ = split(key.name)
    return TableName(schema[0] if schema else None, table)


def columns_by_table(schema: Schema) -> Mapping[TableName, list[str]]:
    """Names of the columns of every table."""
    found: dict[TableName, list[str]] = {}
    for key in schema:
        if key.kind == "column":
            found.setdefault(table_of_column(key), []).append(split(key.name)[-1])
    return found


def masked(text: str) -> str:
    """A definition with what stands in quotes or brackets blanked, so that words of the definition itself are found.

    >>> masked("x DEFAULT 'a NOT NULL' CHECK (b IS NOT NULL)").split()
    ['x', 'DEFAULT', 'CHECK']
    """
    out, depth, at = [], 0, 0
    for piece in re.finditer(rf"{_QUOTED}|[()]|[^'\"`()]+|.", text, re.DOTALL):
        word = piece.group()
        depth += word == "("
        out.append(" " * len(word) if depth or word[0] in "'\"`" else word)
        depth -= word == ")"
        at = piece.end()
    assert at == len(text)
    return "".join(out)


def bracketed(text: str, start: int = 0) -> tuple[str, str]:
    """What stands in the first brackets after `start`, and what comes after them.

    >>> bracketed("CHECK ((a > ')'::text)) NO INHERIT")
    ("(a > ')'::text)", ' NO INHERIT')
    >>> bracketed("FOREIGN KEY (`it's (b`) REFERENCES t")
    ("`it's (b`", ' REFERENCES t')
    """
    begin, depth = -1, 0
    for piece in re.compile(rf"{_QUOTED}|[()]").finditer(text, start):
        word, at = piece.group(), piece.start()
        if begin < 0 and word == "(":
            begin = at
        depth += {"(": 1, ")": -1}.get(word, 0)
        if begin >= 0 and depth == 0:
            return text[begin + 1 : at], text[at + 1 :]
    raise ValueError("unbalanced brackets")


def parts(text: str) -> list[str]:
    """Parts between commas that stand in no quotes or brackets.

    >>> parts("lower(a, 'x,y'), b")
    ["lower(a, 'x,y')", 'b']
    """
    found, current, depth = [], "", 0
    for piece in re.finditer(rf"{_QUOTED}|[(),]|[^'\"`(),]+|.", text, re.DOTALL):
        word = piece.group()
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "," and depth == 0:
            found.append(current.strip())
            current = ""
        else:
            current += word
    return [*found, current.strip()]


def without_casts(text: str) -> str:
    """An expression without casts and brackets around single names: a column's type changes them, not the rule.

    >>> without_casts("((name)::text <> ''::text)"), without_casts("(name <> ''::text)")
    ("(name <> '')", "(name <> '')")
    """
    return _AROUND_NAME.sub(r"\1", _CAST.sub("", text))


def check_implies(strong: str, weak: str) -> bool:
    """Whether one check says more than another: a narrower bound, or a shorter list of the same values.

    What cannot be told is no.

    >>> check_implies("age > 18", "age > 0"), check_implies("age > 0", "age > 18")
    (True, False)
    >>> check_implies("mood IN ('a')", "mood IN ('a', 'b')"), check_implies("mood IN ('a', 'c')", "mood IN ('a', 'b')")
    (True, False)
    """
    one, other = _bound(strong), _bound(weak)
    if one is not None and other is not None:
        return _bound_implies(one, other)
    lists = _list(strong), _list(weak)
    if lists[0] is None or lists[1] is None:
        return False
    return lists[0][0] == lists[1][0] and lists[0][1] <= lists[1][1]


def _bound(text: str) -> tuple[str, str, float] | None:
    found = _BOUND.match(_unwrapped(text))
    return (found["left"].strip(), found["op"], float(found["number"])) if found else None


def _bound_implies(strong: tuple[str, str, float], weak: tuple[str, str, float]) -> bool:
    (left, op, number), (other_left, other_op, other) = strong, weak
    if left != other_left or op[0] != other_op[0]:
        return False
    if number == other:
        return len(op) <= len(other_op)  # > says more than >=
    return number > other if op[0] == ">" else number < other


def _list(text: str) -> tuple[str, frozenset[str]] | None:
    upper = text.upper()
    if not (" IN (" in upper or "= ANY" in upper) or "NOT IN" in upper or len(_LITERALS.findall(text)) != 1:
        return None
    return _unwrapped(_LITERALS.sub("…", text)), frozenset(_LITERAL.findall(text))


def _unwrapped(text: str) -> str:
    """An expression without brackets around the whole of it."""
    text = text.strip()
    while text.startswith("("):
        inside, rest = bracketed(text)
        if rest.strip():
            break
        text = inside.strip()
    return text


def quoter(dialect: str) -> Callable[[str], str]:
    """Quotes a name by the rules of SQLAlchemy's dialect of this name, where it must be quoted."""

    def quote(name: str) -> str:
        from sqlalchemy.dialects import registry

        # A per cent sign is doubled for drivers that take parameters; these queries take none.
        text: str = registry.load(dialect)().identifier_preparer.quote(name)
        return text.replace("%%", "%")

    return quote
