"""What SHOW tells of the server: its variables and counters."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection


def number(value: Any) -> int | None:
    """An integer; the views give Decimal and strings too."""
    return None if value is None else int(value)


def status(connection: "Connection", *names: str) -> dict[str, str]:
    """Values of SHOW GLOBAL STATUS."""
    return _shown(connection, "STATUS", names)


def variables(connection: "Connection", *names: str) -> dict[str, str]:
    """Values of SHOW GLOBAL VARIABLES, of those that this server has."""
    return _shown(connection, "VARIABLES", names)


def _shown(connection: "Connection", what: str, names: tuple[str, ...]) -> dict[str, str]:
    listed = ", ".join(f"'{name}'" for name in names)
    rows = connection.exec_driver_sql(f"SHOW GLOBAL {what} WHERE Variable_name IN ({listed})")
    return {str(row[0]): str(row[1]) for row in rows}
