"""Backups filled into an empty database, by an account that may do nothing but fill it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from dbadmin.dialects.copying import Place
from dbadmin.dialects.mysql import neutralise, surroundings
from dbadmin.dialects.mysql.binaries import series_of
from dbadmin.dialects.mysql.contents import Contents
from dbadmin.dialects.mysql.load import connected, fill, run
from dbadmin.dialects.mysql.look import quote
from dbadmin.dialects.mysql.moved import Moved
from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.errors import NotSupported
from dbadmin.secrets import remember

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_COLLATIONS = "SELECT collation_name FROM information_schema.collations"
_FULL_COLLATIONS = """
SELECT full_collation_name FROM information_schema.collation_character_set_applicability
"""


def restore(place: Place, backup: Backup, name: str, *, progress: Progress) -> Copied:
    """Restore into a new database of `place` and make it harmless; it is dropped where that fails."""
    from dbadmin.dialects.mysql.marked import MarkedPlace
    from dbadmin.dialects.mysql.place import MysqlPlace

    if isinstance(place, MarkedPlace):
        return place.restored(backup, name, progress)
    url = place.begin(name) if isinstance(place, MysqlPlace) else place.empty(name)
    try:
        notes = load(backup, url, private=isinstance(place, MysqlPlace), progress=progress)
        with connected(url) as admin:
            found = surroundings.read(admin)
            if isinstance(place, MysqlPlace):
                surroundings.make_accounts(admin, replace(found, user="root@localhost"))
    except BaseException:
        place.drop(name)
        raise
    harmless = neutralise.neutralised(found)
    return Copied(url, f"restored from {backup.format}", found.bytes, harmless, notes)


def load(
    backup: Backup, url: "URL", *, private: bool, progress: Progress, moved: Moved | None = None
) -> tuple[str, ...]:
    """Fill the empty database at `url`; gives notes for a report. See `Backups.load`, and `Moved`."""
    with connected(url) as admin:
        notes = _refuse_unsuitable(admin, backup)
    if not private:
        _fill(backup, url, progress, moved)
        return notes
    with _restorer(url, backup.details) as own:
        _fill(backup, own, progress, None)
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
    with connected(url) as admin:
        is_mariadb = "mariadb" in str(admin.exec_driver_sql("SELECT VERSION()").scalar_one()).lower()
        for name, host in sorted(found.definers, key=str):
            account = quote(name) + (f"@{quote(host)}" if host else "")
            run(admin, f"CREATE {'USER' if host else 'ROLE'} IF NOT EXISTS {account}")
            run(admin, f"GRANT ALL PRIVILEGES ON {database}.* TO {account}")
        run(admin, f"CREATE USER {user}@localhost IDENTIFIED BY '{password}'")
        run(admin, f"GRANT ALL PRIVILEGES ON {database}.* TO {user}@localhost")
        run(admin, f"GRANT {'SET USER' if is_mariadb else 'SET_USER_ID'} ON *.* TO {user}@localhost")
    try:
        yield url.set(username=user, password=password)
    finally:
        with connected(url) as admin:
            run(admin, f"DROP USER {user}@localhost")


def _fill(backup: Backup, url: "URL", progress: Progress, moved: Moved | None) -> None:
    assert backup.content is not None
    size = backup.content.stat().st_size
    with backup.content.open("rb") as file:

        def read(wanted: int) -> bytes:
            progress("restore", file.tell(), size)
            return file.read(wanted)

        fill(read, url, str(backup.path), database=backup.database, moved=moved)
