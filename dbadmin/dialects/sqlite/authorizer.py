"""What SQL may do in a read-only session on SQLite, told by what it does and not by how it reads."""

import sqlite3

READING = {
    "collation_list", "compile_options", "database_list", "foreign_key_check", "foreign_key_list",
    "function_list", "index_info", "index_list", "index_xinfo", "integrity_check", "module_list",
    "pragma_list", "quick_check", "table_info", "table_list", "table_xinfo",
}  # fmt: skip
"""PRAGMAs that read, with or without an argument."""

OWN_SESSION = {
    "automatic_index", "busy_timeout", "cache_size", "cache_spill", "case_sensitive_like", "cell_size_check",
    "defer_foreign_keys", "foreign_keys", "full_column_names", "hard_heap_limit", "legacy_alter_table",
    "mmap_size", "read_uncommitted", "recursive_triggers", "reverse_unordered_selects", "short_column_names",
    "soft_heap_limit", "synchronous", "temp_store", "threads", "trusted_schema",
}  # fmt: skip
"""PRAGMAs whose argument changes nothing but this session."""

PASSED_OVER = {
    "auto_vacuum", "encoding", "journal_mode", "journal_size_limit", "locking_mode", "optimize", "page_size",
    "secure_delete", "wal_autocheckpoint",
}  # fmt: skip
"""PRAGMAs that applications send on every connect and that would write: they do nothing, without an error."""

WRITING = {"incremental_vacuum", "wal_checkpoint"}
"""PRAGMAs that write even without an argument."""

DENIED_FUNCTIONS = {"edit", "fts3_tokenizer", "load_extension", "writefile"}
RTREE_SHADOWS = ("_node", "_rowid", "_parent")
ON = {"1", "on", "true", "yes"}

_ALLOWED_ACTIONS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
}
_ROW_WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


def authorize(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    """SQLite's authorizer callback of a read-only session.

    Some writes pass here and are refused later, by query_only, because virtual tables announce them for
    reading too: the declaration of any virtual table is an UPDATE of sqlite_master, and an R-tree prepares
    every statement on its shadow tables when it is opened.
    """
    if action in _ALLOWED_ACTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() in DENIED_FUNCTIONS else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return _pragma((first or "").lower(), second)
    if action == sqlite3.SQLITE_UPDATE and first in ("sqlite_master", "sqlite_schema"):
        return sqlite3.SQLITE_OK
    if action in _ROW_WRITES and (first or "").endswith(RTREE_SHADOWS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _pragma(name: str, argument: str | None) -> int:
    if name in WRITING:
        return sqlite3.SQLITE_DENY
    if name == "optimize" or (name in PASSED_OVER and argument is not None):
        return sqlite3.SQLITE_IGNORE
    if argument is None or name in READING or name in OWN_SESSION:
        return sqlite3.SQLITE_OK
    if name == "query_only" and argument.lower() in ON:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
