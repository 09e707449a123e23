"""Columns as Arrow holds them: for pandas's Arrow dtypes, and for Parquet.

Integer → int64, Boolean → bool, Float → double, Numeric with a scale → decimal128(38, scale), text and enumeration →
large_string, Date → date32, DateTime → timestamp[us], with time zone → timestamp[us, UTC], Time → time64[us],
interval → duration[us], bytes → large_binary. Numeric without a scale, UUID, JSON and arrays have no such type that
holds every value: their text (JSON for JSON and arrays).
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy.types import TypeEngine

from dbadmin.dialects.columns import Values
from dbadmin.frames.columns import ColumnOfFrame
from dbadmin.frames.from_arrow import decimal_floats
from dbadmin.queries.types import Family, family

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 38
"""What decimal128 holds."""
SIMPLE: dict[Family, Any] = {
    "integer": pa.int64(), "boolean": pa.bool_(), "float": pa.float64(), "text": pa.large_string(),
    "enum": pa.large_string(), "date": pa.date32(), "datetime": pa.timestamp("us"),
    "aware": pa.timestamp("us", "UTC"), "time": pa.time64("us"), "interval": pa.duration("us"),
    "binary": pa.large_binary(), "uuid": pa.large_string(), "json": pa.large_string(), "array": pa.large_string(),
}  # fmt: skip
OBJECTS: frozenset[Family] = frozenset({"uuid", "json", "array", "unknown"})
"""Families that stay Python objects in a frame, whatever its dtypes."""
UNFIT = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError, OverflowError)


def arrow_type(type_: TypeEngine[Any] | None, numeric: str) -> "pa.DataType | None":
    """The Arrow type of a column, None where only its values can tell.

    >>> from sqlalchemy import BigInteger, Numeric
    >>> str(arrow_type(BigInteger(), "decimal")), str(arrow_type(Numeric(12, 2), "decimal"))
    ('int64', 'decimal128(38, 2)')
    """
    kind = family(type_) if type_ is not None else "unknown"
    if kind == "numeric":
        scale = getattr(type_, "scale", None)
        if numeric == "float":
            return pa.float64()
        return pa.large_string() if scale is None else pa.decimal128(DIGITS, scale)
    return SIMPLE.get(kind)


def to_arrow(values: Values | Sequence[Any], type_: TypeEngine[Any] | None, wanted: "pa.DataType | None") -> "pa.Array":
    """One batch of a column as an array of the wanted type. Raises one of UNFIT where a value does not fit."""
    kind = family(type_) if type_ is not None else "unknown"
    if isinstance(values, Values):
        found = values.arrow()
        if found is not None and wanted is not None:
            in_utc = pa.types.is_timestamp(wanted) and found.type == pa.timestamp("us") and wanted.tz is not None
            if pa.types.is_decimal(found.type) and pa.types.is_floating(wanted):
                return pa.array(decimal_floats(pa.chunked_array([found])), wanted, from_pandas=True)
            return found.cast(pa.int64()).cast(wanted) if in_utc else found.cast(wanted)
        values = values.python() if found is None else found.to_pylist()
    spell = SPELLING.get(kind)
    if kind == "numeric" and wanted is not None:
        spell = float if pa.types.is_floating(wanted) else _decimal if pa.types.is_decimal(wanted) else str
    if spell is not None:
        values = [None if value is None else spell(value) for value in values]
    return pa.array(values, wanted, from_pandas=False)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _decimal(value: Any) -> Any:
    return value if isinstance(value, Decimal) else Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _text(value: Any) -> str:
    """A text, or the name of an enumeration's member, which is what the database holds."""
    return value if isinstance(value, str) else str(getattr(value, "name", value))


SPELLING: dict[Family, Callable[[Any], Any]] = {
    "uuid": str, "json": _json, "array": _json, "aware": _utc, "enum": _text, "binary": bytes,
}  # fmt: skip


def column(name: str, type_: TypeEngine[Any] | None, numeric: str) -> "ArrowColumn | ColumnOfFrame":
    """A column that grows; numerics without a scale stay Decimal objects, which one Arrow type does not hold."""
    of_any_scale = family(type_ or _NOTHING) == "numeric" and arrow_type(type_, numeric) == pa.large_string()
    return (ColumnOfFrame if of_any_scale else ArrowColumn)(name, type_, numeric)


class ArrowColumn:
    """A column of a frame with pandas's Arrow dtypes; the first value that does not fit makes it Python objects."""

    def __init__(self, name: str, type_: TypeEngine[Any] | None, numeric: str) -> None:
        self.name = name
        self.type_ = type_
        self.wanted = arrow_type(type_, numeric)
        kind = family(type_) if type_ is not None else "unknown"
        self.fits = True
        self._as_objects = kind in OBJECTS
        self._arrays: list[pa.Array] = []
        self._objects: list[Any] = []

    def add(self, values: Sequence[Any]) -> None:
        """One more batch of values."""
        self._add(values, lambda: values)

    def take(self, values: Values) -> None:
        """One more batch, read by columns."""
        self._add(values, values.python)

    def _add(self, values: Any, python: Callable[[], Sequence[Any]]) -> None:
        if self.fits and not self._as_objects:
            try:
                self._arrays.append(to_arrow(values, self.type_, self.wanted))
                return
            except UNFIT:
                self.fits = False
                self._objects = [value for array in self._arrays for value in array.to_pylist()]
                self._arrays.clear()
        self._objects.extend(python())

    def series(self) -> "pd.Series[Any]":
        """The finished column."""
        import pandas as pd

        if self._as_objects and family(self.type_ or _NOTHING) == "unknown":
            return self._guessed()
        if not self.fits or self._as_objects:
            return pd.Series(self._objects, dtype=object)
        assert self.wanted is not None
        whole = pa.chunked_array(self._arrays, self.wanted)
        return pd.Series(pd.arrays.ArrowExtensionArray(whole))

    def _guessed(self) -> "pd.Series[Any]":
        """A column whose type nobody knows, by what stands in it."""
        import pandas as pd

        try:
            found = pa.array(self._objects, from_pandas=False)
        except UNFIT:
            return pd.Series(self._objects, dtype=object)
        plain = pa.types.is_null(found.type) or pa.types.is_nested(found.type) or pa.types.is_decimal(found.type)
        return pd.Series(self._objects, dtype=object) if plain else pd.Series(pd.arrays.ArrowExtensionArray(found))


class _Nothing(TypeEngine[Any]):
    """No type at all."""


_NOTHING = _Nothing()
