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

from dbadmin.dialects.mysql.columns import AT_ONCE, Packets, Text
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


def test_packets_that_arrive_meanwhile_are_as_many_as_a_batch(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[tuple[int, int]] = []
    decode, started = Text.arrow, Packets.batches

    def batches(packets: Packets, size: int) -> Any:
        def slow(column: Text) -> Any:
            if held:
                return decode(column)
            while len(packets.received) < packets.room:
                packets.receive()
                time.sleep(0.001)
            held.append((len(packets.received), packets.room))
            packets.receive()
            assert len(packets.received) == held[-1][0]
            return decode(column)

        monkeypatch.setattr(Text, "arrow", slow)
        return started(packets, size)

    monkeypatch.setattr(Packets, "batches", batches)
    asked = Database(sa.create_engine(mariadb.url))
    found = frame(asked, "select seq, repeat('x', 200) as x from seq_1_to_25000")
    asked.close()
    assert found.iloc[:, 0].tolist() == list(range(1, 25_001))
    size, room = held[0]
    assert 2 * 2**20 <= room <= size < room + AT_ONCE
