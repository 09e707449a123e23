"""`# dbadmin: ignore=CODE reason`: findings that a script accepts, on their line or on a line of its own above."""

import io
import re
import tokenize
from dataclasses import dataclass

_COMMENT = re.compile(r"#\s*dbadmin:\s*ignore=(?P<codes>[\w*,-]+)\s*(?P<reason>.*)")


@dataclass(frozen=True)
class Ignore:
    """A comment. `line` is where it stands, `about` the line that it is about: None for the whole file."""

    code: str
    reason: str
    line: int
    about: range | None


def ignores(source: bytes) -> tuple[Ignore, ...]:
    """The comments of a script. One that stands before all code is about the whole file.

    >>> source = b"op.drop_table('a')  # dbadmin: ignore=table-dropped nobody uses it\\n"
    >>> [(one.code, one.reason, one.about) for one in ignores(source)]
    [('table-dropped', 'nobody uses it', range(1, 2))]
    """
    found: list[Ignore] = []
    tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    for at, token in enumerate(tokens):
        comment = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
        if comment is None:
            continue
        line = token.start[0]
        about = _about(tokens, at, line)
        reason = comment["reason"].strip()
        found += [Ignore(code, reason, line, about) for code in comment["codes"].split(",") if code]
    return tuple(found)


_SILENT = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)


def _about(tokens: list[tokenize.TokenInfo], at: int, line: int) -> range | None:
    """The statement that a comment is about: its own, or the one after it where it stands alone."""
    before = [token for token in tokens[:at] if token.type not in _SILENT]
    if not before:
        return None
    after = [token for token in tokens[at + 1 :] if token.type not in _SILENT]
    if before[-1].type != tokenize.NEWLINE and before[-1].start[0] <= line:
        return range(_begin(before), _end(after, line) + 1)  # inside a statement, or at its end
    if not after:
        return range(line, line + 1)
    return range(line, _end(after, after[0].start[0]) + 1)


def _begin(before: list[tokenize.TokenInfo]) -> int:
    """Where the statement that is open begins."""
    begins = before[-1].start[0]
    for token in reversed(before):
        if token.type == tokenize.NEWLINE:
            break
        begins = token.start[0]
    return begins


def _end(after: list[tokenize.TokenInfo], line: int) -> int:
    """Where the statement that goes on, or comes next, ends."""
    return next((token.end[0] for token in after if token.type == tokenize.NEWLINE), line)
