"""Backups filled into an empty database, by an account that may do nothing but fill it."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import watched
from dbadmin.dialects.base import Place
from dbadmin.dialects.mysql import contents, neutralise, surroundings
from dbadmin.dialects.mysql.binaries import series_of
from dbadmin.dialects.mysql.contents import Contents
from dbadmin.dialects.mysql.look import quote
from dbadmin.dialects.mysql.plain import Statement, parts
from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.errors import DamagedBackup, DbadminError, NotFinished, NotSupported
from dbadmin.secrets import mask, remember

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_COLLATIONS = "SELECT collation_name FROM information_schema.collations"
_FULL_COLLATIONS = """
SELECT full_collation_name FROM information_schema.collation_character_set_applicability
"""
# As a dump with all its comments begins; what it sets itself comes after and wins.
_FRAME = (
    "SET NAMES utf8mb4",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "SET SESSION foreign_key_checks = 0",
    "SET SESSION unique_checks = 0",
)
# What a session waits for, and for how many seconds: sleeping and waiting for locks are no progress.
_WAITS = """
SELECT time FROM information_schema.processlist
 WHERE id = %s AND (state = 'User sleep' OR state LIKE 'Waiting for %%lock%%')
"""
_ACCESS_DENIED = (1044, 1045, 1142, 1143, 1227, 1370, 1419)


def restore(place: Place, backup: Backup, name: str, *, progress: Progress) -> Copied:
    """Restore into a new database of `place` and make it harmless; it is dropped where that fails."""
    from dbadmin.dialects.mysql.place import MysqlPlace

    url = place.begin(name) if isinstance(place, MysqlPlace) else place.empty(name)
    try:
        notes = load(backup, url, private=isinstance(place, MysqlPlace), progress=progress)
        with _connected(url) as admin:
            found = surroundings.read(admin)
            if isinstance(place, MysqlPlace):
                surroundings.make_accounts(admin, replace(found, user="root@localhost"))
    except BaseException:
        place.drop(name)
        raise
    harmless = neutralise.neutralised(found)
    return Copied(url, f"restored from {backup.format}", found.bytes, harmless, notes)


def load(backup: Backup, url: "URL", *, private: bool, progress: Progress) -> tuple[str, ...]:
    """Fill the empty database at `url`; gives notes for a report. See `Backups.load`."""
    with _connected(url) as admin:
        notes = _refuse_unsuitable(admin, backup)
    if not private:
        _fill(backup, url, progress)
        return notes
    with _restorer(url, backup.details) as own:
        _fill(backup, own, progress)
    return notes


def _refuse_unsuitable(admin: "Connection", backup: Backup) -> tuple[str, ...]:
    """Raise NotSupported where this server cannot hold the backup; notes on where it differs from the source."""
    from dbadmin.dialects.mysql.backup import family

    found: Contents = backup.details
    version = str(admin.exec_driver_sql("SELECT VERSION()").scalar_one())
    own = "mariadb" if "mariadb" in version.lower() else "mysql"
    wanted = family(found, backup.kind)
    there = {str(name).lower() for (name,) in admin.exec_driver_sql(_COLLATIONS) if name}
    if own == "mariadb":
        there |= {str(name).lower() for (name,) in admin.exec_driver_sql(_FULL_COLLATIONS) if name}
    missing = sorted(found.collations - there)
    if missing:
        raise NotSupported(
            f"{backup.path} uses collations that this server does not know: {', '.join(missing)}",
            hint="install the source's own version, or name such a server with --scratch",
        )
    source = found.server_version
    if source and wanted == own and series_of(source.removeprefix("5.5.5-")) > series_of(version):
        raise NotSupported(
            f"{backup.path} comes from {source}, and the server is {version}",
            hint="install the source's own version, or name such a server with --scratch",
        )
    if wanted != own:
        return (f"the copy runs on {version}, the source on {source or wanted}",)
    return ()


@contextmanager
def _restorer(url: "URL", found: Contents) -> "Iterator[URL]":
    """An account that may fill this database and do nothing else; those that the dump's objects run as are there.

    They may do no more than it, as long as the dump is being loaded.
    """
    user, password = f"dbadmin_{secrets.token_hex(4)}", secrets.token_urlsafe(18)
    remember(password)
    database = quote(str(url.database))
    with _connected(url) as admin:
        is_mariadb = "mariadb" in str(admin.exec_driver_sql("SELECT VERSION()").scalar_one()).lower()
        for name, host in sorted(found.definers, key=str):
            account = quote(name) + (f"@{quote(host)}" if host else "")
            _run(admin, f"CREATE {'USER' if host else 'ROLE'} IF NOT EXISTS {account}")
            _run(admin, f"GRANT ALL PRIVILEGES ON {database}.* TO {account}")
        _run(admin, f"CREATE USER {user}@localhost IDENTIFIED BY '{password}'")
        _run(admin, f"GRANT ALL PRIVILEGES ON {database}.* TO {user}@localhost")
        _run(admin, f"GRANT {'SET USER' if is_mariadb else 'SET_USER_ID'} ON *.* TO {user}@localhost")
    try:
        yield url.set(username=user, password=password)
    finally:
        with _connected(url) as admin:
            _run(admin, f"DROP USER {user}@localhost")


def _fill(backup: Backup, url: "URL", progress: Progress) -> None:
    """Send the dump's statements to the server, one after the other; the client program has no part in it."""
    assert backup.content is not None
    size, shown, line = backup.content.stat().st_size, str(backup.path), 1
    with backup.content.open("rb") as file, _connected(url) as connection:

        def read(wanted: int) -> bytes:
            progress("restore", file.tell(), size)
            return file.read(wanted)

        for statement in _FRAME:
            _run(connection, statement)
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        with (
            closing(connection.connection.cursor()) as cursor,
            watched.beside(lambda: _looking(url, number, shown), lambda: _kill(url, number)),
        ):
            errors: Any = connection.dialect.loaded_dbapi.Error
            try:
                for part in parts(read):
                    if not isinstance(part, Statement):
                        continue
                    line, code = part.line, contents.bare(part.text)
                    contents.refuse(code, part, shown, backup.database)
                    if contents.wanted(code):
                        cursor.execute(part.text)
            except errors as error:
                raise _failure(shown, line, error) from error


@contextmanager
def _looking(url: "URL", number: int, shown: str) -> Iterator[watched.Look]:
    """A look at what a session does; it gives a DamagedBackup once it has only waited for too long."""
    with _connected(url) as connection:

        def look() -> DamagedBackup | None:
            waited = connection.exec_driver_sql(_WAITS, (number,)).scalar()
            if waited is None or waited <= watched.QUIET:
                return None
            return DamagedBackup(
                f"restoring {shown} made no progress for {watched.QUIET:g} s", hint="make the backup again"
            )

        yield look


def _kill(url: "URL", number: int) -> None:
    with _connected(url) as connection:
        _run(connection, f"KILL QUERY {int(number)}")


def _failure(shown: str, line: int, error: Any) -> DbadminError:
    number, *told = error.args or (None, str(error))
    words = mask(str(told[0]) if told else str(number)).partition("\n")[0]
    hint = "restore it yourself where you may, then --in-place"
    if number in _ACCESS_DENIED:
        words += " (a backup is restored by an account that may only fill its own database)"
    return NotFinished(f"restoring {shown} failed in line {line}: {words}", hint=hint)


@contextmanager
def _connected(url: "URL") -> "Iterator[Connection]":
    """A connection that commits by itself."""
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def _run(connection: "Connection", statement: str) -> None:
    connection.exec_driver_sql(statement.replace("%", "%%"))
