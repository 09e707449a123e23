"""SQLite's values put away many at once: they come back as they were, and where somebody converts them nothing is taken
for what it is not.
"""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st
from servers import TestDatabase

from dbadmin.database import Database
from dbadmin.frames import frame

pytest.importorskip("pyarrow")

from dbadmin.dialects.sqlite.columns import Stored, _Growing
from dbadmin.dialects.sqlite.pieces import Numbers, Text

INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(), max_size=5) | st.sampled_from(["", "\0", "a\0b", "é", "\ud800"])
FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 1.0, 1e300, math.inf])
ONE = INTEGERS | TEXTS | FLOATS | st.none() | st.binary(max_size=3)
PARTS = st.lists(
    st.one_of(*(st.lists(kind, min_size=1, max_size=4) for kind in (INTEGERS, TEXTS, FLOATS, INTEGERS | FLOATS, ONE))),
    min_size=1,
    max_size=6,
)


def put_away(parts: list[list[Any]]) -> Stored:
    """One column whose values came in these parts."""
    growing = _Growing(plain=True)
    for values in parts:
        growing.add(values)
    return growing.finished()


def told(values: Any) -> list[tuple[type, str]]:
    """Values with their class and their look: 1 is not 1.0, 0.0 not -0.0, NaN is NaN."""
    return [(type(value), repr(value)) for value in values]


@given(PARTS)
@example([[1, 2], [3.0, 4.0], [1.0, 2]])
@example([[1.0], [1.0, 1], [2**62, 0.5]])
@example([["a"], ["b", "c\0"], ["d"], [None, "e"], ["f"], ["g"]])
@example([["a"], ["\ud800"], ["b"]])
@example([[0.5, 1], [2**53 + 1, 0.5], [2**60, -0.0], [1, 2], [1.0, 2]])
@example([["é"], ["aé", "", "日本", "x"], ["\0", "😀b"]])
def test_values_come_back_as_they_were_put_away(parts: list[list[Any]]) -> None:
    values = [value for part in parts for value in part]
    stored = put_away(parts)
    assert told(stored.python()) == told(values)
    floats = stored.floats()
    assert floats is None or told(floats.tolist()) == told(map(float, values))
    array = stored.arrow()
    if array is not None:
        array.validate(full=True)
        assert told(array.to_pylist()) == told(values)
    elif len({type(value) for value in values} - {type(None)}) == 1:
        strange = any(isinstance(value, str) and "\ud800" <= max(value, default="") <= "\udfff" for value in values)
        assert strange, "values of one class make an array"


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["a", "b"], Text), ([1, 2], Numbers), ([0.5, 1.0], Numbers), ([0.5, 1], Numbers)],
    ids=["texts", "integers", "floats", "numeric"],
)
def test_what_follows_values_of_one_class_is_put_away_at_once(values: list[Any], kind: type) -> None:
    parts = put_away([values] * 3).parts
    assert [type(part) for part in parts[1:]] == [kind, kind]
    stored = put_away([values] * 3)
    array = stored.arrow()
    if len({type(value) for value in values}) > 1:
        assert array is None and told(stored.python()) == told(values * 3)
    else:
        assert array is not None and array.to_pylist() == values * 3


class Mood(str):
    """A class of the application's."""


@contextmanager
def mood(path: Path, **given: Any) -> Iterator[Database]:
    """An application that has sqlite3 convert columns, and whatever else it sets on its connections."""
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"detect_types": sqlite3.PARSE_DECLTYPES}, poolclass=sa.NullPool
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: Any) -> None:
        for name, value in given.items():
            setattr(connection, name, value)

    sqlite3.register_converter("mood", lambda raw: raw.decode() if raw == b"plain" else Mood(raw.decode()))
    sqlite3.register_converter("flag", lambda raw: {b"0": 0}.get(raw, True))
    database = Database(engine)
    try:
        yield database
    finally:
        database.close()
        for name in ("MOOD", "FLAG"):
            del sqlite3.converters[name]


def test_what_an_application_has_converted_keeps_its_class(sqlite: TestDatabase) -> None:
    statements = ["INSERT INTO t VALUES ('plain', 0)"] * 600 + ["INSERT INTO t VALUES ('good', 1)"]
    sqlite.execute("CREATE TABLE t (feels mood, fit flag)", *statements)
    with mood(Path(str(sqlite.url.database))) as database:
        found = frame(database, "SELECT feels, fit FROM t")
    assert told(found["feels"]) == told(["plain"] * 600 + [Mood("good")])
    assert told(found["fit"]) == told([0] * 600 + [True])


def test_texts_are_of_the_class_that_an_application_wants(sqlite: TestDatabase) -> None:
    sqlite.execute("CREATE TABLE t (name text)", *["INSERT INTO t VALUES ('Ann')"] * 600)
    with mood(Path(str(sqlite.url.database)), text_factory=Mood) as database:
        found = frame(database, "SELECT name FROM t")
    assert {type(value) for value in found["name"]} == {Mood}
    with mood(Path(str(sqlite.url.database)), text_factory=bytes) as database:
        assert set(frame(database, "SELECT name FROM t")["name"]) == {b"Ann"}
