"""The packets of an unbuffered result, taken from PyMySQL's own stream many at a time.

A row is one packet: its length in three bytes, its number in one, then its content (Packets of MySQL's source
documentation). Where one begins is known from the one before it only.
"""

import sys
from collections.abc import Iterator
from selectors import EVENT_READ, BaseSelector
from struct import Struct
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dbadmin.dialects.columns import Portion
from dbadmin.dialects.slices import PADDING

if TYPE_CHECKING:
    from sqlalchemy import Connection

FULL = 2 * 2**20
"""Bytes after which a batch is handed on, however few rows it has: what a processor's cache holds is decoded faster."""
AT_ONCE = 2**18
"""Bytes that are received at once at most: what has arrived beyond a small batch is held beside it."""
PATIENCE = 0.1
"""Seconds after which what has arrived is looked at, although it does not end as a result does: it may be an error."""
HEAD = Struct("<IB")
"""Length and number of a packet, and the byte that its content begins with; no packet of a result is empty."""
LARGEST = 2**24 - 1
"""A packet of this length goes on in the next one."""
STEP, FEWEST = 2**13, 32
"""Bytes from one place where packets are followed to the next one, and how many such places pay."""


Places: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


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
        self._mean = 0
        """Bytes of a packet, as the last batch had them; 0 before there was one."""

    def batches(self, size: int) -> Iterator[tuple[bytearray, Places]]:
        """Packets in a buffer, and where the content of each begins."""
        at, rows = 0, 0
        starts: list[Places] = []
        portion = Portion(size)
        while not self.ended:
            received = self.received
            self._fill(received, min(FULL, portion.room * self._mean))
            found, at = self._take(received, at, portion.room - rows)
            starts.append(found)
            rows += len(found)
            if self.ended or rows == portion.room or at >= FULL:
                self.received = received[at:]
                received[at:] = PADDING
                self.room = at
                portion.took(rows)
                if rows:
                    self._mean = at // rows + 1
                    yield received, np.concatenate(starts)
                at, rows, starts = 0, 0, []

    def _fill(self, received: bytearray, wanted: int) -> None:
        """Receive what a batch is thought to need, as long as the server sends it."""
        while len(received) < wanted and not _may_end(received) and self.selector.select(PATIENCE):
            self._receive(received)

    def _take(self, received: bytearray, at: int, wanted: int) -> tuple[Places, int]:
        """Find packets that have wholly arrived, after waiting for more if there is none; where the last one ends."""
        begin, have = at, len(received)
        many, at = followed(received, at, min(have, at + wanted * self._mean), wanted)
        starts: list[int] = []
        wanted -= len(many)
        look, note = HEAD.unpack_from, starts.append
        while wanted and at + HEAD.size <= have:
            head, kind = look(received, at)
            length = head & LARGEST
            end = at + 4 + length
            if end > have:
                break
            if kind == 0xFF or (kind == 0xFE and length < 9):
                self._end(bytes(received[at:end]))
                break
            if length == LARGEST:
                end = self._join(received, at)
                if not end:
                    break
                have = len(received)
            note(at + 4)
            at, wanted = end, wanted - 1
        if at == begin and not self.ended:
            self._receive(received)
        return np.append(many, np.array(starts, dtype=np.int64)), at

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


def _may_end(received: bytearray) -> bool:
    """Whether the last bytes look like the packet that ends a result."""
    return received[-9:-6] == b"\5\0\0" and received[-5:-4] == b"\xfe"


def followed(received: bytearray, begin: int, end: int, most: int) -> tuple[Places, int]:
    """Packets between two places, found by following them from many at once; where the last one ends.

    What looks like the head of a packet may be anything: only packets that join on to the first one count.
    """
    span = end - begin - HEAD.size + 1
    if span < STEP * FEWEST:
        return np.empty(0, dtype=np.int64), begin
    heads: Any = np.ndarray((span,), "<u4", received, begin, (1,))
    kinds: Any = np.ndarray((span,), "u1", received, begin + 4)
    at = _guessed(received, begin, span, heads)
    stops, places = np.append(at[1:], span), list[Places]()
    while len(at):
        places.append(at)
        at = at + 4 + (heads[at] & LARGEST)
        going = at < stops
        at, stops = at[going], stops[going]
    starts = np.sort(np.concatenate(places))[:most]
    lengths = heads[starts] & LARGEST
    ends = starts + 4 + lengths
    right = (ends <= end - begin) & (lengths < LARGEST) & (kinds[starts] < 0xFE)
    right[1:] &= ends[:-1] == starts[1:]
    count = len(starts) if right.all() else int(right.argmin())
    return starts[:count] + (begin + 4), begin + (int(ends[count - 1]) if count else 0)


def _guessed(received: bytearray, begin: int, span: int, heads: Any) -> Places:
    """The first packet, and places a STEP from each other that two packets with the next numbers seem to follow."""
    mark = received[begin + 1 : begin + 3]  # of lengths in three bytes, most have the upper two in common
    places = [0]
    for near in range(STEP, span, STEP):
        place = received.find(mark, begin + near + 1, begin + min(near + STEP, span) + 2) - begin - 1
        if place > 0:
            places.append(place)
    first = np.array(places, dtype=np.int64)
    at, seems = first, np.ones(len(first), dtype=np.bool_)
    for _ in range(2):
        number, at = heads[at] >> 24, at + 4 + (heads[at] & LARGEST)
        seems &= at < span
        at = np.minimum(at, span - 1)
        seems &= heads[at] >> 24 == (number + 1 & 0xFF)
    seems[0] = True
    return first[seems]
