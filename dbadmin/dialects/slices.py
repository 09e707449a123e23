"""Values of one column as they lie in a buffer that a driver received: cut out all at once, and not one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

PADDING = bytes(16)
"""What a buffer must end in, so that a value of fixed width can be looked at from any byte of it."""

ONE_WIDTH = 256
"""Values that are all of one width, and no wider, are copied as records."""


@dataclass(frozen=True)
class Slices:
    """Where each row's value begins in `buffer`, and how many bytes it has; -1 is NULL. Begins never go down."""

    buffer: "bytes | bytearray | np.ndarray[Any, np.dtype[np.uint8]]"
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
        return everywhere[at + behind].astype(kind.newbyteorder("="), copy=False)  # type: ignore[no-any-return]

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
        width = int(self.lengths[0]) if count else -1
        if 0 < width <= ONE_WIDTH and bool((self.lengths == width).all()):
            values = self.fixed(f"V{width}")
            bounds = np.arange(count + 1, dtype=np.int64) * width
            return pa.LargeBinaryArray.from_buffers(
                pa.large_binary(), count, [None, pa.py_buffer(bounds), pa.py_buffer(values.view(np.uint8))]
            )
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
        data = bytes(self.buffer)
        return [
            None if length < 0 else data[start : start + length]
            for start, length in zip(self.starts.tolist(), self.lengths.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class Packed(Slices):
    """Values of one width in records of one width: `buffer` is the records, and nothing is NULL."""

    stride: int

    def fixed(self, dtype: str, behind: int = 0) -> "np.ndarray[Any, Any]":
        """See `Slices.fixed`."""
        kind = np.dtype(dtype)
        first = int(self.starts[0]) + behind
        values: Any = np.ndarray((len(self),), kind, self.buffer, offset=first, strides=(self.stride,))
        return values.astype(kind.newbyteorder("="))  # type: ignore[no-any-return]


def packed(data: bytes, at: "np.ndarray[Any, Any]", widths: Sequence[int], head: int) -> list[Packed]:
    """Neighbouring columns of known widths, each value behind a length of `head` bytes, copied as one record a row.

    Up to the first column with a value of another length, which is NULL.
    """
    stride = sum(widths) + head * len(widths)
    if not len(at) or int(at[-1]) + stride > len(data):
        return []
    everywhere: Any = np.ndarray((len(data) - stride + 1,), f"V{stride}", data, strides=(1,))
    records = everywhere[at].view(np.uint8)
    starts, columns, place = np.arange(len(at), dtype=np.int64) * stride, [], 0
    for width in widths:
        lengths: Any = np.ndarray((len(at),), f">i{head}", records, offset=place, strides=(stride,))
        if not bool((lengths == width).all()):
            break
        place += head
        columns.append(Packed(records, starts + place, np.broadcast_to(np.int64(width), len(at)), stride))
        place += width
    return columns


def decimals(units: "np.ndarray[Any, Any]", scale: int, nulls: "np.ndarray[Any, Any]") -> "pa.Array":
    """Whole numbers of 10 to the power of -scale as decimal128, which is two words, the low one first."""
    words = np.stack([units, units >> 63], axis=1)
    there = pa.py_buffer(np.packbits(~nulls, bitorder="little")) if nulls.any() else None
    return pa.Array.from_buffers(pa.decimal128(38, scale), len(units), [there, pa.py_buffer(words)])
