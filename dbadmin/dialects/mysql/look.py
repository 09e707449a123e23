"""Looking from a connection that somebody else works with: nothing of the look stays in its session.

Settings that change text are pinned and put back. The look takes part in an open transaction, whose own writes it
sees, and ends none; the tables that it read are then under that transaction's metadata locks, as after any SELECT
(no savepoint would give them back once there are row locks). Where no transaction is open, none is left.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbadmin.errors import NotSupported

if TYPE_CHECKING:
    from sqlalchemy import Connection

# What turns values and catalog entries into text, cuts results, or could stop a look half-way.
PINNED: Mapping[str, str | int] = {
    "time_zone": "+00:00",
    "sql_mode": "",
    "collation_connection": "utf8mb4_bin",
    "group_concat_max_len": 4294967295,
    "max_sort_length": 8192,  # longer than any key
    "sql_select_limit": 18446744073709551615,
    "sql_big_selects": 1,
    "sql_auto_is_null": 0,
}
PINNED_MARIADB: Mapping[str, str | int] = {"max_statement_time": 0}
PINNED_MYSQL: Mapping[str, str | int] = {"max_execution_time": 0, "information_schema_stats_expiry": 0}


def ask(connection: "Connection", sql: str, *, stream: bool = False) -> Any:
    """Run one query as it stands; a per cent sign is one. With `stream`, rows come through a server-side cursor."""
    options: dict[str, Any] = {"no_parameters": True}
    if stream:
        options |= {"stream_results": True, "max_row_buffer": 2000}
    return connection.exec_driver_sql(sql, execution_options=options)


def rows(connection: "Connection", sql: str) -> list[Mapping[str, Any]]:
    """All rows of a query, by column names in lower case, which servers spell either way."""
    result = ask(connection, sql)
    names = list(map(str.lower, result.keys()))
    return [dict(zip(names, map(_text, row), strict=True)) for row in result]


def is_mariadb(connection: "Connection") -> bool:
    """Whether the server is MariaDB and not MySQL."""
    return bool(getattr(connection.dialect, "is_mariadb", False))


def version(connection: "Connection") -> tuple[int, ...]:
    """The server's version as numbers."""
    return tuple(n for n in connection.dialect.server_version_info or () if isinstance(n, int))


def database_of(connection: "Connection") -> str:
    """The database that the connection was opened for, whatever USE said since.

    Raises NotSupported where it was opened for none.
    """
    name = connection.dialect.default_schema_name or ask(connection, "SELECT DATABASE() LIMIT 1").scalar()
    if not name:
        raise NotSupported(
            "the connection names no database",
            hint="end the URL with the database's name: mysql://host/name",
        )
    return str(name)


@contextmanager
def looking(connection: "Connection") -> Iterator[None]:
    """A block with `PINNED` settings; afterwards settings and transaction are as they were."""
    open_before = connection.in_transaction()
    wanted = {**PINNED, **(PINNED_MARIADB if is_mariadb(connection) else PINNED_MYSQL)}
    found = _settings(connection, wanted)
    leave_open = _transaction(connection)
    try:
        _set(connection, wanted)
        yield
    finally:
        if not connection.invalidated:  # interrupted or lost: SQLAlchemy has closed it, and the session ended with it
            _set(connection, found)
            if not leave_open:
                ask(connection, "ROLLBACK")
        if not open_before:
            connection.rollback()


def _settings(connection: "Connection", names: Mapping[str, Any]) -> dict[str, Any]:
    row = ask(connection, "SELECT " + ", ".join(f"@@SESSION.{name}" for name in names) + " LIMIT 1").one()
    return dict(zip(names, map(_text, row), strict=True))


def _set(connection: "Connection", values: Mapping[str, Any]) -> None:
    ask(connection, "SET " + ", ".join(f"SESSION {name} = {_written(value)}" for name, value in values.items()))


def _written(value: Any) -> str:
    return literal(value) if isinstance(value, str) else str(value)


def _transaction(connection: "Connection") -> bool:
    """Whether the server has a transaction open, or keeps quiet about it; a session that commits by itself has none."""
    known = "@@in_transaction" if is_mariadb(connection) else "1"
    return bool(ask(connection, f"SELECT {known} OR @@autocommit LIMIT 1").scalar())


def _text(value: Any) -> Any:
    """Some drivers give catalog text as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else value


def literal(text: str) -> str:
    """A string constant, as it is read without NO_BACKSLASH_ESCAPES.

    >>> literal("it's")
    "'it''s'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def login(connection: "Connection") -> str:
    """The account that a connection goes as, quoted as GRANT takes it."""
    user, _, host = str(ask(connection, "SELECT CURRENT_USER()").scalar_one()).rpartition("@")
    return f"{quote(user)}@{quote(host)}"


def quote(name: str) -> str:
    """An identifier in backticks.

    >>> quote("we`ird")
    '`we``ird`'
    """
    return "`" + name.replace("`", "``") + "`"


def qualified(database: str, name: str) -> str:
    """A table's full name.

    >>> qualified("app", "users")
    '`app`.`users`'
    """
    return f"{quote(database)}.{quote(name)}"
