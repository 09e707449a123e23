"""Values of one column → an array of the dtype that its type stands for."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sqlalchemy import Enum
from sqlalchemy.types import TypeEngine

from dbadmin.dialects.columns import Values
from dbadmin.queries.types import Family, family

if TYPE_CHECKING:
    import pyarrow as pa

NONE = type(None)
LONGEST = timedelta(microseconds=2**63 - 1)
Array = Any
"""A pandas extension array or a numpy array."""


class Misfit(Exception):
    """A value is not what its column's type says, or the dtype cannot hold it."""


class ColumnOfFrame:
    """Grows batch by batch; the first value that does not fit makes all of it Python objects."""

    def __init__(self, name: str, type_: TypeEngine[Any] | None, numeric: str = "decimal") -> None:
        self.name = name
        self.numeric = numeric
        self.kind: Family | None = None if type_ is None or family(type_) == "unknown" else family(type_)
        self.enum = type_.enum_class if isinstance(type_, Enum) else None
        self.fits = True
        self._arrays: list[Array] = []
        self._objects: list[Any] = []
        self._found: list[pa.Array] = []
        """Batches read by columns that are not arrays of the frame yet: all at once costs less than one by one."""

    def add(self, values: Sequence[Any]) -> None:
        """One more batch."""
        if self.kind is None or not self.fits:
            self._objects.extend([value for array in self._found for value in array.to_pylist()])
            self._found.clear()
            self._objects.extend(values)
            return
        self._convert()
        try:
            self._arrays.append(self._array(values))
        except (Misfit, ValueError, TypeError, OverflowError, UnicodeEncodeError):
            self.fits = False
            self._objects = [value for array in self._arrays for value in _python(array, self.kind)]
            self._arrays.clear()
            self._objects.extend(values)

    def take(self, values: Values) -> None:
        """One more batch, read by columns."""
        found = values.arrow() if self.fits else None
        if found is None:
            self.add(values.python())
        else:
            self._found.append(found)

    def _convert(self) -> None:
        """Make arrays of the frame of what was read by columns."""
        assert self.kind is not None
        self._arrays += [from_arrow(found, self.kind, self.numeric) for found in joined(self._found)]
        self._found.clear()

    def series(self) -> "pd.Series[Any]":
        """The finished column."""
        if not self.fits:
            return _object_series(self._objects)
        if self.kind is None:
            return self._without_type()
        self._convert()
        if not self._arrays:
            self._arrays.append(self._array([]))
        if len(self._arrays) == 1:
            whole = self._arrays[0]
        else:
            whole = pd.concat([pd.Series(a) for a in self._arrays], ignore_index=True).array
        found: Any = pd.Series(whole)
        return found.dt.tz_localize("UTC") if self.kind == "aware" else found  # type: ignore[no-any-return]

    def _without_type(self) -> "pd.Series[Any]":
        types = {str(array.type) for array in self._found} - {"null"}
        kind = NATURAL.get(next(iter(types))) if len(types) == 1 and not self._objects else None
        if kind is None:
            self.add([])
            return _guessed(self._objects)
        self.kind = kind
        return self.series()

    def _array(self, values: Sequence[Any]) -> Array:
        if self.kind == "numeric" and self.numeric == "float":
            _only(values, Decimal, NONE)
            return np.array([np.nan if v is None else float(v) for v in values], dtype="float64")
        if self.enum is not None:
            _only(values, self.enum, NONE, exact=False)
            return _objects(values)
        assert self.kind is not None
        return CONVERTERS.get(self.kind, _objects)(values)


def _only(values: Sequence[Any], *types: type, exact: bool = True) -> None:
    kinds = set(map(type, values))
    if exact and not kinds <= set(types):
        raise Misfit
    if not exact and not all(issubclass(kind, types) for kind in kinds):
        raise Misfit


def _integers(values: Sequence[Any]) -> Array:
    if Decimal in set(map(type, values)):  # PostgreSQL sums bigint as numeric
        values = [int(v) if isinstance(v, Decimal) and v == v.to_integral_value() else v for v in values]
    _only(values, int, NONE)
    return pd.array(values, dtype="Int64")


def _booleans(values: Sequence[Any]) -> Array:
    _only(values, bool, NONE)
    return pd.array(values, dtype="boolean")


def _floats(values: Sequence[Any]) -> Array:
    _only(values, float, int, NONE)
    if any(type(v) is int and abs(v) > 2**53 for v in values):
        raise Misfit
    return np.array([np.nan if v is None else v for v in values], dtype="float64")


def _decimals(values: Sequence[Any]) -> Array:
    _only(values, Decimal, NONE)
    return _objects(values)


def _texts(values: Sequence[Any]) -> Array:
    _only(values, str, NONE)
    return pd.array(values, dtype="string")


def _dates(values: Sequence[Any]) -> Array:
    _only(values, date, NONE)
    return _objects(values)


def _naive(values: Sequence[Any]) -> Array:
    _only(values, datetime, NONE)
    if any(v is not None and v.tzinfo is not None for v in values):
        raise Misfit
    return np.array(values, dtype="datetime64[us]")


def _aware(values: Sequence[Any]) -> Array:
    """In UTC, still without zone; engines that keep no zone gave what was stored, which is taken as UTC."""
    _only(values, datetime, NONE)
    in_utc = [v if v is None or v.tzinfo is None else v.astimezone(UTC).replace(tzinfo=None) for v in values]
    return np.array(in_utc, dtype="datetime64[us]")


def _intervals(values: Sequence[Any]) -> Array:
    _only(values, timedelta, NONE)
    if any(v is not None and abs(v) > LONGEST for v in values):  # numpy would wrap round without a word
        raise Misfit
    return np.array(values, dtype="timedelta64[us]")


def _objects(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


CONVERTERS: dict[Family, Callable[[Sequence[Any]], Array]] = {
    "integer": _integers,
    "boolean": _booleans,
    "float": _floats,
    "numeric": _decimals,
    "text": _texts,
    "enum": _texts,
    "date": _dates,
    "datetime": _naive,
    "aware": _aware,
    "interval": _intervals,
}


NATURAL: dict[str, Family] = {"int64": "integer", "double": "float", "large_string": "text"}
"""What a column without a type is, where Arrow holds all of it as one."""


def joined(arrays: "Sequence[pa.Array]") -> "list[pa.Array]":
    """Neighbours of one type as one array each; one of NULL alone joins the type before it, or the first."""
    import pyarrow as pa

    runs: list[list[pa.Array]] = []
    known = next((array.type for array in arrays if not pa.types.is_null(array.type)), None)
    for array in arrays:
        if known is not None and pa.types.is_null(array.type):
            array = array.cast(known)
        if runs and array.type == runs[-1][0].type:
            runs[-1].append(array)
        else:
            runs.append([array])
        known = array.type
    return [run[0] if len(run) == 1 else pa.concat_arrays(run) for run in runs]


def from_arrow(found: "pa.Array", kind: Family, numeric: str = "decimal") -> Array:
    """The array that a column of this kind is made of; `found` holds values of the kind, or only NULL."""
    import pyarrow as pa

    if pa.types.is_null(found.type):
        return CONVERTERS.get(kind, _objects)([None] * len(found))
    if kind == "integer":
        return pd.arrays.IntegerArray(*_values_and_nulls(found, 0))
    if kind == "boolean":
        return pd.arrays.BooleanArray(*_values_and_nulls(found, False))
    if kind == "float":
        return found.to_numpy(zero_copy_only=False)
    if kind in ("text", "enum"):
        text: Any = pd.StringDtype("pyarrow")
        return text.__from_arrow__(found)
    if kind in ("datetime", "aware"):
        at, _ = _values_and_nulls(found.cast(pa.int64()), np.iinfo(np.int64).min)  # NaT
        return at.view("datetime64[us]")
    if kind == "date":
        return _days(found)
    if kind == "numeric":
        return decimal_floats(found) if numeric == "float" else _decimal_objects(found)
    return _objects(found.to_pylist())


def _values_and_nulls(found: "pa.Array", filler: Any) -> tuple[Any, Any]:
    """Writable arrays of the values and of what is NULL."""
    nulls = found.is_null().to_numpy(zero_copy_only=False)
    filled = found.fill_null(filler) if found.null_count else found
    return np.array(filled.to_numpy(zero_copy_only=False)), np.array(nulls)


def _units(found: "pa.Array") -> "np.ndarray[Any, Any] | None":
    """Decimals as whole numbers of the last place, None where one takes more than 64 bits."""
    raw = np.frombuffer(found.buffers()[1], dtype=np.int64)
    words = raw[2 * found.offset : 2 * (found.offset + len(found))].reshape(-1, 2)
    return words[:, 0] if bool((words[:, 1] == words[:, 0] >> 63).all()) else None


def decimal_floats(found: "pa.Array") -> "np.ndarray[Any, Any]":
    """The nearest float of each decimal: one division of numbers that floats hold exactly, else Python's."""
    units, scale = _units(found), found.type.scale
    if units is not None and scale <= 22 and bool(((units < 2**53) & (units > -(2**53))).all()):
        floats: np.ndarray[Any, Any] = units / 10.0**scale
        floats[found.is_null().to_numpy(zero_copy_only=False)] = np.nan
        return floats
    return np.array([np.nan if value is None else float(value) for value in found.to_pylist()], dtype="float64")


def _decimal_objects(found: "pa.Array") -> Array:
    """Decimal objects with the digits that the database gave."""
    units = _units(found)
    if units is None:
        return _objects(found.to_pylist())
    last = Decimal(1).scaleb(-found.type.scale)
    with localcontext(EXACT):
        array = shared(units, lambda numbers: list(map(last.__mul__, numbers)))
    array[found.is_null().to_numpy(zero_copy_only=False)] = None
    return array


EXACT = Context(prec=40)
LOOKED_AT = 1_000
"""Values that tell whether a column repeats them."""


def shared(numbers: "np.ndarray[Any, Any]", made: Callable[[list[int]], list[Any]]) -> Array:
    """An object for each number; where numbers repeat, one object for all that are equal."""
    some = numbers[:: max(len(numbers) // LOOKED_AT, 1)]
    if 2 * len(np.unique(some)) > len(some):
        return _objects(made(numbers.tolist()))
    seen, where = np.unique(numbers, return_inverse=True)
    return _objects(made(seen.tolist()))[where]


def _days(found: "pa.Array") -> Array:
    """Date objects."""
    import pyarrow as pa

    days, nulls = _values_and_nulls(found.cast(pa.int32()), 0)
    array = shared(days, lambda numbers: [date.fromordinal(EPOCH + day) for day in numbers])
    array[nulls] = None
    return array


EPOCH = date(1970, 1, 1).toordinal()


def _python(array: Array, kind: Family) -> list[Any]:
    """The Python values that an array was made of."""
    if kind in ("datetime", "aware", "interval"):
        values = array.astype(object).tolist()
        return [v.replace(tzinfo=UTC) if kind == "aware" and v is not None else v for v in values]
    if isinstance(array, np.ndarray) and array.dtype == np.float64:
        return [None if v != v else v for v in array.tolist()]
    return [None if v is pd.NA else v for v in array.tolist()]


def _object_series(values: Sequence[Any]) -> "pd.Series[Any]":
    return pd.Series(_objects(values), dtype=object)


GUESSES: tuple[tuple[frozenset[type], Family], ...] = (
    (frozenset({bool}), "boolean"),
    (frozenset({int}), "integer"),
    (frozenset({float}), "float"),
    (frozenset({int, float}), "float"),
    (frozenset({str}), "text"),
    (frozenset({timedelta}), "interval"),
)


def _guessed(values: Sequence[Any]) -> "pd.Series[Any]":
    """A column whose type nobody knows (SQL as written, on SQLite): by what stands in it."""
    kinds = frozenset(map(type, values)) - {NONE}
    wanted: Family | None = next((kind for types, kind in GUESSES if kinds == types), None)
    if kinds == {datetime}:
        zones = {v.tzinfo is not None for v in values if v is not None}
        wanted = None if len(zones) > 1 else "aware" if zones == {True} else "datetime"
    if wanted is None:
        return _object_series(values)
    try:
        series: Any = pd.Series(CONVERTERS[wanted](values))
    except (Misfit, ValueError, TypeError, OverflowError, UnicodeEncodeError):
        return _object_series(values)
    return series.dt.tz_localize("UTC") if wanted == "aware" else series  # type: ignore[no-any-return]
