"""A look at the version table over the bare driver, read-only and proven so, without SQLAlchemy.

Importing SQLAlchemy takes longer than all else that `status` does. How to connect is what SQLAlchemy did last time;
whatever is not as it was then ends in an exception, and the question is asked the ordinary way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

PACKAGES = {"pysqlite": "sqlite", "aiosqlite": "sqlite", "psycopg": "postgresql", "pymysql": "mysql"}
"""SQLAlchemy's name of a driver → the package here that knows how to look with it, or with its synchronous kin."""


class NotAsBefore(Exception):
    """The database is not as it was, or more has to be asked than can be here."""


@dataclass(frozen=True)
class Looked:
    """What the server says about itself, and the revisions in its version table, one at least."""

    engine: str
    version: str
    name: str
    revisions: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """How a driver connects: the arguments of its `connect`, as SQLAlchemy and dbadmin have made them."""

    driver: str
    cargs: Sequence[Any]
    cparams: Mapping[str, Any]


def look(way: Way, table: str, schema: str | None, lock: float | None) -> Looked:
    """Connect, prove that nothing can be written, and read. `lock` is in seconds, None for no limit.

    Raises whatever the driver raises, and NotAsBefore.
    """
    found: Looked = import_module(f"dbadmin.dialects.{PACKAGES[way.driver]}.bare").look(way, table, schema, lock)
    if not found.revisions:
        raise NotAsBefore("no revision: the tables have to be looked at")
    return found


def parameters(driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Way | None:
    """The way that leads there without SQLAlchemy; None where it does not."""
    if driver not in PACKAGES:
        return None
    known: Mapping[str, Any] | None
    known = import_module(f"dbadmin.dialects.{PACKAGES[driver]}.bare").parameters(cargs, cparams)
    return None if known is None else Way(driver, list(cargs), known)


def reads(driver: str) -> tuple[str, ...]:
    """How the variables begin that a driver reads when it connects."""
    prefixes: tuple[str, ...] = import_module(f"dbadmin.dialects.{PACKAGES[driver]}.bare").READS
    return prefixes


def took_a_write() -> NoReturn:
    """What has to be refused went through."""
    raise NotAsBefore("this session takes writes")
