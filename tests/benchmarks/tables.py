"""A wide table of many rows, made by each engine itself: what fingerprints and comparisons are measured on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import NullPool, create_engine, text

from tests.servers import ENGINES, TestDatabase

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROWS = 1_000_000
"""About 0.4 GB: twenty columns beside the key."""

# name, type and an expression over n, the number of the row; {engine: …} where engines differ
COLUMNS = (
    *((f"i{k}", "integer", f"(n * {7 + 2 * k}) % 1000003") for k in range(4)),
    *((f"b{k}", "bigint", f"n * {1_000_003 + k}") for k in range(2)),
    *((f"d{k}", "numeric(14, 2)", f"n * {11 + k} / 7.0") for k in range(3)),
    *((f"f{k}", "double precision", f"n / {3.0 + k}") for k in range(2)),
    ("on_day", "date", "{day}"),
    *((f"at{k}", "{timestamp}", "{time}") for k in range(2)),
    *((f"s{k}", "varchar(40)", f"{{hash}}((n + {k}) * 31)") for k in range(4)),
    ("t", "text", "{concat}"),
    ("maybe", "integer", "CASE WHEN n % 3 = 0 THEN NULL ELSE n % 17 END"),
)
SPELLING = {
    "postgresql": {
        "timestamp": "timestamp",
        "day": "date '2020-01-01' + (n % 2000)::integer",
        "time": "timestamp '2020-01-01' + n * interval '61 seconds'",
        "hash": "md5_text",
        "concat": "repeat(md5((n % 999)::text), 4)",
        "numbers": "SELECT n FROM generate_series(1::bigint, {rows}) AS n",
    },
    "mariadb": {
        "timestamp": "datetime(6)",
        "day": "date_add('2020-01-01', interval (n % 2000) day)",
        "time": "date_add('2020-01-01', interval n * 61 second)",
        "hash": "md5",
        "concat": "repeat(md5(n % 999), 4)",
        "numbers": "SELECT seq AS n FROM seq_1_to_{rows}",
    },
    "sqlite": {
        "timestamp": "timestamp",
        "day": "date('2020-01-01', (n % 2000) || ' days')",
        "time": "datetime('2020-01-01', (n * 61) || ' seconds')",
        "hash": "printf('%032x', 7919 * ",
        "concat": "printf('%0128d', n % 999)",
        "numbers": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows}) SELECT n FROM c",
    },
}


@contextmanager
def server(kind: str, directory: Path) -> Iterator[TestDatabase]:
    """An empty database on a private server of this kind, gone afterwards."""
    started = ENGINES[kind].start(directory / "server")
    try:
        yield started.create(directory)
    finally:
        started.stop()


def fill(database: TestDatabase, name: str = "wide", rows: int = ROWS) -> None:
    """Make the table in a database and fill it."""
    spelling = SPELLING[database.kind]
    numbers = spelling["numbers"].format(rows=rows)
    columns = ", ".join(f"{column} {kind.format(**spelling)}" for column, kind, _ in COLUMNS)
    values = ", ".join(_expression(value, spelling) for _, _, value in COLUMNS)
    with database.connect() as connection:
        connection.execute(text(f"CREATE TABLE {name} (id integer PRIMARY KEY, {columns})"))
        connection.execute(text(f"INSERT INTO {name} SELECT n, {values} FROM ({numbers}) AS numbers"))


def _expression(value: str, spelling: dict[str, str]) -> str:
    sql = value.format(**spelling)
    if sql.startswith("md5_text"):
        sql = f"md5(({sql.removeprefix('md5_text')})::text)"
    return sql + ")" if "printf('%032x'" in sql else sql


@contextmanager
def connected(database: TestDatabase) -> Iterator["Connection"]:
    """A connection without a pool."""
    engine = create_engine(database.url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
