"""The oracle: read by columns, every value is what SQLAlchemy returns; where that cannot be, rows are read.

Hypothesis makes the rows. What sessions promise holds here too: own transaction, read-only, limits, Ctrl-C.
"""

import enum
import math
import os
import signal
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from psycopg.types.numeric import DecimalBinaryDumper, IntLoader, NumericBinaryLoader
from servers import TestDatabase
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.types import TypeDecorator

from dbadmin import readonly
from dbadmin.database import Database
from dbadmin.dialects.postgresql.binary import decimals
from dbadmin.dialects.slices import PADDING, Slices
from dbadmin.dialects.sqlite.columns import Stored
from dbadmin.errors import ConnectionFailed, StatementFailed, UsageError, WriteRefused
from dbadmin.frames import frame
from dbadmin.frames.converters import objects
from dbadmin.frames.from_arrow import from_arrow, shared
from dbadmin.frames.rounded import rounded
from dbadmin.queries.written import is_one_bracket

pytest.importorskip("pyarrow")


class Colour(enum.Enum):
    """Stored by name, returned as a member."""

    RED = "r"
    GREEN = "g"


class Doubled(TypeDecorator[int]):
    """A type of the application's: what it returns is not what is stored."""

    impl = sa.Integer
    cache_ok = True

    def process_result_value(self, value: int | None, dialect: Any) -> int | None:
        return None if value is None else value * 2


class Cents(TypeDecorator[Decimal]):
    """Decimals as the application reads them."""

    impl = sa.Numeric(9, 2)
    cache_ok = True

    def process_result_value(self, value: Decimal | None, dialect: Any) -> Decimal | None:
        return None if value is None else -value


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
naive = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31))
finite = st.floats(allow_nan=False, allow_infinity=False)


def whole(bits: int) -> SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def money(digits: int, places: int) -> SearchStrategy[Decimal]:
    bound = Decimal(10) ** (digits - places) - 1
    return st.decimals(-bound, bound, places=places, allow_nan=False)


COMMON: dict[str, tuple[Any, SearchStrategy[Any]]] = {
    "small": (sa.SmallInteger, whole(16)),
    "whole": (sa.Integer, whole(32)),
    "big": (sa.BigInteger, whole(64)),
    "flag": (sa.Boolean, st.booleans()),
    "real": (sa.Double, finite.filter(lambda v: v == 0 or 1e-300 < abs(v) < 1e300)),
    "money": (sa.Numeric(14, 2), money(12, 2)),
    "fine": (sa.Numeric(30, 12), money(30, 12)),
    "cents": (sa.Numeric(18, 3), money(18, 3) | money(6, 0).map(lambda v: v * 1000)),
    "loose": (sa.Numeric(12, 4, asdecimal=False), money(9, 2)),
    "name": (sa.String(40), texts),
    "prose": (sa.Text, texts),
    "state": (sa.Enum("open", "cloſed", name="states"), st.sampled_from(["open", "cloſed"])),
    "colour": (sa.Enum(Colour, name="colours"), st.sampled_from(Colour)),
    "day": (sa.Date, st.dates(date(1000, 1, 1))),
    "at": (sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), naive),
    "hour": (sa.Time().with_variant(mysql.TIME(fsp=6), "mysql", "mariadb"), st.times()),
    "took": (sa.Interval(), st.integers(0, 9**8).map(lambda seconds: timedelta(seconds=seconds))),
    "key": (sa.Uuid, st.uuids(version=4)),
    "key_text": (sa.Uuid(as_uuid=False), st.uuids(version=4).map(str)),
    "data": (sa.JSON, st.recursive(st.none() | st.booleans() | st.integers(-999, 999) | texts, st.lists, max_leaves=4)),
    "raw": (sa.LargeBinary, st.binary(max_size=40)),
    "twice": (Doubled, whole(16)),
    "debt": (Cents, money(7, 2)),
}  # fmt: skip
ONLY: dict[str, dict[str, tuple[Any, SearchStrategy[Any]]]] = {
    "sqlite": {},
    "postgresql": {
        "aware": (
            sa.DateTime(timezone=True),
            st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)).map(lambda v: v.replace(tzinfo=UTC)),
        ),
        "single": (pg.REAL, st.floats(width=32, allow_nan=False)),
        "odd": (sa.Double, st.sampled_from([math.inf, -math.inf, -0.0, 5e-324])),
        "exact": (sa.Numeric, st.just(Decimal("NaN")) | st.decimals(-(10**30), 10**30, allow_nan=False, places=9)),
        "tags": (pg.ARRAY(sa.Text), st.lists(texts, max_size=3)),
        "grid": (pg.ARRAY(sa.Integer), st.lists(whole(32) | st.none(), max_size=3)),
        "document": (pg.JSONB, st.lists(st.booleans(), max_size=2)),
        "code": (sa.CHAR(5), st.text("abc", min_size=5, max_size=5)),
        "at_zone": (sa.Time(timezone=True), st.times(timezones=st.just(timezone(timedelta(hours=2))))),
        "span": (pg.INTERVAL, st.timedeltas(timedelta(-9000), timedelta(9000))),
    },
    "mariadb": {
        "tiny": (mysql.TINYINT, whole(8)),
        "unsigned": (mysql.BIGINT(unsigned=True), st.integers(0, 2**63 - 1)),
        "single": (mysql.FLOAT, st.integers(-(2**20), 2**20).map(float)),
        "year": (mysql.YEAR, st.integers(1901, 2155)),
        "choice": (mysql.SET("a", "b"), st.sampled_from([{"a"}, {"a", "b"}, set()])),
        "long": (mysql.LONGTEXT, texts.map(lambda t: t * 100)),
    },
}  # fmt: skip


@contextmanager
def connected(url: sa.URL) -> Iterator[sa.Connection]:
    """A connection of an engine of its own, which nothing is left of."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        yield connection


@contextmanager
def opened(database: TestDatabase, **options: Any) -> Iterator[Database]:
    made = Database(sa.create_engine(database.url), **options)
    try:
        yield made
    finally:
        made.close()
        readonly.release(made.dialect.address.of_url(made.url))


def table_of(kind: str) -> tuple[sa.Table, SearchStrategy[dict[str, Any]]]:
    types = {**COMMON, **ONLY[kind]}
    table = sa.Table(
        "of_all_types",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, type_) for name, (type_, _) in types.items()),
    )
    return table, st.fixed_dictionaries({name: st.none() | strategy for name, (_, strategy) in types.items()})


def plain(value: Any) -> Any:
    """A value of a frame as SQLAlchemy would return it."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, pd.Timedelta):
        return value.to_pytimedelta()
    return value.item() if hasattr(value, "item") else value


def same(found: Any, expected: Any) -> bool:
    """Equal, of one class, and of one look: 1.50 is not 1.5, NaN is NaN, and a float without value is NaN too."""
    if isinstance(found, float) and math.isnan(found):
        return expected is None or (isinstance(expected, float) and math.isnan(expected))
    if isinstance(found, float) and type(expected) is int:  # SQLite keeps whole numbers of a NUMERIC as such
        return found == expected
    if isinstance(expected, datetime) and expected.tzinfo is not None:
        return bool(found == expected and found.utcoffset() == timedelta(0))
    return (
        type(found) is type(expected)
        and (found == expected or str(found) == str(expected))
        and (not isinstance(expected, Decimal | float) or str(found) == str(expected))
    )


def assert_same(connection: sa.Connection, statement: Any, monkeypatch_size: int | None = None) -> pd.DataFrame:
    expected = connection.execute(statement).all()
    found = frame(connection, statement)
    assert (found.attrs["reader"], found.attrs["fallback"]) == ("arrow", None)
    assert len(found) == len(expected)
    for at, row in enumerate(expected):
        for name, value in zip(found.columns, row, strict=True):
            assert same(plain(found[name].iloc[at]), value), (name, found[name].iloc[at], value)
    return found


def check_rows(kind: str, database: TestDatabase, examples: int) -> None:
    table, rows = table_of(kind)
    with database.connect() as connection:
        table.create(connection)

    @settings(
        max_examples=examples, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(st.lists(rows, max_size=7))
    def check(made: list[dict[str, Any]]) -> None:
        with connected(database.url) as connection:
            for number, row in enumerate(made):  # one by one: a batch would need every key
                connection.execute(table.insert().values(id=number + 1, **row))
            assert_same(connection, sa.select(table).order_by(table.c.id))
            connection.rollback()

    check()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three rows, so that every test joins several; SQLite's come in two parts."""
    import sys

    monkeypatch.setattr(sys.modules["dbadmin.frames.frame"], "BATCH", 3)
    monkeypatch.setattr("dbadmin.dialects.sqlite.columns.AT_ONCE", 2)


def test_every_value_read_by_columns_is_what_sqlalchemy_returns(engine_kind: str, database: TestDatabase) -> None:
    check_rows(engine_kind, database, 15)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_value_of_many_rows_is_what_sqlalchemy_returns(engine_kind: str, database: TestDatabase) -> None:
    check_rows(engine_kind, database, 400)


HALVES = st.integers(-(10**7), 10**7).map(lambda n: n / 1000)  # many of them just beside a half of the last place


@settings(max_examples=150, derandomize=True)
@given(
    st.lists(st.none() | st.integers(-(10**6), 10**6) | HALVES | st.floats(allow_nan=False), max_size=30),
    st.sampled_from([0, 1, 2, 3, 10]),
)
def test_floats_rounded_together_are_what_sqlalchemy_makes_of_each(values: list[Any], scale: int) -> None:
    dialect, type_ = sqlite_dialect.dialect(), sa.Numeric(14, scale)
    process: Any = type_.dialect_impl(dialect).result_processor(dialect, None)
    together = rounded(type_, dialect, process)
    assert together is not None
    tame = [value for value in values if value is None or 1e-3 < abs(value) < 1e9 / 10**scale]
    for some in (values, tame, tame or [0.0], [math.inf], [-0.0]):
        found = together.arrow(Stored([some]))
        expected = [None if value is None else process(value) for value in some]
        assert found is None or list(map(str, found.to_pylist())) == list(map(str, expected))
    large = [value * 2.0**52 / 10**scale for value in (0.1, 1 / 3, 0.999)]
    assert together.arrow(Stored([large])).to_pylist() == [process(value) for value in large]  # type: ignore[union-attr]
    assert together.arrow(Stored([[1.005, 2, None]])) is not None and together.arrow(Stored([[-0.0]])) is None
    assert together.arrow(Stored([["1.5"]])) is None and together.arrow(Stored([[True]])) is None
    for other in (sa.Numeric(9, 2, asdecimal=False), Cents()):
        assert rounded(other, dialect, other.dialect_impl(dialect).result_processor(dialect, None)) is None


@settings(max_examples=150, derandomize=True)
@given(st.integers(0, 18), st.lists(st.none() | st.integers(-(10**18) + 1, 10**18 - 1) | st.integers(-99, 99)))
@example(2, [123456789012345678, -910111213141516171, 1, None])  # five digits to the base of 10,000, and one
@example(18, [123456789012345678, 10**17])
def test_numerics_taken_apart_together_are_what_psycopg_reads_of_each(places: int, units: list[int | None]) -> None:
    dump, load = DecimalBinaryDumper(Decimal).dump, NumericBinaryLoader(1700).load
    made = [None if n is None else bytes(dump(Decimal(n).scaleb(-places)) or b"") for n in units]
    lengths = np.array([-1 if data is None else len(data) for data in made], dtype=np.int64)
    buffer = b"".join(data or b"" for data in made) + PADDING
    found = decimals(Slices(buffer, np.cumsum(np.maximum(lengths, 0)) - np.maximum(lengths, 0), lengths))
    there = [abs(n) for n in units if n is not None]
    assert found is not None or not there or max(there) >= 10**14 or places > 10
    if found is not None:
        expected = [None if data is None else str(load(data)) for data in made]
        assert [None if value is None else str(value) for value in found.to_pylist()] == expected


def test_equal_values_of_a_column_share_an_object() -> None:
    made: list[int] = []

    def make(numbers: Any) -> Any:
        made.append(len(numbers))
        return objects(list(map(str, numbers.tolist())))

    for numbers in (np.arange(5000) % 7, np.arange(5000), np.arange(0)):
        assert shared(numbers, make).tolist() == list(map(str, numbers.tolist()))
    assert made == [7, 5000, 0]


def test_decimals_of_a_long_column_keep_their_digits_and_take_no_room_beside_it() -> None:
    numbers = [None if n % 7 == 0 else (n - 50_000) * 10**9 for n in range(100_000)]
    decimals_ = [None if n is None else Decimal(n).scaleb(-3) for n in numbers]
    column = pa.chunked_array([pa.array(decimals_[:60_001], pa.decimal128(38, 3)), decimals_[60_001:]])
    tracemalloc.start()
    found = from_arrow(column, "numeric")
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(map(str, found)) == list(map(str, decimals_))
    assert most < 1.3 * held  # integers of all rows would be a third of it, and their array


def test_what_was_read_can_be_written_over(database: TestDatabase) -> None:
    types = {"n": sa.Integer, "x": sa.Float, "yes": sa.Boolean, "d": sa.Numeric(9, 2), "at": sa.DateTime, "t": sa.Text}
    row = {"n": 1, "x": 1.5, "yes": True, "d": Decimal("1.50"), "at": datetime(2024, 1, 2), "t": "a"}
    other = {"n": 2, "x": 2.5, "yes": False, "d": Decimal("2.50"), "at": datetime(2025, 1, 2), "t": "b"}
    table = sa.Table("t", sa.MetaData(), *(sa.Column(name, type_) for name, type_ in types.items()))
    with connected(database.url) as connection:
        table.create(connection)
        for count in (1, 5):  # in one batch, and in several
            connection.execute(table.insert().values(**row))
            found = frame(connection, sa.select(table))
            for name, value in other.items():
                found.loc[0, name] = value
            assert found.iloc[0].map(plain).to_dict() == other, count


# What cannot be read by columns, and what sessions promise.


NOTES = sa.Table("notes", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("line", sa.Text))


@pytest.fixture
def notes(database: TestDatabase) -> TestDatabase:
    """Ten rows."""
    with database.connect() as connection:
        NOTES.create(connection)
        connection.execute(NOTES.insert(), [{"id": n, "line": f"line {n}"} for n in range(1, 11)])
    return database


def test_a_sessions_own_transaction_is_seen(notes: TestDatabase) -> None:
    with connected(notes.url) as connection:
        connection.execute(NOTES.insert().values(id=99, line="not yet committed"))
        found = assert_same(connection, sa.select(NOTES).where(NOTES.c.id > 5).order_by(NOTES.c.id))
        assert found["line"].tolist()[-1] == "not yet committed"
        connection.rollback()
        assert len(frame(connection, sa.select(NOTES))) == 10


def test_values_are_bound_whatever_they_are(notes: TestDatabase) -> None:
    evil = "x' OR 1=1; -- %s %(a)s %% \\ \" `"
    with notes.connect() as connection:
        connection.execute(NOTES.insert().values(id=50, line=evil))
        for wanted in (evil, "100%", "line 3", "", "'"):
            assert_same(connection, sa.select(NOTES).where(NOTES.c.line == wanted))
        assert_same(connection, sa.select(NOTES, sa.literal("50 %").label("share")).where(NOTES.c.id.in_([1, 2, 50])))
        assert_same(connection, sa.select(NOTES.c.id, sa.literal_column("'%'").label("sign")).limit(2))
    with opened(notes) as asked:
        assert frame(asked, "select id from notes where line = :a -- :b", params={"a": evil})["id"].tolist() == [50]


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_nothing_that_writes_gets_through(database_kind: str, postgresql: TestDatabase) -> None:
    postgresql.execute("create table t (id int)", "create sequence s")
    with opened(postgresql) as asked:
        for statement in ("select nextval('s')", "select pg_advisory_lock(1)"):
            with pytest.raises((WriteRefused, StatementFailed)):
                frame(asked, statement)
        for trick in (
            "select 1) a; drop table t; select (2",
            "select 1) to program 'touch /tmp/x' --",
            "select 1; drop table t",
        ):
            with pytest.raises((WriteRefused, StatementFailed)):
                frame(asked, sa.text(f"select {trick}"))
            with pytest.raises((UsageError, StatementFailed)):  # several statements are not even sent
                frame(asked, f"select {trick}")
        found = frame(asked, "select 'x' as program from t")
        assert found.attrs["fallback"] == "a word of the statement would be refused in a COPY"
    assert postgresql.rows("select count(*) from t") == [(0,)]


def test_listeners_and_limits_hold(notes: TestDatabase) -> None:
    engine = sa.create_engine(notes.url, poolclass=sa.NullPool)
    told: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def refuse(_: Any, __: Any, statement: str, *___: Any) -> None:
        told.append(statement)
        if "secret" in statement:
            raise PermissionError("not that one")

    with engine.connect() as connection:
        assert frame(connection, sa.select(NOTES)).attrs["reader"] == "arrow"
        assert any("notes" in statement for statement in told)
        with pytest.raises(PermissionError):
            frame(connection, "select 'secret' as a")


SLOW = {
    "sqlite": "with recursive c(n) as (select 1 union all select n + 1 from c) select n from c where n < 0",
    "postgresql": "select n from generate_series(1, 100000000) n where n > 3 and pg_sleep(0.01) is not null",
    "mariadb": "select seq, sleep(0.01) from seq_1_to_1000000",
}


def test_a_statement_that_takes_too_long_is_stopped(engine_kind: str, database: TestDatabase) -> None:
    database.execute("create table t (id integer)")
    with opened(database, statement_timeout=0.5) as asked:
        with pytest.raises(StatementFailed) as caught:
            frame(asked, SLOW[engine_kind])
        assert "statement-timeout" in str(caught.value.hint)
        assert frame(asked, "select 1 as a")["a"].tolist() == [1]


def test_ctrl_c_stops_the_statement_and_the_database_answers_again(engine_kind: str, database: TestDatabase) -> None:
    if engine_kind == "sqlite":
        pytest.skip("sqlite3 itself looks at no signal while a statement computes")
    database.execute("create table t (id integer)")
    with opened(database) as asked:
        timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            frame(asked, SLOW[engine_kind])
        timer.join()
        assert frame(asked, "select 1 as a")["a"].tolist() == [1]


def test_a_connection_lost_midway_is_one_clear_line(engine_kind: str, database: TestDatabase) -> None:
    if engine_kind == "sqlite":
        pytest.skip("a file has no connection to lose")
    with opened(database) as asked, ender(database, "sleep(0.01)") as end:
        timer = threading.Timer(1.0, end)
        timer.start()
        with pytest.raises((ConnectionFailed, StatementFailed)) as caught:
            frame(asked, SLOW[engine_kind])
        timer.join()
        assert "lost" in str(caught.value) or "terminat" in str(caught.value)
        assert str(asked.url.password or "no password") not in str(caught.value)
        assert frame(asked, "select 1 as a")["a"].tolist() == [1]


def test_a_connection_lost_between_rows_is_the_same_clear_line(engine_kind: str, database: TestDatabase) -> None:
    if engine_kind == "sqlite":
        pytest.skip("a file has no connection to lose")
    rows = {"postgresql": "generate_series(1, 100000) n", "mariadb": "seq_1_to_100000 n"}[engine_kind]
    with opened(database) as asked, ender(database, "repeat(") as end:
        came = iter(range(10**9))
        with pytest.raises(ConnectionFailed, match=r"^the connection was lost: "):
            frame(asked, f"select repeat('x', 10000) as x from {rows}", progress=lambda *_: next(came) or end())
        assert next(came) > 0
        assert frame(asked, "select 1 as a")["a"].tolist() == [1]


@contextmanager
def ender(database: TestDatabase, words: str) -> Iterator[Callable[[], None]]:
    """What ends the sessions that run a statement with these words."""
    find = {
        "postgresql": f"select pid from pg_stat_activity where query like '%%{words}%%' and pid <> pg_backend_pid()",
        "mariadb": f"select id from information_schema.processlist where info like '%%{words}%%'"
        " and id <> connection_id()",
    }[database.kind]  # fmt: skip
    killer = sa.create_engine(database.url, poolclass=sa.NullPool)
    readonly.let_write(killer.dialect)

    def end() -> None:
        with killer.connect() as connection:
            for (found,) in connection.exec_driver_sql(find).all():
                kill = "kill {}" if database.kind == "mariadb" else "select pg_terminate_backend({})"
                connection.exec_driver_sql(kill.format(found))

    yield end


def reason(connection: Any, statement: Any) -> str | None:
    found = frame(connection, statement)
    assert found.attrs["reader"] == "rows"
    return found.attrs["fallback"]  # type: ignore[no-any-return]


def test_what_is_read_by_rows_says_why(postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgresql.connect() as connection:
        assert reason(connection, "select '1.2.3.4'::inet as host") == "host is of a type that is only read as text"
        assert reason(connection, "explain select 1") == "only a query is read by columns"
        assert reason(connection, "select 1;") == "the statement cannot stand in brackets"
        connection.exec_driver_sql("set client_encoding to 'LATIN1'")
        assert reason(connection, "select 1 as a") == "the connection's encoding is iso8859-1"
        connection.exec_driver_sql("set client_encoding to 'UTF8'")

        class OwnLoader(IntLoader):
            pass

        connection.connection.driver_connection.adapters.register_loader("int4", OwnLoader)  # type: ignore[union-attr]
        assert reason(connection, "select 1 as a") == "the application reads the type of a in its own way"
        monkeypatch.setattr("dbadmin.dialects.columns.find_spec", lambda name: None if name == "pyarrow" else name)
        assert reason(connection, "select 2 as a") == "pyarrow is not installed (extra fast)"
    with connected(postgresql.url.set(drivername="postgresql+psycopg2")) as connection:
        monkeypatch.undo()
        assert reason(connection, "select 1 as a") == "the driver psycopg2 gives rows only; psycopg gives columns"


def test_large_values_and_many_columns_come_whole(engine_kind: str, database: TestDatabase) -> None:
    """A value beyond one packet of MySQL, batches that are full before they have their rows, lengths of every width."""
    size = 17 * 2**20 if engine_kind == "mariadb" else 2**20
    repeat = "replace(hex(zeroblob({n})), '0', 'é')" if engine_kind == "sqlite" else "repeat('é', {n})"
    made = [repeat.format(n=n) for n in (1, 250, 251, 70_000)]
    with database.connect() as connection:
        if engine_kind == "mariadb":
            connection.exec_driver_sql("set global max_allowed_packet = 100000000")
    with connected(database.url) as connection:
        made += [repeat.format(n=size // 2)]
        columns = ", ".join(f"{sql} as c{n}" for n, sql in enumerate(made))
        statement = " union all ".join(f"select {n} as n, {columns}" for n in range(4))
        found = frame(connection, statement)
        assert found.attrs["reader"] == "arrow"
        expected = connection.exec_driver_sql(statement).all()
        assert [tuple(row) for row in found.itertuples(index=False)] == [tuple(row) for row in expected]


@pytest.mark.parametrize(
    ("statement", "whole_"),
    [
        ("select ';)' as a", True), ("select ')'' (' as a", True), ("select 1 -- )", True), ("select 1 /* ) */", True),
        ("select $x$ ) $x$", True), ("select (1", False), ("select 1)", False), ("select ')", False),
        ("select 1 /* open", False), ("select \")", False), ("select $x$ (", False), ("select e'\\')' as a", True),
    ],
)  # fmt: skip
def test_only_what_is_whole_is_put_in_brackets(statement: str, whole_: bool) -> None:
    assert is_one_bracket(statement) is whole_


def test_parts_of_a_batch_may_hold_values_of_different_classes(sqlite: TestDatabase) -> None:
    kinds = ("1, 2", "NULL, NULL", "1.5, 2", "'a', 'b'", "x'00', NULL", "NULL, 9")
    for first in kinds:
        for second in kinds:
            values = ", ".join(f"({value})" for value in f"{first}, {second}".split(", "))
            for type_ in (sa.Integer(), sa.Numeric(9, 2), sa.Text(), sa.types.NullType()):
                query = sa.select(sa.literal_column("column1", type_).label("n")).select_from(
                    sa.text(f"(VALUES {values})")
                )
                with connected(sqlite.url) as connection, warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    try:
                        expected = [row[0] for row in connection.execute(query)]
                    except TypeError:  # a text in a column of numbers: SQLAlchemy reads none of it
                        continue
                    found = frame(connection, query)
                assert found.attrs["reader"] == "arrow" or "stored value" in found.attrs["fallback"]
                assert len(found) == len(expected)
                assert all(map(same, map(plain, found["n"]), expected)), (first, second, type_, list(found["n"]))


@pytest.mark.parametrize("size", [1, 4, 7, 100])
def test_parts_have_as_many_rows_as_asked_for_whatever_comes_at_once(
    notes: TestDatabase, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sqlite.columns.AT_ONCE", "postgresql.columns.FULL", "mysql.packets.FULL"):
        monkeypatch.setattr(f"dbadmin.dialects.{name}", 3 if name.endswith("AT_ONCE") else 60)
    with opened(notes) as asked:
        parts = list(frame(asked, sa.select(NOTES).order_by(NOTES.c.id), chunks=size))
        assert [len(part) for part in parts] == [size] * (10 // size) + ([10 % size] if 10 % size else [])
        assert [n for part in parts for n in part["id"]] == list(range(1, 11))
        assert {part.attrs["reader"] for part in parts} == {"arrow"}
