"""What a server sends while columns are decoded is received meanwhile, and not hoarded."""

import time
from collections import deque
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from servers import TestDatabase

from dbadmin.database import Database
from dbadmin.frames import frame

pytest.importorskip("pyarrow")

from dbadmin.dialects.mysql import packets
from dbadmin.dialects.mysql.columns import Text
from dbadmin.dialects.mysql.packets import AT_ONCE, Packets
from dbadmin.dialects.postgresql.columns import FETCHES, Rows

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)


class Libpq:
    """What psycopg and libpq do of a COPY, with a server that sends as many rows at once as it is told."""

    def __init__(self, rows: list[bytes], sends: list[int]) -> None:
        self.to_send = deque([HEADER, *rows, b"\xff\xff"])
        self.sends = iter(sends)
        self.held: deque[bytes] = deque()
        self.most = 0

    def consume_input(self) -> None:
        for _ in range(min(next(self.sends, 1), len(self.to_send))):
            self.held.append(self.to_send.popleft())
        self.most = max(self.most, len(self.held))

    def get_copy_data(self, _: int) -> tuple[int, memoryview]:
        if not self.held and not self.to_send:
            return -1, memoryview(b"")
        row = self.held.popleft() if self.held else b""
        return len(row), memoryview(row)

    def read(self) -> memoryview:
        """A row, after a wait for it; nothing at the end."""
        while self.to_send and not self.held:
            self.consume_input()
        return self.get_copy_data(1)[1]


@given(
    st.lists(st.binary(min_size=6, max_size=20), max_size=40),
    st.lists(st.integers(0, 9), max_size=30),
    st.integers(1, 9),
)
def test_rows_come_whole_however_they_arrive(rows: list[bytes], sends: list[int], size: int) -> None:
    server = Libpq(rows, sends)
    copied: Any = Rows(server, server)
    found = []
    for data, starts in copied.batches(size):
        assert len(starts) == min(size, len(rows) - len(found))
        ends = [*starts.tolist()[1:], len(data) - 16]
        found += [data[start:end] for start, end in zip(starts.tolist(), ends, strict=True)]
        for _ in range(9):
            copied.receive()
    assert found == rows


def test_a_server_that_is_faster_fills_no_buffer() -> None:
    server = Libpq([bytes(6)] * 20_000, [5] * 20_000)
    copied: Any = Rows(server, server)
    fetched = []
    for _ in copied.batches(10):
        fetched.append(copied.fetches)
        for _ in range(99):
            copied.receive()
    assert server.most <= 5 * (FETCHES + 2)
    assert set(fetched) == {0, FETCHES}


class Stream:
    """PyMySQL's connection, result and selector at once, with a server that sends so many bytes at a time."""

    encoding = "utf8"
    unbuffered_active = True

    def __init__(self, sent: bytes, pieces: list[int]) -> None:
        self.sent = sent
        self.pieces = iter(pieces)
        self._rfile = self._sock = self

    def register(self, *_: object) -> None: ...

    def select(self, _: float) -> bool:
        return bool(self.sent)

    def read1(self, most: int) -> bytes:
        assert self.sent, "the server has nothing more to send: this would wait for ever"
        size = min(next(self.pieces, most), most)
        piece, self.sent = self.sent[:size], self.sent[size:]
        return piece

    def _check_packet_is_eof(self, packet: Any) -> None:
        assert packet.is_eof_packet()


END = b"\xfe\0\0\2\0"
ROWS = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from([b"\0", b"\1\0\0\2", b"\5\0\0\3\xfe\0\0\2\0", b"\2\0\0", b"x" * 30])).map(b"".join),
)


def _packets(contents: list[bytes]) -> bytes:
    heads = [len(content).to_bytes(3, "little") + bytes([number % 256]) for number, content in enumerate(contents, 250)]
    return b"".join(head + content for head, content in zip(heads, contents, strict=True))


@given(st.lists(ROWS.map(lambda row: b"\1" + row), max_size=60), st.lists(st.integers(1, 300)), st.integers(1, 30))
def test_packets_come_whole_however_they_arrive_and_whatever_they_hold(
    rows: list[bytes], pieces: list[int], size: int
) -> None:
    stream: Any = Stream(_packets([*rows, END]), pieces)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packets, "STEP", 24)  # so that even a few packets are followed from many places at once
        patch.setattr(packets, "FEWEST", 2)
        for data, starts in Packets(stream, stream, stream).batches(size):
            assert len(starts) == min(size, len(rows) - len(found))
            lengths = [int.from_bytes(data[start - 4 : start - 1], "little") for start in starts.tolist()]
            found += [bytes(data[at : at + length]) for at, length in zip(starts.tolist(), lengths, strict=True)]
    assert found == rows
    assert stream.unbuffered_active is False


def test_packets_are_followed_from_many_places_at_once() -> None:
    rows = [b"\x05%05d\x28%s" % (number, b"ab" * 20) for number in range(20_000)]
    sent = bytearray(_packets(rows))
    starts, end = packets.followed(sent, 0, len(sent), len(rows))
    assert end == len(sent)
    assert [bytes(sent[at : at + 47]) for at in starts.tolist()] == rows
    some, end = packets.followed(sent, 51, len(sent), 1_000)
    assert (some.tolist(), end) == (starts[1:1_001].tolist(), 51 * 1_001)


NO_ROWS = {
    "the end": END,
    "an error": b"\xff\x25\x05#70100Query execution was interrupted",
    "a value of 16 MiB and more": b"\xfe" + bytes(20),
    "a row that goes on in the next packet": b"\1" * packets.LARGEST,
}


@pytest.mark.parametrize("last", NO_ROWS.values(), ids=NO_ROWS)
def test_what_is_no_row_is_not_followed(last: bytes) -> None:
    rows = [b"\x05%05d\x28%s" % (number, b"ab" * 20) for number in range(20_000)]
    sent = bytearray(_packets([*rows, last, *rows[:100]]))
    starts, end = packets.followed(sent, 0, len(sent), 10**9)
    assert (len(starts), end) == (len(rows), 51 * len(rows))


def test_what_looks_like_packets_within_a_row_is_not_followed() -> None:
    rows = [b"\x05%05d\x28%s" % (number, b"ab" * 20) for number in range(20_000)]
    forged = b"\xfd" + (6 * 51).to_bytes(3, "little") + _packets(rows[:200])
    rows[10_000:10_000] = [forged] * 9
    sent = bytearray(_packets(rows))
    found, at = 0, 0
    while at < len(sent) - packets.STEP * packets.FEWEST:
        starts, at = packets.followed(sent, at, len(sent), 10**9)
        lengths = [int.from_bytes(sent[start - 4 : start - 1], "little") for start in starts.tolist()]
        whole = [bytes(sent[start : start + length]) for start, length in zip(starts.tolist(), lengths, strict=True)]
        assert whole == rows[found : found + len(whole)] and whole
        found += len(whole)


def test_a_packet_that_has_arrived_in_part_is_not_followed() -> None:
    rows = [b"\x05%05d\x28%s" % (number, b"ab" * 20) for number in range(20_000)]
    sent = bytearray(_packets(rows))
    for missing in (1, 46, 47, 50):
        starts, end = packets.followed(sent, 0, len(sent) - missing, 10**9)
        assert (len(starts), end) == (len(rows) - 1, 51 * (len(rows) - 1))


def test_an_error_between_rows_is_raised_although_nothing_follows_it() -> None:
    rows = [b"\x05%05d\x28%s" % (number, b"ab" * 20) for number in range(50_000)]
    error = b"\xff\x25\x05#70100Query execution was interrupted"
    stream: Any = Stream(_packets([*rows, error]), [])
    found = 0
    with pytest.raises(Exception, match="interrupted"):
        for _, starts in Packets(stream, stream, stream).batches(20_000):
            found += len(starts)
    assert found == 40_000


def test_packets_that_arrive_meanwhile_are_as_many_as_a_batch(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[tuple[int, int]] = []
    decode, started = Text.arrow, Packets.batches

    def batches(running: Packets, size: int) -> Any:
        def slow(column: Text) -> Any:
            if held:
                return decode(column)
            while len(running.received) < running.room:
                running.receive()
                time.sleep(0.001)
            held.append((len(running.received), running.room))
            running.receive()
            assert len(running.received) == held[-1][0]
            return decode(column)

        monkeypatch.setattr(Text, "arrow", slow)
        return started(running, size)

    monkeypatch.setattr(Packets, "batches", batches)
    asked = Database(sa.create_engine(mariadb.url))
    found = frame(asked, "select seq, repeat('x', 200) as x from seq_1_to_25000")
    asked.close()
    assert found.iloc[:, 0].tolist() == list(range(1, 25_001))
    size, room = held[0]
    assert 2 * 2**20 <= room <= size < room + AT_ONCE
