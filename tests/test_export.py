"""Rows into files: Parquet in constant memory, types kept; what does not fit is said, and nothing half is left."""

import stat
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from demos import demo
from servers import TestDatabase
from sqlalchemy.dialects import mysql

import dbadmin
from dbadmin.errors import MissingExtra, StatementFailed, UsageError
from dbadmin.frames import export, frame

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
KEY = UUID("12345678-1234-4678-9234-567812345678")
AT = datetime(2024, 2, 29, 1, 2, 3, 456789)
KINDS: dict[str, tuple[Any, Any, str, Any]] = {
    "whole": (sa.Integer, 5, "int64", 5),
    "flag": (sa.Boolean, True, "bool", True),
    "real": (sa.Double, 1.5, "double", 1.5),
    "money": (sa.Numeric(12, 2), Decimal("12.30"), "decimal128(38, 2)", Decimal("12.30")),
    "name": (sa.String(50), "ä", "large_string", "ä"),
    "state": (sa.Enum("open", "shut", name="states"), "open", "large_string", "open"),
    "day": (sa.Date, date(2024, 2, 29), "date32[day]", date(2024, 2, 29)),
    "at": (sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), AT, "timestamp[us]", AT),
    "hour": (sa.Time, time(1, 2, 3), "time64[us]", time(1, 2, 3)),
    "took": (sa.Interval, timedelta(days=2), "duration[us]", timedelta(days=2)),
    "key": (sa.Uuid, KEY, "large_string", str(KEY)),
    "data": (sa.JSON, {"a": [1, None]}, "large_string", '{"a": [1, null]}'),
    "raw": (sa.LargeBinary, b"\x00\xff", "large_binary", b"\x00\xff"),
}
THINGS = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    *(sa.Column(name, kind[0]) for name, kind in KINDS.items()),
)


@pytest.fixture
def things(database: TestDatabase) -> TestDatabase:
    """A row with a value in every column, and one without any."""
    with database.connect() as connection:
        THINGS.create(connection)
        connection.execute(THINGS.insert().values(id=1, **{name: kind[1] for name, kind in KINDS.items()}))
        connection.execute(THINGS.insert().values(id=2))
    return database


def test_parquet_keeps_every_type_also_without_rows(things: TestDatabase, tmp_path: Path) -> None:
    path = tmp_path / "things.parquet"
    with things.connect() as connection:
        assert export(connection, sa.select(THINGS).order_by(THINGS.c.id), path) == 2
        found = pq.read_table(path)
        assert export(connection, sa.select(THINGS).where(THINGS.c.id == 77), path) == 0
        assert export(connection, sa.select(THINGS.c.money), path, numeric="float") == 2
    assert pq.read_table(path)["money"].to_pylist() == [12.3, None]
    types = {field.name: str(field.type) for field in found.schema}
    assert types == {"id": "int64", **{name: kind[2] for name, kind in KINDS.items()}}
    first, second = found.to_pylist()
    assert first == {"id": 1, **{name: kind[3] for name, kind in KINDS.items()}}
    assert second == {"id": 2, **dict.fromkeys(KINDS)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.glob("*.part")] == []


def test_arrow_dtypes_hold_the_same_values(things: TestDatabase) -> None:
    with things.connect() as connection:
        found = frame(connection, sa.select(THINGS).order_by(THINGS.c.id), dtype_backend="pyarrow")
        empty = frame(connection, sa.select(THINGS).where(THINGS.c.id < 0), dtype_backend="pyarrow")
        floats = frame(connection, sa.select(THINGS.c.money), numeric="float")
        with pytest.raises(UsageError, match="numeric is 'double'"):
            frame(connection, sa.select(THINGS), numeric="double")  # type: ignore[call-overload]
    dtypes = {str(name): str(dtype) for name, dtype in found.dtypes.items()}
    assert dtypes == {str(name): str(dtype) for name, dtype in empty.dtypes.items()}
    assert dtypes["id"] == "int64[pyarrow]" and dtypes["money"] == "decimal128(38, 2)[pyarrow]"
    assert [name for name, dtype in dtypes.items() if dtype == "object"] == ["key", "data"]
    for name, (_, value, _, _) in KINDS.items():
        assert found[name].iloc[0] == value, name
    assert floats["money"].tolist()[0] == 12.3 and str(floats["money"].dtype) == "float64"


def test_numerics_of_no_scale_stay_the_decimals_that_sqlalchemy_returns(database: TestDatabase) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("n", sa.Double(asdecimal=True)), sa.Column("m", sa.Numeric))
    values = [1.5, None, 2.25, 1.5, 3.0, 1e-7]
    with database.connect() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"n": value, "m": value and Decimal(str(value))} for value in values])
        found = frame(connection, sa.select(table), dtype_backend="pyarrow")
        expected = connection.execute(sa.select(table)).all()
    assert [str(kind) for kind in found.dtypes] == ["object", "object"]
    assert [list(map(str, row)) for row in found.itertuples(index=False)] == [list(map(str, row)) for row in expected]


def test_rows_of_many_batches_are_written_in_constant_memory(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbadmin.frames.parquet.BATCH", 100)
    numbers = {
        "sqlite": "with recursive c(n) as (select 1 union all select n + 1 from c where n < 1050) select n from c",
        "postgresql": "select n from generate_series(1, 1050) n",
        "mariadb": "select seq as n from seq_1_to_1050",
    }[database.kind]
    told: list[float] = []
    path = tmp_path / "n.parquet"
    with database.connect() as connection:
        given = {"progress": lambda what, done, total: told.append(done)}
        assert export(connection, f"select n, n as n from ({numbers}) as x", path, **given) == 1050  # type: ignore[arg-type]
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 11 and told[:2] == [100, 200] and told[-1] == 1050
    assert file.schema_arrow.names == ["n", "n_1"]
    assert file.read()["n"].to_pylist() == list(range(1, 1051))


def test_a_value_that_does_not_fit_is_one_line_and_leaves_the_old_file(sqlite: TestDatabase, tmp_path: Path) -> None:
    sqlite.execute(
        "create table t (n integer, at datetime)", "insert into t values (1, '2024-01-01'), ('many', 'soon')"
    )
    table = sa.Table("t", sa.MetaData(), sa.Column("n", sa.Integer), sa.Column("at", sa.DateTime))
    path = tmp_path / "t.parquet"
    path.write_text("old")
    with sqlite.connect() as connection:
        for column in (table.c.n, table.c.at):
            with pytest.raises(StatementFailed, match=f"a value of {column.name} does not fit"):
                export(connection, sa.select(column), path)
        with pytest.raises(StatementFailed, match="a value of n does not fit one type"):
            export(connection, "select n from t", path)
        with pytest.raises(UsageError, match="the suffix decides"):
            export(connection, "select 1", tmp_path / "t.xlsx")
        with pytest.raises(UsageError, match="only a query's rows"):
            export(connection, "update t set n = 1", path)
    assert path.read_text() == "old" and [one.name for one in tmp_path.iterdir() if one.suffix == ".part"] == []


def test_without_pyarrow_the_extra_is_named(
    sqlite: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbadmin.frames.parquet.find_spec", lambda _: None)
    with sqlite.connect() as connection, pytest.raises(MissingExtra, match="a Parquet file needs the package pyarrow"):
        export(connection, "select 1 as a", tmp_path / "a.parquet")


def test_from_the_command_line_and_from_python(run: Any, tmp_path: Path) -> None:
    app = demo(tmp_path / "demo").directory
    names = ["a.parquet", "b.csv", "c.json", "d.md", "e.html"]
    outputs = [word for name in names for word in ("--output", name)]
    finished = run("recent", "users", "--format", "json", *outputs, cwd=app)
    assert finished.code == 0, finished.stderr
    shown = finished.json()
    written = pq.read_table(app / "a.parquet")
    assert (len(shown["rows"]), shown["truncated"], len(written)) == (20, True, 200)
    assert written.column_names == [column["name"] for column in shown["columns"]]
    assert "hashed_password" not in written.column_names
    assert "a.parquet: 200 rows" in finished.stderr
    assert all((app / name).stat().st_size for name in names)
    finished = run("sql", "select id from users where id > :n", "-p", "n=5", "--limit", "7", *outputs[:2], cwd=app)
    assert (finished.code, len(pq.read_table(app / "a.parquet"))) == (0, 7)
    refused = run("tables", *outputs[:2], cwd=app)
    assert (refused.code, "tables has no rows" in refused.stderr) == (2, True)
    with dbadmin.connect(url=f"sqlite:///{app}/app.db") as db:
        assert db.export("select id, email from users where id < :n", tmp_path / "x.parquet", {"n": 4}) == 3
        assert db.export("select id from users order by id", tmp_path / "x.csv") == 200
    assert (tmp_path / "x.csv").read_text().splitlines()[:2] == ["id", "1"]
