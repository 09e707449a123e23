"""What a statement writes, and into which rows: `SET` and `WHERE` of an UPDATE, read from its text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dbadmin.dialects.changes import Write
from dbadmin.queries.written import Token, tokens

LOSSY = frozenset({
    "lower", "upper", "initcap", "trim", "ltrim", "rtrim", "btrim", "strip", "substr", "substring", "left", "right",
    "split_part", "round", "floor", "ceil", "ceiling", "trunc", "truncate", "abs", "date", "date_trunc", "md5", "mod",
})  # fmt: skip
"""Functions that make several values one."""
_CONSTANTS = frozenset({"NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE"})
_CLAUSES = frozenset({"FROM", "WHERE", "RETURNING", "ORDER", "LIMIT"})
_VERBS = ("UPDATE", "INSERT", "DELETE", "MERGE", "REPLACE")
GAP = "…"


@dataclass(frozen=True)
class Condition:
    """What a WHERE says of one column: the values that it lets through; None for any that it does not list."""

    column: str
    values: frozenset[str] | None


def writes_of(statement: str) -> tuple[Write, ...]:
    """What an UPDATE sets.

    >>> writes_of("UPDATE users u SET state = 'new', name = lower(u.name) WHERE u.state IN ('a', 'b')") == (
    ...     Write("state", "'new'", picked=frozenset({"'a'", "'b'"})), Write("name", None, frozenset({"name"}), True))
    True
    """
    pieces = pieces_of(statement)
    words = _outside(pieces)
    start = next((at for at, word in words if word == "SET"), None)
    if start is None:
        return ()
    end = next((at for at, word in words if at > start and word in _CLAUSES), len(pieces))
    where = next((at for at, word in words if at > start and word == "WHERE"), None)
    conditions = conditions_of(_until(pieces[where + 1 :], _CLAUSES)) if where is not None else {}
    found = [_assignment(part) for part in _apart(pieces[start + 1 : end], ",")]
    return tuple(replace(w, picked=conditions.get(w.column)) for w in found if w is not None)


def main_verb(statement: str) -> str:
    """The statement without its WITH list.

    >>> main_verb("WITH a AS (SELECT 1) UPDATE t SET x = 1")
    'UPDATE t SET x = 1'
    """
    pieces = list(tokens(statement))
    depth, first = 0, ""
    for at, token in enumerate(pieces):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        first = first or token.word
        if depth == 0 and first == "WITH" and token.word in _VERBS:
            return "".join(piece.text for piece in pieces[at:])
    return statement


def pieces_of(statement: str) -> list[Token]:
    """The pieces that mean something."""
    return [token for token in tokens(statement) if token.kind not in ("space", "comment")]


def value_of(pieces: Sequence[Token], column: str) -> Write:
    """What an expression writes into a column."""
    constant = constant_of(pieces)
    if constant is not None:
        return Write(column, constant)
    names = frozenset(_columns(pieces)) | {token.text for token in pieces if token.kind == "bind"}
    called = {token.text.lower() for token, then in _pairs(pieces) if token.kind == "word" and then == "("}
    return Write(column, None, names, bool(called & LOSSY))


def constant_of(pieces: Sequence[Token]) -> str | None:
    """A constant as it is written, without what it is cast to."""
    cast = next((at for at, token in enumerate(pieces) if token.text == "::"), len(pieces))
    pieces = pieces[:cast]
    text = "".join(token.text for token in pieces)
    if len(pieces) == 3 and text.endswith("()"):
        return text.lower()  # now()
    if len(pieces) == 2 and pieces[0].text == "-":
        pieces = pieces[1:]
    if len(pieces) != 1 or pieces[0].text[0] in '"`' or GAP in text:
        return None
    token = pieces[0]
    known = token.kind == "text" or token.word in _CONSTANTS or token.text[0].isdigit()
    return (token.word or text) if known else None


def conditions_of(pieces: Sequence[Token]) -> dict[str, frozenset[str] | None]:
    """What a WHERE lets through, by column; None where that may be any value."""
    found: dict[str, frozenset[str] | None] = {}
    for part in _apart(_bare(pieces), "AND"):
        for one in _condition(_bare(part)):
            found[one.column] = narrower(found.get(one.column), one.values)
    return found


def narrower(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """What two conditions that both hold let through."""
    return one & other if one is not None and other is not None else one if other is None else other


def _condition(pieces: Sequence[Token]) -> Iterator[Condition]:
    """What one part says; several alternatives of one column are taken together."""
    ways = list(_apart(pieces, "OR"))
    if len(ways) > 1:
        told = [one for way in ways for one in _condition(_bare(way))]
        columns = {one.column for one in told}
        if len(columns) == 1 and len(told) == len(ways) and all(one.values is not None for one in told):
            yield Condition(columns.pop(), frozenset().union(*(one.values or frozenset() for one in told)))
        else:
            yield from (Condition(column, None) for column in columns)
        return
    words = [token.word or token.text for token in pieces]
    operator = next((at for at, word in enumerate(words) if word in ("=", "IN", "IS")), None)
    column = _column(pieces[:operator]) if operator is not None else None
    if operator is None or column is None:
        yield from (Condition(name, None) for name in _columns(pieces))
        return
    right = pieces[operator + 1 :]
    listed = _apart(_bare(right), ",") if words[operator] == "IN" else [right]
    values = [constant_of(value) for value in listed]
    yield Condition(column, frozenset(v for v in values if v is not None) if None not in values else None)


def _assignment(pieces: Sequence[Token]) -> Write | None:
    at = next((n for n, token in enumerate(pieces) if token.text == "="), None)
    column = _column(pieces[:at]) if at is not None else None
    return value_of(pieces[(at or 0) + 1 :], column) if column is not None else None


def _column(pieces: Sequence[Token]) -> str | None:
    """The column that a name with or without its table stands for; None for what is no name."""
    names = [token for token in pieces if token.text != "."]
    plain = all(token.kind == "word" or token.text[0] in '"`' for token in names)
    if not names or not plain or len(names) * 2 - 1 != len(pieces):
        return None
    return names[-1].text.strip('"`')


def _columns(pieces: Sequence[Token]) -> Iterator[str]:
    """Names that may be those of columns."""
    for at, (token, then) in enumerate(_pairs(pieces)):
        quoted = token.kind == "text" and token.text[0] in '"`'
        cast = at and pieces[at - 1].text == "::"
        if (quoted or token.kind == "word") and then not in ("(", ".") and token.word not in _CONSTANTS and not cast:
            yield token.text.strip('"`')


def _pairs(pieces: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Each piece with the text of the next."""
    return zip(pieces, [*(token.text for token in pieces[1:]), ""], strict=True)


def _outside(pieces: Sequence[Token]) -> list[tuple[int, str]]:
    """Words outside brackets, by their place."""
    depth, found = 0, []
    for at, token in enumerate(pieces):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            found.append((at, token.word or token.text))
    return found


def _apart(pieces: Sequence[Token], mark: str) -> Iterator[Sequence[Token]]:
    """Parts between a mark outside brackets."""
    begun = 0
    for at, word in _outside(pieces):
        if word == mark:
            yield pieces[begun:at]
            begun = at + 1
    yield pieces[begun:]


def _until(pieces: Sequence[Token], words: frozenset[str]) -> Sequence[Token]:
    return pieces[: next((at for at, word in _outside(pieces) if word in words), len(pieces))]


def _bare(pieces: Sequence[Token]) -> Sequence[Token]:
    """Without brackets around the whole."""
    while len(pieces) > 2 and pieces[0].text == "(" and pieces[-1].text == ")":
        depth = 0
        for token in pieces[:-1]:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0:
                return pieces
        pieces = pieces[1:-1]
    return pieces
