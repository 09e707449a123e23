"""Columns over PyMySQL: the packets of an unbuffered result, taken from the guarded connection's own stream.

A row is one packet: its length in three bytes, its number in one, then for each column a length and the value's
text (Protocol::ResultsetRow and length-encoded integers of MySQL's source documentation).
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from sqlalchemy import event

from dbadmin.dialects.columns import NotColumnar, Portion, Reading, Values, driver_errors
from dbadmin.dialects.mysql.results import TEXTS, cursor_types
from dbadmin.dialects.slices import PADDING, Slices

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable

FULL = 2 * 2**20
"""Bytes after which a batch is handed on, however few rows it has: what a processor's cache holds is decoded faster."""
AT_ONCE = 2**18
"""Bytes that are received at once at most: what has arrived beyond a small batch is held beside it."""
HEAD = Struct("<IB")
"""Length and number of a packet, and the byte that its content begins with; no packet of a result is empty."""
LARGEST = 2**24 - 1
"""A packet of this length goes on in the next one."""
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


class Packets:
    """The rows of a result that PyMySQL has begun to read, up to the packet that ends it."""

    def __init__(self, driver: Any, running: Any, selector: BaseSelector) -> None:
        self.driver = driver
        self.running = running
        self.selector = selector
        selector.register(driver._sock, EVENT_READ)
        self.ended = not running.unbuffered_active
        self.received = bytearray()
        self.room = 0
        """Bytes that may be received while a batch is decoded: as many as it has."""

    def batches(self, size: int) -> Iterator[tuple[bytes, "np.ndarray[Any, Any]"]]:
        """Packets in a buffer, and where the content of each begins."""
        at = 0
        starts: list[int] = []
        portion = Portion(size)
        while not self.ended:
            received = self.received
            at = self._take(received, at, starts, portion.room)
            if self.ended or len(starts) == portion.room or at >= FULL:
                self.received = received[at:]
                received[at:] = PADDING
                self.room = at
                portion.took(len(starts))
                if starts:
                    yield bytes(received), np.array(starts, dtype=np.int64)
                starts, at = [], 0

    def _take(self, received: bytearray, at: int, starts: list[int], size: int) -> int:
        """Note the packets that have wholly arrived, after waiting for more if there is none; where they end."""
        begin, wanted, have = at, size - len(starts), len(received)
        look, note = HEAD.unpack_from, starts.append
        while wanted and at + HEAD.size <= have:
            head, kind = look(received, at)
            length = head & LARGEST
            end = at + 4 + length
            if end > have:
                break
            if kind == 0xFF or (kind == 0xFE and length < 9):
                self._end(bytes(received[at:end]))
                return at
            if length == LARGEST:
                end = self._join(received, at)
                if not end:
                    break
                have = len(received)
            note(at + 4)
            at, wanted = end, wanted - 1
        if at == begin:
            self._receive(received)
        return at

    def _join(self, received: bytearray, at: int) -> int:
        """Put a value's packets together in place; 0 where they have not all arrived. Gives the end."""
        here, ends = at, []
        while True:
            if here + 4 > len(received):
                return 0
            length = int.from_bytes(received[here : here + 3], "little")
            if here + 4 + length > len(received):
                return 0
            ends.append((here, here + 4 + length))
            here += 4 + length
            if length < LARGEST:
                break
        whole = b"".join(bytes(received[start + 4 : end]) for start, end in ends)
        received[at + 4 : here] = whole
        return at + 4 + len(whole)

    def receive(self) -> None:
        """Take what the server has sent while columns were decoded, so that it has room to send on."""
        if not self.ended and len(self.received) < self.room and self.selector.select(0):
            self._receive(self.received)

    def _receive(self, received: bytearray) -> None:
        """Wait for more bytes, and take what has arrived; nothing beyond this result can arrive before it ends."""
        from pymysql import OperationalError
        from pymysql.constants import CR

        arrived = self.driver._rfile.read1(AT_ONCE)
        if not arrived:
            self.driver._force_close()
            raise OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
        received += arrived

    def _end(self, packet: bytes) -> None:
        """The last packet: an error, or EOF with the warnings and whether another result follows."""
        from pymysql.protocol import MysqlPacket

        self.ended = True
        running, self.running.unbuffered_active = self.running, False
        last = MysqlPacket(packet[4:], self.driver.encoding)
        if last.is_error_packet():
            last.raise_for_error()
        running._check_packet_is_eof(last)
        running.connection = None
        running.rows = None

    def abandon(self, connection: "Connection") -> None:
        """Give the connection up unless all was read: there is no other way to stop a result."""
        if not self.ended:
            self.running.unbuffered_active = False
            self.running.connection = None
            connection.invalidate(sys.exception())  # before it is closed: an interrupt ends it on the server
            self.driver._force_close()


def _columns(
    data: bytes, starts: "np.ndarray[Any, Any]", running: Any, receive: Callable[[], None]
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
