"""The databases that a project's env.py migrates: one, or those of Alembic's multidb template."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbadmin.app import sessions
from dbadmin.app.load import Application
from dbadmin.database import Database
from dbadmin.dialects import of_url

if TYPE_CHECKING:
    from sqlalchemy import URL


@dataclass(frozen=True)
class Migrated:
    """A database with the version table that env.py uses in it; `key` is its name in env.py, where it has several."""

    database: Database
    version_table: str
    version_table_schema: str | None
    key: str | None = None


@contextmanager
def migrated(application: Application, database: Database) -> Iterator[tuple[Migrated, ...]]:
    """The application's database first, then the others that env.py migrates, read-only and closed afterwards.

    Where `--url` names one that env.py does not, that one is meant, and alone.
    """
    captured = application.captured
    each = captured.each if captured is not None else ()
    own = next((one for one in each if one.url is not None and leads_to(one.url, database.url)), None)
    if captured is None or len(each) < 2 or (own is None and application.settings.url_decides):
        yield (Migrated(database, application.version_table, application.version_table_schema),)
        return
    own = own or each[0]
    with ExitStack() as opened:
        found = [Migrated(database, own.version_table, own.version_table_schema, own.key)]
        for one in each if not application.settings.url_decides else ():
            if one is not own and one.url is not None:
                other = _opened(one.url, captured.url_source, database)
                opened.callback(other.close)
                found.append(Migrated(other, one.version_table, one.version_table_schema, one.key))
        yield tuple(found)


def leads_to(one: "URL", other: "URL") -> bool:
    """Whether two URLs name the same database."""
    if one.get_backend_name() != other.get_backend_name():
        return False
    address = of_url(one).address
    return address.of_url(one).same_as(address.of_url(other))


def _opened(url: "URL", origin: str, like: Database) -> Database:
    engine = sessions.of_url(url, origin).engine
    assert engine is not None
    return Database(
        engine,
        statement_timeout=like.statement_timeout,
        lock_timeout=like.lock_timeout,
    )
