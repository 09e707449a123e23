"""Columns over Python's sqlite3: rows of the driver as they are, turned into columns many at a time.

Other libraries that read SQLite into Arrow bring an SQLite of their own. Two of them in one process take each
other's locks on a file away (https://www.sqlite.org/howtocorrupt.html, section 2.2.1), so none is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dbadmin.dialects.columns import NotColumnar, Portion, Reading, Values, driver_errors

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable

AT_ONCE = 1_000
"""Rows whose objects stay in the processor's cache until they are columns."""
NATURAL = ((int, pa.int64()), (float, pa.float64()), (str, pa.large_string()), (bytes, pa.large_binary()))


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
    while rows := cursor.fetchmany(min(AT_ONCE, portion.room)):
        portion.took(len(rows))
        yield len(rows), [Stored(values) for values in zip(*rows, strict=True)]


@dataclass(frozen=True)
class Stored(Values):
    """One column's values, of whatever class each one has: SQLite does not hold a column to its type."""

    values: Sequence[Any]

    def arrow(self) -> "pa.Array | None":
        """An array where all values are of one class."""
        kinds = set(map(type, self.values)) - {type(None)}
        if len(kinds) != 1:
            return pa.nulls(len(self.values)) if not kinds else None
        wanted = next((type_ for kind, type_ in NATURAL if kind in kinds), None)
        if wanted is None:
            return None
        try:
            return pa.array(self.values, wanted)
        except (pa.ArrowInvalid, UnicodeEncodeError, OverflowError):
            return None

    def python(self) -> Sequence[Any]:
        """The values."""
        return self.values
