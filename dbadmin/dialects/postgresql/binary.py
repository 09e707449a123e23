"""PostgreSQL's binary forms → Arrow arrays; whatever has no array goes through psycopg's own loader."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from dbadmin.dialects.columns import Values
from dbadmin.dialects.postgresql.results import SCALARS
from dbadmin.dialects.slices import Slices

TEXTS = frozenset({19, 25, 1042, 1043})
INTEGERS = {20: ">i8", 21: ">i2", 23: ">i4", 26: ">u4"}
LOADED = frozenset({17, 114, 1083, 1186, 1266, 1700, 2950, 3802})
"""bytea, json, time, interval, timetz, numeric, uuid, jsonb: psycopg's loader gives what it gives for text."""
WIDTHS = {16: 1, 20: 8, 21: 2, 23: 4, 26: 4, 700: 4, 701: 8, 1082: 4, 1114: 8, 1184: 8}
"""Bytes of the types whose values all have as many."""
ARRAYS = frozenset(array for oid, (_, array) in SCALARS.items() if oid not in (19, 700))
"""Arrays of these; a real in an array would come with other digits than as text."""
KNOWN = TEXTS | INTEGERS.keys() | LOADED | ARRAYS | {16, 700, 701, 1082, 1114, 1184}

# Days and microseconds from 1970, where Arrow counts from, to 2000, where PostgreSQL does (timestamp.h).
EPOCH_DAYS = 10_957
EPOCH = EPOCH_DAYS * 86_400_000_000
FIRST_DAY, LAST_DAY = -730_119, 2_921_939
"""0001-01-01 and 9999-12-31, counted from 2000: what Python's dates hold."""
FIRST, LAST = FIRST_DAY * 86_400_000_000, (LAST_DAY + 1) * 86_400_000_000 - 1
INFINITE_DAY, INFINITE = 2**31 - 1, 2**63 - 1


@dataclass(frozen=True)
class Binary(Values):
    """One column of a binary COPY, of the type with this OID."""

    code: int
    slices: Slices
    load: Any
    is_enum: bool
    receive: Callable[[], object]
    """Takes what the server has sent while columns were decoded, so that it has room to send on."""

    def arrow(self) -> "pa.Array | None":
        """An array for numbers, truth, texts, dates, times and bytes."""
        self.receive()
        found = self.slices
        if self.code in TEXTS or self.is_enum:
            return found.text()
        if self.code in INTEGERS:
            return found.numbers(found.fixed(INTEGERS[self.code]).astype(np.int64))
        if self.code == 16:
            return found.numbers(found.fixed("u1").astype(np.bool_))
        if self.code == 701:
            return found.numbers(found.fixed(">f8"))
        if self.code == 700:
            return found.numbers(_shortest(found.fixed(">f4")))
        if self.code == 17:
            return found.binary()
        return decimals(found) if self.code == 1700 else self._moments()

    def _moments(self) -> "pa.Array | None":
        found = self.slices
        if self.code == 1082:
            days = np.where(found.nulls, 0, found.fixed(">i4"))
            return _within(days, FIRST_DAY, LAST_DAY) and found.numbers(days + np.int32(EPOCH_DAYS), pa.date32())
        if self.code in (1114, 1184):
            at = np.where(found.nulls, 0, found.fixed(">i8"))
            type_ = pa.timestamp("us", "UTC" if self.code == 1184 else None)
            return _within(at, FIRST, LAST) and found.numbers(at + EPOCH, type_)
        return None

    def python(self) -> list[Any]:
        """The values as psycopg gives them; dates that Python cannot hold as PostgreSQL writes them, in UTC."""
        if self.code in TEXTS or self.is_enum:
            return self.slices.text().to_pylist()  # type: ignore[no-any-return]
        if self.code == 700:
            return self.arrow().to_pylist()  # type: ignore[no-any-return, union-attr]
        load = self.load if self.code not in (1082, 1114, 1184) else self._moment
        return [None if value is None else load(value) for value in self.slices.bytes()]

    def _moment(self, data: bytes) -> Any:
        """A date or time, or its text where it is infinite or too distant."""
        number = int.from_bytes(data, "big", signed=True)
        first, last = (FIRST_DAY, LAST_DAY) if self.code == 1082 else (FIRST, LAST)
        return self.load(data) if first <= number <= last else distant(number, self.code)


def decimals(found: Slices) -> "pa.Array | None":
    """Numerics of one scale and at most 18 digits; None where there are others.

    A value is four numbers of two bytes (how many digits follow, the weight of the first, the sign, the scale) and
    digits to the base of 10,000 (numeric_send in src/backend/utils/adt/numeric.c).
    """
    if found.nulls.all():
        return None
    head = found.fixed(">u8")
    if found.nulls.any():
        head[found.nulls] = 0
    count, weight = head >> 48, (head >> 32).astype(np.int16).astype(np.int64)
    sign, scale = (head >> 16) & 0xFFFF, head & 0xFFFF
    places = int(scale.max())
    one_scale = bool((scale == places).all() if not found.nulls.any() else (scale[~found.nulls] == places).all())
    if not one_scale or bool((sign & 0xBFFF).any()) or places > 18 or count.max() > 5:
        return None
    if 4 * (int(weight.max()) + 1) + places > 18 or weight.min() < -5:
        return None
    behind = -(-places // 4)
    shift = 16 * (3 - behind - weight)
    spare = 10 ** (4 * behind - places)
    four = _number(_kept(found.fixed(">u8", 8), count) >> np.maximum(shift, 0).astype(np.uint64))
    units = four // spare
    if shift.min() < 0:  # 18 places are five digits at most
        fifth = (_kept(found.fixed(">u8", 16), np.maximum(count, 4) - 4) >> 48).astype(np.int64)
        units = np.where(shift < 0, four * (10_000 // spare) + fifth // spare, units)
    return found.decimals(np.where(sign == 0x4000, -units, units), places)


def _kept(four: "np.ndarray[Any, Any]", count: "np.ndarray[Any, Any]") -> Any:
    """The first so many of four digits to the base of 10,000 in eight bytes, and zeros."""
    return four & KEPT[np.minimum(count, 4)]


def _number(four: "np.ndarray[Any, Any]") -> Any:
    """Four digits to the base of 10,000 as whole numbers."""
    pairs = (four >> 16 & 0x0000FFFF0000FFFF) * 10_000 + (four & 0x0000FFFF0000FFFF)
    return ((pairs >> 32) * 10**8 + (pairs & 0xFFFFFFFF)).astype(np.int64)


KEPT = np.array([2**64 - 2 ** (64 - 16 * n) for n in range(5)], dtype=np.uint64)


def _within(values: "np.ndarray[Any, Any]", first: int, last: int) -> Any:
    """True, or None where a value lies outside."""
    inside = not len(values) or bool(values.min() >= first and values.max() <= last)
    return True if inside else None


def _shortest(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Reals as the numbers that their shortest digits mean, which is how drivers read them from text."""
    return values.astype(np.str_).astype(np.float64)


def distant(number: int, code: int) -> str:
    """A date or time outside the years 1 to 9999, as PostgreSQL writes it.

    >>> distant(2**31 - 1, 1082), distant(LAST_DAY + 1, 1082), distant(FIRST_DAY - 1, 1082), distant(LAST + 2, 1114)
    ('infinity', '10000-01-01', '0001-12-31 BC', '10000-01-01 00:00:00.000001')
    """
    limit = INFINITE_DAY if code == 1082 else INFINITE
    if number in (limit, -limit - 1):
        return "infinity" if number > 0 else "-infinity"
    days, rest = (number, 0) if code == 1082 else divmod(number, 86_400_000_000)
    date = str(np.datetime64(days + EPOCH_DAYS, "D"))
    sign, year, tail = date[:1] == "-", date.lstrip("-").partition("-")[0], date.lstrip("-").partition("-")[2]
    before = sign or int(year) == 0
    shown = f"{1 + int(year) if before else int(year):04}-{tail}"
    if code != 1082:
        shown += str(np.datetime64(rest, "us"))[10:].replace("T", " ").rstrip("0").rstrip(".") if rest else " 00:00:00"
        shown += "+00" if code == 1184 else ""
    return f"{shown} BC" if before else shown
