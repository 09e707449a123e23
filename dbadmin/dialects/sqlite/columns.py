"""Columns over Python's sqlite3: rows of the driver as they are, turned into columns many at a time.

Other libraries that read SQLite into Arrow bring an SQLite of their own. Two of them in one process take each
other's locks on a file away (https://www.sqlite.org/howtocorrupt.html, section 2.2.1), so none is used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from dbadmin.dialects.columns import NotColumnar, Portion, Reading, Values, driver_errors
from dbadmin.dialects.sqlite.pieces import PUT_AWAY, Numbers, Piece, arrays, is_plain

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable

AT_ONCE = 250
"""Rows whose objects stay in the processor's cache until they are columns."""
FULL = 2 * 2**20
"""Bytes after which a batch is handed on; each costs a look at every column's type."""
NATURAL = ((int, pa.int64()), (float, pa.float64()), (str, pa.large_string()), (bytes, pa.large_binary()))
NUMBERS = {int: np.int64, float: np.float64}
NONE = type(None)
Part: TypeAlias = "Piece | pa.Array | Sequence[Any]"


@contextmanager
def read(connection: "Connection", executable: "Executable", params: Mapping[str, Any], size: int) -> Iterator[Reading]:
    """See `dialects.columns.reading`."""
    if connection.dialect.is_async or connection.dialect.driver != "pysqlite":
        raise NotColumnar(f"the driver {connection.dialect.driver} gives rows only; pysqlite gives columns")
    with connection.execute(executable, dict(params)) as result:
        cursor: Any = result.cursor
        names = tuple(map(str, result.keys()))
        with driver_errors(connection, cursor, str(result.context.statement)):
            yield Reading(
                names, (None,) * len(names), (None,) * len(names), _batches(cursor, size, is_plain(connection, cursor))
            )


def _batches(cursor: Any, size: int, plain: bool) -> Iterator[tuple[int, Sequence[Values]]]:
    portion = Portion(size)
    rows = cursor.fetchmany(min(AT_ONCE, portion.room))
    growing = [_Growing(plain) for _ in cursor.description]
    while rows:
        count, before = 0, pa.total_allocated_bytes()
        while rows:
            held = sum(column.add(values) for column, values in zip(growing, zip(*rows, strict=True), strict=True))
            count += len(rows)
            before -= held
            if count == portion.room or pa.total_allocated_bytes() - before >= FULL:
                break
            rows = cursor.fetchmany(min(AT_ONCE, portion.room - count))
        portion.took(count)
        yield count, [column.finished() for column in growing]
        rows = rows and cursor.fetchmany(min(AT_ONCE, portion.room))


class _Growing:
    """One column of the batch that is being read; as its last values were, the next ones will be for the most part."""

    def __init__(self, plain: bool) -> None:
        self._plain = plain
        self._put_away: Callable[[Sequence[Any]], Piece | None] | None = None
        self._parts: list[Part] = []

    def add(self, values: Sequence[Any]) -> int:
        """Take values; gives the bytes that are held beside Arrow's."""
        piece = self._put_away(values) if self._put_away is not None else None
        if piece is not None:
            self._parts.append(piece)
            return len(piece)
        kinds = set(map(type, values))
        self._put_away = PUT_AWAY.get(frozenset(kinds)) if self._plain else None
        self._parts.append(_part(values, kinds))
        return 0

    def finished(self) -> "Stored":
        """The values so far; the next ones begin a batch of their own."""
        parts, self._parts = self._parts, []
        return Stored(parts)


def _part(values: Sequence[Any], kinds: set[type]) -> "pa.Array | Sequence[Any]":
    """An array where all values are of one class and it holds them, else the values."""
    if len(kinds) == 1 and (kind := NUMBERS.get(next(iter(kinds)))):
        return pa.array(np.fromiter(values, kind, len(values)))
    kinds = kinds - {NONE}
    if not kinds:
        return pa.nulls(len(values))
    wanted = next((type_ for kind, type_ in NATURAL if kinds == {kind}), None)
    try:
        return values if wanted is None else pa.array(values, wanted)
    except (pa.ArrowInvalid, UnicodeEncodeError, OverflowError):
        return values


@dataclass(frozen=True)
class Stored(Values):
    """One column's values, of whatever class each one has: SQLite does not hold a column to its type."""

    parts: "Sequence[Part]"

    def arrow(self) -> "pa.Array | None":
        """An array where all values are of one class."""
        found = arrays(self.parts)
        types = {array.type for array in found or ()} - {pa.null()}
        if found is None or len(types) > 1:
            return None
        if len(found) == 1:
            return found[0]
        wanted = next(iter(types), pa.null())
        return pa.concat_arrays([array if array.type == wanted else array.cast(wanted) for array in found])

    def python(self) -> list[Any]:
        """The values."""
        found: list[Any] = []
        for part in self.parts:
            if isinstance(part, pa.Array):
                found += part.to_pylist()
            else:
                found += part.python() if isinstance(part, Piece) else part
        return found

    def floats(self) -> "np.ndarray[Any, Any] | None":
        """See `Values.floats`."""
        numbers = [part for part in self.parts if isinstance(part, Numbers)]
        return np.concatenate([part.floats() for part in numbers]) if len(numbers) == len(self.parts) else None
