"""What dbadmin's runs left on servers of the user's, found again and dropped; see `marked` for the marks.

<TMPDIR>/dbadmin-on-pg-<token>/server.json   where the server is, without a password
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import private
from dbadmin.dialects.postgresql import databases, owner
from dbadmin.dialects.values import Existing
from dbadmin.errors import ConnectionFailed, DbadminError, NotFinished, UnknownName
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PREFIX = "dbadmin-on-pg-"
SERVER = "server.json"


def write_down(directory: Path, url: "URL") -> None:
    """Say in a place's directory where its databases are."""
    descriptor = os.open(directory / SERVER, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": _shown(url)}, file)


def sweep(url: "URL") -> None:
    """Drop what killed runs of this machine left on this server."""
    for found in existing():
        if found.owner_alive is False and not found.kept and _server_of(found.directory) == _shown(url):
            with connected(url) as admin, suppress(NotFinished):
                drop_of(admin, found.name.removeprefix(PREFIX))
                private.remove(found.directory)


def existing() -> tuple[Existing, ...]:
    """Places on users' servers that this machine's runs made and that are still there."""
    return tuple(replace(found, bytes=None) for found in private.existing(PREFIX, "postgresql"))


def remove(name: str) -> None:
    """Drop the databases of a place by its name, then forget it."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import DBAPIError

    found = {place.name: place for place in existing()}
    if name not in found:
        raise UnknownName("copy", name, found)
    directory = found[name].directory
    shown = _server_of(directory)
    if shown is None:
        private.remove(directory)  # killed before it reached the server
        return
    url = make_url(shown)
    try:
        with connected(url) as admin:
            drop_of(admin, name.removeprefix(PREFIX))
    except DBAPIError as error:
        raise ConnectionFailed(
            f"cannot drop the databases of {name} on {mask(str(url))}: {str(error.orig).strip().splitlines()[0]}",
            hint="passwords are not kept: give it by PGPASSWORD or a pass file",
        ) from error
    private.remove(directory)


def _shown(url: "URL") -> str:
    return url.set(password=None).render_as_string(hide_password=False)


def _server_of(directory: Path) -> str | None:
    """Where a place's databases are; None where none were made yet."""
    try:
        url: str = json.loads((directory / SERVER).read_text(encoding="utf-8"))["url"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return url


def drop_of(admin: "Connection", token: str) -> None:
    """Drop what has this token in its name: marked databases, and one that was killed before it got its mark."""
    prefix = databases.name_of(token, "")
    failed: DbadminError | None = None
    names = admin.exec_driver_sql("SELECT datname FROM pg_catalog.pg_database").scalars().all()
    known = dict(databases.marked(admin))
    for name in (n for n in names if n.startswith(prefix)):
        if name not in known:
            databases.mark(admin, name, {"name": PREFIX + token})  # ours by its token, which nobody else knows
        try:
            databases.drop_marked(admin, name)
        except NotFinished as error:
            failed = error
    if failed is not None:
        raise failed
    owner.drop(admin, owner_of(token))


def owner_of(token: str) -> str:
    """The role that owns restored backups of a place."""
    return databases.name_of(token, "owner")


def administrative(url: "URL", avoid: set[str | None]) -> "URL":
    """The URL with a database to give orders from: the one it names, unless that is to be cloned."""
    from sqlalchemy.exc import DBAPIError

    from dbadmin.dialects import of_url

    url = of_url(url).address.with_driver(url, "psycopg")
    candidates = [name for name in (url.database, "postgres", "template1") if name and name not in avoid]
    refused: DBAPIError | None = None
    for name in candidates:
        try:
            with connected(url.set(database=name)):
                return url.set(database=name)
        except DBAPIError as error:
            refused = refused or error
    told = str(refused.orig).strip().splitlines()[0] if refused else "no database to connect to"
    raise ConnectionFailed(f"cannot connect to {mask(str(url))}: {mask(told)}", hint="dbadmin doctor") from refused


@contextmanager
def connected(url: "URL") -> Iterator["Connection"]:
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
