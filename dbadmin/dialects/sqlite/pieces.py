"""Some rows' values of one column, all of one class, put away at once: what is cheap to join, and to take apart again.

sqlite3 gives objects of five classes and nothing else, as long as nobody converts them (`is_plain`). Then what can be
joined as text is text, and what can be packed as numbers are numbers: the values' classes need no look of their own.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from sqlalchemy import Connection

CONVERTED = {"DATE", "TIMESTAMP"}
"""Python's own converters; where they are asked for, they give neither text nor numbers."""


@dataclass(frozen=True, slots=True)
class Text:
    """Texts in one, and how many characters each has, packed as Numbers are."""

    joined: str
    lengths: bytes

    def __len__(self) -> int:
        return len(self.joined)

    def python(self) -> list[str]:
        """The texts."""
        bounds = accumulate(struct.unpack(f"{len(self.lengths) // 8}q", self.lengths), initial=0)
        return [self.joined[begin:end] for begin, end in pairwise(bounds)]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers as the machine has them, eight bytes each: "q" whole ones, "d" others, of which some may be integers."""

    kind: str
    packed: bytes
    integers: Sequence[int] = ()
    """Where "d" has integers."""

    def __len__(self) -> int:
        return len(self.packed)

    def python(self) -> list[Any]:
        """The numbers."""
        found: list[Any] = list(struct.unpack(f"{len(self.packed) // 8}{self.kind}", self.packed))
        for at in self.integers:
            found[at] = int(found[at])
        return found

    def floats(self) -> "np.ndarray[Any, Any]":
        """The nearest floats."""
        return np.frombuffer(self.packed, NUMPY[self.kind]).astype(np.float64, copy=False)


Piece = Text | Numbers
NUMPY = {"q": np.dtype("<i8"), "d": np.dtype("<f8")}
ARROW = {"q": pa.int64(), "d": pa.float64()}


def is_plain(connection: "Connection", cursor: Any) -> bool:
    """Whether a statement's values are of SQLite's own classes: no one converts them."""
    driver = connection.connection.dbapi_connection
    converters = getattr(connection.dialect.dbapi, "converters", None)
    return (
        getattr(driver, "text_factory", None) is str
        and getattr(cursor, "row_factory", cursor) is None
        and converters is not None
        and set(converters) <= CONVERTED
    )


def texts(values: Sequence[Any]) -> Text | None:
    """All texts in one; None where one is none."""
    try:
        joined = "".join(values)
    except TypeError:
        return None
    return Text(joined, _format("q", len(values)).pack(*map(len, values)))


def integers(values: Sequence[Any]) -> Numbers | None:
    """All integers; None where one is none."""
    try:
        return Numbers("q", _format("q", len(values)).pack(*values))
    except struct.error:
        return None


def floats(values: Sequence[Any]) -> Numbers | None:
    """All numbers as floats; None where one is none that a float holds. What has no fraction may be an integer."""
    try:
        packed = _format("d", len(values)).pack(*values)
    except (struct.error, OverflowError):
        return None
    found = np.frombuffer(packed, NUMPY["d"])
    whole = np.flatnonzero(found == np.trunc(found)).tolist()
    among = [at for at in whole if type(values[at]) is int]
    if len(among) == len(values):
        return integers(values)
    return Numbers("d", packed, among) if all(int(found[at]) == values[at] for at in among) else None


PUT_AWAY: dict[frozenset[type], Callable[[Sequence[Any]], Piece | None]] = {
    frozenset({str}): texts,
    frozenset({int}): integers,
    frozenset({float}): floats,
    frozenset({int, float}): floats,
}
"""By the classes that values have: SQLite keeps what has no fraction in a NUMERIC as an integer."""


def arrays(pieces: Sequence[Any]) -> "list[pa.Array] | None":
    """Pieces that follow one another as arrays; None where one of them is none, and no array yet."""
    found = list[pa.Array]()
    for kind, group in groupby(pieces, type):
        if kind is Text:
            array = _text_array(list(group))
            if array is None:
                return None
            found.append(array)
        elif kind is Numbers:
            for letter, same in groupby(group, lambda piece: None if piece.integers else piece.kind):
                if letter is None:
                    return None
                packed = b"".join(piece.packed for piece in same)
                found.append(pa.Array.from_buffers(ARROW[letter], len(packed) // 8, [None, pa.py_buffer(packed)]))
        elif issubclass(kind, pa.Array):
            found += group
        else:
            return None
    return found


def _text_array(pieces: Sequence[Text]) -> "pa.Array | None":
    try:
        data = "".join([piece.joined for piece in pieces]).encode()
    except UnicodeEncodeError:  # lone surrogates, of a text_factory that lets them through
        return None
    lengths = np.frombuffer(b"".join([piece.lengths for piece in pieces]), NUMPY["q"])
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if len(data) > offsets[-1]:  # characters of several bytes, of which those after the first are 0x80 to 0xbf
        begins = np.flatnonzero(np.frombuffer(data, np.int8) >= -64)
        offsets = np.append(begins, len(data))[offsets]
    return pa.Array.from_buffers(pa.large_string(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


@cache
def _format(letter: str, count: int) -> struct.Struct:
    return struct.Struct(f"{count}{letter}")
