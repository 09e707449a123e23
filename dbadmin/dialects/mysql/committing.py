"""Which statements end the open transaction by themselves, and whether anything waits to be committed."""

import re
from typing import Any

_COMMENT = re.compile(r"^\s*(?:--\s[^\n]*\n|#[^\n]*\n|/\*[^!].*?\*/|\(|/\*M?!\d*)", re.DOTALL)
# "Statements That Cause an Implicit Commit" of the manuals: they commit before they begin, and after they end.
_IMPLICIT = re.compile(
    r"\s*(?:(?:CREATE|DROP)\s+(?!TEMPORARY\b)"
    r"|CREATE\s+OR\s+REPLACE\s+(?!TEMPORARY\b)"
    r"|ALTER\b|RENAME\b|TRUNCATE\b|GRANT\b|REVOKE\b|ANALYZE\s+(?!FORMAT\b|SELECT\b)|OPTIMIZE\b|REPAIR\b|CHECK\s+TABLE"
    r"|CACHE\s+INDEX|FLUSH\b|RESET\b|INSTALL\b|UNINSTALL\b|LOCK\s+TABLES?\b|LOAD\s+INDEX|CHANGE\b"
    r"|BEGIN\b|START\b|STOP\b|SET\s+PASSWORD\b)",
    re.IGNORECASE,
)
_COMMIT = re.compile(
    r"\s*(?:COMMIT\b|SET\s+(?:SESSION\s+|@@(?:SESSION\.)?)?AUTOCOMMIT\s*=\s*(?:1|ON)\b)", re.IGNORECASE
)
_ROLLBACK = re.compile(r"\s*ROLLBACK\b(?!(?:\s+WORK)?\s+TO\b)", re.IGNORECASE)
_SET_STATEMENT = re.compile(r"\s*SET\s+STATEMENT\b.*?\bFOR\s+", re.IGNORECASE | re.DOTALL)
IN_TRANSACTION = 1
"""SERVER_STATUS_IN_TRANS: the bit that the server sends with every answer."""


def commits_first(statement: str) -> bool:
    """Whether this statement commits what ran before it, also where it then fails itself.

    >>> [commits_first(text) for text in ("ALTER TABLE t ADD x int", "create temporary table t (x int)",
    ...                                   "/* batch */ DROP TABLE t", "INSERT INTO t VALUES (1)", "analyze select 1")]
    [True, False, True, False, False]
    """
    return _IMPLICIT.match(_bare(statement)) is not None


def commits(statement: str) -> bool:
    """Whether nothing waits to be committed once this statement has run.

    >>> commits("COMMIT"), commits("set autocommit=1"), commits("DROP TABLE t"), commits("UPDATE t SET x = 1")
    (True, True, True, False)
    """
    return commits_first(statement) or _COMMIT.match(_bare(statement)) is not None


def rolls_back(statement: str) -> bool:
    """Whether it takes everything back that was not committed.

    >>> rolls_back("rollback"), rolls_back("ROLLBACK TO SAVEPOINT a")
    (True, False)
    """
    return _ROLLBACK.match(_bare(statement)) is not None


def in_transaction(dbapi_connection: Any) -> bool | None:
    """Whether a transaction is open, as the server told the driver with its last answer; None: not known."""
    driver = getattr(dbapi_connection, "driver_connection", None) or dbapi_connection
    driver = getattr(driver, "_connection", driver)  # SQLAlchemy's face for drivers that are asynchronous
    for name in ("server_status", "_server_status"):
        status = getattr(driver, name, None)
        if isinstance(status, int):
            return bool(status & IN_TRANSACTION)
    told = getattr(driver, "in_transaction", None)
    return told if isinstance(told, bool) else None


def _bare(statement: str) -> str:
    """The statement without comments and settings in front of it."""
    while found := _COMMENT.match(statement):
        statement = statement[found.end() :]
    prefix = _SET_STATEMENT.match(statement)
    return statement[prefix.end() :] if prefix else statement
