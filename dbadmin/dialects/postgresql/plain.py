r"""A plain SQL dump, told apart as psql would: statements, the rows of COPY, and psql's own commands.

Nothing is run by psql: statements go to the server as they are, so that no `\!` is ever obeyed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dbadmin.dialects.text import Text
from dbadmin.errors import DamagedBackup

_QUOTED = rb"""
      "(?:[^"]|"")*+"
    | [eE]'(?:[^'\\]|\\.|'')*+'
    | \$(?P<tag>(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*+)?+)\$.*?\$(?P=tag)\$
    | --[^\r\n]*+
    | /\*(?:[^*]|\*(?!/))*+\*/
"""
_ORDINARY = rb"""
      [^'"$;\\/\-A-Za-z_\x80-\xff]++
    | (?![eE]')[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+
    | -(?!-) | /(?!\*)
    | \$(?![A-Za-z_\x80-\xff$])
"""
# Up to a semicolon or a backslash that stands in no literal, name or comment (PostgreSQL's manual, 4.1).
_STATEMENT = re.compile(rb"(?:" + _ORDINARY + rb"|'(?:[^']|'')*+'|" + _QUOTED + rb")*+", re.VERBOSE | re.DOTALL)
# The same where standard_conforming_strings is off, and backslashes escape in every literal.
_STATEMENT_OLD = re.compile(
    rb"(?:" + _ORDINARY + rb"|'(?:[^'\\]|\\.|'')*+'|" + _QUOTED + rb")*+", re.VERBOSE | re.DOTALL
)
# Several INSERT statements, each of a line or more: dumps with --inserts have one for every row.
_INSERTS = re.compile(
    rb"(?:INSERT\ INTO\ (?:" + _ORDINARY + rb"|'(?:[^']|'')*+'|" + _QUOTED + rb")*+;\n)++", re.VERBOSE | re.DOTALL
)
_LEADING = re.compile(rb"(?:\s|--[^\n]*+(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_NAME = rb'(?:"(?:[^"]|"")++"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+)'
COPY_IN = re.compile(
    rb"COPY\s+" + _NAME + rb"(?:\." + _NAME + rb")?+\s*+(?:\((?:" + _NAME + rb"[\s,]*+)*+\)\s*+)?+"
    rb"FROM\s+stdin(?:\s+WITH\s[^;'$]*+)?+;\Z",
    re.IGNORECASE,
)
"""COPY as dumps write it: from what follows, never from a file or a program of the server."""
_STRINGS = re.compile(rb"SET\s+standard_conforming_strings\s*(?:=|TO)\s*'?(on|off)\b", re.IGNORECASE)
# Bodies in the SQL standard's style, and rules of several actions, have semicolons of their own.
_WITH_BODY = re.compile(rb"CREATE\s+(?:OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE|RULE)\b", re.IGNORECASE)
_WORDS = re.compile(
    rb"(?:'(?:[^']|'')*+'|" + _QUOTED + rb"|(?P<word>[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+)|(?P<mark>[()])|.)",
    re.VERBOSE | re.DOTALL,
)
_END_OF_ROWS = re.compile(rb"\n\\\.\r?\n")
_FIRST_END = re.compile(rb"\\\.\r?\n")


@dataclass(frozen=True)
class Statement:
    """One statement with its semicolon (of INSERT: some); `line` is where it begins, leading comments left out."""

    text: bytes
    line: int


@dataclass(frozen=True)
class Command:
    """A line for psql itself."""

    text: str
    line: int


@dataclass(frozen=True)
class Rows:
    """The rows of the COPY before; to be iterated once, before going on."""

    pieces: Iterator[bytes]


@dataclass(frozen=True)
class Comment:
    """What stands between statements, without its ends."""

    text: str


Part = Statement | Command | Rows | Comment


def parts(read: Callable[[int], bytes]) -> Iterator[Part]:
    """The parts of a dump in order; DamagedBackup where it ends within one."""
    text = Text(read)
    pattern = _STATEMENT
    while True:
        comment = _leading(text)
        if comment:
            yield Comment(comment)
        inserts = _INSERTS.match(text.buffer, text.at) if pattern is _STATEMENT else None
        if inserts:
            line = text.line
            yield Statement(text.take(inserts.end()), line)
            continue
        end = _end(text, pattern)
        if end is None:
            return
        if text.buffer[end : end + 1] == b"\\":
            line = text.line + text.buffer.count(b"\n", text.at, end)
            text.take(end)
            yield Command(text.take(text.rest_of_line()).decode(errors="replace").strip(), line)
            continue
        line = text.line
        statement = text.take(end + 1)
        setting = _STRINGS.match(statement)
        if setting:
            pattern = _STATEMENT if setting[1].lower() == b"on" else _STATEMENT_OLD
        yield Statement(statement, line)
        if statement[:4].upper() == b"COPY" and COPY_IN.match(statement):
            text.take(text.rest_of_line())
            rows = _rows(text)
            yield Rows(rows)
            for _ in rows:  # what the caller left
                pass


def _leading(text: Text) -> str:
    """Take white space and comments, all of them; the comments' text."""
    while True:
        match = _LEADING.match(text.buffer, text.at)
        assert match is not None
        # A comment that has not been read to its end looks like a part of a statement.
        is_cut = match.end() >= len(text.buffer) - 2 or text.buffer.startswith(b"/*", match.end())
        if not is_cut or not text.more():
            return text.take(match.end()).decode(errors="replace").strip()


def _end(text: Text, pattern: "re.Pattern[bytes]") -> int | None:
    """Where the statement at hand ends: at a semicolon, or at a backslash; None at the end of the script."""
    begin = text.at
    while True:
        match = pattern.match(text.buffer, begin)
        assert match is not None
        stop = match.end()
        found = text.buffer[stop : stop + 1]
        if found == b";" and not _is_whole(text.buffer, text.at, stop):
            begin = stop + 1
            continue
        if found in (b";", b"\\"):
            return stop
        if not text.more():
            break
        begin = text.at
    if text.buffer[text.at :].strip():
        raise DamagedBackup(
            f"the dump ends within the statement that begins in line {text.line}", hint="make the backup again"
        )
    return None


def _is_whole(buffer: bytes, begin: int, stop: int) -> bool:
    """Whether a statement ends at this semicolon: not within BEGIN ATOMIC … END, or a rule's parentheses."""
    kind = _WITH_BODY.match(buffer, begin)
    if kind is None:
        return True
    depth = 0
    for token in _WORDS.finditer(buffer, begin, stop):
        word, mark = token["word"], token["mark"]
        if mark:
            depth += 1 if mark == b"(" else -1
        elif word and kind[1].upper() != b"RULE":
            upper = word.upper()
            depth += upper in (b"BEGIN", b"CASE")
            depth -= upper == b"END" and depth > 0
    return depth <= 0


def _rows(text: Text) -> Iterator[bytes]:
    r"""The rows up to the line `\.`, in pieces of whole lines; DamagedBackup where that line is missing."""
    while True:
        found = _END_OF_ROWS.search(text.buffer, text.at)
        first = _FIRST_END.match(text.buffer, text.at)
        if found and not first:
            yield text.take(found.start() + 1)
        if found or first:
            text.take(text.rest_of_line())
            return
        last = text.buffer.rfind(b"\n", text.at) + 1
        if last > text.at:
            yield text.take(last)
        elif not text.more():
            if text.buffer[text.at :].strip() == b"\\.":
                text.take(len(text.buffer))
                return
            raise DamagedBackup(
                f"the dump ends within the rows of a table, in line {text.line}", hint="make the backup again"
            )
