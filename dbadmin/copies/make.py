"""A private copy of the source, proven to be another database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbadmin.database import Database
from dbadmin.dialects import Identity, Place, Progress, of
from dbadmin.errors import InternalError, UsageError
from dbadmin.results import CopyInfo

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PRISTINE = "dbadmin_pristine"
"""The second copy, in the state before the walk: what later states are compared with, row by row."""
TAKEN = frozenset({"", PRISTINE, "dbadmin_reference", "template0", "template1"})
"""Names that a copy cannot have, as something else in its place is called so."""


@dataclass(frozen=True)
class Copy:
    """A copy that is proven to be one."""

    url: "URL"
    name: str
    identity: Identity
    info: CopyInfo
    neutralised: tuple[str, ...]
    not_covered: tuple[str, ...]
    place: Place

    def keep_pristine(self) -> "URL":
        """Set aside a second copy in the state of now, for later comparison; nobody may be connected."""
        return self.place.clone(self.name, PRISTINE)

    def drop_pristine(self) -> None:
        """Remove the second copy."""
        self.place.drop(PRISTINE)

    def end_sessions(self) -> None:
        """End what a process that was killed still does here: its statement may run on, and hold its locks."""
        self.place.end_sessions(self.name)


@contextmanager
def open_copy(
    source: Database, *, progress: Progress, keep: bool = False, max_bytes: int | None = None
) -> Iterator[Copy]:
    """Copy `source` into a private place and give the copy; everything is gone afterwards unless kept.

    Raises UsageError where it would not fit or is larger than `max_bytes`, NoScratchServer where no private
    server can hold it.
    """
    copying = source.dialect.copying
    size = source.run(copying.size)
    refuse_too_large(size, copying.free_space(), max_bytes)
    name = copy_name(source)
    began = time.monotonic()
    facts = source.run(copying.facts)
    with copying.place(facts) as place:
        copied = place.copy(source.url, name, facts=facts, progress=progress)
        identity = prove_other(copied.url, source.identity)
        if keep:
            place.keep()
        info = CopyInfo(copied.method, time.monotonic() - began, copied.bytes, keep, place.name)
        yield Copy(copied.url, name, identity, info, copied.neutralised, copied.not_covered, place)


def copy_name(source: Database) -> str:
    """The name of the copy inside its place: the source's own, as migrations may spell it out."""
    name = source.identity.name.rpartition("/")[2]
    return "copy" if name in TAKEN else name


def refuse_too_large(size: int | None, free: int, max_bytes: int | None) -> None:
    """Raise UsageError where two copies would not fit, or one is larger than allowed."""
    if size is None:
        return
    if max_bytes is not None and size > max_bytes:
        raise UsageError(
            f"the database has {size:,} bytes, more than --max-copy allows ({max_bytes:,})",
            hint="raise --max-copy",
        )
    if 2 * size > free:
        raise UsageError(
            f"the rehearsal needs {2 * size:,} bytes for two copies, and {free:,} are free",
            hint="set TMPDIR to a directory with more room",
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


def connect(url: "URL") -> "Connection":
    """A connection to a database of ours, without a pool; the caller closes it."""
    from sqlalchemy import NullPool, create_engine

    return create_engine(url, poolclass=NullPool).connect()
