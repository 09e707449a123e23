"""What in a copy could reach beyond it, made harmless before anything runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Foreign servers, whether libpq makes their connections, and the names of their options.
_SERVERS = """
SELECT s.srvname AS name,
       w.fdwname IN ('postgres_fdw', 'dblink_fdw') AS libpq,
       ARRAY(SELECT pg_catalog.split_part(o, '=', 1) FROM pg_catalog.unnest(s.srvoptions) AS o) AS options
  FROM pg_catalog.pg_foreign_server AS s
  JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
 ORDER BY s.srvname
"""
# User mappings: they hold passwords.
_MAPPINGS = """
SELECT srvname AS server, usename AS role FROM pg_catalog.pg_user_mappings ORDER BY srvname, usename
"""
# Functions of the extension dblink that open connections.
_DBLINK = """
SELECT p.oid::pg_catalog.regprocedure::text
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
 WHERE e.extname = 'dblink' AND p.proname LIKE 'dblink_connect%'
"""
_JOBS = "SELECT pg_catalog.to_regclass('cron.job') IS NOT NULL"


def neutralise(copy: "Connection") -> tuple[str, ...]:
    """Point foreign servers nowhere, drop user mappings, close dblink, stop cron jobs; tells what was done.

    Subscriptions are not in the copy: the dump leaves them out.
    """
    from sqlalchemy import text

    done: list[str] = []
    quote = copy.dialect.identifier_preparer.quote_identifier
    for mapping in copy.execute(text(_MAPPINGS)).all():
        role = "PUBLIC" if mapping.role == "public" else quote(mapping.role)
        _run(copy, f"DROP USER MAPPING FOR {role} SERVER {quote(mapping.server)}")
        done.append(f"user mapping of {mapping.role} for foreign server {mapping.server} dropped")
    for server in copy.execute(text(_SERVERS)).all():
        options = _nowhere(server.libpq, server.options)
        if not options:
            continue
        _run(copy, f"ALTER SERVER {quote(server.name)} OPTIONS ({', '.join(options)})")
        done.append(f"foreign server {server.name} leads nowhere")
    for function in copy.scalars(text(_DBLINK)).all():
        _run(copy, f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        done.append(f"{function} closed to ordinary roles")
    if copy.scalar(text(_JOBS)):
        _run(copy, "UPDATE cron.job SET active = false")
        done.append("cron jobs stopped")
    return tuple(done)


def _nowhere(libpq: bool, options: Sequence[str]) -> list[str]:
    """The changes to a server's options that make it lead to a socket directory that does not exist."""
    changes = [f"DROP {option}" for option in ("hostaddr", "service") if option in options]
    if "host" in options:
        return [*changes, "SET host '/nonexistent'"]
    return [*changes, "ADD host '/nonexistent'"] if libpq else changes


def _run(copy: "Connection", statement: str) -> None:
    copy.exec_driver_sql(statement.replace("%", "%%"))
