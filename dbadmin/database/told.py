"""Where the database of an application is that connects by a function of its own: its open connection tells."""

from typing import TYPE_CHECKING

from dbadmin.errors import ConfigError, DbadminError
from dbadmin.secrets import remember

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.database.access import Database

HINT = "say where it is: --url URL, or --url env:NAME"


def place_of(database: "Database") -> "URL":
    """The engine's URL with host and database as the open connection has them, for people and for patterns."""
    address = database.run(lambda c: database.dialect.address.of_connection(c.connection.dbapi_connection))
    if address is not None and address.server[0] == "file":
        return database.url.set(database=address.database)
    host = address.server[0] if address is not None and "/" not in address.server[0] else database.url.host
    return database.url.set(host=host, database=database.identity.name)


def url_of(database: "Database") -> "URL":
    """The URL, password included, by which tools and connections of our own get there.

    It is proven to lead to the same database. Raises ConfigError where the connection does not tell, or where what it
    tells leads elsewhere or nowhere.
    """
    url = database.run(lambda c: database.dialect.address.url_of_connection(c.connection.dbapi_connection))
    if url is None:
        raise _unknown("its driver does not tell where to, or checks certificates that no one else knows")
    if database.dialect.address.of_url(url).server[0] == "memory":
        return url
    remember(url.password)
    try:
        is_same = _identity_at(url, database) == database.identity.key
    except DbadminError as error:
        raise _unknown(f"nobody else gets there as its driver tells: {error.message}") from error
    if not is_same:
        raise _unknown("what its driver tells leads to another database")
    return url


def _identity_at(url: "URL", database: "Database") -> tuple[str, ...]:
    from sqlalchemy import NullPool, create_engine

    other = type(database)(create_engine(url, poolclass=NullPool))
    try:
        return other.identity.key
    finally:
        other.close()


def _unknown(why: str) -> ConfigError:
    return ConfigError(f"the application connects by a function of its own (creator), and {why}", hint=HINT)
