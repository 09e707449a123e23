"""A look at the version table of a SQLite file with sqlite3 alone."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from dbadmin.dialects.bare import Looked, NotAsBefore, Way, took_a_write
from dbadmin.dialects.sqlite.authorizer import authorize

OF_SQLALCHEMY = ()
READS = ("SQLITE_",)
_OF_SQLITE3 = {"database", "timeout", "detect_types", "check_same_thread", "cached_statements", "uri"}


def parameters(cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What sqlite3 takes, where the file is opened for reading only."""
    name = cargs[0] if len(cargs) == 1 else cparams.get("database")
    opens = isinstance(name, str) and name.startswith("file:") and "mode=ro" in name and cparams.get("uri") is True
    return dict(cparams) if opens and cparams.keys() <= _OF_SQLITE3 else None


def look(way: Way, table: str, schema: str | None, lock: float | None) -> Looked:
    """See `dialects.bare.look`."""
    connect: Any = sqlite3.connect
    with closing(connect(*way.cargs, **way.cparams, isolation_level=None)) as connection:
        if lock is not None:
            connection.execute(f"PRAGMA busy_timeout = {round(lock * 1000):d}")
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(authorize)
        _prove(connection)
        path = next(str(row[2] or "") for row in connection.execute("PRAGMA database_list") if row[1] == "main")
        if not path:
            raise NotAsBefore("a database in memory")
        (version,) = connection.execute("SELECT sqlite_version()").fetchone()
        name = ".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in (schema, table) if part)
        rows = connection.execute(f"SELECT version_num FROM {name}").fetchall()
        return Looked("sqlite", str(version), Path(path).resolve().name, tuple(sorted(row[0] for row in rows)))


def _prove(connection: sqlite3.Connection) -> None:
    connection.execute("SAVEPOINT dbadmin_proof")
    try:
        connection.execute("CREATE TABLE dbadmin_read_only_proof (id INTEGER)")
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_AUTH" or name.startswith("SQLITE_READONLY") or "not authorized" in str(error):
            return
        raise
    finally:
        connection.execute("ROLLBACK")
    took_a_write()
