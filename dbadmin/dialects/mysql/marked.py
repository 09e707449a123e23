"""Copies as databases on a server of the user's: marked, owned by an account that may do nothing else there.

    dbadmin_<token>_<name>      the databases; their COMMENT says "dbadmin copy", and whose process made them
    dbadmin_<token>             the account: it fills them, migrations run as it, and so does all that is in them
    <TMPDIR>/dbadmin-on-my-<token>/
        owner.json              the same owner, as of every private place
        server.json             where the server is and where the account connects from, without a password

A trigger, routine, view or event of the source has somebody's rights, often everybody's. In the copy its definer is
the account, which may only use the copy: a name of another database is denied by the server. A killed dbadmin leaves
databases and account: `dbadmin copies --clean` drops them, and so does this machine's next run on the same server.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import private, stamped
from dbadmin.dialects.copying import Place
from dbadmin.dialects.mysql import binaries as installed
from dbadmin.dialects.mysql import databases, dump, left, neutralise, owner, restore, surroundings
from dbadmin.dialects.mysql.load import fill
from dbadmin.dialects.mysql.look import ask
from dbadmin.dialects.mysql.moved import Moved
from dbadmin.dialects.mysql.surroundings import Surroundings
from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.errors import InternalError, NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

# What kind of server it is, and what of it the copy's programs meet.
_SERVER = """
SELECT VERSION() AS version, @@GLOBAL.read_only AS read_only, @@GLOBAL.log_bin AS logged,
       @@GLOBAL.log_bin_trust_function_creators AS trusting, @@GLOBAL.event_scheduler AS scheduler
"""
_ENGINES = "SELECT UPPER(engine) FROM information_schema.engines WHERE support IN ('YES', 'DEFAULT')"
_MARKS_SINCE = (10, 5)
"""The release of MariaDB since which a database has a comment."""


class MarkedPlace(Place):
    """Databases of ours on a server that others use too; `facts` are the source's, or what a backup tells of it."""

    def __init__(self, url: "URL", directory: Path, facts: Surroundings | None, source: "URL | None") -> None:
        self.directory, self.name = directory, directory.name
        self._token = stamped.token(directory.name)
        self._facts = facts
        self._url = left.administrative(url, source.database if source is not None else None)
        self._made: dict[str, str] = {}
        self._kept = False
        self._password: str | None = None
        self._has_account = False
        with self._administer() as admin:
            self.server = ask(admin, _SERVER).one()
            self._host = owner.host(admin)
        version = str(self.server.version)
        self.server_version = version.removeprefix("5.5.5-").split("-")[0]
        self.family: installed.Family = "mariadb" if "mariadb" in version.lower() else "mysql"

    def prepare(self) -> None:
        """Write down where the server is, drop what killed runs of this machine left there, make the account."""
        left.LEFT.write_down(self.directory, self._url, account_host=self._host, product=self.family)
        left.LEFT.sweep(self._url)
        with self._administer() as admin:
            self._has_account = True  # from before it is made: what is interrupted may have made it
            try:
                self._password = owner.make(admin, self._token, self._host)
            except NotSupported:
                self._has_account = False  # who may make none may drop none
                raise

    def copy(self, source: "URL", name: str, *, facts: Surroundings, progress: Progress) -> Copied:
        url = self.empty(name)
        self._fill(source, url, facts, progress)
        definers = {code.definer for code in facts.code if code.definer}
        return self._finished(name, "mariadb-dump", facts, definers, ())

    def restored(self, backup: Backup, name: str, progress: Progress) -> Copied:
        """Restore a backup into a new database of ours; it is dropped where that fails."""
        url = self.empty(name)
        try:
            moved = self._moved(url, backup.database)
            notes = restore.load(backup, url, private=False, progress=progress, moved=moved)
            facts = replace(self._facts_of(url), name=backup.database or name)
            return self._finished(name, f"restored from {backup.format}", facts, backup.roles, notes)
        except BaseException:
            self.drop(name)
            raise

    def url(self, name: str) -> "URL":
        """The URL of one of our databases as their account, by the name it has in this place."""
        return self._url.set(username=owner.name(self._token), password=self._password, database=self._made[name])

    def clone(self, name: str, new_name: str) -> "URL":
        origin, url = self.url(name), self.empty(new_name)
        self._fill(origin, url, self._facts_of(origin), lambda what, done, total: None)
        return url

    def empty(self, name: str) -> "URL":
        new = databases.name_of(self._token, name)
        if new in self._made.values():
            raise InternalError(f"the name {new} is taken")
        facts = self._facts
        how = f"CHARACTER SET {facts.charset} COLLATE {facts.collation}" if facts is not None else ""
        with self._administer() as admin:
            owner.give(admin, self._token, self._host, new)
            _allowed(admin, lambda: databases.make(admin, new, self._owner(), how))
        self._made[name] = new
        return self.url(name)

    def drop(self, name: str) -> None:
        if name not in self._made:
            raise InternalError(f"{name} is not a copy of this place")
        self.end_sessions(name)
        with self._administer() as admin:
            databases.drop_marked(admin, self._token, self._made[name])
        del self._made[name]

    def drop_all(self) -> None:
        """Drop every database of this place and its account, also what was being made when something went wrong."""
        if self._password is not None and self._made:
            with databases.connected(self.url(next(iter(self._made)))) as own:
                databases.end_sessions(own)
        with self._administer() as admin:
            left.drop_of(admin, self._token, {"account_host": self._host} if self._has_account else {})
        self._made.clear()

    def end_sessions(self, name: str) -> None:
        with databases.connected(self.url(name)) as own:
            databases.end_sessions(own, self._made[name])

    def keep(self) -> None:
        self._kept = True
        private.keep(self.directory)
        with self._administer() as admin:
            for name in self._made.values():
                databases.mark(admin, name, self._owner())

    def _fill(self, source: "URL", url: "URL", facts: Surroundings, progress: Progress) -> None:
        """Dump one database into another, statement by statement, as our account."""
        tools = installed.client_tools(facts.family, facts.series)
        with dump.script(tools, source, facts, self.directory, progress=progress) as read:
            moved = self._moved(url, facts.name)
            fill(read, url, f"the dump of {facts.name}", database=facts.name, moved=moved)

    def _moved(self, url: "URL", source: str | None) -> Moved:
        return Moved(owner.account(self._token, self._host), str(url.database), source)

    def _facts_of(self, url: "URL") -> Surroundings:
        """What a copy of ours leans on: nothing of it is left out, and nothing hidden from its owner."""
        with databases.connected(url) as own:
            return replace(surroundings.read(own), left_out={}, unseen=(), only_some=False)

    def _finished(
        self, name: str, method: str, facts: Surroundings, definers: Iterable[str], notes: tuple[str, ...]
    ) -> Copied:
        """Make events harmless, and describe a filled database."""
        url = self.url(name)
        with databases.connected(url) as own:
            found = surroundings.read(own)
            done, refused = neutralise.disable_events(own, found)
        harmless = (*done, *neutralise.owned(facts, owner.name(self._token), definers))
        notes = (*notes, *self._not_covered(name, facts), *(note for note in refused if "event" in note))
        return Copied(url, method, found.bytes, harmless, notes, confined=True)

    def _not_covered(self, name: str, facts: Surroundings) -> tuple[str, ...]:
        notes = [
            f"names that spell out the database, such as {facts.name}.table: the copy is called {self._made[name]}",
            "statements that concern the whole server (accounts, grants, other databases, SET GLOBAL)",
            "whether events are enabled: in the copy they are disabled",
        ]
        if self.server.scheduler == "ON":
            notes.append("an event that a migration makes may run in the copy: the server's event scheduler is on")
        if self.server.logged:
            notes.append("the server writes a binary log: what is done to the copy goes to its replicas, too")
        notes += self._other_settings(facts)
        own = surroundings.not_covered(facts, self.server_version)
        return (*notes, *(note for note in own if not note.startswith("what accounts may do")))

    def _other_settings(self, facts: Surroundings) -> list[str]:
        with self._administer() as admin:
            there = {str(key).lower(): value for key, value in ask(admin, "SHOW GLOBAL VARIABLES").all()}
        other = sorted(key for key, value in facts.settings.items() if there.get(key) != value)
        return [f"settings of the source's server that are others here: {', '.join(other)}"] if other else []

    def _owner(self) -> dict[str, Any]:
        return {"name": self.name, **private.owner(self.directory), "kept": self._kept}

    @contextmanager
    def _administer(self) -> Iterator["Connection"]:
        with databases.connected(self._url) as connection:
            yield connection


@contextmanager
def opened(url: "URL", facts: Surroundings | None, *, source: "URL | None" = None) -> Iterator[MarkedPlace]:
    """A place on the server of `url`; its databases and its account are dropped at the end, unless it is to be kept."""
    with private.directory(left.PREFIX) as directory:
        place = MarkedPlace(url, directory, facts, source)
        refuse_unsuitable(place, facts)
        with private.dropping(directory, place.drop_all):
            place.prepare()
            yield place


def refuse_unsuitable(place: MarkedPlace, facts: Surroundings | None) -> None:
    """Raise NotSupported where the server cannot hold a source with these facts."""
    version = place.server_version
    if place.family != "mariadb" or installed.series_of(version) < _MARKS_SINCE:
        told = version if place.family == "mariadb" else f"MySQL {version}"
        raise NotSupported(
            f"the server is {told}: databases there have no comment that could mark a copy as dbadmin's",
            hint=f"a server of MariaDB 10.5 or later, or {installed.WAYS_ON}",
        )
    if place.server.read_only:
        raise NotSupported(
            "the server is read-only, as a replica is: no database can be made on it",
            hint="name its primary, or leave out --scratch",
        )
    if facts is None:
        return
    for reason, hint in _unsuitable(place, facts):
        raise NotSupported(reason, hint=hint)


def _unsuitable(place: MarkedPlace, facts: Surroundings) -> Iterator[tuple[str, str]]:
    version = place.server_version
    if facts.family != "mariadb":
        yield f"the server is MariaDB {version}, and the source MySQL {facts.version}", "leave out --scratch"
    if facts.version and installed.series_of(version) < facts.series:
        yield f"the server is MariaDB {version}, older than the source ({facts.version})", "name a later one"
    if facts.foreign_keys:
        yield (
            f"foreign keys into other databases: {', '.join(facts.foreign_keys)}; the copy may not reach these",
            "leave out --scratch",
        )
    if facts.elsewhere:
        yield f"tables with a DATA DIRECTORY of their own: {', '.join(facts.elsewhere)}", "leave out --scratch"
    programs = [code for code in facts.code if code.kind in ("trigger", "function")]
    if programs and place.server.logged and not place.server.trusting:
        yield (
            "the server writes a binary log, and lets only administrators make triggers and functions",
            "SET GLOBAL log_bin_trust_function_creators = 1 there, or leave out --scratch",
        )
    with place._administer() as admin:
        there = {str(name) for (name,) in ask(admin, _ENGINES)}
        names = str(ask(admin, "SELECT @@lower_case_table_names").scalar_one())
    missing = sorted(facts.engines - there)
    if missing:
        yield f"the server lacks storage engines that the source has: {', '.join(missing)}", "install them there"
    own = facts.settings.get("lower_case_table_names", names)
    if own != names:
        yield f"lower_case_table_names is {names} there, and {own} at the source", "name another server"


def _allowed(admin: "Connection", make: Callable[[], None]) -> None:
    from sqlalchemy.exc import DBAPIError

    try:
        make()
    except DBAPIError as error:
        owner.refuse_denied(admin, error)
        raise
