"""SQL text as SQLite reads it: tokens, and one spelling for what means the same."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<string>[xX]?'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
      | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<word>[^\W\d][\w$]*)
      | (?P<op>\|\||->>|->|<<|>>|<=|>=|==|!=|<>|.)""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset(
    {
        "ABORT", "ACTION", "ALWAYS", "AND", "AS", "ASC", "AUTOINCREMENT", "BETWEEN", "BY", "CASCADE", "CASE",
        "CAST", "CHECK", "COLLATE", "CONFLICT", "CONSTRAINT", "CREATE", "DEFAULT", "DEFERRABLE", "DEFERRED",
        "DELETE", "DESC", "DISTINCT", "ELSE", "END", "ESCAPE", "EXISTS", "FAIL", "FALSE", "FOREIGN", "FROM",
        "GENERATED", "GLOB", "IGNORE", "IMMEDIATE", "IN", "INDEX", "INITIALLY", "IS", "ISNULL", "KEY", "LIKE",
        "MATCH", "NO", "NOT", "NOTNULL", "NULL", "NULLS", "ON", "OR", "PRIMARY", "REFERENCES", "REGEXP",
        "REPLACE", "RESTRICT", "ROLLBACK", "SELECT", "SET", "STORED", "TABLE", "THEN", "TRUE", "UNIQUE",
        "UPDATE", "USING", "VIRTUAL", "WHEN", "WHERE",
    }
)  # fmt: skip
_SAME_OPERATOR = {"==": "=", "<>": "!="}


@dataclass(frozen=True)
class Token:
    """A token: its kind (word, quoted, string, number, op), its text, and the name it stands for."""

    kind: str
    text: str

    @property
    def value(self) -> str:
        """The identifier or string without its quotes."""
        if self.kind == "quoted" or (self.kind == "string" and self.text[0] == "'"):
            last = self.text[-1]
            return self.text[1:-1].replace(last * 2, last) if last != "]" else self.text[1:-1]
        return self.text

    @property
    def keyword(self) -> str:
        """The word in upper case, empty for anything else."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(sql: str) -> list[Token]:
    """Tokens without white space and comments.

    >>> [t.text for t in tokens("a /* b */ <> 'it''s' -- c")]
    ['a', '<>', "'it''s'"]
    """
    return [
        Token(match.lastgroup or "op", match.group()) for match in _TOKEN.finditer(sql) if match.lastgroup != "skip"
    ]


def expression(found: Iterable[Token], names: Mapping[str, str]) -> str:
    """An expression in one spelling: names as the table has them (`names`: lower case → name), one quoting.

    >>> expression(tokens('[Price]>0 and "x"<>Lower( kind )'), {"price": "price", "kind": "kind"})
    "price > 0 AND 'x' != lower(kind)"
    """
    return _layout([_folded(token, names) for token in found])


def text(sql: str, names: Iterable[str] = ()) -> str:
    """A view's or a trigger's text without comments, white space folded; quotes go where `names` needs none.

    ALTER TABLE … RENAME writes the new name in quotes; renamed back, the text must be what it was.
    """
    plain = {name for name in names if re.fullmatch(r"[^\W\d]\w*", name) and name.upper() not in _KEYWORDS}
    lowered = {name.lower() for name in plain}
    return _layout(
        [
            t.value if t.kind == "quoted" and t.value.lower() in lowered else t.text
            for t in tokens(sql.strip().rstrip(";"))
        ]
    )


def without_parentheses(found: list[Token]) -> list[Token]:
    """An expression without parentheses around the whole of it.

    >>> [t.text for t in without_parentheses(tokens("((a) + (b))"))]
    ['(', 'a', ')', '+', '(', 'b', ')']
    """
    while len(found) > 1 and found[0].text == "(" and closing(found, 0) == len(found) - 1:
        found = found[1:-1]
    return found


def items(found: list[Token]) -> list[list[Token]]:
    """Tokens between commas that stand in no parentheses."""
    items: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            items.append([])
        else:
            items[-1].append(token)
    return items


def closing(found: list[Token], start: int) -> int:
    """Where the parenthesis that opens at `start` closes; ValueError where it does not."""
    depth = 0
    for i in range(start, len(found)):
        depth += {"(": 1, ")": -1}.get(found[i].text, 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced parentheses")


def _folded(token: Token, names: Mapping[str, str]) -> str:
    if token.kind == "op":
        return _SAME_OPERATOR.get(token.text, token.text)
    if token.kind in ("word", "quoted") and token.value.lower() in names:
        return spelled(names[token.value.lower()])
    if token.kind == "word":
        return token.keyword if token.keyword in _KEYWORDS else token.text.lower()
    if token.kind == "quoted":  # not a column: what stands in double quotes is then a string to SQLite
        return "'" + token.value.replace("'", "''") + "'" if token.text[0] == '"' else token.value.lower()
    return token.text


def spelled(name: str) -> str:
    """A name in quotes where it needs them."""
    plain = re.fullmatch(r"[^\W\d]\w*", name) and name.upper() not in _KEYWORDS
    return name if plain else '"' + name.replace('"', '""') + '"'


def _layout(parts: list[str]) -> str:
    """Join tokens readably, and always the same way."""
    out = ""
    previous = ""
    for part in parts:
        tight = part in (",", ")", ".", ";") or previous in ("", "(", ".")
        call = part == "(" and previous[:1].isidentifier() and previous.upper() not in _KEYWORDS
        out += part if tight or call else " " + part
        previous = part
    return out
