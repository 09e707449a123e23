"""One column of a frame that grows batch by batch."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sqlalchemy import Enum
from sqlalchemy.types import TypeEngine

from dbadmin.dialects.columns import Values
from dbadmin.frames.converters import CONVERTERS, MISFITS, NONE, Array, as_python, guessed, object_series, objects, only
from dbadmin.frames.from_arrow import NATURAL, from_arrow, joined
from dbadmin.queries.types import Family, family

if TYPE_CHECKING:
    import pyarrow as pa


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
        except MISFITS:
            self.fits = False
            self._objects = [value for array in self._arrays for value in as_python(array, self.kind)]
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
        """Make arrays of the frame of what was read by columns; nothing was where pyarrow is missing."""
        if not self._found:
            return
        assert self.kind is not None
        self._arrays += [from_arrow(found, self.kind, self.numeric) for found in joined(self._found)]
        self._found.clear()

    def series(self) -> "pd.Series[Any]":
        """The finished column."""
        if not self.fits:
            return object_series(self._objects)
        if self.kind is None:
            return self._without_type()
        self._convert()
        if not self._arrays:
            self._arrays.append(self._array([]))
        if len(self._arrays) == 1:
            whole = self._arrays[0]
        else:
            whole = pd.concat([pd.Series(a) for a in self._arrays], ignore_index=True).array
        found: Any = pd.Series(whole, copy=False)
        return found.dt.tz_localize("UTC") if self.kind == "aware" else found  # type: ignore[no-any-return]

    def _without_type(self) -> "pd.Series[Any]":
        types = {str(array.type) for array in self._found} - {"null"}
        kind = NATURAL.get(next(iter(types))) if len(types) == 1 and not self._objects else None
        if kind is None:
            self.add([])
            return guessed(self._objects)
        self.kind = kind
        return self.series()

    def _array(self, values: Sequence[Any]) -> Array:
        if self.kind == "numeric" and self.numeric == "float":
            only(values, Decimal, NONE)
            return np.array([np.nan if v is None else float(v) for v in values], dtype="float64")
        if self.enum is not None:
            only(values, self.enum, NONE, exact=False)
            return objects(values)
        assert self.kind is not None
        return CONVERTERS.get(self.kind, objects)(values)
