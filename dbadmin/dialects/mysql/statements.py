"""Statements that MySQL and MariaDB take in a read-only session although they change something, or end it.

A read-only transaction stops rows and definitions from being changed, but not LOCK TABLES, FLUSH, SET GLOBAL,
SELECT … INTO OUTFILE, KILL, PREPARE or a procedure that begins a transaction of its own. So statements are let
through by their first word; every other word that begins a statement today is refused, and words that begin
none are left to the server. A seat belt and not a lock: functions can hide much. What holds is a user that may
only SELECT.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

ON = {"on", "1", "true"}

READING = {
    "select", "with", "values", "table", "show", "describe", "desc", "explain", "help", "checksum", "savepoint",
}  # fmt: skip
"""First words of statements that read; what INTO and locking clauses may hide in them is looked for."""

REASONS = {
    "commit": "it ends the read-only transaction",
    "use": "it changes the database that later statements mean",
    "lock": "it locks tables against their application",
    "unlock": "it ends the read-only transaction",
    "flush": "it closes tables, logs or caches of the server",
    "reset": "it changes the server",
    "purge": "it removes binary logs",
    "kill": "it ends somebody's session",
    "shutdown": "it stops the server",
    "call": "a procedure cannot be checked",
    "do": "what it calls cannot be checked",
    "prepare": "what is executed later cannot be checked",
    "execute": "what is executed cannot be checked",
    "deallocate": "what is executed later cannot be checked",
    "handler": "it holds a table open",
    "xa": "it leaves a transaction behind",
    "analyze": "ANALYZE TABLE writes statistics",
    "check": "CHECK TABLE marks tables",
    "cache": "it changes the server's caches",
    "load": "LOAD writes",
    "backup": "it stops writes of others",
    "change": "it changes replication",
    "start": "it changes replication",
    "stop": "it changes replication",
    "binlog": "it replays changes",
    "signal": "it is part of a program",
    **dict.fromkeys(
        ("begin", "if", "case", "loop", "while", "repeat", "for", "declare", "goto", "leave", "iterate", "return"),
        "a block of statements cannot be checked",
    ),
    **dict.fromkeys(("open", "fetch", "close", "get", "resignal", "raise"), "it is part of a program"),
    "clone": "it copies the server",
    "restart": "it stops the server",
}
"""First words that the server itself would let through, and what they do."""

WRITING = {
    "insert", "update", "delete", "replace", "merge", "truncate", "create", "alter", "drop", "rename", "grant",
    "revoke", "optimize", "repair", "import", "install", "uninstall",
}  # fmt: skip

READ_ONLY_SETTINGS = ("tx_read_only", "transaction_read_only")
_OTHERS_SETTING = re.compile(r"(?:@@\s*)?(?:global|persist|persist_only)\b")
_SETTING = re.compile(r"(?:@@\s*)?(?:(?:session|local)\b\s*\.?\s*)?(?P<name>\w+)\s*:?=\s*'?(?P<value>.*?)'?$")
FUNCTIONS = re.compile(
    r"\b(get_lock|release_lock|release_all_locks|sys_exec|sys_eval|sys_set|nextval|setval"
    r"|service_(?:get_(?:read|write)|release)_locks|gtid_wait|set_gtid_next|spider_\w+|mroonga_command"
    r"|group_replication_(?:set|switch|enable|disable|reset)_\w+|asynchronous_connection_failover_\w+"
    r"|keyring_key_(?:store|generate|remove)|audit_log_(?:rotate|filter_\w+)|version_tokens_\w+)\s*\("
    r"|\b(next value for)\b"
)
INTO_FILE = re.compile(r"\binto (outfile|dumpfile)\b")
_LOCKING = re.compile(r"\b(for update|for share|lock in share mode)\b")
_CHARSET = re.compile(
    r"(?:(?:@@ ?)?(?:session|local)?[ .]*character_set_client ?:?=|names|character set|charset) ?(.*)"
)
_PLAIN_CHARSETS = re.compile(r"'?(?:utf8\w*|latin1|ascii|binary)\b(?! ?[-+*/%(])")
"""In others (GBK, SJIS …) a backslash may be half of a character, and strings end elsewhere than they seem to."""
_PARTS = r"""
      (?P<run>/\*M?!|--(?=[^\x00-\x7f]))
    | (?P<comment>--(?=[\x00-\x20\x7f]|\Z)[^\n]*|\#[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>STRING)
    | (?P<name>NAME)
    | (?P<semicolon>;)
    | (?P<number>[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    | (?P<at>@+)
    | (?P<other>[\w$]+|\s+|.)
"""


def _pattern(escapes: bool, ansi: bool) -> re.Pattern[str]:
    inside = r"(?:[^Q\\]++|\\.|QQ)*" if escapes else r"(?:[^Q]++|QQ)*"
    strings = [f"Q{inside}(?:Q|\\Z)".replace("Q", quote) for quote in ("'" if ansi else "'\"")]
    names = [f"{quote}(?:[^{quote}]++|{quote}{quote})*(?:{quote}|\\Z)" for quote in ('`"' if ansi else "`")]
    parts = _PARTS.replace("STRING", "|".join(strings)).replace("NAME", "|".join(names))
    return re.compile(parts, re.VERBOSE | re.DOTALL)


_TOKENS = {(escapes, ansi): _pattern(escapes, ansi) for escapes in (True, False) for ansi in (True, False)}


class Hidden(Exception):
    """What no reading of a text shows: a comment that some servers execute, or statements read in another mode."""


def readings(text: str) -> Iterator[str]:
    """The statements of a text as a server may read it, whatever sql_mode says of backslashes and of "."""
    if "sql_mode" in text.lower() and ";" in text.strip("; \n"):
        raise Hidden("sql_mode among several statements: those after it are read otherwise; send it alone")
    for escapes in (True, False) if "\\" in text else (True,):
        for ansi in (False, True) if '"' in text else (False,):
            yield from split(text, escapes=escapes, ansi=ansi)


def split(text: str, *, escapes: bool = True, ansi: bool = False) -> Iterator[str]:
    """The statements of a text in lower case, without comments and the insides of strings, one space between words.

    Names lose their quotes and stand alone. `escapes`: a backslash hides the next character of a string, as it does
    unless sql_mode has NO_BACKSLASH_ESCAPES; `ansi`: "…" is a name, as it is with ANSI_QUOTES.

    >>> list(split("SELECT 1; -- first\\n/* one */ COMMIT # all"))
    ['select 1', 'commit']
    >>> list(split("select'a;b' INTO/**/`OutFile`"))
    ["select'' into outfile"]
    >>> list(split("select`a`,@b,1.0into", ansi=True))
    ['select a , @b,1.0 into']
    """
    parts: list[str] = []
    for token in _TOKENS[escapes, ansi].finditer(text):
        kind, word = token.lastgroup, token.group()
        if kind == "run":
            raise Hidden("a comment that the server executes cannot be checked")
        if kind == "semicolon":
            yield _joined(parts)
            parts = []
        else:
            parts.append(_plain(kind, word))
    yield _joined(parts)


def _plain(kind: str | None, word: str) -> str:
    """What a token says; a number may touch the word after it, and a name or @ the word before it."""
    if kind == "string":
        return f"'{word[1:-1]}'" if re.fullmatch(r"\w{0,5}|utf8\w*|latin1|binary", word[1:-1]) else "''"
    if kind == "name":
        return " " + re.sub(r"\W", "_", word[1:-1]) + " "
    return {"comment": " ", "number": f"{word} ", "at": f" {word}"}.get(kind or "", word)


def _joined(parts: list[str]) -> str:
    return re.sub(r"\s+", " ", "".join(parts)).strip().lower()


@lru_cache(maxsize=16)  # a statement is judged by SQLAlchemy's event and by the driver's cursor
def refused(text: str) -> str | None:
    """Why a text is refused in a read-only session, or None.

    >>> refused("select * from users") is None, refused("SAVEPOINT a; ROLLBACK TO a") is None
    (True, True)
    >>> refused("select 1; commit; start transaction read write; delete from users")
    'COMMIT: it ends the read-only transaction'
    >>> refused("/*!50000 COMMIT */")
    'a comment that the server executes cannot be checked'
    """
    try:
        for statement in readings(text):
            reason = _refused_one(statement)
            if reason is not None:
                return reason
    except Hidden as hidden:
        return str(hidden)
    return None


_EXECUTED = re.compile(r"/\*M?!\d*|\*/|--(?=[^\x00-\x7f])")
_WHOLE_SERVER = re.compile(
    r"""(?:
        (?: create | alter | drop | rename )\ (?: or\ replace\ )?
            (?: user | role | server | tablespace | logfile | resource | undo )\b
      | (?: create | drop )\ (?: or\ replace\ )?(?: database | schema )\b
      | alter\ (?: database | schema )\ (?! (?: default | character | charset | collate | comment )\b )
      | grant\b | revoke\b | flush\b | reset\b | purge\b | kill\b | shutdown\b | restart\b | clone\b | use\b
      | (?: un )?install\b | backup\b | lock\ instance\b | change\ (?: master | replication )\b
      | (?: start | stop )\ (?: all\ )?(?: slave | slaves | replica | replicas | group_replication )\b
      | set\ (?: password | default\ role | role | global\b | persist | @@global\b | @@persist )
    )""",
    re.VERBOSE,
)
_AS_ANOTHER = re.compile(r"(?:create|alter)\b[^;]*?\bdefiner ?= ?(?!current_user\b|current_role\b)(\S+)")


def whole_server(text: str) -> str | None:
    """What in a text concerns accounts, other databases or the whole server, or would run as another account; or None.

    >>> whole_server("ALTER TABLE t ADD x int; CREATE USER app"), whole_server("/*!50000 grant */ all on *.* to app")
    ('CREATE USER', 'GRANT')
    >>> whole_server("CREATE DEFINER = root@localhost VIEW v AS SELECT 1")
    'DEFINER'
    >>> [whole_server(t) for t in ("ALTER DATABASE CHARACTER SET utf8mb4", "SET SESSION sql_mode = ''", "SELECT 'use'")]
    [None, None, None]
    """
    for statement in split(_EXECUTED.sub(" ", text)):
        found = _WHOLE_SERVER.match(statement)
        if found is not None:
            return " ".join(found.group().upper().replace("OR REPLACE ", "").split()[:2])
        if _AS_ANOTHER.match(statement):
            return "DEFINER"
    return None


def _refused_one(statement: str) -> str | None:
    statement = statement.lstrip("( ")
    first = next(iter(re.findall(r"[@\w]+", statement)), "")
    if not first or first in READING or analyzes_query(statement):
        return _hidden_in(statement)
    if first in ("begin", "start") and re.fullmatch(r"begin( work)?|start transaction\b.*", statement):
        return _refused_transaction(statement)
    if first in ("rollback", "release"):
        return _refused_rollback(statement)
    if first == "set":
        return refused_set(statement)
    if first in WRITING:
        return f"{first.upper()} writes"
    if re.match(r"\w+ ?:", statement):
        return f"{first.upper()}: a block of statements cannot be checked"
    return f"{first.upper()}: {REASONS[first]}" if first in REASONS else _hidden_in(statement)


def analyzes_query(statement: str) -> bool:
    """MariaDB's ANALYZE [FORMAT=…] SELECT, which runs a query and tells how."""
    return re.match(r"analyze (?:format ?= ?\w+ )?(?:select|with|\()", statement) is not None


def _refused_transaction(statement: str) -> str | None:
    if "read write" in statement:
        return "START TRANSACTION READ WRITE: it would allow writing"
    return None


def _refused_rollback(statement: str) -> str | None:
    if re.match(r"rollback (?:work )?to\b|release savepoint\b", statement):
        return None
    return "ROLLBACK: it ends the read-only transaction"


def _hidden_in(statement: str) -> str | None:
    file, locking = INTO_FILE.search(statement), _LOCKING.search(statement)
    if file is not None:
        return f"INTO {file[1].upper()}: it writes a file on the server"
    if locking is not None:
        return f"{locking[1].upper()}: it locks rows against their application"
    called = FUNCTIONS.search(statement)
    if called is not None:
        return f"{called[1] or called[2]}(): it changes something outside the transaction"
    return None


def refused_set(statement: str) -> str | None:
    """SET takes several assignments; one that is for others, or allows writing, spoils them all."""
    rest = statement.removeprefix("set").strip()
    if rest.startswith("statement "):
        settings, _, statement = rest.removeprefix("statement ").partition(" for ")
        return refused_set(f"set {settings}") or _refused_one(statement)
    if re.match(r"(?:(?:session|local|global) )?transaction\b", rest):
        return _refused_characteristics(rest)
    for assignment in rest.split(","):
        reason = _refused_assignment(assignment.strip())
        if reason is not None:
            return reason
    return _hidden_in(rest)


def _refused_characteristics(rest: str) -> str | None:
    if rest.startswith("global"):
        return "SET GLOBAL: it changes the server for everybody"
    return "SET TRANSACTION READ WRITE: it would allow writing" if "read write" in rest else None


def _refused_assignment(assignment: str) -> str | None:
    if _OTHERS_SETTING.match(assignment):
        return "SET GLOBAL: it changes the server for everybody"
    if assignment.startswith("@") and not assignment.startswith("@@"):
        return None
    charset = _CHARSET.match(assignment)
    if charset is not None and not _PLAIN_CHARSETS.match(charset[1]):
        return "SET NAMES: in this character set SQL cannot be checked; utf8mb4 and latin1 can"
    if re.match(r"(?:password|default role|resource group)\b", assignment):
        return f"SET {assignment.split()[0].upper()}: it changes a user or the server"
    setting = _SETTING.match(assignment)
    if setting is None:
        return None
    if setting["name"] in READ_ONLY_SETTINGS and setting["value"] not in ON:
        return f"SET {setting['name']}: it would allow writing"
    if setting["name"] == "autocommit" and setting["value"] not in ("0", "off", "false"):
        return "SET autocommit: it ends the read-only transaction"
    return None
