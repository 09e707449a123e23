"""What a database leans on that its dump does not hold: roles, settings, extensions, locale."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.secrets import first_line

if TYPE_CHECKING:
    from sqlalchemy import Connection

# pg_roles is readable by everybody; predefined roles (pg_…) exist on every server.
_ROLES = r"""
SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname
"""
# Settings of the database, of the role for this database, and of the role everywhere: the narrower wins.
_SETTINGS = """
SELECT pg_catalog.unnest(s.setconfig) AS setting
  FROM pg_catalog.pg_db_role_setting AS s
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
 WHERE (d.datname = pg_catalog.current_database() AND s.setrole = 0)
    OR (r.rolname = current_user AND (s.setdatabase = 0 OR d.datname = pg_catalog.current_database()))
 ORDER BY s.setrole <> 0, s.setdatabase <> 0
"""
SIZE = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"
_EXTENSIONS = "SELECT extname FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY extname"
# The database's collation and the encoding; datcollate exists in every supported version.
_LOCALE = """
SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate
  FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
"""
# Collations by ICU that a column, domain or index of this database names.
_ICU = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_collation AS c
                WHERE c.collprovider = 'i' AND c.oid >= 16384)
    OR EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                 JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation
                WHERE c.collprovider = 'i')
"""
_LARGE_OBJECTS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)"
_LOCAL_SETTINGS = ("session_preload_libraries", "local_preload_libraries", "statement_timeout", "lock_timeout",
                   "default_transaction_read_only", "idle_in_transaction_session_timeout",
                   "transaction_timeout", "role", "session_authorization")  # fmt: skip
"""Settings that would keep dbadmin itself from working on the copy."""


@dataclass(frozen=True)
class Surroundings:
    """What a copy's server must offer."""

    major: int
    roles: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    extensions: tuple[str, ...]
    encoding: str
    collation: str
    icu: bool
    bytes: int | None
    large_objects: bool = False


def read(connection: "Connection") -> Surroundings:
    """Ask the source for its surroundings; reads only."""
    from sqlalchemy import text

    encoding, collation = connection.execute(text(_LOCALE)).one()
    pairs = (setting.partition("=") for setting in connection.scalars(text(_SETTINGS)))
    version = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
    return Surroundings(
        major=int(version) // 10000,
        roles=tuple(connection.scalars(text(_ROLES))),
        settings=tuple((name, value) for name, _, value in pairs if name not in _LOCAL_SETTINGS),
        extensions=tuple(connection.scalars(text(_EXTENSIONS))),
        encoding=encoding,
        collation=collation,
        icu=bool(connection.scalar(text(_ICU))),
        bytes=connection.scalar(text(SIZE)),
        large_objects=bool(connection.scalar(text(_LARGE_OBJECTS))),
    )


def lacking(found: Surroundings, binaries: Binaries) -> tuple[str, ...]:
    """Extensions of the source that these binaries do not have, and ICU where it is needed."""
    directory = _share(binaries) / "extension"
    missing = [name for name in found.extensions if not (directory / f"{name}.control").exists()]
    if found.icu and binaries.origin == "wheel":
        missing.append("ICU collations")
    return tuple(missing)


def make_roles(admin: "Connection", found: Surroundings) -> None:
    """Make the source's roles, without login and without rights beyond what the dump grants them."""
    from sqlalchemy import text

    there = set(admin.scalars(text(_ROLES)))
    quote = admin.dialect.identifier_preparer.quote_identifier
    for role in found.roles:
        if role not in there:
            admin.exec_driver_sql(f"CREATE ROLE {quote(role)}".replace("%", "%%"))


def apply_settings(copy: "Connection", found: Surroundings) -> None:
    """Give the copy the settings that sessions of the source have (search_path, TimeZone …)."""
    from sqlalchemy import text

    quote = copy.dialect.identifier_preparer.quote_identifier
    database = quote(copy.exec_driver_sql("SELECT current_database()").scalar_one())
    literal = text("SELECT pg_catalog.quote_literal(:value)")
    for name, value in found.settings:
        # search_path and other lists are stored as they are to be parsed: each element is quoted already.
        written = value if _is_list(name) else copy.scalar(literal, {"value": value})
        copy.exec_driver_sql(f"ALTER DATABASE {database} SET {quote(name)} = {written or repr('')}".replace("%", "%%"))


def settings_refused(copy: "Connection", found: Surroundings) -> list[str]:
    """As `apply_settings`, by a role that may not be allowed every one: notes on those that it could not give."""
    from sqlalchemy.exc import DBAPIError

    notes = []
    for name, value in found.settings:
        try:
            with copy.begin_nested():
                apply_settings(copy, replace(found, settings=((name, value),)))
        except DBAPIError as error:
            notes.append(f"the source's setting {name}: {first_line(error)}")
    return notes


def not_covered(found: Surroundings, binaries: Binaries) -> tuple[str, ...]:
    """What the copy's server does otherwise than the source's, for the report."""
    notes = []
    if found.major != binaries.major:
        notes.append(f"the copy runs on PostgreSQL {binaries.version}, the source on {found.major}")
    if found.collation not in ("C", "POSIX", "C.UTF-8", "C.utf8"):
        notes.append(f"text sorts by C.UTF-8 in the copy, by {found.collation} in the source")
    if found.encoding != "UTF8":
        notes.append(f"the copy is encoded in UTF8, the source in {found.encoding}")
    if found.large_objects:
        notes.append("what large objects hold (only their number is compared)")
    return tuple(notes)


def _is_list(name: str) -> bool:
    return name in ("search_path", "temp_tablespaces", "DateStyle", "datestyle")


def _share(binaries: Binaries) -> Path:
    import subprocess

    told = binaries.bindir / "pg_config"
    if told.exists():
        done = subprocess.run([told, "--sharedir"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and Path(done.stdout.strip()).is_dir():
            return Path(done.stdout.strip())
    candidates = (
        binaries.bindir.parent / "share" / "postgresql",
        binaries.bindir.parent / "share",
        Path(f"/usr/share/postgresql/{binaries.major}"),
    )
    return next((path for path in candidates if (path / "extension").is_dir()), candidates[0])
