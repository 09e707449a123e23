"""A look at the version table over the bare driver, read-only and proven so, without SQLAlchemy.

Importing SQLAlchemy takes longer than all else that `status` does. How to connect is what SQLAlchemy did last time;
whatever is not as it was then ends in an exception, and the question is asked the ordinary way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from dbadmin.dialects import named

if TYPE_CHECKING:
    from sqlalchemy import URL

PACKAGES = {"pysqlite": "sqlite", "aiosqlite": "sqlite", "psycopg": "postgresql", "pymysql": "mysql"}
"""SQLAlchemy's name of a driver → the package here that knows how to look with it, or with its synchronous kin."""

PASSWORDS = ("password", "passwd")
"""What drivers call the password among their arguments."""


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


def given(url: "URL") -> tuple[str, list[Any], dict[str, Any]]:
    """The driver, and the arguments that SQLAlchemy has for its `connect`. With SQLAlchemy, for `way_of` elsewhere.

    Raises NotAsBefore where more than a driver that is known here, and plain data, takes part.
    """
    made = url.get_dialect()
    if not made.__module__.startswith("sqlalchemy.") or "plugin" in url.query:
        raise NotAsBefore("others have a say in how this URL is connected to")
    dialect = made(dbapi=made.import_dbapi())  # type: ignore[call-arg]
    return plain(dialect.driver, *dialect.create_connect_args(url))


def plain(driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> tuple[str, list[Any], dict[str, Any]]:
    """A driver that is known here, and the arguments of its `connect` without what is SQLAlchemy's own.

    Raises NotAsBefore where it is another one, or they are no plain data.
    """
    if driver not in PACKAGES:
        raise NotAsBefore("a driver that is not known here")
    ignored = import_module(f"dbadmin.dialects.{PACKAGES[driver]}.bare").OF_SQLALCHEMY
    kept = {name: value for name, value in cparams.items() if name not in ignored}
    if not (is_data(list(cargs)) and is_data(kept)):
        raise NotAsBefore("arguments that are no plain data")
    return driver, list(cargs), kept


def way_of(driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Way | None:
    """What dbadmin makes of such arguments: a session for reading only, and no wait without end."""
    rules = named(PACKAGES[driver]).session
    positional, by_name = list(cargs), dict(cparams)
    rules.read_only_parameters(driver, positional, by_name)
    by_name.update(rules.connect_options(driver, by_name))
    return parameters(driver, positional, by_name)


def is_data(value: Any) -> bool:
    """Whether JSON gives it back as it is."""
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and is_data(inner) for name, inner in value.items())
    if isinstance(value, list):
        return all(map(is_data, value))
    return value is None or type(value) in (str, int, float, bool)


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
