"""How a process is kept away from every server of an engine but one.

The defaults suit an engine without servers (SQLite): nothing in the environment leads anywhere, no sockets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.dialects.values import Address

Judge = Callable[["Address"], None]
"""Raises where an address may not be reached."""


@dataclass(frozen=True)
class RawDriver:
    """A driver that connects in C, unseen by Python's audit hooks, so that its functions must be wrapped.

    `functions` are attributes of `module`, dotted where they are methods of a class; `driver` is
    SQLAlchemy's name.
    """

    driver: str
    module: str
    functions: tuple[str, ...]
    awaited: tuple[str, ...] = ()
    """Those of them whose connection is made later, when somebody awaits it."""
    positional: tuple[str, ...] = ()
    """Names of the parameters, where they may be given without and the addressing does not know them so."""


JudgeStatement = Callable[[str], None]
"""Raises where a statement may not be sent."""


@dataclass(frozen=True)
class Sender:
    """Where a driver sends statements: methods of classes in `module` (dotted), whose first argument is one."""

    module: str
    methods: tuple[str, ...]


class Isolation:
    """What an engine's drivers read from the environment, and how one connection is let through all the
    same.
    """

    raw_drivers: tuple[RawDriver, ...] = ()

    classes: tuple[RawDriver, ...] = ()
    """As `raw_drivers`, where `functions` are classes: only a rehearsal looks after these."""

    other_drivers: tuple[RawDriver, ...] = ()
    """Drivers that connect in Python: audit hooks see them, so that only a read-only session wraps them."""

    senders: tuple[Sender, ...] = ()
    """Where drivers send statements that SQLAlchemy does not see."""

    url_keys: frozenset[str] = frozenset({"mode", "immutable", "vfs", "nolock", "psow", "uri", "cache"})
    """Query parameters of a URL that belong to where it leads, and not to the session."""

    reading: tuple[str, ...] = ()
    """Variables that must have their former values while an address is read from connect parameters."""

    def environment(self) -> Mapping[str, str | None]:
        """Variables that make every connection of this engine fail; None removes one."""
        return {}

    def install(self, judge: Judge) -> None:
        """Hooks for ways to another database that do not begin with a connection."""

    def admit(self, driver: str, cparams: dict[str, Any], environment: Mapping[str, str]) -> None:
        """Lift that denial for one connection, by parameters.

        `environment` holds the values that variables named by `environment()` had before.
        """

    def judge_cursors(self, driver: str, cparams: dict[str, Any], judge: JudgeStatement) -> None:
        """Make one connection's cursors ask the judge, by parameters, where a driver's classes cannot be changed."""

    def paths(self, address: "Address") -> tuple[str, ...]:
        """Where the file system leads to this database: a socket, or files; not all of them need to exist."""
        return ()

    def sockets(self, url: "URL") -> frozenset[str | tuple[str, int]]:
        """The addresses that a driver connects to for this URL: a socket's path, or host and port."""
        return frozenset()


def each() -> Mapping[str, Isolation]:
    """Every engine's, by the name that `dialects.named` takes, without loading what else belongs to the engine."""
    from dbadmin.dialects import PACKAGES

    packages = dict.fromkeys(PACKAGES.values())
    return {package: import_module(f"dbadmin.dialects.{package}.isolation").ISOLATION for package in packages}
