"""Columns over PyMySQL: the packets of an unbuffered result, taken from the guarded connection's own stream.

A row is one packet, which has for each column a length and the value's text (Protocol::ResultsetRow and
length-encoded integers of MySQL's source documentation).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from selectors import DefaultSelector
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from sqlalchemy import event

from dbadmin.dialects.columns import NotColumnar, Reading, Values, driver_errors
from dbadmin.dialects.mysql.packets import Packets
from dbadmin.dialects.mysql.results import TEXTS, cursor_types
from dbadmin.dialects.slices import Slices

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable

INTEGERS = frozenset({1, 2, 3, 8, 9, 13})
FLOATS = frozenset({4, 5})
TIMES = frozenset({7, 12})
DATE, DECIMAL, JSON = 10, 246, 245


@contextmanager
def read(connection: "Connection", executable: "Executable", params: Mapping[str, Any], size: int) -> Iterator[Reading]:
    """See `dialects.columns.reading`."""
    driver = _driver(connection)
    event.listen(connection, "after_cursor_execute", _leave_rows_alone)
    try:
        result = connection.execute(executable, dict(params), execution_options={"stream_results": True})
    finally:
        event.remove(connection, "after_cursor_execute", _leave_rows_alone)
    cursor: Any = result.cursor
    running = cursor._result
    codes = tuple(field.type_code for field in running.fields)
    with driver_errors(connection, cursor, str(result.context.statement)), DefaultSelector() as selector:
        packets = Packets(driver, running, selector)
        try:
            yield Reading(
                tuple(map(str, result.keys())),
                codes,
                tuple(cursor_types(cursor)),
                (_columns(data, starts, running, packets.receive) for data, starts in packets.batches(size)),
            )
        finally:
            packets.abandon(connection)
            result.close()


def _leave_rows_alone(_: Any, cursor: Any, *__: Any) -> None:
    """SQLAlchemy looks at the first row in advance: there is none for it, it is read as a packet."""
    cursor.fetchmany = lambda size=None: []


def _driver(connection: "Connection") -> Any:
    """The PyMySQL connection. Raises NotColumnar for other drivers, compression and encodings."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.driver != "pymysql" or type(driver).__module__ != "pymysql.connections":
        raise NotColumnar(f"the driver {connection.dialect.driver} gives rows only; PyMySQL gives columns")
    if driver.encoding != "utf8" or not driver.use_unicode:
        raise NotColumnar(f"the connection's encoding is {driver.encoding}")
    return driver


def _columns(
    data: bytearray, starts: "np.ndarray[Any, Any]", running: Any, receive: Callable[[], None]
) -> tuple[int, Sequence[Values]]:
    """The columns of rows; a length is one byte, or 0xfc, 0xfd, 0xfe and two, three, eight; 0xfb is NULL."""
    count = running.field_count
    bytes_ = np.frombuffer(data, dtype=np.uint8)
    at = starts
    columns = []
    for field, (encoding, converter) in zip(running.fields, running.converters, strict=True):
        lengths, at = bytes_[at].astype(np.int64), at + 1
        if lengths.max() >= 0xFB:
            first = lengths.copy()
            lengths[first == 0xFB] = -1
            for mark, width in ((0xFC, 2), (0xFD, 3), (0xFE, 8)):
                longer = np.flatnonzero(first == mark)
                there = at[longer]
                lengths[longer] = sum(bytes_[there + n].astype(np.int64) << 8 * n for n in range(width))
                at[longer] += width
        columns.append(Text(field.type_code, field.scale, Slices(data, at, lengths), encoding, converter, receive))
        at = at + np.maximum(lengths, 0)
    assert len(columns) == count
    return len(starts), columns


@dataclass(frozen=True)
class Text(Values):
    """One column of a result in MySQL's text form; PyMySQL's `encoding` and `converter` read single values."""

    code: int
    scale: int
    slices: Slices
    encoding: str | None
    converter: Any
    receive: Callable[[], None]

    def arrow(self) -> "pa.Array | None":
        """An array for numbers, dates, times, texts and bytes."""
        self.receive()
        try:
            return self._arrow()
        except (
            pa.ArrowInvalid,
            pa.ArrowNotImplementedError,
        ):  # a date such as 0000-00-00, a number beyond 2**63, no UTF-8
            return None

    def _arrow(self) -> "pa.Array | None":
        if self.code in TEXTS or self.code == JSON:
            return self.slices.binary() if self.encoding is None else self.slices.text()
        wanted = (
            pa.int64() if self.code in INTEGERS
            else pa.float64() if self.code in FLOATS
            else pa.timestamp("us") if self.code in TIMES
            else pa.date32() if self.code == DATE
            else pa.decimal128(38, self.scale) if self.code == DECIMAL
            else None
        )  # fmt: skip
        return None if wanted is None else self.slices.text().cast(wanted)

    def python(self) -> list[Any]:
        """The values as PyMySQL gives them."""
        return [None if value is None else self._read(value) for value in self.slices.bytes()]

    def _read(self, value: bytes) -> Any:
        decoded: Any = value if self.encoding is None else value.decode(self.encoding)
        return decoded if self.converter is None else self.converter(decoded)
