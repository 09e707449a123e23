"""A look at the version table on a MySQL or MariaDB server with PyMySQL alone."""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from dbadmin.dialects.bare import Looked, Way, took_a_write

OF_SQLALCHEMY = ()
READS = ("MYSQL", "MARIADB", "SSL")
READ_ONLY = "START TRANSACTION READ ONLY"
_READ_ONLY_ERROR = 1792
_MULTI_STATEMENTS = 1 << 16


def parameters(cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What PyMySQL takes, where it sends one statement at a time."""
    return dict(cparams) if not cargs and not cparams.get("client_flag", 0) & _MULTI_STATEMENTS else None


def look(way: Way, table: str, schema: str | None, lock: float | None) -> Looked:
    """See `dialects.bare.look`."""
    import pymysql

    with closing(pymysql.connect(**way.cparams)) as connection, connection.cursor() as cursor:
        connection._read_timeout = None
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        _prove(cursor)
        if lock is not None:
            seconds = max(1, math.ceil(lock))
            cursor.execute(f"SET SESSION lock_wait_timeout = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}")
        cursor.execute("SELECT VERSION(), DATABASE(), @@lower_case_table_names")
        version, name, folds = cursor.fetchone()
        is_mariadb, number = "mariadb" in version.lower(), version.removeprefix("5.5.5-").split("-")[0]
        quoted = ".".join(f"`{part.replace('`', '``')}`" for part in (schema, table) if part)
        cursor.execute(READ_ONLY)
        cursor.execute(f"SELECT version_num FROM {quoted}")
        revisions = tuple(sorted(row[0] for row in cursor.fetchall()))
        return Looked(
            "mariadb" if is_mariadb else "mysql",
            f"{number}-MariaDB" if is_mariadb else number,
            name.lower() if str(folds) != "0" else name,
            revisions,
        )


def _prove(cursor: Any, begin: str = READ_ONLY) -> None:
    import pymysql

    cursor.execute(begin)
    try:
        cursor.execute("CREATE TEMPORARY TABLE dbadmin_read_only_proof (id INTEGER)")
    except pymysql.err.MySQLError as error:
        if error.args and error.args[0] == _READ_ONLY_ERROR:
            return
        raise
    finally:
        cursor.execute("ROLLBACK")
    cursor.execute("DROP TEMPORARY TABLE IF EXISTS dbadmin_read_only_proof")
    took_a_write()
