"""Values of one column as they lie in a buffer that a driver received: cut out all at once, and not one by one."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

PADDING = bytes(16)
"""What a buffer must end in, so that a value of fixed width can be looked at from any byte of it."""


@dataclass(frozen=True)
class Slices:
    """Where each row's value begins in `buffer`, and how many bytes it has; -1 is NULL. Begins never go down."""

    buffer: bytes
    starts: "np.ndarray[Any, np.dtype[np.int64]]"
    lengths: "np.ndarray[Any, np.dtype[np.int64]]"

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def nulls(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Which rows have no value."""
        return self.lengths < 0

    def fixed(self, dtype: str, behind: int = 0) -> "np.ndarray[Any, Any]":
        """Numbers of a fixed width (`>i4`), `behind` bytes after the begin; anything where there is NULL."""
        kind = np.dtype(dtype)
        everywhere: Any = np.ndarray((len(self.buffer) - kind.itemsize + 1,), kind, self.buffer, strides=(1,))
        at = np.where(self.nulls, 0, self.starts) if self.nulls.any() else self.starts
        return everywhere[at + behind].astype(kind.newbyteorder("="))  # type: ignore[no-any-return]

    def numbers(self, values: "np.ndarray[Any, Any]", type_: Any = None) -> "pa.Array":
        """Numbers, and NULL where this column has it, as an Arrow array."""
        return pa.array(values, type=type_, mask=self.nulls if self.nulls.any() else None)

    def decimals(self, units: "np.ndarray[Any, Any]", scale: int) -> "pa.Array":
        """See `decimals`."""
        return decimals(units, scale, self.nulls)

    def binary(self) -> "pa.Array":
        """The bytes as Arrow's large_binary.

        The buffer is seen as one array in which values and what lies between them take turns; Arrow takes the
        values out of it.
        """
        count = len(self)
        ends = self.starts + np.maximum(self.lengths, 0)
        bounds = np.empty(2 * count, dtype=np.int64)
        bounds[0::2], bounds[1::2] = self.starts, ends
        all_of_it = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), max(2 * count - 1, 0), [None, pa.py_buffer(bounds), pa.py_buffer(self.buffer)]
        )
        return all_of_it.take(self.numbers(np.arange(0, 2 * count, 2)))

    def text(self) -> "pa.Array":
        """The bytes as Arrow's large_string. Raises ArrowInvalid where they are no UTF-8."""
        return self.binary().cast(pa.large_string())

    def bytes(self) -> list[bytes | None]:
        """The bytes one by one."""
        data = self.buffer
        return [
            None if length < 0 else data[start : start + length]
            for start, length in zip(self.starts.tolist(), self.lengths.tolist(), strict=True)
        ]


def decimals(units: "np.ndarray[Any, Any]", scale: int, nulls: "np.ndarray[Any, Any]") -> "pa.Array":
    """Whole numbers of 10 to the power of -scale as decimal128, which is two words, the low one first."""
    words = np.stack([units, units >> 63], axis=1)
    there = pa.py_buffer(np.packbits(~nulls, bitorder="little")) if nulls.any() else None
    return pa.Array.from_buffers(pa.decimal128(38, scale), len(units), [there, pa.py_buffer(words)])
