"""Stored values that are not what their column's type says: read what can be read, keep the rest as it is."""

import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Enum
from sqlalchemy.types import TypeEngine

from dbadmin.queries.types import Family, family

COERCED: frozenset[Family] = frozenset(
    {"date", "datetime", "aware", "time", "interval", "enum", "uuid", "json", "numeric"}
)
_READERS: dict[Family, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "aware": datetime.fromisoformat,
    "time": time.fromisoformat,
    "uuid": UUID,
    "json": json.loads,
    "numeric": Decimal,
}


def read(value: Any, type_: TypeEngine[Any] | None) -> Any:
    """A raw value as its type's value where it is one, else as it is.

    >>> from sqlalchemy import Date
    >>> read("2024-02-29", Date()), read("2023-02-29", Date())
    (datetime.date(2024, 2, 29), '2023-02-29')
    """
    if value is None or type_ is None:
        return value
    kind = family(type_)
    if isinstance(type_, Enum):
        members = getattr(type_.enum_class, "__members__", None) or {}
        return members.get(value, value)
    if kind == "numeric" and isinstance(value, int | float):
        return Decimal(repr(value))
    if kind not in _READERS or not isinstance(value, str):
        return value
    try:
        return _READERS[kind](value)
    except (ValueError, ArithmeticError):
        return value
