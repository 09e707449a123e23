"""Where drivers of PostgreSQL send statements, for a judge that has to see them all: also past SQLAlchemy."""

from functools import cache
from importlib import import_module
from typing import Any

from dbadmin.dialects.cursors import subclass
from dbadmin.dialects.isolation import JudgeStatement, Sender

_ASYNCPG = ("execute", "executemany", "fetch", "fetchval", "fetchrow", "fetchmany", "prepare", "cursor",
            "copy_from_query")  # fmt: skip
_PSYCOPG = (
    *(f"{kind}.{name}" for kind in ("Cursor", "AsyncCursor") for name in ("execute", "executemany", "stream", "copy")),
    "ServerCursor.execute",
    "AsyncServerCursor.execute",
)
SENDERS = (
    Sender("psycopg", _PSYCOPG),
    Sender("asyncpg.connection", tuple(f"Connection.{name}" for name in _ASYNCPG)),
    Sender(
        "pg8000.core", tuple(f"CoreConnection.{n}" for n in ("execute_simple", "execute_unnamed", "prepare_statement"))
    ),
)
"""Classes whose methods take a statement first. psycopg2's are built in: see `judged_connection`."""


def judged_connection(base: "type[Any] | None", judge: JudgeStatement) -> type[Any]:
    """A class of psycopg2 connections whose cursors ask `judge` first; `base` is the caller's own class."""
    extensions: Any = import_module("psycopg2.extensions")

    class Judged(base or extensions.connection):  # type: ignore[misc]
        def cursor(self, name: Any = None, cursor_factory: Any = None, **more: Any) -> Any:
            wanted = _judged_cursor(cursor_factory or self.cursor_factory or extensions.cursor, judge)
            return super().cursor(name=name, cursor_factory=wanted, **more)

    return Judged


@cache
def _judged_cursor(base: type[Any], judge: JudgeStatement) -> type[Any]:
    from dbadmin.dialects.wrapping import asking

    names = ("execute", "executemany", "copy_expert")
    return type(base.__name__, (base,), {name: asking(getattr(base, name), judge) for name in names})


def make_pliable(driver: str, cparams: dict[str, Any]) -> None:
    """Have psycopg2 connect by a class of Python's: those that are built in cannot be replaced by one that judges."""
    if driver != "psycopg2":
        return
    base = cparams.get("connection_factory") or import_module("psycopg2.extensions").connection
    if isinstance(base, type):
        cparams["connection_factory"] = _pliable_connection(base)


@cache
def _pliable_connection(base: type[Any]) -> type[Any]:
    extensions: Any = import_module("psycopg2.extensions")
    default = extensions.cursor if base is extensions.connection else None

    class Pliable(base):  # type: ignore[misc]
        def cursor(self, name: Any = None, cursor_factory: Any = None, **more: Any) -> Any:
            wanted = cursor_factory or self.cursor_factory or default
            if wanted is not None:
                more["cursor_factory"] = _pliable_cursor(wanted)
            return super().cursor(name, **more)

    return Pliable


@cache
def _pliable_cursor(base: type[Any]) -> Any:
    return subclass(base, {})
