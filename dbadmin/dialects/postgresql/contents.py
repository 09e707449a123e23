r"""What the statements of a dump say: what it needs, what is refused, and what restoring leaves out.

Refused is what would do more than fill one database: other databases, roles, files and programs of the server,
psql's own commands but for `\restrict`. Left out is what only the server's owner may say (owners, grants, event
triggers) or what would reach beyond the copy (publications, subscriptions).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from dbadmin.dialects.postgresql.plain import COPY_IN, Command, Comment, Rows, Statement, parts
from dbadmin.errors import DamagedBackup, UsageError

_NAME = rb'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\xff][\w$\x80-\xff]*)'
_FIRST = re.compile(rb"[A-Za-z]+")
_CLUSTER = re.compile(
    rb"(?:CREATE|ALTER|DROP)\s+(?:DATABASE|TABLESPACE|ROLE|GROUP|SYSTEM|USER(?!\s+MAPPING\b))\b", re.IGNORECASE
)
_EXTENSION = re.compile(
    rb"CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?(" + _NAME + rb")(?:\s+WITH)?(?:\s+SCHEMA\s+(" + _NAME + rb"))?",
    re.IGNORECASE,
)
_SCHEMA = re.compile(rb"CREATE\s+SCHEMA\s+(?:IF\s+NOT\s+EXISTS\s+)?(" + _NAME + rb")\s*;", re.IGNORECASE)
_OWNER = re.compile(rb"ALTER\s.*\sOWNER\s+TO\s+(" + _NAME + rb")\s*;\Z", re.IGNORECASE | re.DOTALL)
_GRANTEE = re.compile(rb"\b(?:TO|FROM)\s+(?:GROUP\s+)?(" + _NAME + rb")(?:\s+WITH\s[^;]*)?\s*;\Z", re.IGNORECASE)
_POLICY = re.compile(rb"CREATE\s+POLICY\b.*?\sTO\s+(" + _NAME + rb"(?:\s*,\s*" + _NAME + rb")*)", re.I | re.S)
_MAPPING = re.compile(rb"CREATE\s+USER\s+MAPPING\s+FOR\s+(" + _NAME + rb")", re.IGNORECASE)
_LEFT_OUT: tuple[tuple[str, "re.Pattern[bytes]"], ...] = (
    ("event triggers", re.compile(rb"(?:CREATE|ALTER)\s+EVENT\s+TRIGGER\b", re.IGNORECASE)),
    ("publications", re.compile(rb"(?:CREATE|ALTER)\s+PUBLICATION\b", re.IGNORECASE)),
    ("subscriptions", re.compile(rb"(?:CREATE|ALTER)\s+SUBSCRIPTION\b", re.IGNORECASE)),
)
"""What is left out of a copy and named in the report."""
_PASSED_OVER = re.compile(
    rb"GRANT\b|REVOKE\b|ALTER\s+DEFAULT\s+PRIVILEGES\b|SECURITY\s+LABEL\b"
    rb"|COMMENT\s+ON\s+(?:EXTENSION|EVENT\s+TRIGGER|PUBLICATION|SUBSCRIPTION|DATABASE)\b"
    rb"|SET\s+SESSION\s+AUTHORIZATION\b|RESET\s+SESSION\s+AUTHORIZATION\b"
    rb"|SET\s+default_tablespace\b|DROP\b"  # dumps with --clean begin by dropping what is not there
    rb"|SELECT\s+(?:pg_catalog\.)?lo_unlink\b"
    rb"|ALTER\s+TABLE\s[^';]*\sDROP\s+(?:CONSTRAINT|DEFAULT|IDENTITY)\b[^';]*;\Z",
    re.IGNORECASE,
)
# PostgreSQL 18's pg_dump of a patched 15 writes this, and 18 itself does not know it.
_FOREIGN_OPTION = re.compile(
    rb"ALTER\s+TABLE\s[^']*\sALTER\s+COLUMN\s[^']*\sSET\s*\(pg_attver=[^)]*\)\s*;\Z", re.IGNORECASE
)
_ICU = re.compile(rb"provider\s*=\s*'?icu|-x-icu\b", re.IGNORECASE)
_RESTRICT = re.compile(r"\\(restrict|unrestrict) ([A-Za-z0-9]+)\Z")
_HEADER = re.compile(r"^-- (Dumped from database|Dumped by pg_dump) version (\S+)", re.MULTILINE)
_COMPLETE = "-- PostgreSQL database dump complete"
_BEGINS = re.compile(r"^-- PostgreSQL database dump$", re.MULTILINE)
_AGAIN = "make the backup again, and look at pg_dump's exit status"
_HIDDEN_ROLES = frozenset({"public", "current_user", "session_user", "current_role"})


@dataclass
class Contents:
    """What a dump says, gathered statement by statement.

    `extensions` are (name, schema or None) in the order in which they are made; `left_out` are headings of what a
    copy goes without; `needs_sql` says that its statements must be restored one by one.
    """

    server_version: str | None = None
    dump_version: str | None = None
    extensions: list[tuple[str, str | None]] = field(default_factory=list)
    roles: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    icu: bool = False
    begins: int = 0
    ends: int = 0
    needs_sql: bool = False
    statements: int = 0


def read(script: Callable[[int], bytes], shown: str) -> Contents:
    """Read a whole dump (`shown` is its name in messages).

    Raises DamagedBackup where it ends too early, UsageError where it holds what must not be run.
    """
    found, key = Contents(), None
    for part in parts(script):
        if isinstance(part, Rows):
            for _ in part.pieces:
                pass
        elif isinstance(part, Comment):
            _note_comment(part.text, found)
        elif isinstance(part, Command):
            key = _follow_command(part, key, shown)
        else:
            refuse(part, shown)
            _note_statement(part.text, found)
    if key is not None:
        raise DamagedBackup(f"{shown} is cut short: its last line, \\unrestrict, is missing", hint=_AGAIN)
    if found.ends < found.begins:
        raise DamagedBackup(f"{shown} is cut short: its last line, {_COMPLETE!r}, is missing", hint=_AGAIN)
    return found


def refuse(statement: Statement, shown: str) -> None:
    """Raise UsageError for a statement that would reach beyond one database."""
    text, where = statement.text, f"{shown}, line {statement.line}"
    if _CLUSTER.match(text):
        raise UsageError(
            f"{where}: {_beginning(text)}: this dump makes databases or roles, not one database's contents",
            hint="dump the one database, with pg_dump and without --create (not pg_dumpall)",
        )
    if text[:4].upper() == b"COPY" and not COPY_IN.match(text):
        raise UsageError(
            f"{where}: {_beginning(text)}: this dump would read files or run programs of the server",
            hint="pg_dump writes no such thing: look where the file comes from",
        )


def wanted(part: Statement, schemas: frozenset[str]) -> bool:
    """Whether restoring runs this statement; extensions and these schemas are there already."""
    text = part.text
    first = text[:8].upper()
    if first.startswith((b"INSERT", b"COPY")):
        return True
    if _PASSED_OVER.match(text) or _OWNER.match(text) or _EXTENSION.match(text) or _FOREIGN_OPTION.match(text):
        return False
    schema = _SCHEMA.match(text)
    if schema and unquoted(schema[1]) in schemas:
        return False
    return not any(pattern.match(text) for _, pattern in _LEFT_OUT)


def unquoted(name: bytes) -> str:
    """A name as the catalog has it.

    >>> unquoted(b'"My ""role"'), unquoted(b"App")
    ('My "role', 'app')
    """
    text = name.decode(errors="replace")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()


def _note_comment(text: str, found: Contents) -> None:
    found.begins += len(_BEGINS.findall(text))
    found.ends += text.count(_COMPLETE)
    for who, version in _HEADER.findall(text):
        if who.startswith("Dumped from"):
            found.server_version = found.server_version or version
        else:
            found.dump_version = found.dump_version or version


def _follow_command(command: Command, key: str | None, shown: str) -> str | None:
    r"""The key of the \restrict that holds now; UsageError for any other command."""
    match = _RESTRICT.match(command.text)
    if match and match[1] == "restrict" and key is None:
        return match[2]
    if match and match[1] == "unrestrict" and key == match[2]:
        return None
    what = command.text.split()[0] if command.text.split() else "\\"
    raise UsageError(
        f"{shown}, line {command.line}: {what} is a command for psql, which no dump of one database needs",
        hint="dump the one database, with pg_dump and without --create; or look where the file comes from",
    )


def _note_statement(text: bytes, found: Contents) -> None:
    found.statements += 1
    word = _FIRST.match(text)
    first = word[0].upper() if word else b""
    if first in (b"INSERT", b"COPY", b"SELECT", b"SET"):
        return
    if first in (b"CREATE", b"ALTER") and _ICU.search(text):
        found.icu = True
    extension = _EXTENSION.match(text)
    if extension:
        schema = unquoted(extension[2]) if extension[2] else None
        found.extensions.append((unquoted(extension[1]), schema))
    for heading, pattern in _LEFT_OUT:
        if pattern.match(text):
            found.left_out.add(heading)
    if _FOREIGN_OPTION.match(text):
        found.needs_sql = True
    found.roles.update(_roles_in(first, text))


def _roles_in(first: bytes, text: bytes) -> set[str]:
    names: list[bytes] = []
    if first in (b"GRANT", b"REVOKE") or text[:24].upper().startswith(b"ALTER DEFAULT PRIVILEGES"):
        names = [match[1] for match in [_GRANTEE.search(text)] if match]
        names += re.findall(rb"FOR ROLE (" + _NAME + rb")", text[:500])
    elif first == b"ALTER":
        names = [match[1] for match in [_OWNER.match(text)] if match]
    elif first == b"CREATE":
        for pattern in (_POLICY, _MAPPING):
            match = pattern.match(text)
            names += re.findall(_NAME, match[1]) if match else []
    return {unquoted(name) for name in names} - _HIDDEN_ROLES


def _beginning(text: bytes) -> str:
    return " ".join(text[:60].decode(errors="replace").split())
