"""What a step costs those who work with the database meanwhile: locks, tables written anew, space.

The defaults suit an engine that tells nothing of this.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection


class Held(NamedTuple):
    """A lock that a session holds; `object` is what the engine calls the table: an OID, or a name."""

    session: int
    object: int | str
    mode: str


class Known(NamedTuple):
    """A table or index that other sessions know; `table` is the table that an index belongs to."""

    name: str
    table: str | None = None


class OwnLock(NamedTuple):
    """A lock that only its own session can tell of, with the moments (monotonic) before and after which it was
    taken and released.
    """

    session: int
    object: str
    mode: str
    taken: tuple[float, float]
    released: tuple[float, float]


@dataclass(frozen=True)
class Rewrite:
    """A table or index whose contents were written anew. `bytes` is its former size; `table` is None for tables.

    `method` is the engine's word for how it was done, where it has several.
    """

    object: str
    table: str | None
    bytes: int | None
    method: str | None = None

    def __str__(self) -> str:
        return f"{self.object} ({self.method})" if self.method else self.object


@dataclass(frozen=True)
class Stored:
    """How a table (`table` None) or an index is stored: another `file` means that it was written anew."""

    name: str
    table: str | None
    file: int | None
    bytes: int


@dataclass(frozen=True)
class Storage:
    """All tables and indexes as they are stored; keys stay the same while the object does. `bytes` is their sum."""

    bytes: int | None
    objects: Mapping[tuple[Any, ...], Stored] = field(default_factory=dict)


class Watcher(ABC):
    """A connection of its own on the copy, which sees the locks of every other session."""

    @abstractmethod
    def look(self) -> frozenset[Held]:
        """Locks that sessions of the application hold now on tables and indexes; plain reading is left out."""

    @abstractmethod
    def known(self) -> Mapping[int | str, Known]:
        """Everything that other sessions know by now, by what `Held.object` calls it."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect."""


class Costs:
    """How an engine is asked for costs: in the process that runs the migration, and by a watcher."""

    modes: Mapping[str, str] = {}
    """Lock modes, weakest first, with what others cannot do meanwhile: `schema changes`, `writes` or
    `reads and writes`, each including those before it."""

    own_locks = False
    """Whether `taken` tells every lock, so that no watcher is needed."""

    def watcher(self, url: "URL") -> Watcher | None:
        """A watcher for the database at `url`; None where the engine or this server does not tell locks."""
        return None

    def remedy(self, mode: str, statement: str) -> str:
        """What to do about a lock that `statement` took and that was held for long."""
        return "do the slow part in a revision (a transaction) of its own: a lock is held until the commit"

    # In the process that runs the migration, on its own connection.

    def storage(self, connection: "Connection") -> Storage | None:
        """How everything is stored, as the open transaction sees it."""
        return None

    def rewritten(self, before: Storage, after: Storage, statements: "Mapping[str, None]") -> tuple[Rewrite, ...]:
        """What was written anew between two looks, tables first; `statements` ran in between."""
        changed = [
            Rewrite(then.name, then.table, then.bytes)
            for key, then in before.objects.items()
            if (now := after.objects.get(key)) is not None and now.file != then.file
        ]
        return tuple(sorted(changed, key=lambda rewrite: (rewrite.table is not None, rewrite.object)))

    def session(self, connection: "Connection") -> int | None:
        """What `Held.session` calls this session."""
        return None

    def held(self, connection: "Connection") -> frozenset[Held] | None:
        """Locks of this session, for what may be gone before a watcher looks; None: nothing to add to it."""
        return None

    def before(self, connection: "Connection", statement: str) -> None:
        """Told before a statement of the migration that may change something."""

    def after(self, connection: "Connection", statement: str) -> None:
        """Told after it; not called where it failed."""

    def ending(self, connection: "Connection") -> None:
        """Told before a transaction is committed or rolled back."""

    def taken(self) -> tuple[OwnLock, ...]:
        """Locks that this process has released since it was last asked."""
        return ()

    def algorithms(self) -> tuple[str, ...] | None:
        """How the engine carried out each change of a table since it was last asked; None where it has one way."""
        return None
