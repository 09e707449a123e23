"""Whether a server of the user's can hold copies: what this role may do there, and what the source needs."""

from typing import TYPE_CHECKING, Any

from dbadmin.dialects.postgresql.surroundings import Surroundings
from dbadmin.errors import NotSupported

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from dbadmin.dialects.postgresql.marked import MarkedPlace

# What this role may do, and what kind of server it is.
_RIGHTS = """
SELECT r.rolsuper OR r.rolcreatedb AS creates, r.rolsuper AS super, pg_catalog.pg_is_in_recovery() AS standby,
       pg_catalog.current_setting('server_version_num')::int / 10000 AS major,
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS version
  FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user
"""
_AVAILABLE = "SELECT name FROM pg_catalog.pg_available_extensions"


def rights(admin: "Connection") -> "Row[Any]":
    """What this role may do, and what kind of server it is: see the query."""
    return admin.exec_driver_sql(_RIGHTS).one()


def refuse(place: "MarkedPlace", facts: Surroundings | None) -> None:
    """Raise NotSupported where the server cannot hold a source with these facts, or this role may make nothing."""
    rights = place.rights
    if rights.standby:
        raise NotSupported(
            "the server is a standby: no database can be made on it", hint="name its primary, or leave out --scratch"
        )
    if not rights.creates:
        raise NotSupported(
            "this role may not make databases there", hint="ALTER ROLE … CREATEDB, or another role in the URL"
        )
    if facts is None:
        return
    if rights.major < facts.major:
        raise NotSupported(
            f"the server is PostgreSQL {rights.version}, older than the source ({facts.major})",
            hint=f"a server of PostgreSQL {facts.major} or later",
        )
    with place.administer() as admin:
        missing = sorted(set(facts.extensions) - set(admin.exec_driver_sql(_AVAILABLE).scalars()))
    if missing:
        raise NotSupported(
            f"the server lacks extensions that the source has: {', '.join(missing)}",
            hint="install their packages there, or choose another server",
        )
