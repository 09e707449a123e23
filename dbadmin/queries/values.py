"""Values typed on a command line → Python values of the column's type."""

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import Enum
from sqlalchemy.types import TypeEngine

from dbadmin.errors import UnknownName, UsageError
from dbadmin.queries.types import Family, family

TRUE = frozenset({"true", "t", "yes", "on", "1"})
FALSE = frozenset({"false", "f", "no", "off", "0"})
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?P<fraction>\.\d+)?(?P<exponent>[eE][+-]?\d+)?")
_SPAN = re.compile(r"(-?\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)")
_UNITS = {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600, "d": 86400}
_WORDS: dict[Family, str] = {
    "integer": "a whole number", "boolean": "true or false", "float": "a number", "numeric": "a number",
    "date": "a date such as 2025-03-31", "datetime": "a time such as 2025-03-31T12:00",
    "aware": "a time such as 2025-03-31T12:00Z", "time": "a time of day such as 12:30",
    "interval": "a duration such as 500ms, 2s, 5m, 1h, 7d", "uuid": "a UUID",
    "binary": r"bytes such as \x00ff", "json": "JSON",
}  # fmt: skip


def typed(text: str, type_: TypeEngine[Any], column: str) -> Any:
    """The value that a text stands for in a column of this type; naive and aware times become what it holds.

    >>> from sqlalchemy import Boolean, Date
    >>> typed("yes", Boolean(), "is_published"), typed("2025-03-31", Date(), "day")
    (True, datetime.date(2025, 3, 31))
    """
    kind = family(type_)
    if isinstance(type_, Enum):
        return _member(text, type_, column)
    try:
        return _parse(text, kind)
    except (ValueError, InvalidOperation, OverflowError):
        raise UsageError(
            f"{text!r} is not {_WORDS.get(kind, kind)}, which {column} holds",
            hint="quote it if it is meant as text; else correct it",
        ) from None


def _parse(text: str, kind: Family) -> Any:
    if kind == "boolean":
        return _boolean(text)
    if kind == "integer":
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "numeric":
        return Decimal(text)
    if kind == "date":
        return date.fromisoformat(text)
    if kind in ("datetime", "aware"):
        return moment(datetime.fromisoformat(text), aware=kind == "aware")
    if kind == "time":
        return time.fromisoformat(text)
    if kind == "interval":
        return span(text)
    if kind == "uuid":
        return UUID(text)
    if kind == "binary":
        return bytes.fromhex(text.removeprefix("\\x"))
    if kind == "json":
        return json.loads(text)
    return by_look(text) if kind == "unknown" else text


def moment(value: datetime, *, aware: bool) -> datetime:
    """The same moment with or without zone; what has none is UTC."""
    if aware:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _boolean(text: str) -> bool:
    if text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    raise ValueError(text)


def span(text: str) -> timedelta:
    """A duration: seconds, or with a unit.

    >>> span("5m"), span("500ms")
    (datetime.timedelta(seconds=300), datetime.timedelta(microseconds=500000))
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def _member(text: str, type_: Enum, column: str) -> Any:
    """A member of a Python enumeration by name or value, else one of the texts."""
    members = getattr(type_.enum_class, "__members__", None)
    if members is None:
        if text in type_.enums:
            return text
        raise UnknownName(f"value of {column}", text, type_.enums)
    for name, member in members.items():
        if text in (name, str(member.value)):
            return member
    raise UnknownName(f"value of {column}", text, members)


def by_look(text: str) -> int | float | bool | str | None:
    """A number, true, false or null by look, as JSON spells them; all else is text, and so is 007.

    >>> [by_look(t) for t in ("3", "-2.5", "true", "null", "007", "a")]
    [3, -2.5, True, None, '007', 'a']
    """
    words: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    return float(text) if found["fraction"] or found["exponent"] else int(text)


def quoted(text: str) -> str | None:
    """The inside of a text in single or double quotes (doubled inside), else None.

    >>> quoted("'it''s'"), quoted('"3"'), quoted("plain")
    ("it's", '3', None)
    """
    for mark in ("'", '"'):
        if re.fullmatch(rf"{mark}(?:[^{mark}]|{mark}{mark})*{mark}", text, re.DOTALL):
            return text[1:-1].replace(mark * 2, mark)
    return None


def parse_parameters(pairs: "list[str] | tuple[str, ...]") -> dict[str, Any]:
    """`-p name=value` → bound parameters; quotes force text.

    >>> parse_parameters(["id=3", "zip='01234'", "since=2025-01-01", "gone=null"])
    {'id': 3, 'zip': '01234', 'since': '2025-01-01', 'gone': None}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(r"[^\W\d]\w*", name):
            raise UsageError(f"{pair!r} is no parameter", hint="write -p name=value")
        if name in found:
            raise UsageError(f"the parameter {name!r} is given twice", hint="give it once")
        inside = quoted(value.strip())
        found[name] = by_look(value.strip()) if inside is None else inside
    return found
