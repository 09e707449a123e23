"""What a driver tells about a result, asked of each engine's own `results` module where it has one."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import PACKAGES

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.types import TypeEngine


def _module(name: str) -> ModuleType | None:
    path = f"dbadmin.dialects.{PACKAGES.get(name, name)}.results"
    return import_module(path) if name in PACKAGES and find_spec(path) is not None else None


def column_types(
    connection: "Connection", description: Sequence[Any], cursor: Any = None
) -> "list[TypeEngine[Any] | None]":
    """Types of a result's columns from the driver's cursor description, None where it does not tell.

    An engine whose drivers tell more beside the description (`cursor_types`) is asked with the cursor.
    """
    module = _module(connection.dialect.name)
    if module is None:
        return [None] * len(description)
    if cursor is not None and cursor.description and hasattr(module, "cursor_types"):
        told: list[TypeEngine[Any] | None] = module.cursor_types(cursor)
        return told
    types: list[TypeEngine[Any] | None] = module.column_types(description)
    return types


def lenient(connection: "Connection") -> AbstractContextManager[None]:
    """While open, values that Python has no object for (infinity, year 294276) come as text."""
    module = _module(connection.dialect.name)
    if module is None:
        return nullcontext()
    opened: AbstractContextManager[None] = module.lenient(connection)
    return opened
