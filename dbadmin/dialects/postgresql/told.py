"""Where an open PostgreSQL connection leads, as a URL: told by the driver, password and TLS included."""

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL

_KEPT = (
    "hostaddr", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile", "krbsrvname", "gssencmode",
    "channel_binding", "options",
)  # fmt: skip
"""What libpq of every version takes, and says how a connection came about; the rest is the application's own."""


def url_of(dbapi_connection: Any) -> "URL | None":
    """See `Addressing.url_of_connection`."""
    info = getattr(dbapi_connection, "info", None)
    driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
    if hasattr(info, "dbname"):
        return _by_libpq(info)
    if hasattr(driver, "_addr") and hasattr(driver, "_params"):
        return _by_asyncpg(driver)
    return _by_pg8000(driver) if hasattr(driver, "_usock") else None


def _by_libpq(info: Any) -> "URL":
    """Of psycopg and psycopg2; of several hosts, the one that answered."""
    told: Mapping[str, Any] = info.get_parameters() if hasattr(info, "get_parameters") else info.dsn_parameters
    query = {key: str(told[key]) for key in _KEPT if told.get(key)}
    if "," in query.get("hostaddr", ""):
        del query["hostaddr"]
    return _url(info.user, info.password, info.host, info.port, info.dbname, query)


def _by_asyncpg(driver: Any) -> "URL | None":
    query = _tls(driver._transport.get_extra_info("ssl_object"))
    password, place = driver._params.password, driver._addr
    if query is None or callable(password):
        return None
    host, port = _socket(place) if isinstance(place, str) else place[:2]
    return _url(driver._params.user, password, host, port, driver._params.database, query)


def _by_pg8000(driver: Any) -> "URL | None":
    """It does not remember its database, and the server is asked."""
    query, place = _tls(driver._usock), driver._usock.getpeername()
    if query is None:
        return None
    host, port = _socket(place) if isinstance(place, str) else place[:2]
    cursor = driver.cursor()
    try:
        cursor.execute("SELECT pg_catalog.current_database()")
        (database,) = cursor.fetchone()
    finally:
        cursor.close()
    password = driver.password.decode() if isinstance(driver.password, bytes) else None
    return _url(driver.user.decode(), password, host, port, database, query)


def _tls(wrapped: Any) -> dict[str, str] | None:
    """What a URL says of encryption; None where certificates are checked: whose, nobody can ask a context."""
    context = getattr(wrapped, "context", None)
    if not isinstance(context, ssl.SSLContext):
        return {}
    return {"sslmode": "require"} if context.verify_mode == ssl.CERT_NONE else None


def _socket(path: str) -> tuple[str, str]:
    directory, _, name = path.rpartition("/")
    return directory, name.removeprefix(".s.PGSQL.")


def _url(
    user: str, password: str | None, host: str | None, port: str | int, database: str, query: Mapping[str, str]
) -> "URL":
    from sqlalchemy import URL

    return URL.create(
        "postgresql+psycopg",
        username=user,
        password=password or None,
        database=database,
        query={**query, **({"host": host} if host else {}), "port": str(port)},
    )
