"""Decimals that SQLAlchemy makes of a driver's floats by rounding them to a scale: many at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Numeric
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeEngine

from dbadmin.dialects.slices import decimals

if TYPE_CHECKING:
    import pyarrow as pa

SURE = 2.0**40
"""Scaled values below this are at most 2**-13 away from the number that their float times ten to the scale is."""
NEAR_HALF = 2.0**-10
"""Values whose rounding may hang on that error."""
GIVEN = frozenset({int, float, type(None)})


@dataclass(frozen=True)
class Rounded:
    """SQLAlchemy's own processor of a Numeric, and the scale it rounds to."""

    process: Callable[[Any], Any]
    scale: int

    def __call__(self, value: Any) -> Any:
        return self.process(value)

    def arrow(self, values: Sequence[Any]) -> "pa.Array | None":
        """What it makes of each value, as decimal128; None where that cannot hold all of them (-0.00, infinity)."""
        if not set(map(type, values)) <= GIVEN:
            return None
        floats = np.array(values, dtype=np.float64)
        nulls = np.isnan(floats)
        if int(nulls.sum()) != list(values).count(None):
            return None
        floats[nulls] = 0
        if len(floats) and not np.abs(floats).max() < SURE / 10.0**self.scale:
            return None
        scaled = floats * 10.0**self.scale
        units = np.rint(scaled)
        for at in np.flatnonzero(np.abs(np.abs(scaled - units) - 0.5) < NEAR_HALF).tolist():
            units[at] = float(self.process(values[at]).scaleb(self.scale))
        if bool(((units == 0) & np.signbit(floats)).any()):
            return None
        return decimals(units.astype(np.int64), self.scale, nulls)


def rounded(type_: TypeEngine[Any], dialect: Dialect, processor: Any) -> "Rounded | None":
    """The processor as a Rounded where it is SQLAlchemy's own for a Numeric of Decimals, else None."""
    impl = type_.dialect_impl(dialect)
    own = isinstance(impl, Numeric) and type(impl).result_processor is Numeric.result_processor
    made = processor(0.0) if own and processor is not None and impl.asdecimal else None  # type: ignore[attr-defined]
    scale = -int(made.as_tuple().exponent) if type(made) is Decimal else -1
    return Rounded(processor, scale) if 0 <= scale <= 12 else None
