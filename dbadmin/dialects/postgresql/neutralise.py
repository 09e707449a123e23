"""What in a copy could reach beyond it, made harmless before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbadmin.secrets import first_line

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
# Functions of the extension dblink: most of them open connections, as any of them takes a connection string.
_DBLINK = """
SELECT p.oid::pg_catalog.regprocedure::text
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
 WHERE e.extname = 'dblink' AND p.prokind = 'f'
"""
# Jobs of pg_cron: only its own table, as one of the same name could have triggers.
_JOBS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
                WHERE d.objid = pg_catalog.to_regclass('cron.job') AND d.deptype = 'e' AND e.extname = 'pg_cron')
"""

# Subscriptions of this database, where the role may see them at all.
_SUBSCRIPTIONS = """
SELECT subname FROM pg_catalog.pg_subscription AS s
  JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid
 WHERE d.datname = pg_catalog.current_database()
 ORDER BY subname
"""


@dataclass(frozen=True)
class Step:
    """One statement that makes something harmless: what to say once it is done, and where it could not be."""

    statement: str
    done: str
    left: str


def neutralise(copy: "Connection") -> tuple[str, ...]:
    """Point foreign servers nowhere, drop user mappings, close dblink, stop cron jobs; tells what was done."""
    steps = _steps(copy)
    for step in steps:
        _run(copy, step.statement)
    return tuple(step.done for step in steps)


def weaken(copy: "Connection") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The same by a role that may not be allowed all of it: what was done, and what could not be."""
    from sqlalchemy.exc import DBAPIError

    done, left = [], []
    for step in _steps(copy):
        try:
            with copy.begin_nested():
                _run(copy, step.statement)
            done.append(step.done)
        except DBAPIError as error:
            left.append(f"{step.left}: {first_line(error)}")
    return tuple(done), tuple(left)


def _steps(copy: "Connection") -> list[Step]:
    """What there is to do. A copy made by a dump has no subscriptions; one that was made file by file has."""
    from sqlalchemy import text

    steps: list[Step] = []
    quote = copy.dialect.identifier_preparer.quote_identifier
    for name in copy.scalars(text(_SUBSCRIPTIONS)).all():
        keeps = f"subscription {name} keeps its slot"
        steps.append(Step(f"ALTER SUBSCRIPTION {quote(name)} DISABLE", f"subscription {name} disabled", keeps))
        without = f"ALTER SUBSCRIPTION {quote(name)} SET (slot_name = NONE)"
        steps.append(Step(without, f"subscription {name} parted from its slot", keeps))
    for mapping in copy.execute(text(_MAPPINGS)).all():
        role = "PUBLIC" if mapping.role == "public" else quote(mapping.role)
        whose = f"user mapping of {mapping.role} for foreign server {mapping.server}"
        statement = f"DROP USER MAPPING FOR {role} SERVER {quote(mapping.server)}"
        steps.append(Step(statement, f"{whose} dropped", f"{whose} is there"))
    for server in copy.execute(text(_SERVERS)).all():
        options = ", ".join(_nowhere(server.libpq, server.options))
        if options:
            statement = f"ALTER SERVER {quote(server.name)} OPTIONS ({options})"
            what = f"foreign server {server.name}"
            steps.append(Step(statement, f"{what} leads nowhere", f"{what} leads where it led"))
    functions = copy.scalars(text(_DBLINK)).all()
    if functions:
        statement = f"REVOKE EXECUTE ON FUNCTION {', '.join(functions)} FROM PUBLIC"
        steps.append(Step(statement, "dblink closed to ordinary roles", "dblink is open to all roles"))
    if copy.scalar(text(_JOBS)):
        stop = "UPDATE cron.job SET active = false"
        steps.append(Step(stop, "cron jobs stopped", "cron jobs are active"))
    return steps


def _nowhere(libpq: bool, options: Sequence[str]) -> list[str]:
    """The changes to a server's options that make it lead to a socket directory that does not exist."""
    changes = [f"DROP {option}" for option in ("hostaddr", "service") if option in options]
    if "host" in options:
        return [*changes, "SET host '/nonexistent'"]
    return [*changes, "ADD host '/nonexistent'"] if libpq else changes


def _run(copy: "Connection", statement: str) -> None:
    copy.exec_driver_sql(statement.replace("%", "%%"))
