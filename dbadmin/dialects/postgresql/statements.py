"""Statements that PostgreSQL takes in a read-only transaction although they change something, or end it.

A seat belt and not a lock: functions and roles can hide anything. What holds is a role that may only read.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

ON = {"on", "true", "yes", "1", "t", "y"}
READ_ONLY_SETTINGS = ("transaction_read_only", "default_transaction_read_only")

FIRST_WORDS = {
    "commit": "it ends the read-only transaction",
    "end": "it ends the read-only transaction",
    "abort": "it ends the read-only transaction",
    "discard": "it resets the session's settings",
    "lock": "it locks a table against its application",
    "vacuum": "VACUUM writes",
    "analyze": "ANALYZE writes statistics",
    "analyse": "ANALYZE writes statistics",
    "cluster": "CLUSTER rewrites a table",
    "repack": "REPACK rewrites a table",
    "reindex": "REINDEX rewrites an index",
    "checkpoint": "it makes the server write",
    "alter": "ALTER changes the database or the server",
    "notify": "it sends a message to other sessions",
    "load": "it loads code into the server",
    "do": "a DO block cannot be checked",
    "call": "a procedure cannot be checked",
}

_FUNCTIONS = re.compile(
    r"""\b(
        lo_(?!get\b|open\b|close\b|tell\b|tell64\b|lseek\b|lseek64\b)\w+ | lowrite
      | dblink\w*
      | pg_(?:cancel|terminate)_backend | pg_reload_conf | pg_rotate_logfile\w* | pg_promote
      | pg_switch_(?:wal|xlog) | pg_create_restore_point
      | pg_(?:start_backup|stop_backup|backup_start|backup_stop)
      | pg_(?:wal|xlog)_replay_(?:pause|resume)
      | pg_(?:create|drop|copy|sync|advance)_\w*replication_slots?
      | pg_replication_slot_advance | pg_replication_origin_\w+
      | pg_logical_emit_message | pg_logical_slot_get_\w+
      | pg_stat\w*_reset\w* | pg_(?:clear|restore)_\w+_stats
      | pg_notify | pg_(?:try_)?advisory_\w+
      | pg_file_(?:write|rename|unlink|sync) | pg_import_system_collations
      | pg_log_standby_snapshot | pg_truncate_visibility_map | heap_force_(?:kill|freeze)
      | pg_buffercache_(?:evict|mark_dirty)\w* | autoprewarm_\w+
      | pg_log_backend_memory_contexts | gin_clean_pending_list | brin_\w*summarize\w*
      | bt_index_parent_check
    )\s*\(""",
    re.IGNORECASE | re.VERBOSE,
)
_EXPLAINED_TABLE = re.compile(
    r"^explain(?: analy[sz]e\b| verbose\b| ?\([^()]*\))* ?create\b"
    r"|\banaly[sz]e\b(?:.*\binto\b|(?: verbose\b)?(?:[^()]*\))? ?execute\b)",
    re.DOTALL,
)
"""Also of what was prepared, which may be SELECT … INTO."""
_RUNNING = re.compile(
    r"\b(query_to_xml\w*|ts_stat|ts_rewrite|crosstab\w*|connectby|xpath_table|run_command_on_\w+|pg_background_\w+)\s*\(",
    re.IGNORECASE,
)
"""Functions that run the SQL in a string."""
_SET_CONFIG = re.compile(r"\bset_config\s*\(\s*(?:'(?P<name>[\w.]+)'\s*,\s*(?:'(?P<value>\w*)'\s*,)?)?", re.IGNORECASE)
_SET = re.compile(
    rf"(?:set|reset)\s+(?:session\s+|local\s+)?(?:{'|'.join(READ_ONLY_SETTINGS)})\b\s*(?:to|=)?\s*'?(?P<value>\w*)",
    re.IGNORECASE,
)
_START = r"[A-Za-z_\x80-\U0010FFFF]"
"""What a name begins with, as PostgreSQL's own scanner has it: any character beyond ASCII, also a sign."""
_PARTS = rf"""
      (?P<comment>--[^\n\r]*)
    | (?P<open>/\*)
    | (?P<escape>[eE]'(?:[^'\\]++|\\.|'')*'(?:CONTINUED'(?:[^'\\]++|\\.|'')*')*)
    | (?P<string>STRING)
    | (?P<hidden>[uU]&"(?:[^"]++|"")*")
    | (?P<name>"(?:[^"]++|"")*")
    | (?P<tag>\$(?:{_START}(?:{_START}|[0-9])*)?\$)
    | (?P<semicolon>;)
    | (?P<other>{_START}(?:{_START}|[0-9$])*|[0-9]+|[\ \t\n\r\f\v]+|.)
"""
_CONTINUED = r"(?:[\ \t\f\v]*(?:--[^\n\r]*)?[\n\r])+[\ \t\f\v]*"
"""What may stand between two parts of one string: the second one is read as the first is."""
_STRINGS = {False: r"'(?:[^']++|'')*'", True: r"'(?:[^'\\]++|\\.|'')*'"}
_TOKENS = {
    escapes: re.compile(_PARTS.replace("CONTINUED", _CONTINUED).replace("STRING", string), re.VERBOSE | re.DOTALL)
    for escapes, string in _STRINGS.items()
}


def readings(text: str) -> Iterator[str]:
    """The statements of a text as a server may read it: a backslash means more without standard_conforming_strings."""
    for escapes in (False, True) if "\\" in text else (False,):
        yield from split(text, escapes=escapes)


def split(text: str, *, escapes: bool = False) -> Iterator[str]:
    """The statements of a text, without comments and the insides of strings, one space between words.

    Names lose their quotes and stand alone; a string of one word keeps it. `escapes`: a backslash hides the next
    character of every string, as it does without standard_conforming_strings.

    >>> list(split("select 1; -- first\\n/* a /* nested */ one */ COMMIT"))
    ['select 1', 'COMMIT']
    >>> list(split("select'a;b', \\"Lo_Unlink\\"(1), $$off$$"))
    ["select'?', Lo_Unlink (1), 'off'"]
    """
    parts: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKENS[escapes].match(text, at)
        assert token is not None, "the last alternative takes any character"
        at, kind, word = token.end(), token.lastgroup, token.group()
        if kind == "semicolon":
            yield _joined(parts)
            parts = []
        elif kind == "open":
            at = _end_of_comment(text, at)
            parts.append(" ")
        elif kind == "tag":
            end = text.find(word, at)
            parts.append(f" {_string(text[at:] if end < 0 else text[at:end])} ")
            at = len(text) if end < 0 else end + len(word)
        else:
            parts.append(_plain(kind, word))
    yield _joined(parts)


def _plain(kind: str | None, word: str) -> str:
    if kind == "name":
        return f" {re.sub(r'[^A-Za-z0-9_]', '_', word[1:-1])} "
    if kind == "string":
        return _string(word[1:-1])
    return {"comment": " ", "escape": "E'?'", "hidden": ' U&"?" '}.get(kind or "", word)


def _string(inside: str) -> str:
    return f"'{inside}'" if re.fullmatch(r"[A-Za-z0-9_.]*", inside) else "'?'"


def _joined(parts: list[str]) -> str:
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def _end_of_comment(text: str, at: int) -> int:
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


_WHOLE_SERVER = re.compile(
    r"""(?:
        (?: create | alter | drop )\ (?: role | user(?!\ mapping\b) | group | database | tablespace )
      | alter\ system | create\ subscription | reassign\ owned | drop\ owned
      | comment\ on\ (?: role | database | tablespace )
      | (?: grant | revoke )\ (?: (?!\ on\ ).)*? (?: \ on\ (?: database | tablespace | parameter )\b )
      | (?: grant | revoke )\ (?: (?!\ on\ ).)+?\ (?: to | from )\ (?!.*\ on\ )
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_OTHER_SESSIONS = re.compile(
    r"\b(pg_(?:cancel|terminate)_backend|pg_reload_conf|pg_rotate_logfile\w*|dblink\w*)\s*\(", re.I
)


def whole_server(text: str) -> str | None:
    """What in a text concerns roles, other databases or the whole server, or None.

    >>> whole_server("ALTER TABLE t ADD x int; CREATE ROLE app"), whole_server("grant admin to app")
    ('CREATE ROLE', 'GRANT')
    >>> [whole_server(t) for t in ("GRANT SELECT ON t TO app", "CREATE USER MAPPING FOR a SERVER b", "select 1")]
    [None, None, None]
    """
    for statement in split(text):
        found = _WHOLE_SERVER.match(statement)
        if found is not None:
            words = found.group().upper().split()
            return words[0] if words[0] in ("GRANT", "REVOKE") else " ".join(words[:3])
        called = _OTHER_SESSIONS.search(statement)
        if called is not None:
            return f"{called[1].lower()}()"
    return None


@lru_cache(maxsize=16)  # a statement is judged by SQLAlchemy's event and by the driver's cursor
def refused(text: str) -> str | None:
    """Why a text is refused in a read-only session, or None.

    >>> refused("select * from users") is None, refused("SAVEPOINT a; ROLLBACK TO a") is None
    (True, True)
    >>> refused("select 1; commit; begin read write; delete from users")
    'COMMIT: it ends the read-only transaction'
    """
    for statement in readings(text):
        reason = _refused_one(statement)
        if reason is not None:
            return reason
    return None


def _refused_one(statement: str) -> str | None:
    lowered = statement.lower()
    words = re.findall(r"\w+", lowered)[:3]
    first = words[0] if words else ""
    if 'U&"' in statement:
        return 'U&"…": a name with escapes cannot be checked'
    if first in FIRST_WORDS:
        return f"{first.upper()}: {FIRST_WORDS[first]}"
    if first == "rollback" and not re.match(r"rollback (?:work |transaction )?to\b", lowered):
        return "ROLLBACK: it ends the read-only transaction"
    if words[:2] == ["prepare", "transaction"]:
        return "PREPARE TRANSACTION: it leaves a transaction behind"
    if first in ("set", "reset", "begin", "start"):
        return _refused_setting(first, lowered)
    if first == "copy":
        return refused_copy(lowered)
    if first == "explain" and _EXPLAINED_TABLE.search(re.sub(r"'[^']*'", "''", lowered)):
        return "EXPLAIN ANALYZE of what makes a table: it makes it, also in a read-only transaction"
    if re.search(r"\bupdate (?:only )?(?:pg_catalog ?\. ?)?pg_settings\b", lowered):
        return "UPDATE pg_settings: it changes settings of the session"
    return refused_function(statement)


def _refused_setting(first: str, lowered: str) -> str | None:
    if re.search(r"\bread write\b", lowered):
        return f"{first.upper()} … READ WRITE: it would allow writing"
    if lowered.startswith("reset all"):
        return "RESET ALL: it resets the session's settings"
    setting = _SET.match(lowered)
    if setting is not None and setting["value"] not in ON:
        return f"{first.upper()} {READ_ONLY_SETTINGS[1]}: it would allow writing"
    return None


def refused_copy(lowered: str) -> str | None:
    """Why a COPY is refused; None where it only reads, into the session."""
    if re.search(r"\bprogram\b", lowered):
        return "COPY … PROGRAM: it runs a command on the server"
    outside, inside = lowered, 1
    while inside:
        outside, inside = re.subn(r"\([^()]*\)", " ", outside)
    if re.search(r"\bto\b(?! ?stdout\b)", outside):
        return "COPY … TO a file: it writes on the server"
    return refused_function(lowered)


def refused_function(statement: str) -> str | None:
    """Why a statement of `split` is refused for what it calls; None where it may run."""
    called = _FUNCTIONS.search(statement)
    if called is not None:
        return f"{called[1].lower()}(): it changes something outside the transaction"
    running = _RUNNING.search(statement)
    if running is not None:
        return f"{running[1].lower()}(): the SQL that it runs cannot be checked"
    for setting in _SET_CONFIG.finditer(statement):
        name, value = setting["name"], setting["value"]
        if name is None:
            return "set_config(): the setting's name must be written out"
        if name.lower() in READ_ONLY_SETTINGS and (value is None or value.lower() not in ON):
            return f"set_config('{name}'): it would allow writing"
    return None
