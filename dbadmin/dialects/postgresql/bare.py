"""A look at the version table on a PostgreSQL server with psycopg alone."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from dbadmin.dialects.bare import Looked, Way, took_a_write

READS = ("PG", "KRB5", "SSL")
READ_ONLY = "SELECT set_config('transaction_read_only', 'on', true), set_config('row_security', 'off', true)"
"""As `session.READ_ONLY_TRANSACTION`."""
OF_SQLALCHEMY = ("context",)
"""What tells psycopg how to adapt values: texts need none of it."""


def parameters(cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What psycopg takes, where the session is opened for reading only."""
    kept = {name: value for name, value in cparams.items() if name not in OF_SQLALCHEMY}
    return kept if not cargs and "default_transaction_read_only=on" in str(kept.get("options")) else None


def look(way: Way, table: str, schema: str | None, lock: float | None) -> Looked:
    """See `dialects.bare.look`."""
    import psycopg

    with closing(psycopg.connect(**way.cparams)) as connection:
        connection.read_only = True
        _prove(connection)
        connection.execute(READ_ONLY)
        if lock is not None:
            connection.execute("SELECT set_config('lock_timeout', %s, true)", (str(max(1, round(lock * 1000))),))
        (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        quoted = psycopg.sql.Identifier(*(part for part in (schema, table) if part))
        rows = connection.execute(psycopg.sql.SQL("SELECT version_num FROM {}").format(quoted)).fetchall()
        return Looked("postgresql", str(version).split()[0], name, tuple(sorted(row[0] for row in rows)))


def _prove(connection: Any) -> None:
    from psycopg.errors import ReadOnlySqlTransaction

    try:
        connection.execute("CREATE TEMP TABLE dbadmin_read_only_proof () ON COMMIT DROP")
    except ReadOnlySqlTransaction:
        return
    finally:
        connection.rollback()
    took_a_write()
