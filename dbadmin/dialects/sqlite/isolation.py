"""Keeping a process away from every SQLite file but one."""

from typing import TYPE_CHECKING

from dbadmin.dialects.isolation import Isolation, Judge, RawDriver

if TYPE_CHECKING:
    from dbadmin.dialects.values import Address


class SqliteIsolation(Isolation):
    """The module's own functions are wrapped: a file opened without SQLAlchemy is led like any other."""

    raw_drivers = (
        RawDriver("pysqlite", "sqlite3.dbapi2", ("connect",)),
        RawDriver("pysqlite", "sqlite3", ("connect",)),
    )

    other_drivers = (RawDriver("aiosqlite", "aiosqlite", ("connect",), awaited=("connect",)),)

    classes = (RawDriver("apsw", "apsw", ("Connection",)),)

    def paths(self, address: "Address") -> tuple[str, ...]:
        """The file, and what stands beside it while it is written."""
        name = address.database
        return (name, f"{name}-wal", f"{name}-shm", f"{name}-journal") if address.server[0] == "file" else ()

    def install(self, judge: Judge) -> None:
        """ATTACH asks too, and VACUUM INTO, which attaches its target."""
        import sqlite3

        from dbadmin.dialects.sqlite.address import SqliteAddressing
        from dbadmin.dialects.sqlite.observe import GUARDS

        def attach(action: int, first: str | None, *_: str | None) -> int:
            if action == sqlite3.SQLITE_ATTACH:
                # What the judge raises denies the statement; SQLite's callbacks let no exception through.
                judge(SqliteAddressing().of_parameters("pysqlite", [first or ""], {}))
            return sqlite3.SQLITE_OK

        GUARDS.append(attach)


ISOLATION = SqliteIsolation()
