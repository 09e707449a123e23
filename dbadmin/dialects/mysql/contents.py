"""What the statements of a MariaDB or MySQL dump say: what it needs, what is refused, what restoring leaves out.

Refused is what would do more than fill one database: USE, other databases, accounts, files and plugins of the
server, commands of the client. Left out is what belongs to a server's replication.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from dbadmin.dialects.mysql.plain import Command, Comment, Statement, parts
from dbadmin.errors import DamagedBackup, UsageError

_AGAIN = "make the backup again, and look at the dump's exit status"
_ONE = "dump the one database, without --databases or --all-databases"
_WHERE_FROM = "no dump of one database holds such a thing: look where the file comes from"
# A comment for versions holds statements: its marks are taken off before they are looked at.
_MARKS = re.compile(rb"/\*M?!\d*|\*/")
_NAME = rb"(?:`(?:[^`]|``)+`|[\w$\x80-\xff]+)"
_USE = re.compile(rb"USE\b", re.IGNORECASE)
DATABASE = re.compile(
    rb"(?:CREATE|DROP)\s+(?:OR\s+REPLACE\s+)?(?:DATABASE|SCHEMA)\b"
    rb"|ALTER\s+(?:DATABASE|SCHEMA)\s+(?P<name>" + _NAME + rb")",
    re.IGNORECASE,
)
_SERVER = re.compile(
    rb"LOAD\s+(?:DATA|XML|INDEX)\b|INSTALL\b|UNINSTALL\b|SHUTDOWN\b|KILL\b|FLUSH\b|RESET\b|PURGE\b|GRANT\b|REVOKE\b"
    rb"|(?:CREATE|ALTER|DROP|RENAME)\s+(?:OR\s+REPLACE\s+)?(?:USER|ROLE|SERVER|TABLESPACE|LOGFILE)\b"
    rb"|CREATE\s+(?:OR\s+REPLACE\s+)?(?:AGGREGATE\s+)?FUNCTION\b[^;]*\bSONAME\b"
    rb"|SET\s+(?:GLOBAL\b|PASSWORD\b|@@GLOBAL\b(?!\s*\.\s*GTID_PURGED))|SELECT\b.*\bINTO\s+(?:OUT|DUMP)FILE\b"
    rb"|SELECT\b.*\bLOAD_FILE\s*\(",
    re.IGNORECASE | re.DOTALL,
)
_CLIENT = re.compile(
    rb"(?:source|system|tee|notee|pager|nopager|edit|connect|resetconnection|charset|prompt|quit|exit|rehash|status"
    rb"|warnings|nowarning|clear|ego|print|sandbox)\b",
    re.IGNORECASE,
)
# A session's own binary log, the position of a replica: not of the database.
_REPLICATION = re.compile(
    rb"SET\s+@@(?:GLOBAL\s*\.\s*GTID_PURGED|SESSION\s*\.\s*SQL_LOG_BIN)\b|CHANGE\s+(?:MASTER|REPLICATION)\b"
    rb"|(?:START|STOP)\s+(?:SLAVE|REPLICA)\b|SET\s+GLOBAL\s+gtid_slave_pos\b",
    re.IGNORECASE,
)
DEFINER = re.compile(rb"\bDEFINER\s*=\s*(" + _NAME + rb"|'[^']*')(?:\s*@\s*(" + _NAME + rb"|'[^']*'))?", re.IGNORECASE)
_COLLATE = re.compile(rb"\bCOLLATE[\s=]+['`]?(\w+)", re.IGNORECASE)
_TABLE = re.compile(rb"CREATE\s+(?:OR\s+REPLACE\s+)?TABLE\b", re.IGNORECASE)
_TABLE_END = re.compile(
    rb"\bENGINE=(\w+)(?:.*?DEFAULT\s+CHARSET=(\w+)(?:\s+COLLATE=(\w+))?)?", re.IGNORECASE | re.DOTALL
)
_HOST = re.compile(r"^-- Host: .*?\s{2,}Database: (.*)$", re.MULTILINE)
_SERVER_VERSION = re.compile(r"^-- Server version\s+(\S+)", re.MULTILINE)
_TOOL = re.compile(r"^-- (?:MariaDB|MySQL) dump (\S+)(?:\s+Distrib (\S+?),?\s)?", re.MULTILINE)
_COMPLETE = "-- Dump completed"
_FRAME_BEGINS = re.compile(rb"SET\s+@OLD_SQL_NOTES\s*=", re.IGNORECASE)
_FRAME_ENDS = re.compile(rb"SET\s+SQL_NOTES\s*=\s*@OLD_SQL_NOTES", re.IGNORECASE)


@dataclass
class Contents:
    """What a dump says, gathered statement by statement.

    `definers` are (user, host or None) that something runs as; `charsets` counts tables by character set and
    collation.
    """

    server_version: str | None = None
    dump_version: str | None = None
    database: str | None = None
    definers: set[tuple[str, str | None]] = field(default_factory=set)
    collations: set[str] = field(default_factory=set)
    engines: set[str] = field(default_factory=set)
    charsets: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    begun: bool = False
    complete: bool = False
    framed: bool = False
    statements: int = 0
    left_out: set[str] = field(default_factory=set)


def read(script: Callable[[int], bytes], shown: str) -> Contents:
    """Read a whole dump (`shown` is its name in messages).

    Raises DamagedBackup where it ends too early, UsageError where it holds what must not be run.
    """
    found = Contents()
    for part in parts(script):
        if isinstance(part, Comment):
            _note_comment(part.text, found)
        elif isinstance(part, Command):
            what = part.text.split()[0] if part.text.split() else "\\"
            raise UsageError(f"{shown}, line {part.line}: {what} is a command for the client", hint=_WHERE_FROM)
        else:
            code = bare(part.text)
            refuse(code, part, shown, found.database)
            _note_statement(code, found)
    if found.begun and not found.complete:
        raise DamagedBackup(f"{shown} is cut short: its last line, {_COMPLETE!r}, is missing", hint=_AGAIN)
    if found.framed and not found.complete:
        raise DamagedBackup(f"{shown} is cut short: it ends before it puts the session's settings back", hint=_AGAIN)
    return found


def bare(text: bytes) -> bytes:
    """A statement without the marks of versions' comments; rows are given as they are.

    >>> bare(b"/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER x */")
    b'CREATE  DEFINER=`a`@`b`  TRIGGER x'
    """
    if text[:6].upper() in (b"INSERT", b"REPLAC"):
        return text
    return _MARKS.sub(b"", text).strip()


def refuse(code: bytes, part: Statement, shown: str, database: str | None) -> None:
    """Raise UsageError for a statement that would reach beyond one database."""
    where = f"{shown}, line {part.line}: {' '.join(code[:60].decode(errors='replace').split())}"
    made = DATABASE.match(code)
    if _USE.match(code) or (made and (made["name"] is None or _unquoted(made["name"]) != database)):
        raise UsageError(f"{where}: this dump says itself into which database it goes", hint=_ONE)
    if _CLIENT.match(code):
        raise UsageError(f"{where}: a command for the client", hint=_WHERE_FROM)
    if _SERVER.match(code) and not _REPLICATION.match(code):
        raise UsageError(f"{where}: this dump would change the server, or read and write its files", hint=_WHERE_FROM)


def wanted(code: bytes) -> bool:
    """Whether restoring runs this statement."""
    return not _REPLICATION.match(code)


def _note_comment(text: str, found: Contents) -> None:
    tool = _TOOL.search(text)
    if tool:
        found.begun, found.complete = True, False
        found.dump_version = tool[2] or tool[1]
    host, version = _HOST.search(text), _SERVER_VERSION.search(text)
    if host and host[1].strip():
        found.database = host[1].strip()
    if version:
        found.server_version = version[1]
    if _COMPLETE in text:
        found.complete = True


def _note_statement(code: bytes, found: Contents) -> None:
    found.statements += 1
    if found.begun:
        found.complete = False  # whatever said so before was not the end
    if code[:6].upper() in (b"INSERT", b"REPLAC", b"LOCK T", b"UNLOCK"):
        return
    if _REPLICATION.match(code):
        found.left_out.add("settings of replication")
    if _FRAME_BEGINS.search(code):
        found.framed = True
    elif _FRAME_ENDS.search(code):
        found.framed = False
    found.collations.update(name.decode().lower() for name in _COLLATE.findall(code))
    for user, host in DEFINER.findall(code):
        found.definers.add((_unquoted(user), _unquoted(host) if host else None))
    if _TABLE.match(code):
        end = _TABLE_END.search(code, max(code.rfind(b")"), 0)) or _TABLE_END.search(code)
        if end:
            found.engines.add(end[1].decode().upper())
            if end[2]:
                found.charsets[end[2].decode(), end[3].decode() if end[3] else None] += 1


def _unquoted(name: bytes) -> str:
    text = name.decode(errors="replace")
    if text[:1] in "`'\"":
        return text[1:-1].replace(text[0] * 2, text[0])
    return text
