"""A copy that may be written to, wherever it comes from, proven to be another database than the source."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbadmin.copies.command import outside_copy
from dbadmin.database import Database
from dbadmin.dialects import Backup, Copied, Dialect, Identity, Place, Progress, TableName, named, of, of_url, warn
from dbadmin.dialects.backups import of_engine
from dbadmin.errors import InternalError, UsageError
from dbadmin.results import CopyInfo
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PRISTINE = "dbadmin_pristine"
"""The second copy, in the state before the walk: what later states are compared with, row by row."""
TAKEN = frozenset({"", PRISTINE, "dbadmin_reference", "template0", "template1"})
"""Names that a copy cannot have, as something else in its place is called so."""
SAME_SERVER = "same-server"
"""The word that lets a copy live on the source's own server."""


@dataclass(frozen=True)
class Copy:
    """A copy that is proven to be one.

    `own`: it is in its place, which may drop it and make it anew. `confined`: what runs in it may do less than the
    place could, so that a step may lack a right.
    """

    url: "URL"
    name: str
    identity: Identity
    info: CopyInfo
    neutralised: tuple[str, ...]
    not_covered: tuple[str, ...]
    place: Place
    own: bool = True
    confined: bool = False

    @property
    def dialect(self) -> Dialect:
        """Its engine's dialect."""
        return of_url(self.url)

    def keep_pristine(self) -> "URL":
        """Set aside a second copy in the state of now, for later comparison; nobody may be connected."""
        return self.place.clone(self.name, PRISTINE)

    def drop_pristine(self) -> None:
        """Remove the second copy."""
        self.place.drop(PRISTINE)

    def mark(self) -> Any:
        """Where the copy's counters of writes stand now; None where only the writing process can tell."""
        observe = self.dialect.observe
        if not observe.sees_other_sessions:
            return None
        with connect(self.url) as connection:
            return observe.mark(connection)

    def written_since(self, mark: Any) -> frozenset[TableName] | None:
        """Tables that any session wrote since the mark, on engines that see other sessions; None: look at all."""
        observe = self.dialect.observe
        with connect(self.url) as connection:
            observe.settle(connection)
            return observe.touched(connection, mark)

    def end_sessions(self) -> None:
        """End what a process that was killed still does here: its statement may run on, and hold its locks."""
        self.place.end_sessions(self.name)


@contextmanager
def open_copy(
    source: Database,
    *,
    progress: Progress,
    keep: bool = False,
    max_bytes: int | None = None,
    scratch: "URL | str | None" = None,
    copies: int = 2,
) -> Iterator[Copy]:
    """Copy `source` into a private place and give the copy; everything is gone afterwards unless kept.

    `scratch` is the URL of a server that may hold the copy, or SAME_SERVER; `copies` is how many there will be at the
    same time. Raises UsageError where they would not fit or one is larger than `max_bytes`, NoScratchServer where no
    private server can hold it.
    """
    copying = source.dialect.copying
    facts = source.run(copying.facts)
    size = copying.size_in(facts) or source.run(copying.size)
    refuse_too_large(size, copying.free_space(), max_bytes, copies=copies if scratch is None else 0)
    if scratch is not None:
        warn(progress, room_elsewhere(size, copies))
    name = copy_name(source.identity.name)
    began = time.monotonic()
    with chosen_place(source, facts, scratch) as place:
        copied = place.copy(source.whole_url, name, facts=facts, progress=progress)
        prove_other(copied.url, source.identity)
        yield described(copied, name, place, keep, began)


@contextmanager
def open_restored(
    backup: Backup,
    *,
    progress: Progress,
    keep: bool = False,
    max_bytes: int | None = None,
    scratch: "URL | None" = None,
    copies: int = 2,
    trusted: bool = False,
) -> Iterator[Copy]:
    """Restore an examined backup into a private place (or on a server that `scratch` names), and give it as a copy.

    `copies` is how many there will be at the same time. What the backup holds runs with no more rights than its
    database takes, unless it is `trusted`.
    """
    copying = named(backup.engine).copying
    facts = of_engine(backup.engine).facts(backup)
    size = backup.restored_bytes or backup.bytes
    refuse_too_large(size, copying.free_space(), max_bytes, copies=copies if scratch is None else 0)
    if scratch is not None:
        warn(progress, room_elsewhere(size, copies))
    name = copy_name(backup.database or backup.path.name.partition(".")[0])
    began = time.monotonic()
    with copying.place(facts) if scratch is None else copying.on_server(scratch, facts) as place:
        place.trusted = trusted
        copied = place.restore(backup, name, progress=progress)
        yield described(copied, name, place, keep, began)


@contextmanager
def open_in_place(database: Database) -> Iterator[Copy]:
    """Give a database as its own copy; it stays as the rehearsal leaves it."""
    with database.set_aside():
        yield from beside(plain_url(database.whole_url), "in place", kept=True)


@contextmanager
def open_from_command(
    source: Database, command: str, drop: str | None, *, environment: Mapping[str, str], progress: Progress
) -> Iterator[Copy]:
    """Have the copy made by a command of the user's; it is dropped by another one, whatever happens."""
    with outside_copy(command, drop, environment=environment, progress=progress) as url:
        if of_url(url).name != source.dialect.name:
            raise UsageError(
                f"the copy command made a database of {of_url(url).name}, and the source is {source.dialect.name}",
                hint="its last line has to be the URL of a copy of this database",
            )
        refuse_source(identity_of(plain_url(url)), source.identity)
        yield from beside(plain_url(url), "copy command", kept=drop is None)


def beside(url: "URL", method: str, *, kept: bool) -> Iterator[Copy]:
    """A database that is itself the copy, made harmless, with a place beside it for its pristine twin."""
    began = time.monotonic()
    dialect = of_url(url)
    with dialect.copying.beside(url) as place:
        with connect(url) as connection:
            done, left = dialect.copying.neutralise(connection)
            connection.commit()
            identity = dialect.session.identity(connection)
            size = dialect.copying.size(connection)
        info = CopyInfo(method, time.monotonic() - began, size, kept, identity.name)
        yield Copy(url, identity.name, identity, info, done, left, place, own=False)


def chosen_place(source: Database, facts: Any, scratch: "URL | str | None") -> AbstractContextManager[Place]:
    """Where the copy of a configured database lives: in private, unless the user names another place."""
    copying = source.dialect.copying
    if scratch is None:
        return copying.place(facts)
    if isinstance(scratch, str):
        if scratch != SAME_SERVER:
            raise InternalError(f"--scratch {mask(scratch)} was not read as a URL")
        source.release()
        return copying.on_server(source.whole_url, facts, source=source.whole_url)
    if of_url(scratch).name != source.dialect.name:
        raise UsageError(
            f"--scratch leads to a server of {of_url(scratch).name}, and the database is of {source.dialect.name}",
            hint="name a server of the same engine",
        )
    found = copying.on_server(scratch, facts)
    refuse_own_server(identity_of(plain_url(scratch)), source.identity)
    return found


def described(copied: Copied, name: str, place: Place, keep: bool, began: float) -> Copy:
    """The copy as it was made; kept from now on where that is wanted."""
    if keep:
        place.keep()
    info = CopyInfo(copied.method, time.monotonic() - began, copied.bytes, keep, place.name)
    identity = identity_of(copied.url)
    return Copy(
        copied.url, name, identity, info, copied.neutralised, copied.not_covered, place, confined=copied.confined
    )


def copy_name(name: str) -> str:
    """The name of the copy inside its place: the source's own, as migrations may spell it out.

    >>> copy_name("shop"), copy_name("template1")
    ('shop', 'copy')
    """
    name = name.rpartition("/")[2]
    return "copy" if name in TAKEN else name


def refuse_too_large(size: int | None, free: int, max_bytes: int | None, *, copies: int = 2) -> None:
    """Raise UsageError where so many copies (0: only a dump) would not fit here, or one is larger than allowed.

    >>> refuse_too_large(100, 250, None, copies=3)
    Traceback (most recent call last):
    dbadmin.errors.UsageError: the rehearsal needs 300 bytes for 3 copies, and 250 are free
    """
    if size is None:
        return
    if max_bytes is not None and size > max_bytes:
        raise UsageError(
            f"the database has {size:,} bytes, more than --max-copy allows ({max_bytes:,})",
            hint="raise --max-copy",
        )
    needed = max(copies, 1) * size
    if needed > free:
        what = f"for {copies} copies" if copies else "for a dump"
        besides = "leave out --each and --after-upgrade, or " if copies > 2 else ""
        raise UsageError(
            f"the rehearsal needs {needed:,} bytes {what}, and {free:,} are free",
            hint=f"{besides}set TMPDIR to a directory with more room",
        )


def room_elsewhere(size: int | None, copies: int) -> str:
    """The warning where a server holds the copies whose disk nobody can look at.

    >>> room_elsewhere(1000, 3)
    'free space on the server that holds the copies is unknown: 3 copies need about 3,000 bytes there'
    """
    much = f"{copies} copies need about {copies * size:,} bytes there" if size is not None else f"it holds {copies}"
    return f"free space on the server that holds the copies is unknown: {much}"


def refuse_own_server(server: Identity, source: Identity) -> None:
    """Raise UsageError where a server that was named as another is the source's own, whatever its address."""
    if not server.server or server.server == source.server:
        raise UsageError(
            f"--scratch leads to the source's own server ({source.shown})",
            hint=f"name another server, or say --scratch {SAME_SERVER} if that is meant",
        )


def refuse_source(copy: Identity, source: Identity) -> None:
    """Raise UsageError where what was to be a copy is the source."""
    if copy.key == source.key:
        raise UsageError(
            f"the copy command gave the source itself ({source.shown}): nothing was run",
            hint="its last line has to be the URL of the copy",
        )


def prove_other(copy: "URL", source: Identity) -> Identity:
    """The copy's identity; InternalError if it is the source's."""
    identity = identity_of(copy)
    if identity.key == source.key:
        raise InternalError(f"the copy is the source itself ({source.shown}): nothing was run")
    return identity


def identity_of(url: "URL") -> Identity:
    """The identity of a database of ours, read from its own catalog."""
    with connect(url) as connection:
        return of(connection).session.identity(connection)


def plain_url(url: "URL") -> "URL":
    """The URL with dbadmin's own driver for its engine: an application's may be asynchronous."""
    dialect = of_url(url)
    return dialect.address.with_driver(url, dialect.default_driver)


def connect(url: "URL") -> "Connection":
    """A connection to a database of ours, without a pool; the caller closes it."""
    from sqlalchemy import NullPool, create_engine

    return create_engine(url, poolclass=NullPool).connect()
