"""Decimals that SQLAlchemy makes of a driver's floats by rounding them to a scale: many at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Float, Numeric
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeEngine

from dbadmin.dialects.columns import Values

if TYPE_CHECKING:
    import pyarrow as pa

SURE = 2.0**52
"""A float times a power of ten that floats hold has one rounding error, of half a last place at most. Below this the
last place is a half or less, so that rounding to whole numbers can only hang on that error at a half itself."""
GIVEN = frozenset({int, float, type(None)})


@dataclass(frozen=True)
class Rounded:
    """SQLAlchemy's own processor of a Numeric, and the scale it rounds to."""

    process: Callable[[Any], Any]
    scale: int

    def __call__(self, value: Any) -> Any:
        return self.process(value)

    def arrow(self, stored: Values) -> "pa.Array | None":
        """What it makes of each value, as decimal128; None where that cannot hold all of them (-0.00, infinity)."""
        from dbadmin.dialects.slices import decimals  # with pyarrow, which is an extra

        given = _floats(stored)
        if given is None:
            return None
        floats, nulls = given
        power = float(10**self.scale)
        if len(floats) and not np.abs(floats).max() < SURE / power:
            return None
        scaled = floats * power
        units = np.rint(scaled)
        for at in np.flatnonzero(np.abs(scaled - units) == 0.5).tolist():
            units[at] = float(self.process(float(floats[at])).scaleb(self.scale))
        if bool(((units == 0) & np.signbit(floats)).any()):
            return None
        return decimals(units.astype(np.int64), self.scale, nulls)


def _floats(stored: Values) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None":
    """Numbers as floats, 0 where there is NULL, and where that is; None where there are others, or NaN."""
    given = stored.floats()
    found = stored.arrow() if given is None else None
    if given is not None:
        floats, nulls = given, np.zeros(len(given), dtype=np.bool_)
    elif found is not None and str(found.type) in ("double", "int64"):
        floats, nulls = found.to_numpy(zero_copy_only=False), found.is_null().to_numpy(zero_copy_only=False)
        floats = np.array(floats, dtype=np.float64)
    else:
        values = stored.python()
        kinds = set(map(type, values))
        if not kinds <= GIVEN:
            return None
        floats, nulls = np.array(values, dtype=np.float64), np.zeros(len(values), dtype=np.bool_)
        if type(None) in kinds:
            nulls = np.array([value is None for value in values], dtype=np.bool_)
    if int(np.isnan(floats).sum()) != int(nulls.sum()):
        return None
    if nulls.any():
        floats[nulls] = 0
    return floats, nulls


def rounded(type_: TypeEngine[Any], dialect: Dialect, processor: Any) -> "Rounded | None":
    """The processor as a Rounded where it is SQLAlchemy's own for a Numeric or Float of Decimals, else None."""
    impl: Any = type_.dialect_impl(dialect)
    own = type(impl).result_processor in (Numeric.result_processor, Float.result_processor)
    made = processor(0.0) if own and processor is not None and impl.asdecimal else None
    scale = -int(made.as_tuple().exponent) if type(made) is Decimal else -1
    return Rounded(processor, scale) if 0 <= scale <= 12 else None
