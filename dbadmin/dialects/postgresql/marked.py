"""Copies as databases on a server of the user's: marked, so that nothing else can ever be dropped.

    dbadmin_<token>_<name>      the databases; COMMENT ON DATABASE says "dbadmin copy", and whose process made it
    dbadmin_<token>_owner       the role that owns those that were restored from a backup; see `owner`
    <TMPDIR>/dbadmin-on-pg-<token>/
        owner.json              the same owner, as of every private place
        server.json             where the server is, without a password

A killed dbadmin leaves both: `dbadmin copies --clean` drops them, and so does this machine's next run on the same
server. A password is never written down; PGPASSWORD or a pass file gives it again.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import private, stamped
from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql import databases, dump, left, neutralise, owner, suitable, surroundings
from dbadmin.dialects.postgresql.look import quote
from dbadmin.dialects.postgresql.session import sqlstate
from dbadmin.dialects.postgresql.surroundings import Surroundings
from dbadmin.dialects.values import Copied, Progress
from dbadmin.errors import InternalError
from dbadmin.secrets import remember

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

WHOLE_SERVER = (
    "statements that concern the whole server (roles, other databases, ALTER SYSTEM): refused, so not rehearsed",
    "such statements inside functions, DO blocks and other programs than this one's drivers: not seen, so not refused",
)
"""What a copy on a server that others use leaves open."""
_LONGEST_LOCK_OUT = 10_000  # ms that a clone of the source may keep new sessions out of it
_ROLES = "SELECT rolname FROM pg_catalog.pg_roles"
# Sessions of others in a database: while one is there, it cannot be cloned.
_OTHERS = """
SELECT count(*) FROM pg_catalog.pg_stat_activity
 WHERE datname = :name AND pid <> pg_catalog.pg_backend_pid() AND backend_type = 'client backend'
"""


class MarkedPlace(owner.Confining):
    """Databases of ours on a server that others use too.

    `source` is the URL of the source where that is on this server: then it may be cloned while nobody uses it.
    `beside` names a database that is itself the copy; it is cloned and never dropped.
    """

    def __init__(self, url: "URL", directory: Path, *, source: "URL | None" = None, beside: str | None = None) -> None:
        self.directory, self.name = directory, directory.name
        self._token = stamped.token(directory.name)
        self._source, self._beside = source, beside
        self._url = left.administrative(url, avoid={url.database for url in (source,) if url} | {beside})
        self._made: dict[str, str] = {}
        self._confined: set[str] = set()
        self._password: str | None = None
        self._kept = False
        with self.administer() as admin:
            self.rights = suitable.rights(admin)
            self._there = frozenset(pid for (pid,) in admin.exec_driver_sql(_PIDS).all())
        self.server_version: str = self.rights.version

    def prepare(self) -> None:
        """Write down where the server is, and drop what killed runs of this machine left there."""
        left.LEFT.write_down(self.directory, self._url)
        left.LEFT.sweep(self._url)

    def copy(self, source: "URL", name: str, *, facts: Surroundings, progress: Progress) -> Copied:
        method = self._clone_source(name) if self._source is not None else None
        notes: list[str] = []
        if method is None:
            notes = self._restore_dump(source, name, facts, progress)
            method = "pg_dump"
        return self.finish(name, method, facts, notes)

    def finish(self, name: str, method: str, facts: Surroundings | None, notes: list[str]) -> Copied:
        """Give a filled database its settings, make it harmless, and describe it."""
        notes = [*notes, *WHOLE_SERVER]
        with self.connected(name) as copy:
            if facts is not None:
                notes += surroundings.settings_refused(copy, facts)
            done, refused = neutralise.weaken(copy)
            size = copy.exec_driver_sql(databases.SIZE).scalar_one()
        return Copied(self.url(name), method, size, done, (*notes, *refused))

    def url(self, name: str) -> "URL":
        """The URL of one of our databases, by the name it has in this place."""
        url = self._url.set(database=self._made[name])
        if name in self._confined:
            return url.set(username=left.owner_of(self._token), password=self._password)
        return url

    def confine(self, name: str) -> "URL":
        role = left.owner_of(self._token)
        with self.administer() as admin:
            if self._password is None:
                self._password = secrets.token_urlsafe(18)
                remember(self._password)
                owner.make(admin, role, self._password)
            owner.give(admin, self._made[name], role)
        self._confined.add(name)
        return self.url(name)

    def clone(self, name: str, new_name: str) -> "URL":
        template = self._made.get(name)
        if template is not None:
            self._create(new_name, lambda admin, new: self._clone(admin, template, new))
            if name in self._confined:
                return self.confine(new_name)
        elif not self._cloned(self._beside or "", new_name):
            self._dump_beside(new_name)
        return self.url(new_name)

    def _dump_beside(self, new_name: str) -> None:
        """The twin of a copy that others use too, or that is not ours to clone."""
        from sqlalchemy import NullPool, create_engine

        url = self._url.set(database=self._beside)
        with create_engine(url, poolclass=NullPool).connect() as connection:
            facts = surroundings.read(connection)
        self._restore_dump(url, new_name, facts, lambda what, done, total: None)

    def empty(self, name: str) -> "URL":
        self._create(name, lambda admin, new: databases.make_database(admin, new, self._like_the_copy(admin)))
        return self.url(name)

    def drop(self, name: str) -> None:
        if name not in self._made:
            raise InternalError(f"{name} is not a copy of this place")
        with self.administer() as admin:
            databases.drop_marked(admin, self._made[name])
        del self._made[name]
        self._confined.discard(name)

    def drop_all(self) -> None:
        """Drop every database of this place, also one that was being made when something went wrong."""
        with self.administer() as admin:
            left.drop_of(admin, self._token)
        self._made.clear()

    def end_sessions(self, name: str) -> None:
        with self.administer() as admin:
            if name in self._made:
                databases.end_sessions(admin, self._made[name])
            else:
                self._end_new_sessions(admin)

    def keep(self) -> None:
        self._kept = True
        private.keep(self.directory)
        with self.administer() as admin:
            for name in self._made.values():
                databases.mark(admin, name, self._owner())

    @contextmanager
    def connected(self, name: str) -> Iterator["Connection"]:
        """A connection to one of our databases; what was done is committed at the end."""
        from sqlalchemy import NullPool, create_engine

        with create_engine(self.url(name), poolclass=NullPool).begin() as connection:
            yield connection

    def _restore_dump(self, source: "URL", name: str, facts: Surroundings, progress: Progress) -> list[str]:
        tool = dump.tool_for(max(facts.major, self.rights.major), installed.require(facts.major))
        archive = self.directory / "dump"
        owners, notes = self._owners(facts)
        try:
            dump.dump(tool, source, archive, bytes_expected=facts.bytes, progress=progress)
            dump.restore(tool, self.empty(name), archive, owners=owners, progress=progress)
        finally:
            shutil.rmtree(archive, ignore_errors=True)
        return notes

    def _owners(self, facts: Surroundings) -> tuple[bool, list[str]]:
        """Whether owners and grants can be restored: a superuser can, where every role is there."""
        with self.administer() as admin:
            missing = sorted(set(facts.roles) - set(admin.exec_driver_sql(_ROLES).scalars()))
        if self.rights.super and not missing:
            return True, []
        why = f"the server lacks the roles {', '.join(missing)}" if missing else "this role is no superuser"
        return False, [f"owners and grants: {why}"]

    def _clone_source(self, name: str) -> str | None:
        """Clone the source while nobody uses it; None where that cannot be.

        New sessions wait for as long as it lasts, so it may not last long.
        """
        assert self._source is not None
        return "TEMPLATE" if self._cloned(self._source.database or "", name) else None

    def _cloned(self, template: str, name: str) -> bool:
        """Clone a database of others' under this name; whether that could be."""
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError

        def clone(admin: "Connection", new: str) -> None:
            with databases.setting(admin, "statement_timeout", str(_LONGEST_LOCK_OUT)):
                self._clone(admin, template, new)

        with self.administer() as admin:
            if admin.scalar(text(_OTHERS), {"name": template}):
                return False
        try:
            self._create(name, clone)
        except DBAPIError as error:
            if error.orig is not None and sqlstate(error.orig) in ("42501", "55006", "57014"):
                return False  # not ours to clone, or somebody came, or it takes too long
            raise
        return True

    def _clone(self, admin: "Connection", template: str, new: str) -> None:
        databases.clone_database(admin, template, new, self.rights.major, "ALLOW_CONNECTIONS false")

    def _create(self, name: str, make: Callable[["Connection", str], None]) -> None:
        """Make a database, mark it, close it to everybody else, and only then open it."""
        new = databases.name_of(self._token, name)
        if new in self._made.values():
            raise InternalError(f"the name {new} is taken")
        with self.administer() as admin:
            make(admin, new)
            self._made[name] = new
            databases.mark(admin, new, self._owner())
            quoted = quote(new).replace("%", "%%")
            admin.exec_driver_sql(f"REVOKE ALL ON DATABASE {quoted} FROM PUBLIC")
            admin.exec_driver_sql(f"ALTER DATABASE {quoted} WITH ALLOW_CONNECTIONS true")

    def _like_the_copy(self, admin: "Connection") -> str:
        """Encoding and locale as the source or the copy on this server has them, else the server's own."""
        like = self._beside or (self._source.database if self._source is not None else None)
        closed = "TEMPLATE template0 ALLOW_CONNECTIONS false"
        return closed if like is None else f"{closed} {databases.locale_of(admin, like)}"

    def _end_new_sessions(self, admin: "Connection") -> None:
        """In a database that is not ours to empty: only sessions that came after us, as the copy's own role."""
        from sqlalchemy import text

        for (pid,) in admin.execute(text(_PIDS_IN), {"name": self._beside}).all():
            if pid not in self._there:
                admin.execute(text("SELECT pg_catalog.pg_terminate_backend(:pid)"), {"pid": pid})

    def _owner(self) -> dict[str, Any]:
        return {"name": self.name, **private.owner(self.directory), "kept": self._kept}

    @contextmanager
    def administer(self) -> Iterator["Connection"]:
        """A connection to the server itself, outside of every copy."""
        with left.connected(self._url) as connection:
            yield connection


_PIDS = "SELECT pid FROM pg_catalog.pg_stat_activity"
_PIDS_IN = f"{_PIDS} WHERE datname = :name AND usename = current_user AND pid <> pg_catalog.pg_backend_pid()"


@contextmanager
def opened(url: "URL", *, source: "URL | None" = None, beside: str | None = None) -> Iterator[MarkedPlace]:
    """A place on the server of `url`; its databases are dropped at the end, unless it is to be kept."""
    with private.directory(left.PREFIX) as directory:
        place = MarkedPlace(url, directory, source=source, beside=beside)
        place.prepare()
        with private.dropping(directory, place.drop_all):
            yield place
