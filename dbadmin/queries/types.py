"""What a column's type means: one family per kind of value, whichever engine it comes from."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import JSON, Enum
from sqlalchemy.types import TypeEngine

Family = Literal[
    "integer", "boolean", "float", "numeric", "text", "enum", "date", "datetime", "aware", "time", "interval",
    "uuid", "binary", "json", "array", "unknown",
]  # fmt: skip

_BY_PYTHON_TYPE: tuple[tuple[type, Family], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (Decimal, "numeric"),
    (str, "text"),
    (datetime, "datetime"),
    (date, "date"),
    (time, "time"),
    (timedelta, "interval"),
    (UUID, "uuid"),
    (bytes, "binary"),
    (dict, "json"),
    (list, "array"),
)
TEMPORAL: frozenset[Family] = frozenset({"date", "datetime", "aware"})
NUMBERS: frozenset[Family] = frozenset({"integer", "float", "numeric"})


def family(type_: TypeEngine[Any]) -> Family:
    """The family of a type; decorated types count as what they store.

    >>> from sqlalchemy import BigInteger, DateTime, Double
    >>> from sqlalchemy.types import NullType
    >>> [family(t) for t in (BigInteger(), Double(), DateTime(timezone=True), NullType())]
    ['integer', 'float', 'aware', 'unknown']
    """
    if isinstance(type_, Enum):
        return "enum"
    if isinstance(type_, JSON):  # SQLAlchemy 2.1 names no Python type for it
        return "json"
    if hasattr(type_, "retrieve_as_bitwise"):  # MySQL's SET, which calls itself a text and returns a set of them
        return "array"
    try:
        python_type = type_.python_type
    except NotImplementedError:
        return "unknown"
    for known, name in _BY_PYTHON_TYPE:
        if issubclass(python_type, known):
            return "aware" if name == "datetime" and getattr(type_, "timezone", False) else name
    return "unknown"
