"""Database URLs as people write them: read without leaking, made absolute, given an installed driver."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.errors import ConfigError, MissingExtra, NoScratchServer, NotSupported
from dbadmin.secrets import remember

if TYPE_CHECKING:
    from sqlalchemy import URL

DRIVERS: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("pysqlite", "aiosqlite"),
    "postgresql": ("psycopg", "psycopg2", "asyncpg", "pg8000"),
    "mysql": ("pymysql", "mysqldb", "mysqlconnector", "mariadbconnector", "asyncmy", "aiomysql"),
    "mariadb": ("pymysql", "mysqldb", "mariadbconnector", "mysqlconnector", "asyncmy", "aiomysql"),
}
"""SQLAlchemy's names of the drivers that dbadmin picks from where a URL leaves the choice, best first."""

MODULES: Mapping[str, str] = {
    "pysqlite": "sqlite3",
    "mysqldb": "MySQLdb",
    "mysqlconnector": "mysql.connector",
    "mariadbconnector": "mariadb",
}
"""The module of a driver where it is not named like the driver."""

EXAMPLE = "it should look like postgresql://user:password@host:5432/name"
EXTRAS: Mapping[str, tuple[str, str]] = {
    "psycopg": ("postgresql", "psycopg[binary]"),
    "psycopg2": ("postgresql", "psycopg2-binary"),
    "asyncpg": ("postgresql", "asyncpg"),
    "pg8000": ("postgresql", "pg8000"),
    "aiosqlite": ("sqlite", "aiosqlite"),
    "pymysql": ("mysql", "pymysql"),
    "MySQLdb": ("mysql", "mysqlclient"),
    "mysql": ("mysql", "mysql-connector-python"),
    "mariadb": ("mysql", "mariadb"),
    "asyncmy": ("mysql", "asyncmy"),
    "aiomysql": ("mysql", "aiomysql"),
}
"""The module of a driver → what it belongs to, and the package that has it."""

_PLACEHOLDER_HOSTS = {"localhost", "host", "hostname", "127.0.0.1"}
_CREDENTIALS = re.compile(r"^[\w+.-]+://[^:/@]*:(?P<password>.*)@", re.DOTALL)


def parse(text: str, origin: str) -> "URL":
    """The URL that `text` means; its password is remembered as a secret, and no error shows it.

    `postgres://` is read as `postgresql://`. `origin` says in errors where the text was found. Raises
    ConfigError for what is no URL, or has a password that must be escaped.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    text = text.strip()
    if text.startswith(("postgres://", "postgres+")):
        text = "postgresql" + text.removeprefix("postgres")
    if not text:
        raise ConfigError(f"the database URL from {origin} is empty", hint="set it, or give --url")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        _remember_credentials(text)
        raise ConfigError(
            f"{origin} holds no database URL",
            hint=EXAMPLE,
        ) from error
    if is_placeholder(url):
        return url  # its password is an ordinary word, which must not be hidden everywhere
    _remember_credentials(text)
    if "@" in (url.host or "") or (url.host and "@" in (url.database or "")):
        raise ConfigError(
            f"the database URL from {origin} has an @ or / in its user or password",
            hint="write @ as %40, / as %2F, : as %3A",
        )
    remember(url.password)
    for key in ("password", "sslpassword"):
        value = url.query.get(key)
        remember(value if isinstance(value, str) else None)
    return url


def _remember_credentials(text: str) -> None:
    """Hide what stands between user and host, also where the URL cannot be read."""
    found = _CREDENTIALS.match(text)
    remember(found["password"] if found else None)


def is_placeholder(url: "URL") -> bool:
    """Whether this is the example that `alembic init` writes, and not a database.

    >>> from sqlalchemy import make_url
    >>> is_placeholder(make_url("driver://user:pass@localhost/dbname"))
    True
    >>> is_placeholder(make_url("postgresql://app:pass@localhost/shop"))
    False
    """
    if url.get_backend_name() in ("driver", "dialect"):
        return True
    example = url.username in ("user", "username") and url.database in (
        "dbname",
        "db",
        "database",
        "databasename",
    )
    return example and url.password in ("pass", "password") and url.host in _PLACEHOLDER_HOSTS


def absolute(url: "URL", directory: Path) -> "URL":
    """The URL with the path of a database file made absolute, as seen from `directory`; others unchanged.

    >>> from sqlalchemy import make_url
    >>> str(absolute(make_url("sqlite:///./app.db"), Path("/srv/shop")))
    'sqlite:////srv/shop/app.db'
    """
    if url.get_backend_name() != "sqlite":
        return url
    name = url.database
    if not name or name == ":memory:" or name.startswith("file:") or url.query.get("uri"):
        return url
    # Not resolve(): a symbolic link stays the name that the application uses.
    return url.set(database=str(directory / Path(name)))


def with_installed_driver(url: "URL") -> "URL":
    """The URL, with a driver that is installed here: the one it names, else the first of DRIVERS.

    Raises MissingExtra where no driver of the engine is installed, NotSupported where dbadmin does not know it.
    """
    from sqlalchemy.exc import NoSuchModuleError

    from dbadmin.dialects import named

    engine = url.get_backend_name()
    try:
        asked = url.get_driver_name() if "+" in url.drivername else None
        url.get_dialect()
    except (NoSuchModuleError, ImportError) as error:
        raise unknown_engine(url) from error
    named(engine)  # refuses engines that SQLAlchemy knows and dbadmin does not
    if asked and is_installed(asked):
        return url
    for driver in DRIVERS[engine]:
        if is_installed(driver):
            if asked:
                return named(engine).address.with_driver(url, driver)
            return url.set(drivername=f"{engine}+{driver}")
    raise missing_driver(asked or DRIVERS[engine][0], engine)


def is_installed(driver: str) -> bool:
    """Whether a driver's module can be imported (it is not).

    >>> is_installed("pysqlite"), is_installed("no_such_driver")
    (True, False)
    """
    module = MODULES.get(driver, driver)
    return find_spec(module.partition(".")[0]) is not None


def require_for_server(driver: str, server: str) -> None:
    """Raise NoScratchServer where the driver that private servers are asked by is not installed."""
    if not is_installed(driver):
        missing = missing_driver(driver, f"a private {server} server")
        raise NoScratchServer(missing.message, hint=missing.hint)


def missing_driver(module: str, what_for: str) -> MissingExtra:
    """The error for a driver that is not installed: names the package, and the extra where there is one."""
    module = MODULES.get(module, module).partition(".")[0]
    extra, package = EXTRAS.get(module, (None, module))
    error = MissingExtra(module, extra or "all", what_for)
    if extra == "postgresql" and module != "psycopg":
        error.hint = f"pip install {package} (or dbadmin's own driver: pip install 'dbadmin-toolkit[postgresql]')"
    elif extra == "mysql" and module != "pymysql":
        error.hint = f"pip install {package} (or dbadmin's own driver: pip install 'dbadmin-toolkit[mysql]')"
    elif extra in (None, "sqlite"):
        error.hint = f"pip install {package}"
    return error


def unknown_engine(url: "URL") -> NotSupported:
    """The error for a URL whose engine SQLAlchemy does not know."""
    from difflib import get_close_matches

    near = get_close_matches(url.get_backend_name(), DRIVERS, n=1)
    hint = f"did you mean {near[0]}://?" if near else f"known engines: {', '.join(sorted(DRIVERS))}"
    return NotSupported(f"no database engine is called {url.get_backend_name()!r}", hint=hint)
