"""The role that owns what was restored from a backup, and as which it is walked.

Triggers, functions and views of a backup run as whoever touches its tables. A superuser's would run programs and read
and write files with the rights of the server's account; this role's cannot: it owns the database, and nothing else.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING

from dbadmin.dialects.copying import Place
from dbadmin.dialects.postgresql.look import literal, quote

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_EXISTS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :role)"
# Roles that a backup names, as far as they can do nothing by themselves: an owner must be a member to give to them.
_PLAIN = r"""
SELECT rolname FROM pg_catalog.pg_roles
 WHERE rolname = ANY (:names) AND rolname <> :role AND rolname !~ '^pg_'
   AND NOT (rolsuper OR rolcreaterole OR rolreplication)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members AS m WHERE m.member = pg_roles.oid)
"""


class Confining(Place):
    """A place that can give its databases to such a role."""

    @abstractmethod
    def confine(self, name: str) -> "URL":
        """Give this database to the role; its URL, and its clones', are the role's from now on."""


def make(admin: "Connection", role: str, password: str | None) -> None:
    """Make the role where it is not there yet. It may pass row-level security: hidden rows would be gaps."""
    from sqlalchemy import text

    if not admin.scalar(text(_EXISTS), {"role": role}):
        words = f" PASSWORD {literal(password)}" if password is not None else ""
        _run(admin, f"CREATE ROLE {quote(role)} LOGIN BYPASSRLS{words}")


def give(admin: "Connection", database: str, role: str) -> None:
    """Let the role own a database."""
    _run(admin, f"ALTER DATABASE {quote(database)} OWNER TO {quote(role)}")


def join(admin: "Connection", role: str, names: tuple[str, ...]) -> None:
    """Make the role a member of those that the backup names, so that it can give objects to them."""
    from sqlalchemy import text

    for name in admin.scalars(text(_PLAIN), {"names": list(names), "role": role}).all():
        _run(admin, f"GRANT {quote(name)} TO {quote(role)}")


def drop(admin: "Connection", role: str) -> None:
    """Drop the role, whose databases are gone; whoever may make none is not asked to drop one."""
    from sqlalchemy import text

    if admin.scalar(text(_EXISTS), {"role": role}):
        _run(admin, f"DROP ROLE {quote(role)}")


def _run(admin: "Connection", statement: str) -> None:
    admin.exec_driver_sql(statement.replace("%", "%%"))
