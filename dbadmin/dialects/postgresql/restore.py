"""Backups filled into an empty database, by a role that may do nothing but fill it.

What a dump holds is run: functions in CHECK constraints, defaults and indexes, as the role that restores; triggers, as
the role that writes later. So that role is no superuser: it owns the new database, cannot run programs or read the
server's files, and what only a superuser may do beforehand (extensions, roles) is done by us, from the list of what the
backup needs. The walk goes on as this role (`owner`).
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from dbadmin.dialects.copying import Place
from dbadmin.dialects.postgresql import (
    archives,
    contents,
    left,
    neutralise,
    owner,
    restore_archive,
    restore_script,
    restore_watch,
)
from dbadmin.dialects.postgresql.databases import SIZE
from dbadmin.dialects.postgresql.look import literal, quote
from dbadmin.dialects.postgresql.owner import Confining
from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.errors import NotSupported
from dbadmin.interrupts import held_back
from dbadmin.secrets import remember

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

    from dbadmin.dialects.postgresql.backup import Details

CONFINED = "what only a superuser may do: the walk on a backup goes as a role that is none"
_SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
_OWNER = """
SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
"""
_AVAILABLE = "SELECT name FROM pg_catalog.pg_available_extensions"
# Extensions that the owner of a database may make although their functions are a superuser's (from 13 on).
_TRUSTED = """
SELECT name FROM pg_catalog.pg_available_extension_versions AS v
 WHERE (pg_catalog.to_jsonb(v) ->> 'trusted')::bool
"""
# Collations that initdb takes from ICU; some of the provider's own are listed by servers without ICU, too.
_ICU = "SELECT EXISTS (SELECT FROM pg_catalog.pg_collation WHERE collname = 'und-x-icu')"
_ROLES = "SELECT rolname FROM pg_catalog.pg_roles"
# Tables of extensions whose rows a dump holds, and what else its role needs but does not own.
_CONFIGURATION = """
SELECT c.oid::pg_catalog.regclass::text AS name, c.relkind = 'S' AS is_sequence
  FROM pg_catalog.pg_extension AS e, pg_catalog.unnest(e.extconfig) AS table_oid
  JOIN pg_catalog.pg_class AS c ON c.oid = table_oid
"""
_WRAPPERS = "SELECT fdwname FROM pg_catalog.pg_foreign_data_wrapper"


def restore(place: Place, backup: Backup, name: str, *, progress: Progress) -> Copied:
    """Restore into a new database of `place` and make it harmless; it is dropped where that fails.

    Where dbadmin is a superuser the copy goes to a role that is none, and stays its own: what the backup holds would
    have a superuser's rights whenever a migration touches it. Unless the place trusts it.
    """
    url = place.empty(name)
    try:
        if isinstance(place, Confining) and not place.trusted and _is_superuser(url):
            return _restore_confined(place, backup, name, url, progress)
        notes = load(backup, url, private=_is_private(place), progress=progress)
        done, refused = _weaken(url)
        return Copied(url, f"restored from {backup.format}", _size(url), done, (*notes, *refused))
    except BaseException:
        place.drop(name)
        raise


def _restore_confined(place: Confining, backup: Backup, name: str, url: "URL", progress: Progress) -> Copied:
    with left.connected(url) as admin:
        notes = _refuse_unsuitable(admin, backup)
    own = place.confine(name)
    with left.connected(url) as admin:
        schemas = _prepare(admin, str(own.username), backup, private=_is_private(place))
        if _is_private(place):  # elsewhere a role of that name may be able to do something
            owner.join(admin, str(own.username), backup.roles)
    _weaken(url)  # before anything of the backup can call what the extensions brought
    _fill(backup, own, schemas, progress)
    done, refused = _weaken(own)  # no superuser touches what the backup holds
    method = f"restored from {backup.format}"
    return Copied(own, method, _size(own), done, (*notes, *refused, CONFINED), confined=True)


def load(backup: Backup, url: "URL", *, private: bool, progress: Progress) -> tuple[str, ...]:
    """Fill the empty database at `url`; gives notes for a report. See `Backups.load`."""
    found: contents.Contents = backup.details.contents
    with left.connected(url) as admin:
        notes = _refuse_unsuitable(admin, backup)
        is_superuser = bool(admin.exec_driver_sql(_SUPERUSER).scalar_one())
        schemas = frozenset() if is_superuser else _make_extensions(admin, "CURRENT_USER", found)
    if not is_superuser:
        _fill(backup, url, schemas, progress)
        return notes
    with _restorer(url, backup, private=private) as (own, schemas):
        _weaken(url)  # before anything of the backup can call what the extensions brought
        _fill(backup, own, schemas, progress)
    return notes


def _is_private(place: Place) -> bool:
    from dbadmin.dialects.postgresql.place import PostgresqlPlace

    return isinstance(place, PostgresqlPlace)


def _is_superuser(url: "URL") -> bool:
    with left.connected(url) as admin:
        return bool(admin.exec_driver_sql(_SUPERUSER).scalar_one())


def _size(url: "URL") -> int:
    with left.connected(url) as connection:
        size: int = connection.exec_driver_sql(SIZE).scalar_one()
    return size


def _refuse_unsuitable(admin: "Connection", backup: Backup) -> tuple[str, ...]:
    """Raise NotSupported where this server cannot hold the backup; notes on where it differs from the source."""
    from dbadmin.dialects.postgresql.backup import major_needed

    version: int = int(admin.exec_driver_sql("SHOW server_version_num").scalar_one())
    found: contents.Contents = backup.details.contents
    if version // 10000 < major_needed(found):
        raise NotSupported(
            f"{backup.path} needs PostgreSQL {major_needed(found)} or later, and the server is {version // 10000}",
            hint="name a server of that version with --scratch, or install it here",
        )
    available = set(admin.exec_driver_sql(_AVAILABLE).scalars())
    missing = [name for name in backup.extensions if name not in available]
    if found.icu and not admin.exec_driver_sql(_ICU).scalar_one():
        missing.append("ICU collations")
    if missing:
        raise NotSupported(
            f"{backup.path} needs what this server lacks: {', '.join(missing)}",
            hint="install the packages of these extensions beside the server, or name another one with --scratch",
        )
    source = (found.server_version or "").partition(".")[0]
    if source and source != str(version // 10000):
        return (f"the copy runs on PostgreSQL {version // 10000}, the source on {source}",)
    return ()


@contextmanager
def _restorer(url: "URL", backup: Backup, *, private: bool) -> "Iterator[tuple[URL, frozenset[str]]]":
    """A role that owns the database and is no superuser, with what it may not make; gives its URL and its schemas.

    On a server of others it hands over what it made, and is gone afterwards.
    """
    password = secrets.token_urlsafe(18)
    remember(password)
    with (
        nullcontext(f"dbadmin_restore_{secrets.token_hex(4)}") if private else left.role(url) as role,
        _made(url, backup, role, password, private=private) as schemas,
    ):
        yield url.set(username=role, password=password), schemas


@contextmanager
def _made(url: "URL", backup: Backup, role: str, password: str, *, private: bool) -> "Iterator[frozenset[str]]":
    name = quote(str(url.database))
    with left.connected(url) as admin:
        whose: str = admin.exec_driver_sql(_OWNER).scalar_one()
    try:
        with left.connected(url) as admin:
            _run(admin, f"CREATE ROLE {role} LOGIN PASSWORD {literal(password)}")
            _run(admin, f"ALTER DATABASE {name} OWNER TO {role}")
            schemas = _prepare(admin, role, backup, private=private)
        yield schemas
    finally:
        with held_back(), left.connected(url) as admin:
            if left.is_there(admin, role):
                restore_watch.end_sessions(admin, role)
                _run(admin, f"ALTER DATABASE {name} OWNER TO {quote(whose)}")
                left.drop_role(admin, role, whose)


def _prepare(admin: "Connection", role: str, backup: Backup, *, private: bool) -> frozenset[str]:
    """Make what the backup needs and the database's owner may not make; gives the schemas that are there."""
    version = int(admin.exec_driver_sql("SHOW server_version_num").scalar_one())
    _run(admin, f"ALTER SCHEMA public OWNER TO {'pg_database_owner' if version >= 140000 else role}")
    if private:
        _make_roles(admin, backup)
    schemas = _make_extensions(admin, role, backup.details.contents)
    _grant_what_extensions_own(admin, role)
    return schemas


def _make_roles(admin: "Connection", backup: Backup) -> None:
    there = set(admin.exec_driver_sql(_ROLES).scalars())
    for role in backup.roles:
        if role not in there and not role.startswith("pg_"):
            _run(admin, f"CREATE ROLE {quote(role)}")


def _make_extensions(admin: "Connection", role: str, found: contents.Contents) -> frozenset[str]:
    """The backup's extensions, in their schemas; gives the names of schemas that the backup need not make."""
    made, trusted = {"public"}, frozenset(admin.exec_driver_sql(_TRUSTED).scalars())
    for name, schema in found.extensions:
        if schema and schema not in made and schema != "pg_catalog":
            _run(admin, f"CREATE SCHEMA {quote(schema)} AUTHORIZATION {role}")
            made.add(schema)
        where = f" SCHEMA {quote(schema)}" if schema else ""
        # The role's own where it may make it, so that a migration may drop or update it.
        _run(admin, f"SET ROLE {role if name in trusted and role != 'CURRENT_USER' else 'NONE'}")
        _run(admin, f"CREATE EXTENSION IF NOT EXISTS {quote(name)}{where}")
        _run(admin, "SET ROLE NONE")
    return frozenset(made)


def _grant_what_extensions_own(admin: "Connection", role: str) -> None:
    for table, is_sequence in admin.exec_driver_sql(_CONFIGURATION).all():
        _run(admin, f"GRANT ALL ON {'SEQUENCE' if is_sequence else 'TABLE'} {table} TO {role}")
    for wrapper in admin.exec_driver_sql(_WRAPPERS).scalars().all():
        _run(admin, f"GRANT USAGE ON FOREIGN DATA WRAPPER {quote(wrapper)} TO {role}")


def _fill(backup: Backup, url: "URL", schemas: frozenset[str], progress: Progress) -> None:
    details: Details = backup.details
    assert backup.content is not None
    if details.reader is None:
        size = backup.content.stat().st_size
        with backup.content.open("rb") as file:

            def read(wanted: int) -> bytes:
                progress("restore", file.tell(), size)
                return file.read(wanted)

            restore_script.run(read, url, schemas, str(backup.path))
    elif details.contents.needs_sql:
        with archives.as_sql(details.reader, backup.content, str(backup.path)) as stream:

            def read_on(wanted: int) -> bytes:
                progress("restore", stream.bytes, backup.restored_bytes)
                return stream.read(wanted)

            restore_script.run(read_on, url, schemas, str(backup.path))
    else:
        restore_archive.run(backup, details.reader, url, schemas, progress)


def _weaken(url: "URL") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make harmless what reaches beyond the database: what was done, and what could not be."""
    from sqlalchemy import NullPool, create_engine

    with create_engine(url, poolclass=NullPool).begin() as admin:
        return neutralise.weaken(admin)


def _run(connection: "Connection", statement: str) -> None:
    connection.exec_driver_sql(statement.replace("%", "%%"))
