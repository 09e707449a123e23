"""What dbadmin's runs left on PostgreSQL servers of the user's, and its dropping; see `marked` for the marks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import private, stamped
from dbadmin.dialects.left import Left, Told
from dbadmin.dialects.postgresql import databases, owner
from dbadmin.dialects.postgresql.look import quote
from dbadmin.errors import ConnectionFailed, DbadminError, NotFinished
from dbadmin.interrupts import held_back
from dbadmin.secrets import first_line, mask

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PREFIX = "dbadmin-on-pg-"
_IS_ROLE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s)"
# The database's owner, or this session's role where that is the one to be dropped.
_OWNER_BUT = """
SELECT coalesce(nullif(pg_catalog.pg_get_userbyid(datdba), %s), current_user)
  FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
"""


@contextmanager
def role(url: "URL") -> Iterator[str]:
    """The name of a role that may be made on a user's server for a while; a killed run's is found by it."""
    with private.directory(PREFIX) as directory:
        token = stamped.token(directory.name)
        name = _role_of(token)
        LEFT.write_down(directory, url, role=name)
        try:
            yield name
        finally:
            with held_back():
                _drop_left(url, directory, token)


def _drop_left(url: "URL", directory: Path, token: str) -> None:
    """Drop the role where it is still there; where that fails, its note stays, so that it is found."""
    from sqlalchemy.exc import DBAPIError

    try:
        with connected(url) as admin:
            _drop(admin, token, {"role": _role_of(token)})
    except DBAPIError as error:
        private.leave(directory)
        told = first_line(error)
        raise NotFinished(
            f"the role {_role_of(token)} could not be dropped: {told}", hint="dbadmin copies --clean drops it"
        ) from error


def is_there(admin: "Connection", role: str) -> bool:
    """Whether the server has this role."""
    return bool(admin.exec_driver_sql(_IS_ROLE, (role,)).scalar_one())


def drop_role(admin: "Connection", name: str, heir: str) -> None:
    """Drop a role of ours; what it made in this database is the heir's from now on."""
    admin.exec_driver_sql(f"REASSIGN OWNED BY {quote(name)} TO {quote(heir)}".replace("%", "%%"))
    admin.exec_driver_sql(f"DROP OWNED BY {quote(name)}")
    admin.exec_driver_sql(f"DROP ROLE {quote(name)}")


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
    told = first_line(refused) if refused else "no database to connect to"
    raise ConnectionFailed(f"cannot connect to {mask(str(url))}: {told}", hint="dbadmin doctor") from refused


@contextmanager
def connected(url: "URL") -> Iterator["Connection"]:
    """A connection that commits by itself."""
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def _drop(admin: "Connection", token: str, told: Told) -> None:
    drop_of(admin, token)
    made = told.get("role")
    if made == _role_of(token) and is_there(admin, made):
        heir: str = admin.exec_driver_sql(_OWNER_BUT, (made,)).scalar_one()
        drop_role(admin, made, heir)  # which gives this database back, too


def _role_of(token: str) -> str:
    return f"dbadmin_restore_{token}".lower()


LEFT = Left(PREFIX, "postgresql", _drop, connected, "PGPASSWORD or a pass file")
