"""Some rows' values of one column, all of one class, put away at once: what is cheap to join, and to take apart again.

sqlite3 gives objects of five classes and nothing else, as long as nobody converts them (`is_plain`). Then what can be
joined as text is text, and what can be packed as numbers are numbers: the values' classes need no look of their own.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import countOf
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from sqlalchemy import Connection

SEPARATOR = "\0"
CONVERTED = {"DATE", "TIMESTAMP"}
"""Python's own converters; where they are asked for, they give neither text nor numbers."""


@dataclass(frozen=True, slots=True)
class Text:
    """Texts in one, none of which holds the separator."""

    joined: str
    count: int

    def __len__(self) -> int:
        return len(self.joined)

    def python(self) -> list[str]:
        """The texts."""
        return self.joined.split(SEPARATOR)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers as the machine has them, eight bytes each: "q" whole ones, "d" others."""

    kind: str
    packed: bytes

    def __len__(self) -> int:
        return len(self.packed)

    def python(self) -> list[Any]:
        """The numbers."""
        return list(struct.unpack(f"{len(self.packed) // 8}{self.kind}", self.packed))


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
    """All texts in one; None where one is none, or where they could not be told apart again."""
    try:
        joined = SEPARATOR.join(values)
    except TypeError:
        return None
    return Text(joined, len(values)) if joined.count(SEPARATOR) == len(values) - 1 else None


def integers(values: Sequence[Any]) -> Numbers | None:
    """All integers; None where one is none."""
    try:
        return Numbers("q", _format("q", len(values)).pack(*values))
    except struct.error:
        return None


def floats(values: Sequence[Any]) -> Numbers | None:
    """All floats; None where one is none. Whole numbers pass for floats: those that have no fraction are looked at."""
    try:
        packed = _format("d", len(values)).pack(*values)
    except (struct.error, OverflowError):
        return None
    found = np.frombuffer(packed, NUMPY["d"])
    if (found == np.trunc(found)).any() and countOf(map(type, values), float) < len(values):
        return None
    return Numbers("d", packed)


PUT_AWAY: dict[type, Callable[[Sequence[Any]], Piece | None]] = {str: texts, int: integers, float: floats}


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
            for letter, same in groupby(group, lambda piece: piece.kind):
                packed = b"".join(piece.packed for piece in same)
                found.append(pa.Array.from_buffers(ARROW[letter], len(packed) // 8, [None, pa.py_buffer(packed)]))
        elif issubclass(kind, pa.Array):
            found += group
        else:
            return None
    return found


def _text_array(pieces: Sequence[Text]) -> "pa.Array | None":
    count = sum(piece.count for piece in pieces)
    try:
        joined = SEPARATOR.join(piece.joined for piece in pieces).encode()
    except UnicodeEncodeError:  # lone surrogates, of a text_factory that lets them through
        return None
    offsets = np.empty(count + 1, np.int64)
    offsets[0], offsets[-1] = 0, len(joined) - (count - 1)
    offsets[1:-1] = np.flatnonzero(np.frombuffer(joined, np.uint8) == 0) - np.arange(count - 1)
    data = joined.replace(SEPARATOR.encode(), b"")
    return pa.Array.from_buffers(pa.large_string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


@cache
def _format(letter: str, count: int) -> struct.Struct:
    return struct.Struct(f"{count}{letter}")
