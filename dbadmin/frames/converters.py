"""Python values of one column → an array of the dtype that the column's type stands for."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from dbadmin.queries.types import Family

NONE = type(None)
LONGEST = timedelta(microseconds=2**63 - 1)
Array = Any
"""A pandas extension array or a numpy array."""


class Misfit(Exception):
    """A value is not what its column's type says, or the dtype cannot hold it."""


MISFITS = (Misfit, ValueError, TypeError, OverflowError, UnicodeEncodeError)
"""What converters raise for values that are no array of the dtype."""


def only(values: Sequence[Any], *types: type, exact: bool = True) -> None:
    """Raise Misfit where a value is of another type; `exact`: subclasses count as others."""
    kinds = set(map(type, values))
    if exact and not kinds <= set(types):
        raise Misfit
    if not exact and not all(issubclass(kind, types) for kind in kinds):
        raise Misfit


def _integers(values: Sequence[Any]) -> Array:
    if Decimal in set(map(type, values)):  # PostgreSQL sums bigint as numeric
        values = [int(v) if isinstance(v, Decimal) and v == v.to_integral_value() else v for v in values]
    only(values, int, NONE)
    return pd.array(values, dtype="Int64")


def _booleans(values: Sequence[Any]) -> Array:
    only(values, bool, NONE)
    return pd.array(values, dtype="boolean")


def _floats(values: Sequence[Any]) -> Array:
    only(values, float, int, NONE)
    if any(type(v) is int and abs(v) > 2**53 for v in values):
        raise Misfit
    return np.array([np.nan if v is None else v for v in values], dtype="float64")


def _decimals(values: Sequence[Any]) -> Array:
    only(values, Decimal, NONE)
    return objects(values)


def _texts(values: Sequence[Any]) -> Array:
    only(values, str, NONE)
    return pd.array(values, dtype="string")


def _dates(values: Sequence[Any]) -> Array:
    only(values, date, NONE)
    return objects(values)


def _naive(values: Sequence[Any]) -> Array:
    only(values, datetime, NONE)
    if any(v is not None and v.tzinfo is not None for v in values):
        raise Misfit
    return np.array(values, dtype="datetime64[us]")


def _aware(values: Sequence[Any]) -> Array:
    """In UTC, still without zone; engines that keep no zone gave what was stored, which is taken as UTC."""
    only(values, datetime, NONE)
    in_utc = [v if v is None or v.tzinfo is None else v.astimezone(UTC).replace(tzinfo=None) for v in values]
    return np.array(in_utc, dtype="datetime64[us]")


def _intervals(values: Sequence[Any]) -> Array:
    only(values, timedelta, NONE)
    if any(v is not None and abs(v) > LONGEST for v in values):  # numpy would wrap round without a word
        raise Misfit
    return np.array(values, dtype="timedelta64[us]")


def objects(values: Sequence[Any]) -> Array:
    """An array of the values as they are."""
    return np.fromiter(values, dtype=object, count=len(values))  # does not look into a value, as an assignment would


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


def as_python(array: Array, kind: Family) -> list[Any]:
    """The Python values that an array was made of."""
    if kind in ("datetime", "aware", "interval"):
        values = array.astype(object).tolist()
        return [v.replace(tzinfo=UTC) if kind == "aware" and v is not None else v for v in values]
    if isinstance(array, np.ndarray) and array.dtype == np.float64:
        return [None if v != v else v for v in array.tolist()]
    return [None if v is pd.NA else v for v in array.tolist()]


def object_series(values: Sequence[Any]) -> "pd.Series[Any]":
    """A column of the values as they are."""
    return pd.Series(objects(values), dtype=object, copy=False)


GUESSES: tuple[tuple[frozenset[type], Family], ...] = (
    (frozenset({bool}), "boolean"),
    (frozenset({int}), "integer"),
    (frozenset({float}), "float"),
    (frozenset({int, float}), "float"),
    (frozenset({str}), "text"),
    (frozenset({timedelta}), "interval"),
)


def guessed(values: Sequence[Any]) -> "pd.Series[Any]":
    """A column whose type nobody knows (SQL as written, on SQLite): by what stands in it."""
    kinds = frozenset(map(type, values)) - {NONE}
    wanted: Family | None = next((kind for types, kind in GUESSES if kinds == types), None)
    if kinds == {datetime}:
        zones = {v.tzinfo is not None for v in values if v is not None}
        wanted = None if len(zones) > 1 else "aware" if zones == {True} else "datetime"
    if wanted is None:
        return object_series(values)
    try:
        series: Any = pd.Series(CONVERTERS[wanted](values), copy=False)
    except MISFITS:
        return object_series(values)
    return series.dt.tz_localize("UTC") if wanted == "aware" else series  # type: ignore[no-any-return]
