"""How PostgreSQL's drivers are told that a session is read-only, and stay so."""

from typing import Any

from dbadmin.dialects.cursors import is_judged


def begin_read_only(dbapi_connection: Any) -> bool:
    """Have the driver begin READ ONLY; False where it cannot."""
    if hasattr(dbapi_connection, "set_read_only"):
        dbapi_connection.set_read_only(True)
        return True
    name = next((name for name in ("read_only", "readonly") if hasattr(dbapi_connection, name)), None)
    if name is not None:
        setattr(dbapi_connection, name, True)
    return name is not None


def keep_pg8000_read_only(dialect: Any) -> None:
    """Let SQLAlchemy not say READ WRITE to a read-only connection of pg8000.

    There it is a statement, and refused: also when a connection that was asked for as read-only goes back to the pool.
    """
    if dialect.driver != "pg8000" or "set_readonly" in vars(dialect):
        return
    own = dialect.set_readonly

    def set_readonly(connection: Any, value: bool) -> None:
        if value or not is_judged(connection):
            own(connection, value)

    dialect.set_readonly = set_readonly
