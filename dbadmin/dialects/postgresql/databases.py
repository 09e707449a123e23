"""Databases as wholes: made, cloned, marked as dbadmin's own, and dropped; statements for any server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import marks
from dbadmin.dialects.postgresql.look import literal, quote
from dbadmin.dialects.postgresql.session import sqlstate
from dbadmin.errors import InternalError, NotFinished
from dbadmin.secrets import first_line

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST_NAME = 63  # bytes; the server cuts longer ones silently, so that two could become one
SIZE = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"
_END_WITHIN = 10_000  # ms that a session is given to end
# Every session of a database but this one (only those of this role where the role may end no others'); waits for
# each until it has ended.
_END_SESSIONS = """
SELECT pg_catalog.pg_terminate_backend(pid, :timeout)
  FROM pg_catalog.pg_stat_activity
 WHERE datname = :name AND pid <> pg_catalog.pg_backend_pid()
   AND (NOT :own OR usename = current_user)
"""
# The same for servers before 14, whose function does not wait.
_END_SESSIONS_BEFORE_14 = _END_SESSIONS.replace("(pid, :timeout)", "(pid)")
# Encoding and locale of a database, for another one like it.
_LOCALE = """
SELECT pg_catalog.pg_encoding_to_char(encoding) AS encoding, datcollate, datctype, pg_catalog.to_jsonb(d) AS all
  FROM pg_catalog.pg_database AS d WHERE datname = :name
"""
# Databases that carry dbadmin's mark: name and what the mark says.
_MARKED = """
SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database') AS mark
  FROM pg_catalog.pg_database AS d
 WHERE pg_catalog.starts_with(d.datname::text, 'dbadmin_')
   AND pg_catalog.starts_with(pg_catalog.shobj_description(d.oid, 'pg_database'), 'dbadmin copy ')
 ORDER BY d.datname
"""
# Transactions that were prepared and never ended: no FORCE drops their database.
_PREPARED = "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()"


def make_database(admin: "Connection", name: str, how: str) -> None:
    """CREATE DATABASE; `admin` commits by itself."""
    admin.exec_driver_sql(f"CREATE DATABASE {quote(name)} {how}".replace("%", "%%"))


def clone_database(admin: "Connection", name: str, new_name: str, major: int, how: str = "") -> None:
    """CREATE DATABASE … TEMPLATE, file by file where the server can, sharing blocks where its files can.

    From 15 on FILE_COPY leaves the write-ahead log alone; from 18 on `file_copy_method = clone` lets the file system
    share what is equal (reflink), or at least copy inside the kernel.
    """
    from sqlalchemy.exc import DBAPIError

    strategy = " STRATEGY FILE_COPY" if major >= 15 else ""
    statement = f"TEMPLATE {quote(name)}{strategy} {how}"
    if major >= 18:
        try:
            with setting(admin, "file_copy_method", "clone"):
                make_database(admin, new_name, statement)
            return
        except DBAPIError as error:
            if error.orig is None or sqlstate(error.orig) not in _CANNOT_CLONE:
                raise
    make_database(admin, new_name, statement)


@contextmanager
def setting(admin: "Connection", name: str, value: str) -> Iterator[None]:
    """A block with this setting; `admin` commits by itself."""
    admin.exec_driver_sql(f"SET {name} = {value}")
    try:
        yield
    finally:
        if not admin.invalidated:  # SQLAlchemy closes it when a statement is interrupted
            admin.exec_driver_sql(f"RESET {name}")


_CANNOT_CLONE = ("22023", "0A000", "58030", "XX000", "58P01")
"""The setting's value is unknown to this build, or the file system refused."""


def end_sessions(admin: "Connection", name: str, *, only_own_role: bool = False) -> None:
    """End every other session of a database: a client that was killed leaves its statement running."""
    from sqlalchemy import text

    version: int = int(admin.exec_driver_sql("SHOW server_version_num").scalar_one())
    query = _END_SESSIONS if version >= 140000 else _END_SESSIONS_BEFORE_14
    values = {"name": name, "own": only_own_role, "timeout": _END_WITHIN}
    admin.execute(text(query), values if version >= 140000 else {k: v for k, v in values.items() if k != "timeout"})


def mark(admin: "Connection", name: str, owner: Mapping[str, Any]) -> None:
    """Say in the database's comment that it is dbadmin's, and whose."""
    text = literal(marks.mark(owner))
    admin.exec_driver_sql(f"COMMENT ON DATABASE {quote(name)} IS {text}".replace("%", "%%"))


def marked(admin: "Connection") -> Iterator[tuple[str, dict[str, Any]]]:
    """Databases of this server that carry dbadmin's mark, with what it says."""
    for name, comment in admin.exec_driver_sql(_MARKED.replace("%", "%%")).all():
        owner = marks.owner_in(comment)
        if owner is not None:
            yield name, owner


def drop_marked(admin: "Connection", name: str) -> None:
    """Drop a database that has both dbadmin's name and its mark; anything else is refused.

    Raises NotFinished with the command to type where the server refuses, DBAPIError where the connection is lost.
    """
    from sqlalchemy.exc import DBAPIError

    if name not in dict(marked(admin)):
        raise InternalError(f"the database {name} does not carry dbadmin's mark: it is not dropped")
    version: int = int(admin.exec_driver_sql("SHOW server_version_num").scalar_one())
    force = " WITH (FORCE)" if version >= 130000 else ""
    statement = f"DROP DATABASE {quote(name)}{force}"
    for last in (False, True):
        try:
            if not force:
                end_sessions(admin, name)
            admin.exec_driver_sql(statement.replace("%", "%%"))
            return
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            if last:
                told = first_line(error)
                raise NotFinished(f"the copy {name} could not be dropped: {told}", hint=f"{statement};") from error
            _end_prepared(admin, name)


def _end_prepared(admin: "Connection", name: str) -> None:
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(admin.engine.url.set(database=name), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for gid in connection.exec_driver_sql(_PREPARED).scalars().all():
            connection.exec_driver_sql(f"ROLLBACK PREPARED {literal(gid)}".replace("%", "%%"))


def name_of(token: str, name: str) -> str:
    """What one of our databases is called on a server of the user's."""
    return longest(marks.name_of(token, name))


def longest(name: str) -> str:
    """The name, cut to what the server takes, at a character's end.

    >>> longest("dbadmin_x_" + "ü" * 40) == "dbadmin_x_" + "ü" * 26
    True
    """
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")


def locale_of(admin: "Connection", name: str) -> str:
    """Encoding and locale of a database, as CREATE DATABASE takes them for another one like it."""
    from sqlalchemy import text

    found = admin.execute(text(_LOCALE), {"name": name}).one()
    parts = [f"ENCODING '{found.encoding}'", _quoted("LC_COLLATE", found.datcollate)]
    parts.append(_quoted("LC_CTYPE", found.datctype))
    known: dict[str, Any] = found.all
    provider = {"i": "icu", "b": "builtin", "c": "libc"}.get(known.get("datlocprovider", ""))
    if provider is not None:
        parts.append(f"LOCALE_PROVIDER {provider}")
        locale = known.get("datlocale") or known.get("daticulocale")
        word = {"icu": "ICU_LOCALE", "builtin": "BUILTIN_LOCALE"}.get(provider)
        parts += [_quoted(word, locale)] if word and locale else []
    return " ".join(parts)


def _quoted(keyword: str, value: str) -> str:
    escaped = value.replace("'", "''")
    return f"{keyword} '{escaped}'"
