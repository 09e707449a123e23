"""Backups of MariaDB and MySQL written: SQL by mariadb-dump; and what a database holds that is to be empty."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import watched
from dbadmin.dialects.backups import Format, Target
from dbadmin.dialects.mysql import binaries as installed
from dbadmin.dialects.mysql import dump, rights
from dbadmin.dialects.mysql.look import quote
from dbadmin.dialects.mysql.options import client_options, option_file
from dbadmin.dialects.mysql.surroundings import Surroundings
from dbadmin.dialects.values import Progress
from dbadmin.errors import DbadminError, NotFinished, NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

SUFFIXES: dict[str, Format] = {".sql": "mariadb-dump"}

# Tables, views, sequences, routines and events of the connection's database; triggers are their tables'.
_HOLDS = """
(SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()
  ORDER BY table_type = 'VIEW', name LIMIT 5)
 UNION ALL
SELECT CONCAT(LOWER(routine_type), ' ', routine_name) FROM information_schema.routines WHERE routine_schema = DATABASE()
 UNION ALL
SELECT CONCAT('event ', event_name) FROM information_schema.events WHERE event_schema = DATABASE()
 LIMIT 5
"""
_EVERYTHING = """
SELECT CASE table_type WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
       table_name AS name
  FROM information_schema.tables WHERE table_schema = DATABASE()
 UNION ALL
SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()
 UNION ALL
SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = DATABASE()
 ORDER BY 1 DESC, 2
"""


def write(source: "URL", facts: Surroundings, kind: Format, target: Target, *, progress: Progress) -> tuple[str, ...]:
    """mariadb-dump in one snapshot; see `Backups.write`."""
    tools = _client(facts)
    with option_file(client_options(source), target.directory / "source.cnf") as options:
        watched.into(
            dump.reading(tools, options, facts),
            dump.bare_environment(),
            lambda status, words: dump.failure("mariadb-dump", words, doing="dumping"),
            target.sink,
            lambda done: progress("dump", done, facts.bytes),
            lambda: _waits(source),
        )
    notes = [f"{name}: {reason}" for name, reason in facts.left_out.items()]
    if facts.unseen:
        notes.append(f"{', '.join(facts.unseen)}: this account may not see all of them, so the backup has none")
    if facts.only_some:
        notes.append(rights.ONLY_SOME)
    return tuple(notes)


def _client(facts: Surroundings) -> installed.Binaries:
    """Whose mariadb-dump to use: beside a server that fits, else the one on PATH."""
    found = installed.find(facts.family, facts.series) or installed.find(facts.family)
    if found:
        return found[0]
    name = "mariadb-dump" if facts.family == "mariadb" else "mysqldump"
    program = shutil.which(name)
    if program is None:
        raise NotSupported(f"no {name} on this machine", hint="install the client programs of the source's version")
    return installed.Binaries(Path(program), facts.family, facts.version)


def _waits(source: "URL") -> DbadminError | None:
    if not dump.waits(source):
        return None
    return NotFinished(
        f"dumping failed: another session held a lock on a table for {watched.STILL:g} s",
        hint="try again when nobody alters tables",
    )


def holds(url: "URL") -> tuple[str, ...]:
    """Some of what is there; see `Backups.holds`."""
    with _connected(url) as connection:
        return tuple(str(name) for name in connection.exec_driver_sql(_HOLDS).scalars())


def empty(url: "URL") -> None:
    """Drop one after the other, as no transaction holds DDL; see `Backups.empty`."""
    from sqlalchemy.exc import DBAPIError

    with _connected(url) as connection:
        try:
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 0, lock_wait_timeout = 10")
            for kind, name in connection.exec_driver_sql(_EVERYTHING).all():
                connection.exec_driver_sql(f"DROP {kind} IF EXISTS {quote(str(name))}".replace("%", "%%"))
        except DBAPIError as error:
            told = str(error.orig.args[-1] if error.orig else error).strip().splitlines()[0]
            raise NotFinished(
                f"{url.database} could not be emptied: {told}",
                hint=f"drop it and make it anew: DROP DATABASE {quote(str(url.database))};",
            ) from error


def _connected(url: "URL") -> "Connection":
    from sqlalchemy import NullPool, create_engine

    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()
