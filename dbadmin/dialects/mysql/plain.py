r"""A dump in SQL, told apart as the client would: statements by the delimiter in force, and the client's own commands.

The client never sees it: statements go to the server as they are, so that no `\!` or `source` is ever obeyed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from dbadmin.dialects.text import Text
from dbadmin.errors import DamagedBackup

_COMMENT = rb"--(?=[\s\x00-\x1f]|\Z)[^\n]*+ | \#[^\n]*+ | /\*(?!M?!)(?:[^*]|\*(?!/))*+\*/"
# What MariaDB's dumps begin with since 10.11.8: older clients stumble over it.
_SANDBOX = rb"/\*M?!999999\\-[^\n]*+(?:\n|\Z)"
_LEADING = re.compile(rb"(?:" + _SANDBOX + rb"|\s|" + _COMMENT + rb")*+", re.VERBOSE)
_DELIMITER = re.compile(rb"DELIMITER[ \t]+(\S+)[^\n]*\n", re.IGNORECASE)
_SQL_MODE = re.compile(rb"(?:/\*!\d+ )?SET\s+(?:SESSION\s+|@@)?sql_mode\s*=\s*('[^']*'|@\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement without its delimiter; `line` is where it begins."""

    text: bytes
    line: int


@dataclass(frozen=True)
class Command:
    r"""A line that begins, or breaks a statement, with a backslash: a command of the client."""

    text: str
    line: int


@dataclass(frozen=True)
class Comment:
    """What stands between statements."""

    text: str


Part = Statement | Command | Comment


def parts(read: Callable[[int], bytes]) -> Iterator[Part]:
    """The parts of a dump in order; DamagedBackup where it ends within one."""
    text = Text(read)
    delimiter, escapes = b";", True
    while True:
        comment = _leading(text)
        if comment:
            yield Comment(comment)
        changed = _delimiter(text)
        if changed:
            delimiter = changed
            continue
        stop = _end(text, delimiter, escapes)
        if stop is None:
            return
        line = text.line
        if not text.buffer.startswith(delimiter, stop):
            line += text.buffer.count(b"\n", text.at, stop)
            text.take(stop)
            yield Command(text.take(text.rest_of_line()).decode(errors="replace").strip(), line)
            continue
        statement = text.take(stop)
        text.take(stop + len(delimiter))
        mode = _SQL_MODE.match(statement)
        if mode:
            escapes = b"NO_BACKSLASH_ESCAPES" not in mode[1].upper()
        if statement.strip():
            yield Statement(statement, line)


def _leading(text: Text) -> str:
    while True:
        match = _LEADING.match(text.buffer, text.at)
        assert match is not None
        rest = text.buffer[match.end() : match.end() + 12]
        # A comment, or a line that sets the delimiter, may have been read by half.
        is_cut = len(rest) < 12 or (rest.startswith(b"/*") and not rest.startswith((b"/*!", b"/*M!")))
        if not is_cut or not text.more():
            return text.take(match.end()).decode(errors="replace").strip()


def _delimiter(text: Text) -> bytes | None:
    """The delimiter that the line at hand sets, which is taken; None where it is another line."""
    if text.buffer[text.at : text.at + 9].upper() != b"DELIMITER":
        return None
    text.rest_of_line()
    match = _DELIMITER.match(text.buffer, text.at)
    if match is None:
        return None
    text.take(match.end())
    return match[1]


def _end(text: Text, delimiter: bytes, escapes: bool) -> int | None:
    """Where the statement at hand stops: at the delimiter, or at a backslash; None at the end of the script."""
    pattern = _statement(delimiter, escapes)
    while True:
        match = pattern.match(text.buffer, text.at)
        assert match is not None
        stop = match.end()
        # A delimiter of several bytes may have been read by half; a backslash may begin the delimiter.
        whole = text.ended or stop + len(delimiter) <= len(text.buffer)
        if whole and (text.buffer.startswith(delimiter, stop) or text.buffer[stop : stop + 1] == b"\\"):
            return stop
        if not text.more():
            break
    if text.buffer[text.at :].strip():
        raise DamagedBackup(
            f"the dump ends within the statement that begins in line {text.line}", hint="make the backup again"
        )
    return None


@cache
def _statement(delimiter: bytes, escapes: bool) -> "re.Pattern[bytes]":
    """Up to the delimiter or a backslash that stands in no literal, name or comment.

    What a version's comment (/*!40101 … */) holds is no comment: the client looks for delimiters in it, too.
    """
    first, rest = re.escape(delimiter[:1]), re.escape(delimiter[1:])
    escaped = rb"|\\." if escapes else b""
    plain = b"" if escapes else rb"\\"
    pieces = [
        rb"[^'\"`\\/\-\#" + first + rb"]++",
        rb"'(?:[^'\\" + rb"]++|''" + escaped + (b"|" + plain if plain else b"") + rb")*+'",
        rb'"(?:[^"\\' + rb']++|""' + escaped + (b"|" + plain if plain else b"") + rb')*+"',
        rb"`(?:[^`]++|``)*+`",
        _COMMENT,
        rb"-(?!-[\s\x00-\x1f])",
        rb"/(?!\*)|/\*(?=M?!)",
    ]
    if delimiter[:1] in b"'\"`\\/-#":
        pieces = [piece for piece in pieces if not piece.startswith(delimiter[:1])]
    if rest:
        pieces.append(first + rb"(?!" + rest + rb")")
    return re.compile(rb"(?:" + rb"|".join(pieces) + rb")*+", re.VERBOSE | re.DOTALL)
