"""Locks, rebuilt tables and sizes of a SQLite file.

A write transaction keeps every other writer out of the whole database from its first writing statement to its end:
one lock, `database` RESERVED. (Readers wait too, without WAL, while a commit writes the file; that is short, and
nobody tells it from outside.)
"""

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.costs import Costs, OwnLock, Rewrite, Storage, Stored
from dbadmin.dialects.names import join
from dbadmin.dialects.sqlite.raw import on_own_thread, reading

if TYPE_CHECKING:
    from sqlalchemy import Connection

_DROPS_COLUMN = re.compile(
    r"^\s*ALTER\s+TABLE\s+(?:main\s*\.\s*)?(?:\"(?P<quoted>[^\"]+)\"|(?P<plain>[\w$]+))\s+DROP\b", re.IGNORECASE
)
_RENAMES = re.compile(r"^\s*ALTER\s+TABLE\b.*\bRENAME\s+TO\s+(?:\"(?P<quoted>[^\"]+)\"|(?P<plain>[\w$]+))", re.I | re.S)
_VACUUMS = re.compile(r"^\s*VACUUM\b(?!.*\bINTO\b)", re.IGNORECASE)


MODES: Mapping[str, str] = {"RESERVED": "writes"}


class SqliteCosts(Costs):
    """Told by the migration's own connection: who writes to the file is in its process."""

    modes: Mapping[str, str] = MODES
    own_locks = True

    def __init__(self) -> None:
        self._began: dict[int, float] = {}
        self._ending: dict[int, tuple[float, Any]] = {}
        self._longest: OwnLock | None = None

    def remedy(self, mode: str, statement: str) -> str:
        """Writers take turns, so turns should be short."""
        return "write in batches, each in a transaction of its own: one writer keeps all others out"

    def before(self, connection: "Connection", statement: str) -> None:
        """The lock is taken as the first writing statement begins."""
        self._settle()
        self._began.setdefault(_number(connection), time.monotonic())

    def after(self, connection: "Connection", statement: str) -> None:
        """Where no transaction is open now, the statement was one of its own."""
        if not on_own_thread(connection, lambda raw: raw.in_transaction):
            self.ending(connection)
            self._settle()

    def ending(self, connection: "Connection") -> None:
        """The lock is released soon; when exactly is seen at the next occasion."""
        number = _number(connection)
        if number in self._began:
            self._ending[number] = time.monotonic(), connection.connection.dbapi_connection

    def taken(self) -> tuple[OwnLock, ...]:
        """The longest of the write transactions that have ended."""
        self._settle()
        longest, self._longest = self._longest, None
        return () if longest is None else (longest,)

    def _settle(self) -> None:
        now = time.monotonic()
        for number, (ending, raw) in self._ending.items():
            began, ended = self._began.pop(number), getattr(raw, "released", 0.0)
            if self._longest is None or ending - began > self._longest.released[0] - self._longest.taken[0]:
                gone = ended if ended > ending else now
                self._longest = OwnLock(number, "database", "RESERVED", (began, began), (ending, gone))
        self._ending.clear()

    def storage(self, connection: "Connection") -> Storage | None:
        """Root pages of tables, and the pages in use; sizes of single tables are not known."""

        def ask(raw: Any) -> tuple[int, list[Any]]:
            pages, free, size = (
                raw.execute(f"PRAGMA main.{name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            tables = raw.execute(
                "SELECT name, rootpage FROM main.sqlite_master"
                " WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            ).fetchall()
            return (pages - free) * size, tables

        used, tables = reading(connection, ask)
        return Storage(used, {(name.lower(),): Stored(join([name]), None, root, 0) for name, root in tables})

    def rewritten(self, before: Storage, after: Storage, statements: Mapping[str, None]) -> tuple[Rewrite, ...]:
        """Tables that another one took the place of, as batch mode does it, and what DROP COLUMN or VACUUM wrote.

        The root page of a table moves when another one takes its place. Where the file shrinks by itself
        (auto_vacuum) others move too, so the statements must tell of it as well.
        """
        renamed = {_name(found) for statement in statements if (found := _RENAMES.match(statement))}
        dropped = {_name(found) for statement in statements if (found := _DROPS_COLUMN.match(statement))}
        vacuumed = any(_VACUUMS.match(statement) for statement in statements)
        moved = {rewrite.object for rewrite in super().rewritten(before, after, statements)}
        names = (
            stored.name
            for (name,), stored in before.objects.items()
            if vacuumed or name in dropped or (name in renamed and stored.name in moved)
        )
        return tuple(Rewrite(name, None, None) for name in sorted(names))


def _name(found: re.Match[str]) -> str:
    return str(found["quoted"] or found["plain"]).lower()


def _number(connection: "Connection") -> int:
    return id(connection.connection.dbapi_connection)
