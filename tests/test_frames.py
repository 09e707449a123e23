"""Frames: dtypes by type on every engine, also without rows; what does not fit; streaming; rows as a result."""

import asyncio
import tracemalloc
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from servers import TestDatabase
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import create_async_engine

from dbadmin import readonly
from dbadmin.database import Database
from dbadmin.errors import StatementFailed, UsageError
from dbadmin.example.auth import User
from dbadmin.example.blog import BlogPost
from dbadmin.example.database import Base
from dbadmin.example.payments import Payment
from dbadmin.example.seed import seed
from dbadmin.frames import frame, rows, statement_rows
from dbadmin.frames.columns import ColumnOfFrame
from dbadmin.queries import group_query, join_query, recent_query

KEY = UUID("12345678-1234-5678-1234-567812345678")
VALUES = sa.Table(
    "values_of_all_types",
    sa.MetaData(),
    sa.Column("small", sa.SmallInteger),
    sa.Column("whole", sa.Integer),
    sa.Column("big", sa.BigInteger),
    sa.Column("flag", sa.Boolean),
    sa.Column("real", sa.Float),
    sa.Column("money", sa.Numeric(12, 2)),
    sa.Column("name", sa.String(50)),
    sa.Column("prose", sa.Text),
    sa.Column("state", sa.Enum("open", "closed", name="states")),
    sa.Column("day", sa.Date),
    sa.Column("at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")),
    sa.Column("at_utc", sa.DateTime(timezone=True)),
    sa.Column("hour", sa.Time),
    sa.Column("took", sa.Interval),
    sa.Column("key", sa.Uuid),
    sa.Column("data", sa.JSON),
    sa.Column("raw", sa.LargeBinary),
)
DTYPES = {
    "small": "Int64", "whole": "Int64", "big": "Int64", "flag": "boolean", "real": "float64", "money": "object",
    "name": "string", "prose": "string", "state": "string", "day": "object", "at": "datetime64[us]",
    "at_utc": "datetime64[us, UTC]", "hour": "object", "took": "timedelta64[us]", "key": "object",
    "data": "object", "raw": "object",
}  # fmt: skip
ROW = {
    "small": -3, "whole": 5, "big": 2**62 + 1, "flag": True, "real": 1.5, "money": Decimal("12.30"), "name": "ä",
    "prose": "x\ny", "state": "open", "day": date(2024, 2, 29), "at": datetime(2024, 2, 29, 1, 2, 3, 456789),
    "at_utc": datetime(9999, 12, 31, 23, tzinfo=UTC), "hour": time(1, 2, 3), "took": timedelta(days=2, seconds=7),
    "key": KEY, "data": {"a": [1, None]}, "raw": b"\x00\xff",
}  # fmt: skip


@pytest.fixture
def opened(database: TestDatabase) -> Iterator[Database]:
    """A read-only Database with the reference application in it."""
    with database.connect() as connection:
        Base.metadata.create_all(connection)
        seed(connection, users=10, posts=50, now=datetime(2025, 11, 23))
    yield from _opened(database)


def _opened(database: TestDatabase) -> Iterator[Database]:
    found = Database(sa.create_engine(database.url))
    yield found
    found.close()
    readonly.release(found.dialect.address.of_url(found.url))


def fill(connection: sa.Connection, *values: dict[str, Any]) -> None:
    for one in values:
        connection.execute(VALUES.insert().values(one))


def dtypes(found: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in found.dtypes.items()}


def quiet(*arguments: Any, **options: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found: pd.DataFrame = frame(*arguments, **options)
        return found


def test_dtypes_follow_the_types_with_rows_with_nulls_and_without_rows(database: TestDatabase) -> None:
    with database.connect() as connection:
        VALUES.create(connection)
        assert dtypes(quiet(connection, sa.select(VALUES))) == DTYPES
        fill(connection, {"whole": None})
        assert dtypes(quiet(connection, sa.select(VALUES))) == DTYPES
        fill(connection, ROW)
        assert dtypes(quiet(connection, sa.select(VALUES))) == DTYPES


def test_every_value_is_what_sqlalchemy_returns(database: TestDatabase) -> None:
    with database.connect() as connection:
        VALUES.create(connection)
        fill(connection, ROW, {})
        found = quiet(connection, sa.select(VALUES).order_by(VALUES.c.whole.is_(None)))
    first, second = found.iloc[0], found.iloc[1]
    for name, value in ROW.items():
        expected = {"at": pd.Timestamp, "at_utc": pd.Timestamp, "took": pd.Timedelta}.get(name, lambda v: v)(value)
        assert first[name] == expected, name
        assert type(first[name]) is type(expected) or isinstance(first[name], int | float | np.generic), name
        missing = second[name]
        assert missing is None or missing is pd.NA or pd.isna(missing), name
    for name in ("money", "day", "key", "data", "raw", "hour"):
        assert second[name] is None


def test_times_with_zone_are_in_utc_whatever_the_sessions_zone(postgresql: TestDatabase) -> None:
    with postgresql.connect() as connection:
        connection.exec_driver_sql("set time zone 'Asia/Tokyo'")
        found = quiet(connection, "select timestamptz '2024-06-01 00:30+02' as at")
    assert found["at"].tolist() == [pd.Timestamp("2024-05-31 22:30", tz="UTC")]
    assert dtypes(found) == {"at": "datetime64[us, UTC]"}


def test_arrays_are_python_lists(postgresql: TestDatabase) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("tags", pg.ARRAY(sa.Text)), sa.Column("doc", pg.JSONB))
    with postgresql.connect() as connection:
        table.create(connection)
        connection.execute(table.insert().values(tags=["a", "b"], doc=[1]))
        found = quiet(connection, sa.select(table))
        by_text = quiet(connection, "select * from t")
    for one in (found, by_text):
        assert dtypes(one) == {"tags": "object", "doc": "object"}
        assert one.iloc[0].tolist() == [["a", "b"], [1]]


def test_written_sql_has_the_drivers_types_also_without_rows(postgresql: TestDatabase) -> None:
    with postgresql.connect() as connection:
        VALUES.create(connection)
        expected = {**DTYPES, "state": "object"}  # an enumeration of the user's: no driver knows its number
        assert dtypes(quiet(connection, "select * from values_of_all_types")) == expected
        connection.execute(VALUES.insert().values(ROW))
        assert dtypes(quiet(connection, "select * from values_of_all_types")) == DTYPES


def test_written_sql_on_sqlite_is_typed_by_its_values(sqlite: TestDatabase) -> None:
    with sqlite.connect() as connection:
        found = quiet(
            connection, "select 1 a, 1.5 b, 'x' c, x'00' d, null e union all select null, 2, null, null, null"
        )
    assert dtypes(found) == {"a": "Int64", "b": "float64", "c": "string", "d": "object", "e": "object"}


def test_infinite_and_far_times_become_objects_with_one_warning(postgresql: TestDatabase) -> None:
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("at", sa.DateTime), sa.Column("day", sa.Date), sa.Column("n", sa.Integer)
    )
    postgresql.execute(
        "create table t (at timestamp, day date, n int)",
        "insert into t values ('2024-01-01', '2024-01-01', 1), ('infinity', '294276-01-01', 2), (null, '-infinity', 3)",
    )
    with postgresql.connect() as connection:
        for statement in (sa.select(table).order_by(table.c.n), "select * from t order by n"):
            with pytest.warns(UserWarning, match="values of at, day do not fit") as caught:
                found = frame(connection, statement)
            assert len(caught) == 1
            assert found["at"].tolist() == [datetime(2024, 1, 1), "infinity", None]
            assert found["day"].tolist() == [date(2024, 1, 1), "294276-01-01", "-infinity"]
            assert dtypes(found) == {"at": "object", "day": "object", "n": "Int64"}
        with pytest.warns(UserWarning):
            parts = list(frame(connection, sa.select(table).order_by(table.c.n), chunks=1))
        assert [part["at"].tolist() for part in parts] == [[pd.Timestamp("2024-01-01")], ["infinity"], [pd.NaT]]
        assert connection.scalar(sa.text("select 1")) == 1
        with pytest.raises(sa.exc.DataError):
            connection.execute(sa.text("select timestamp 'infinity'")).all()


def test_values_that_sqlite_should_not_hold_become_objects_with_one_warning(sqlite: TestDatabase) -> None:
    sqlite.execute(
        "create table t (n integer, at datetime, day date, flag boolean, price numeric(10, 2), state varchar(6))",
        "insert into t values (1, '2024-01-01 00:00:00.000000', '2024-01-01', 1, 1.5, 'open')",
        "insert into t values ('many', '0000-00-00', 'soon', 0, 2, 'shut')",
    )
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("n", sa.Integer), sa.Column("at", sa.DateTime), sa.Column("day", sa.Date),
        sa.Column("flag", sa.Boolean), sa.Column("price", sa.Numeric(10, 2)), sa.Column("state", sa.Enum("open", "x")),
    )  # fmt: skip
    with sqlite.connect() as connection:
        with pytest.warns(UserWarning, match="values of n, at, day do not fit") as caught:
            found = frame(connection, sa.select(table))
        assert len(caught) == 1
        assert found["n"].tolist() == [1, "many"]
        assert found["at"].tolist() == [datetime(2024, 1, 1), "0000-00-00"]
        assert dtypes(found) | {"flag": "boolean", "state": "string"} == dtypes(found)
        assert found["price"].tolist() == [Decimal("1.5"), Decimal("2")]
        assert rows(connection, sa.select(table.c.at), limit=5).rows == ((datetime(2024, 1, 1),), ("0000-00-00",))
        with pytest.raises(StatementFailed, match="a stored value cannot be read"):
            list(frame(connection, sa.select(table), chunks=10))


def test_a_sum_of_big_integers_stays_a_whole_number(database: TestDatabase) -> None:
    query = sa.select(sa.func.sum(VALUES.c.big).label("total"))
    with database.connect() as connection:
        VALUES.create(connection)
        fill(connection, {"big": 2**62}, {"big": 1})
        assert dtypes(quiet(connection, query)) == {"total": "Int64"}
        assert rows(connection, query, limit=None).rows == ((2**62 + 1,),)


def test_one_misfit_late_keeps_every_earlier_value() -> None:
    early = {sa.Integer(): [1, None], sa.Boolean(): [True, None], sa.Float(): [1.5, None], sa.Text(): ["a", None]}
    early[sa.DateTime()] = [datetime(2024, 1, 1, 2, 3, 4, 5), None]
    early[sa.DateTime(timezone=True)] = [datetime(2024, 1, 1, tzinfo=UTC), None]
    early[sa.Interval()] = [timedelta(days=1), None]
    for type_, values in early.items():
        column = ColumnOfFrame("x", type_)
        column.add(values)
        column.add([object])
        assert column.series().tolist() == [*values, object]
        assert not column.fits


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (sa.Integer(), "7"), (sa.Integer(), True), (sa.Integer(), Decimal("1.5")), (sa.Integer(), 2**63),
        (sa.Boolean(), 1), (sa.Float(), "1"), (sa.Float(), 2**53 + 1), (sa.Numeric(), 1.5), (sa.Text(), 5),
        (sa.Date(), datetime(2024, 1, 1)), (sa.DateTime(), date(2024, 1, 1)), (sa.DateTime(), datetime.now(UTC)),
        (sa.DateTime(timezone=True), "infinity"), (sa.Interval(), timedelta.max),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_never_turned_into_the_columns_kind(type_: Any, value: Any) -> None:
    column = ColumnOfFrame("x", type_)
    column.add([value])
    found = column.series()
    assert (column.fits, found.dtype, found.tolist(), type(found[0])) == (False, object, [value], type(value))


def test_chunks_are_read_through_a_cursor_on_the_server(postgresql: TestDatabase) -> None:
    with postgresql.connect() as connection:
        for statement in (sa.select(sa.func.generate_series(1, 100)), "select generate_series(1, 100)"):
            parts = frame(connection, statement, chunks=10)
            assert len(next(parts)) == 10
            assert connection.scalar(sa.text("select count(*) from pg_cursors")) == 1
            parts.close()  # type: ignore[attr-defined]
            assert connection.scalar(sa.text("select count(*) from pg_cursors")) == 0


def test_attrs_hold_sql_with_placeholders_and_what_was_withheld(opened: Database) -> None:
    found = quiet(opened, recent_query(User, where=["username ~ zzz%", "plan_id in 77,78"], limit=99))
    assert found.attrs["withheld"] == ["hashed_password", "verification_token", "reset_token"]
    assert dtypes(found)["is_verified"] == "boolean"
    sql = found.attrs["sql"]
    assert ":username_1" in sql and "POSTCOMPILE" not in sql and "%(" not in sql
    for value in ("zzz", "77", "78", "99"):
        assert value not in sql
    written = quiet(opened, "select :a as a", params={"a": 5})
    assert written.attrs["sql"] == "select :a as a"


def test_orm_objects_and_own_sql_are_never_masked(opened: Database) -> None:
    assert "hashed_password" in quiet(opened, sa.select(User))
    assert "hashed_password" in quiet(opened, "select * from users")


def test_columns_of_one_name_stay_apart(opened: Database) -> None:
    both = quiet(opened, sa.select(BlogPost.id, User.id).join(User))
    assert list(both.columns) == ["id", "id_1"]
    twice = quiet(opened, "select 1 as a, 2 as a")
    assert twice.to_numpy().tolist() == [[1, 2]]


def test_helpers_give_frames(opened: Database) -> None:
    posts = quiet(opened, group_query(BlogPost, by=BlogPost.author, posts="count", latest="max(created_at)"))
    assert dtypes(posts) == {
        "author.id": "Int64", "author.username": "string", "posts": "Int64", "latest": "datetime64[us]",
    }  # fmt: skip
    assert posts["posts"].sum() == 50
    month = quiet(opened, group_query(BlogPost, by="created_at:hour", mean="avg(author_id)"))
    assert dtypes(month) == {"created_at:hour": "datetime64[us]", "mean": "float64"}
    assert len(quiet(opened, join_query(BlogPost, User))) == 50


def test_chunks_are_the_whole_in_parts(opened: Database) -> None:
    query = recent_query(BlogPost, columns=["id", "title", "published_at"])
    whole = quiet(opened, query)
    parts = list(frame(opened, query, chunks=20))
    assert [len(part) for part in parts] == [20, 20, 10]
    assert {str(dtypes(part)) for part in parts} == {str(dtypes(whole))}
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
    assert all(part.attrs["sql"] == whole.attrs["sql"] for part in parts)
    assert [len(part) for part in frame(opened, recent_query(BlogPost, where="id < 0"), chunks=20)] == [0]


def test_rows_without_a_column_are_counted(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1), (2), (3)")
    for found in _opened(postgresql):
        counted = frame(found, "SELECT FROM t")
        assert (counted.shape, counted.attrs["reader"]) == ((3, 0), "rows")
        assert frame(found, "SELECT FROM t WHERE false").shape == (0, 0)
        assert [part.shape for part in frame(found, "SELECT FROM t", chunks=2)] == [(2, 0), (1, 0)]


def test_between_chunks_the_database_answers_and_an_abandoned_iteration_is_closed(opened: Database) -> None:
    parts = frame(opened, recent_query(BlogPost), chunks=10)
    next(parts)
    assert len(quiet(opened, recent_query(BlogPost))) == 50
    parts.close()  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="chunks is 0"):
        frame(opened, recent_query(BlogPost), chunks=0)


def test_an_asynchronous_engine_gives_the_same(database: TestDatabase, opened: Database) -> None:
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "mariadb": "mysql+aiomysql"}
    driver = drivers[database.kind]
    waiting = Database(create_async_engine(database.url.set(drivername=driver)))
    query = recent_query(BlogPost)
    pd.testing.assert_frame_equal(frame(waiting, query), frame(opened, query))
    parts = []
    for part in frame(waiting, query, chunks=20):
        assert len(frame(waiting, recent_query(Payment))) > 0
        parts.append(part)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), frame(opened, query))

    async def inside() -> int:
        return len(frame(waiting, query))

    assert asyncio.run(inside()) == 50
    waiting.close()


def test_chunks_take_constant_memory(database: TestDatabase) -> None:
    """The largest part, and not the number of rows, decides: ten times the rows, the same peak."""
    series = {
        "sqlite": "with recursive s(i) as (select 1 union all select i + 1 from s where i < {n}) "
        "select i, printf('%0100d', i) t from s",
        "postgresql": "select i, lpad(i::text, 100, '0') as t from generate_series(1, {n}) as s(i)",
        "mariadb": "select seq as i, lpad(seq, 100, '0') as t from seq_1_to_{n}",
    }[database.kind]
    database.execute("create table t (a integer)")
    found = Database(sa.create_engine(database.url))
    peaks = []
    for count in (2_000, 20_000, 200_000):
        tracemalloc.start()
        assert sum(len(part) for part in frame(found, series.format(n=count), chunks=2_000)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    found.close()
    readonly.release(found.dialect.address.of_url(found.url))
    assert peaks[2] < 1.5 * peaks[1]


# Rows for the command line


def test_rows_say_whether_the_limit_cut_them(opened: Database) -> None:
    exact = rows(opened, "select id from users order by id", limit=10)
    assert (len(exact.rows), exact.truncated, exact.limit) == (10, False, 10)
    cut = rows(opened, "select id from users order by id", limit=9)
    assert (len(cut.rows), cut.truncated) == (9, True)
    assert rows(opened, recent_query(BlogPost), limit=3).truncated
    assert not rows(opened, recent_query(BlogPost), limit=None).truncated
    none = rows(opened, "select id from users", limit=0)
    assert (none.rows, none.truncated) == ((), True)


def test_rows_name_types_in_sql_words(database: TestDatabase, opened: Database) -> None:
    found = rows(opened, sa.select(User.id, User.username, BlogPost.created_at).join(User), limit=1)
    assert [c.type for c in found.columns][:2] == ["INTEGER", "VARCHAR(50)"]
    written = rows(opened, "select id, username from users", limit=1)
    told = {"sqlite": [None, None], "postgresql": ["INTEGER", "VARCHAR"], "mariadb": ["INTEGER", "TEXT"]}
    assert [c.type for c in written.columns] == told[database.kind]


def test_rows_of_recent_count_what_was_left_out(opened: Database) -> None:
    found = rows(opened, recent_query(BlogPost, order_by="published_at"), limit=5)
    left_out = rows(opened, "select count(*) from blog_posts where published_at is null", limit=1).rows[0][0]
    assert found.notes == (f"{left_out} rows without published_at left out",)
    assert rows(opened, recent_query(User), limit=5).withheld == (
        "hashed_password",
        "verification_token",
        "reset_token",
    )


def test_a_write_says_how_many_rows_it_changed(database: TestDatabase) -> None:
    database.execute("create table t (a integer)", "insert into t values (1), (2), (3)")
    writing = Database(sa.create_engine(database.url), mode="write")
    changed = rows(writing, "update t set a = a + 1 where a > :n", params={"n": 1}, limit=10)
    assert (changed.rows_changed, changed.columns) == (2, ())
    returned = rows(writing, "delete from t where a = 4 returning a", limit=10)
    assert (returned.rows_changed, returned.rows) == (1, ((4,),))
    assert rows(writing, "create table u (a integer)", limit=10).rows_changed is None
    assert str(frame(writing, "update t set a = 3 where a = 3")) == "1 row changed"
    assert str(frame(writing, "create table v (a integer)")) == "done"
    assert rows(writing, "select a from t order by a", limit=10).rows_changed is None
    writing.close()
    assert database.rows("select a from t order by a") == [(1,), (3,)]


def test_a_query_that_writes_in_its_with_is_run_once_as_it_stands(postgresql: TestDatabase) -> None:
    postgresql.execute("create table t (a integer)")
    made = sa.insert(sa.table("t", sa.column("a", sa.Integer))).values(a=1).returning(sa.column("a", sa.Integer))
    query = sa.select(made.cte("made").c.a)
    writing = Database(sa.create_engine(postgresql.url), mode="write")
    found = frame(writing, query)
    assert (found["a"].tolist(), found.attrs["reader"]) == ([1], "rows")
    assert rows(writing, query, limit=None).rows == ((1,),)
    writing.close()
    assert postgresql.rows("select a from t") == [(1,), (1,)]


@pytest.mark.parametrize("given", [10**30, "\udc00"])
def test_a_value_that_no_driver_can_send_is_told_as_what_was_given(sqlite: TestDatabase, given: object) -> None:
    sqlite.execute("CREATE TABLE t (a)")
    opened = Database(sa.create_engine(sqlite.url))
    with pytest.raises(StatementFailed, match="what was given"):
        rows(opened, "SELECT :n AS n", params={"n": given}, limit=5)
    opened.close()


def test_several_statements_take_the_parameters_they_name(opened: Database) -> None:
    first, second = statement_rows(opened, ["select :a as x", "select :b as y"], {"a": 1, "b": 2}, limit=5)
    assert (first.rows, second.rows) == (((1,),), ((2,),))
    with pytest.raises(UsageError, match="the statement has no :c"):
        statement_rows(opened, ["select 1"], {"c": 1}, limit=5)


def test_a_statement_that_fails_is_one_line_without_values(opened: Database) -> None:
    with pytest.raises(StatementFailed) as caught:
        frame(opened, "select nothing from users where id = :id", params={"id": 4711})
    assert "nothing" in caught.value.message and "4711" not in caught.value.message
    with pytest.raises(StatementFailed):
        frame(opened, "selec 1")
    with pytest.raises(UsageError, match="is no statement"):
        frame(opened, 5)  # type: ignore[call-overload]
