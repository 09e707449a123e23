"""SQL as people write it: `:name` parameters, several statements in one text, writes without WHERE.

Only as much is read of it as must be: strings, quoted names, comments and dollar quotes are skipped, words and
brackets are seen; what they mean is the database's business.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import NullType

from dbadmin.errors import UsageError

_TOKEN = re.compile(
    r"""(?P<comment> --[^\n]* | /\* )
      | (?P<text>    [eE]'(?:[^'\\]++|\\.|'')*(?:'|\Z) | '(?:[^']++|'')*(?:'|\Z)
                   | \$(?P<tag>[^\W\d]\w*)?\$ .*? (?:\$(?(tag)(?P=tag))\$|\Z)
                   | "(?:[^"]++|"")*(?:"|\Z) | `(?:[^`]++|``)*(?:`|\Z) )
      | (?P<word>    [^\W\d][\w$]* )
      | (?P<bind>    (?<![:\w]):(?P<name>[^\W\d]\w*) )
      | (?P<space>   \s+ )
      | (?P<other>   ::|\d[\w.]*|. )""",
    re.VERBOSE | re.DOTALL,
)
_OF_A_CLIENT = re.compile(
    r"\s*(?:(?P<psql>\\[A-Za-z?!]\w*)|(?P<sqlite>\.[a-z]+)|(?P<mysql>delimiter)(?=\s|\Z))", re.IGNORECASE
)
LISTS = "dbadmin tables lists the tables, dbadmin describe TABLE tells all about one"
_WITH_BODY = frozenset({"TRIGGER", "FUNCTION", "PROCEDURE", "EVENT"})
_WITHOUT_BODY = frozenset(
    {"SELECT", "VALUES", "TABLE", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "SHOW", "EXPLAIN", "CALL"}
)
"""Statements in which no other one stands: a semicolon ends them."""
_READS = frozenset({"SELECT", "VALUES", "TABLE", "WITH"})
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "INTO"})


@dataclass(frozen=True)
class Token:
    """A piece of SQL. `kind` is comment, text (strings and quoted names), word, bind, space or other."""

    kind: str
    text: str
    name: str | None = None

    @property
    def word(self) -> str:
        """An unquoted word in upper case, else empty."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(sql: str) -> Iterator[Token]:
    """The pieces of a text; joined they give the text again."""
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        assert found is not None and found.lastgroup is not None
        kind = next(k for k in ("comment", "text", "word", "bind", "space", "other") if found[k] is not None)
        end = _comment_end(sql, at) if found["comment"] == "/*" else found.end()
        yield Token(kind, sql[at:end], found["name"])
        at = end


def _comment_end(sql: str, start: int) -> int:
    """Where a comment ends; PostgreSQL nests them, so an inner one counts if the outer one is closed too."""
    depth = 0
    for mark in re.finditer(r"/\*|\*/", sql[start:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return start + mark.end()
    first = sql.find("*/", start)
    return len(sql) if first < 0 else first + 2


def split_statements(sql: str) -> list[str]:
    """The statements of a text, without their semicolons; bodies between BEGIN and END stay whole.

    >>> split_statements("select ';'; -- two; or three\\nselect 2;")
    ["select ';'", '-- two; or three\\nselect 2']
    """
    found: list[tuple[str, bool]] = []
    current, depth = "", 0
    words: list[str] = []
    for token in tokens(sql):
        if token.word:
            depth = max(0, depth + _nesting(words, token.word, depth))
            words.append(token.word)
        if token.text == ";" and depth == 0:
            found.append((current.strip(), bool(words)))
            current, words = "", []
        else:
            current += token.text
            if token.kind in ("text", "bind", "other"):
                words = words or [""]
    found.append((current.strip(), bool(words)))
    return [text for text, has_content in found if has_content]


def _nesting(words: list[str], word: str, depth: int) -> int:
    """How a word changes the depth of the body that a CREATE TRIGGER, FUNCTION … has."""
    if not (words and words[0] == "CREATE" and _WITH_BODY & set(words[:8])):
        return 0
    if word == "BEGIN" or (word == "CASE" and depth and words[-1] != "END"):
        return 1
    if words[-1] == "END" and word in ("IF", "LOOP", "WHILE", "REPEAT"):
        return 1  # its END was counted as the end of a block
    return -1 if word == "END" and depth else 0


def without_where(statement: str) -> bool:
    """Whether an UPDATE or DELETE, also one inside WITH, has no WHERE and so changes every row.

    >>> [without_where(s) for s in ("delete from t", "delete from t where id = 1", "select 1")]
    [True, False, False]
    """
    levels: list[list[str]] = [[]]
    for token in tokens(statement):
        if token.text == "(":
            levels.append([])
        elif token.text == ")" and len(levels) > 1:
            if _changes_all(levels.pop()):
                return True
            levels[-1].append(")")
        elif token.kind not in ("space", "comment"):
            levels[-1].append(token.word or token.text)
    return any(_changes_all(level) for level in levels)


def _changes_all(words: list[str]) -> bool:
    """One bracket level: an UPDATE or DELETE that begins it (after EXPLAIN, or after a WITH list)."""
    before = {"EXPLAIN", "ANALYZE", "VERBOSE", "PLAN", ")", ";", "BEGIN"}
    if words[1:3] == ["FORMAT", "="]:  # ANALYZE FORMAT=JSON DELETE …
        words = words[4:]
    for at, word in enumerate(words):
        if word in ("UPDATE", "DELETE") and (at == 0 or words[at - 1] in before):
            rest = words[at:]
            return "WHERE" not in (rest[: rest.index(";")] if ";" in rest else rest)
    return False


def only_reads(statement: str) -> bool:
    """Whether a statement is surely a query, so that a server-side cursor can be opened for it.

    >>> [only_reads(s) for s in ("with a as (select 1) select replace(b, 'x', '') from a", "explain select 1")]
    [True, False]
    """
    pieces = [token for token in tokens(statement) if token.kind not in ("space", "comment")]
    followers = [*(token.text for token in pieces), ""][1:]
    words = [token.word for token in pieces if token.word]
    # replace(…) and insert(…) are functions
    acting = {token.word for token, then in zip(pieces, followers, strict=True) if then != "("}
    return bool(words) and words[0] in _READS and not _WRITES & acting


def is_one_bracket(statement: str) -> bool:
    """Whether a query can be put in brackets: its own are closed, and it is one statement.

    >>> is_one_bracket("select (1) -- ;)"), is_one_bracket("select 1) a; select (2"), is_one_bracket("select 1;")
    (True, False, False)
    """
    depth = 0
    for token in tokens(statement):
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "other" else 0
        unfinished = token.kind in ("text", "comment") and not _is_finished(token.text)
        if depth < 0 or unfinished or (token.kind == "other" and token.text == ";"):
            return False
    return depth == 0


def _is_finished(text: str) -> bool:
    """Whether a string, a quoted name or a comment has its end."""
    if text.startswith("/*"):
        return text.count("/*") == text.count("*/")
    if text.startswith("--"):
        return True
    mark = text[text.find("'")] if text[0] in "eE'" else text[: text.find("$", 1) + 1] if text[0] == "$" else text[0]
    return len(text) > len(mark) and text.endswith(mark)


def refuse_unsendable(sql: str) -> None:
    """Raise UsageError for what is no SQL but a client's own, and for what a driver would cut off, or not answer.

    >>> refuse_unsendable("\\\\d posts")
    Traceback (most recent call last):
    dbadmin.errors.UsageError: \\d is a command of psql's, and no SQL
    """
    if "\0" in sql:
        raise UsageError(
            "the statement has a NUL character, where drivers would cut it off", hint="leave it out, or bind it"
        )
    found = _OF_A_CLIENT.match(sql)
    if found is not None and found.lastgroup is not None:
        client = {"psql": "psql", "sqlite": "the sqlite3 shell", "mysql": "the mysql client"}[found.lastgroup]
        hint = "leave it out: a body between BEGIN and END stays whole" if client == "the mysql client" else LISTS
        raise UsageError(f"{found[0].strip()} is a command of {client}'s, and no SQL", hint=hint)
    said = (t for t in tokens(sql) if t.kind != "space" and (t.kind != "comment" or t.text.startswith(("/*!", "/*M!"))))
    if all(token.text == ";" for token in said):
        raise UsageError("there is no statement to run", hint="dbadmin sql 'SELECT …'")
    first = next((token.word for token in tokens(sql) if token.word), "")
    if first in _WITHOUT_BODY and len(split_statements(sql)) > 1:
        raise UsageError("these are several statements, and this takes one", hint="dbadmin sql --file runs several")
    if first == "COPY":
        _refuse_copy({token.word for token in tokens(sql)})


def _refuse_copy(words: set[str]) -> None:
    if "STDOUT" in words:
        raise UsageError(
            "COPY … TO STDOUT gives no rows", hint="dbadmin sql 'SELECT …' --output FILE.csv (.json, .parquet …)"
        )
    if "STDIN" in words:
        raise UsageError("COPY … FROM STDIN needs a client that sends the rows", hint="psql's \\copy, or INSERT")


class Written(Executable, ClauseElement):
    """One statement as it was written, its `:name` parameters bound.

    `sqlalchemy.text` would look for parameters inside strings, too, and take backslashes out of them.
    """

    inherit_cache = False

    def __init__(self, sql: str, params: Mapping[str, Any] | None = None) -> None:
        refuse_unsendable(sql)
        given = dict(params or {})
        self.sql = sql
        self.pieces: list[str | BindParameter[Any]] = []
        missing = []
        for token in tokens(sql):
            if token.kind != "bind" or token.name is None:
                self.pieces.append(token.text)
            elif token.name in given:
                self.pieces.append(_bound(token.name, given[token.name]))
            else:
                missing.append(token.name)
        if missing:
            raise UsageError(
                f"no value for {', '.join(f':{name}' for name in dict.fromkeys(missing))}",
                hint=f"give it with -p {missing[0]}=VALUE",
            )
        used = {token.name for token in tokens(sql)}
        unused = [name for name in given if name not in used]
        if unused:
            raise UsageError(
                f"the statement has no :{unused[0]}", hint="remove that parameter, or use it in the statement"
            )


def _bound(name: str, value: Any) -> BindParameter[Any]:
    """A text goes without a type, so that the server compares it with a date, a UUID … as it would a literal."""
    return bindparam(name, value, type_=NullType() if isinstance(value, str) else None)


@compiles(Written)
def _compile(element: Written, compiler: SQLCompiler, **options: Any) -> str:
    return "".join(
        compiler.post_process_text(piece)  # type: ignore[no-untyped-call]
        if isinstance(piece, str)
        else compiler.process(piece, **options)
        for piece in element.pieces
    )
