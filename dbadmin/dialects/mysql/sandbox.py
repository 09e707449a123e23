"""Sandboxes on MySQL and MariaDB: one transaction, in which every statement that would commit it is refused.

There DDL commits what was done before it, and tables of MyISAM, Aria or MEMORY know no transactions.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dbadmin.dialects.mysql.statements import FUNCTIONS, INTO_FILE, Hidden, analyzes_query, readings, refused_set
from dbadmin.dialects.sandboxes import Mark, Sandboxing, execute, execute_all
from dbadmin.errors import NotSupported

if TYPE_CHECKING:
    from sqlalchemy import Connection

ALLOWED = {
    "select", "with", "values", "table", "show", "describe", "desc", "explain", "help", "checksum", "savepoint",
    "insert", "update", "delete", "replace", "release",
}  # fmt: skip
"""First words of statements that a rollback takes back, or that change nothing. Every other one is refused."""
REFUSED = {
    "commit": "a sandbox is never committed",
    "begin": "it would commit the sandbox",
    "start": "it would commit the sandbox",
    "rollback": "it would end the sandbox",
    "call": "a procedure may commit",
}

LASTING = """
    SELECT LOWER(t.table_name), t.table_schema = DATABASE() FROM information_schema.tables AS t
    LEFT JOIN information_schema.engines AS e ON e.engine = t.engine
    WHERE t.table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
      AND t.table_type = 'BASE TABLE' AND COALESCE(e.transactions, 'NO') <> 'YES'
"""
"""A row for each table whose engine knows no transactions: its name, and whether it is one of this database."""
TRIGGERS = """
    SELECT LOWER(event_object_table), LOWER(action_statement) FROM information_schema.triggers
    WHERE event_object_schema = DATABASE()
"""
"""A row for each trigger of this database, of those that the user may see: its table, and what it does."""
ROUTINES = "SELECT LOWER(routine_name) FROM information_schema.routines WHERE routine_schema <> 'sys'"
"""A row for each procedure and function."""
BODIES = """
    SELECT LOWER(routine_name), LOWER(routine_definition) FROM information_schema.routines
    WHERE routine_schema NOT IN ('mysql', 'sys')
"""
"""A row for each procedure and function: what it does, NULL where this user may not see that."""
VIEWS = "SELECT LOWER(table_name), LOWER(view_definition) FROM information_schema.views WHERE table_schema = DATABASE()"
"""A row for each view of this database."""
IN_TRANSACTION = "SELECT @@in_transaction"
"""MariaDB: 1 in a transaction."""
ACTIVE = """
    SELECT COUNT(*) FROM performance_schema.events_transactions_current
    WHERE thread_id = PS_CURRENT_THREAD_ID() AND state = 'ACTIVE'
"""
"""MySQL 8: the same, of the performance schema."""
NOT_ROLLED_BACK = 1196
REACHING = "may write where no rollback reaches"
_WRITING = {"insert", "update", "delete", "replace", "load", "truncate"}
_WORD = re.compile(r"\w+")


class MysqlSandboxing(Sandboxing):
    """One transaction of InnoDB."""

    def begin(self, connection: "Connection", limit: float | None) -> Mark:
        """START TRANSACTION, seen to be open; MariaDB ends one that hears nothing for `limit` seconds."""
        is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
        mark = Mark(IN_TRANSACTION if is_mariadb else ACTIVE, self.kept(connection))
        if is_mariadb and limit:
            execute(connection, f"SET SESSION idle_transaction_timeout = {round(limit) + 5:d}")
        execute(connection, "START TRANSACTION")
        if not self.is_open(connection, mark):
            raise NotSupported(
                "this server does not tell whether a transaction is open, so that a sandbox cannot be watched",
                hint="open the session read-only, or with --write",
            )
        return mark

    def kept(self, connection: "Connection") -> dict[str, str]:
        """Those of the database whose engine knows no transactions, and what may reach one: tables with such a trigger,
        functions (`name()`), and views that call those.
        """
        lasting = execute_all(connection, LASTING)
        if not lasting:
            return {}
        triggers = [(table, set(_WORD.findall(body))) for table, body in execute_all(connection, TRIGGERS)]
        reached = {name for name, _ in lasting}
        if triggers:
            reached |= {name for (name,) in execute_all(connection, ROUTINES)}
        triggered = leading_to(reached, triggers)
        found = dict.fromkeys(triggered, f"has a trigger that {REACHING}")
        found |= _called(connection, triggered | {name for name, _ in lasting})
        found |= {name: "knows no transactions (its engine is not InnoDB)" for name, here in lasting if here}
        return {re.sub(r"[^\w()]", "_", name): why for name, why in found.items()}

    def is_open(self, connection: "Connection", mark: Mark) -> bool:
        """Asked of the server."""
        row = execute(connection, str(mark.transaction))
        return bool(row and row[0])

    def refused(self, statement: str, mark: Mark) -> str | None:
        """Everything but reading and changes of rows in tables that know transactions."""
        try:
            for one in readings(statement):
                reason = _refused_one(one.lstrip("( "), mark.kept)
                if reason is not None:
                    return reason
        except Hidden as hidden:
            return str(hidden)
        return None

    def end(self, connection: "Connection", mark: Mark) -> str | None:
        """Roll back; the server warns of tables that it could not."""
        execute(connection, "ROLLBACK")
        row = execute(connection, "SHOW WARNINGS")
        if row is not None and int(row[1]) == NOT_ROLLED_BACK:
            return "rows of tables whose engine knows no transactions (MyISAM, Aria, MEMORY) could not be rolled back"
        return None


def leading_to(reached: set[str], triggers: Iterable[tuple[str, set[str]]]) -> set[str]:
    """Tables whose triggers name one of `reached`, or a table whose triggers do, and so on.

    >>> sorted(leading_to({"log"}, [("a", {"insert", "into", "b"}), ("b", {"insert", "into", "log"}), ("c", {"set"})]))
    ['a', 'b']
    """
    found: set[str] = set()
    while more := {table for table, words in triggers if words & (reached | found)} - found:
        found |= more
    return found


def _called(connection: "Connection", lasting: set[str]) -> dict[str, str]:
    """Functions that may write to a table of `lasting`, as `name()`, and views that call one."""
    bodies = [
        (name, None if body is None else set(_WORD.findall(body))) for name, body in execute_all(connection, BODIES)
    ]
    writing = {name for name, words in bodies if words is None or (words & _WRITING and words & lasting)}
    if not writing:
        return {}
    writing |= leading_to(writing, ((name, words) for name, words in bodies if words))
    views = ((name, set(_WORD.findall(body or ""))) for name, body in execute_all(connection, VIEWS))
    found = dict.fromkeys((f"{name}()" for name in writing), REACHING)
    return found | dict.fromkeys(leading_to(writing, views), f"calls a function that {REACHING}")


def _refused_one(statement: str, kept: Mapping[str, str]) -> str | None:
    first = next(iter(re.findall(r"[@\w]+", statement)), "")
    if not first:
        return None
    if first == "set":
        return refused_set(statement)
    if first == "rollback" and re.match(r"rollback (?:work )?to\b", statement):
        return None
    if analyzes_query(statement):
        first = "select"
    if first in REFUSED:
        return f"{first.upper()}: {REFUSED[first]}"
    if first not in ALLOWED:
        return f"{first.upper()}: MySQL and MariaDB would commit the sandbox, or not roll it back"
    called = FUNCTIONS.search(statement)
    if called is not None:
        return f"{called[1] or called[2]}(): it changes something outside the transaction"
    if INTO_FILE.search(statement):
        return "INTO OUTFILE: it writes a file on the server"
    if first in ("show", "describe", "desc"):
        return None
    words = set(_WORD.findall(statement))
    run = {name for name in words if kept.get(name, "").startswith("calls")}
    run |= kept.keys() & {f"{name}()" for name in re.findall(r"(\w+) ?\(", statement)}
    if run:
        return f"{min(run)} {kept[min(run)]}"
    named = kept.keys() & words if first != "select" else set()
    return f"table {min(named)} {kept[min(named)]}" if named else None
