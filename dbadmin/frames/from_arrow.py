"""Arrow arrays of one column → an array of the dtype that the column's type stands for."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dbadmin.frames.converters import CONVERTERS, Array, objects
from dbadmin.queries.types import Family

if TYPE_CHECKING:
    import pyarrow as pa

NATURAL: dict[str, Family] = {"int64": "integer", "double": "float", "large_string": "text"}
"""What a column without a type is, where Arrow holds all of it as one."""


def joined(arrays: "Sequence[pa.Array]") -> "list[pa.ChunkedArray]":
    """Neighbours of one type together; one of NULL alone joins the type before it, or the first."""
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
    return [pa.chunked_array(run) for run in runs]


def from_arrow(found: "pa.ChunkedArray", kind: Family, numeric: str = "decimal") -> Array:
    """The array that a column of this kind is made of; `found` holds values of the kind, or only NULL."""
    import pyarrow as pa

    if pa.types.is_null(found.type):
        return CONVERTERS.get(kind, objects)([None] * len(found))
    if kind == "integer":
        return pd.arrays.IntegerArray(*_values_and_nulls(found, 0))
    if kind == "boolean":
        return pd.arrays.BooleanArray(*_values_and_nulls(found, False))
    if kind == "float":
        return _owned(found)
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
    return objects(found.to_pylist())


def _values_and_nulls(found: "pa.ChunkedArray", filler: Any) -> tuple[Any, Any]:
    """Writable arrays of the values and of what is NULL."""
    nulls = _nulls(found)
    filled = found.fill_null(filler) if found.null_count else found
    return _owned(filled), nulls


def _owned(found: "pa.ChunkedArray") -> "np.ndarray[Any, Any]":
    """A writable array of the values; NaN where a float is NULL."""
    values: np.ndarray[Any, Any] = found.to_numpy()
    return values if values.flags.writeable else values.copy()


def _nulls(found: "pa.ChunkedArray") -> "np.ndarray[Any, Any]":
    """What is NULL, as a writable array."""
    return np.array(found.is_null().to_numpy()) if found.null_count else np.zeros(len(found), dtype=np.bool_)


def _units(found: "pa.ChunkedArray") -> "np.ndarray[Any, Any] | None":
    """Decimals as whole numbers of the last place, None where one takes more than 64 bits."""
    parts = []
    for chunk in found.chunks:
        raw = np.frombuffer(chunk.buffers()[1], dtype=np.int64)
        words = raw[2 * chunk.offset : 2 * (chunk.offset + len(chunk))].reshape(-1, 2)
        if not bool((words[:, 1] == words[:, 0] >> 63).all()):
            return None
        parts.append(words[:, 0])
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def decimal_floats(found: "pa.ChunkedArray") -> "np.ndarray[Any, Any]":
    """The nearest float of each decimal: one division of numbers that floats hold exactly, else Python's."""
    units, scale = _units(found), found.type.scale
    if units is not None and scale <= 22 and bool(((units < 2**53) & (units > -(2**53))).all()):
        floats: np.ndarray[Any, Any] = units / 10.0**scale
        if found.null_count:
            floats[_nulls(found)] = np.nan
        return floats
    return np.array([np.nan if value is None else float(value) for value in found.to_pylist()], dtype="float64")


def _decimal_objects(found: "pa.ChunkedArray") -> Array:
    """Decimal objects with the digits that the database gave."""
    units = _units(found)
    if units is None:
        return objects(found.to_pylist())
    last = Decimal(1).scaleb(-found.type.scale)
    with localcontext(EXACT):
        array = shared(units, lambda numbers: _multiplied(numbers, last))
    if found.null_count:
        array[_nulls(found)] = None
    return array


def _multiplied(numbers: "np.ndarray[Any, Any]", last: Decimal) -> Array:
    """Whole numbers times the last place, a few at a time: Python's integers need no room for all of them."""
    array = np.empty(len(numbers), dtype=object)
    for begin in range(0, len(numbers), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        array[some] = numbers[some].astype(object) * last
    return array


EXACT = Context(prec=40)
AT_ONCE = 4_000
"""Numbers that are Python's integers at the same time: they stay in the processor's cache."""
LOOKED_AT = 1_000
"""Values that tell whether a column repeats them."""


def shared(numbers: "np.ndarray[Any, Any]", made: "Callable[[np.ndarray[Any, Any]], Array]") -> Array:
    """An object for each number; where numbers repeat, one object for all that are equal."""
    some = numbers[:: max(len(numbers) // LOOKED_AT, 1)]
    if 2 * len(np.unique(some)) > len(some):
        return made(numbers)
    seen, where = np.unique(numbers, return_inverse=True)
    return made(seen)[where]


def _days(found: "pa.ChunkedArray") -> Array:
    """Date objects."""
    import pyarrow as pa

    days, nulls = _values_and_nulls(found.cast(pa.int32()), 0)
    array = shared(days, lambda numbers: objects([date.fromordinal(EPOCH + day) for day in numbers.tolist()]))
    array[nulls] = None
    return array


EPOCH = date(1970, 1, 1).toordinal()
