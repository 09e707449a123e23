"""Columns over Python's sqlite3: rows of the driver as they are, turned into columns many at a time.

Other libraries that read SQLite into Arrow bring an SQLite of their own. Two of them in one process take each
other's locks on a file away (https://www.sqlite.org/howtocorrupt.html, section 2.2.1), so none is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from dbadmin.dialects.columns import NotColumnar, Portion, Reading, Values, driver_errors

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable

AT_ONCE = 250
"""Rows whose objects stay in the processor's cache until they are columns."""
FULL = 2 * 2**20
"""Bytes after which a batch is handed on; each costs a look at every column's type."""
NATURAL = ((int, pa.int64()), (float, pa.float64()), (str, pa.large_string()), (bytes, pa.large_binary()))
NUMBERS = {int: np.int64, float: np.float64}
NONE = type(None)


@contextmanager
def read(connection: "Connection", executable: "Executable", params: Mapping[str, Any], size: int) -> Iterator[Reading]:
    """See `dialects.columns.reading`."""
    if connection.dialect.is_async or connection.dialect.driver != "pysqlite":
        raise NotColumnar(f"the driver {connection.dialect.driver} gives rows only; pysqlite gives columns")
    with connection.execute(executable, dict(params)) as result:
        cursor: Any = result.cursor
        names = tuple(map(str, result.keys()))
        with driver_errors(connection, cursor, str(result.context.statement)):
            yield Reading(names, (None,) * len(names), (None,) * len(names), _batches(cursor, size))


def _batches(cursor: Any, size: int) -> Iterator[tuple[int, Sequence[Values]]]:
    portion = Portion(size)
    rows = cursor.fetchmany(min(AT_ONCE, portion.room))
    while rows:
        count, parts, before = 0, list[list[pa.Array | Sequence[Any]]](), pa.total_allocated_bytes()
        while rows:
            parts.append([_part(values) for values in zip(*rows, strict=True)])
            count += len(rows)
            if count == portion.room or pa.total_allocated_bytes() - before >= FULL:
                break
            rows = cursor.fetchmany(min(AT_ONCE, portion.room - count))
        portion.took(count)
        yield count, [Stored(column) for column in zip(*parts, strict=True)]
        rows = rows and cursor.fetchmany(min(AT_ONCE, portion.room))


def _part(values: Sequence[Any]) -> "pa.Array | Sequence[Any]":
    """An array where all values are of one class and it holds them, else the values."""
    kinds = set(map(type, values))
    if len(kinds) == 1 and (kind := NUMBERS.get(next(iter(kinds)))):
        return pa.array(np.fromiter(values, kind, len(values)))
    kinds.discard(NONE)
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

    parts: Sequence["pa.Array | Sequence[Any]"]

    def arrow(self) -> "pa.Array | None":
        """An array where all values are of one class."""
        arrays = [part for part in self.parts if isinstance(part, pa.Array)]
        types = {array.type for array in arrays} - {pa.null()}
        if len(arrays) < len(self.parts) or len(types) > 1:
            return None
        wanted = next(iter(types), pa.null())
        return pa.concat_arrays([array if array.type == wanted else array.cast(wanted) for array in arrays])

    def python(self) -> list[Any]:
        """The values."""
        found: list[Any] = []
        for part in self.parts:
            found += part.to_pylist() if isinstance(part, pa.Array) else part
        return found
