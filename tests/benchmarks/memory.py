"""Peak memory of reading ten times the rows, as whole processes: in parts, into Parquet, and as one frame."""

import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from tests.benchmarks.measure import Command, Row, Sample, once
from tests.benchmarks.tables import SPELLING, server
from tests.servers import TestDatabase

READ = """
import sys
import sqlalchemy as sa
import dbadmin

way, url, rows = sys.argv[1:4]
columns = sa.column("id", sa.Integer), sa.column("amount", sa.Numeric(12, 2)), sa.column("words", sa.Text)
tall = sa.table("tall", *columns)
query = sa.select(tall).where(tall.c.id <= int(rows))
with dbadmin.connect(url=url) as db:
    read = [len(part) for part in db.frame(query, chunks=5_000)] if way == "chunks" else [len(db.frame(query))]
assert sum(read) == int(rows), read
"""
WAYS = ("chunks", "parquet", "frame")
"""`db.frame(…, chunks=)`, `dbadmin sql … --output x.parquet`, and a frame of all rows, which grows."""
FEW = 100_000
MANY = 10 * FEW


def fill_tall(database: TestDatabase, rows: int) -> None:
    """A table of a number, a decimal and a text of 128 bytes."""
    spelling = SPELLING[database.kind]
    columns = f"n AS id, CAST(n * 7 / 100.0 AS DECIMAL(12, 2)) AS amount, {spelling['concat']} AS words"
    with database.connect() as connection:
        numbers = spelling["numbers"].format(rows=rows)
        connection.execute(text(f"CREATE TABLE tall AS SELECT {columns} FROM ({numbers}) AS numbers"))


def read_once(database: TestDatabase, way: str, rows: int, directory: Path) -> Sample:
    """Read so many rows in a process of its own."""
    url = database.url.render_as_string(hide_password=False)
    if way != "parquet":
        return once(Command([sys.executable, "-c", READ, way, url, str(rows)], cwd=directory))
    query, file = f"SELECT * FROM tall WHERE id <= {rows}", directory / "tall.parquet"
    command = [sys.executable, "-m", "dbadmin", "sql", query, "--url", url, "--output", file, "--format", "csv"]
    return once(Command(command, cwd=directory))


def memory_rows(kind: str) -> Callable[[Path, int], list[Row]]:
    """Peak memory at ten times the rows beside the peak at the rows; the ratio is that of the peaks."""

    def rows(directory: Path, runs: int) -> list[Row]:
        with server(kind, directory) as database:
            fill_tall(database, MANY)
            return [_row(database, way, directory, runs) for way in WAYS]

    return rows


def _row(database: TestDatabase, way: str, directory: Path, runs: int) -> Row:
    pairs = [tuple(read_once(database, way, rows, directory) for rows in (MANY, FEW)) for _ in range(runs)]
    ratios = [many.peak / few.peak for many, few in pairs]
    return Row(
        name=f"peak memory, {way}, {MANY:,} rows, {database.kind}",
        against=f"{FEW:,} rows; ratio of peaks",
        aim=1.1 if way != "frame" else None,  # a frame of all rows grows
        runs=runs,
        wall=statistics.median(many.wall for many, _ in pairs),
        wall_against=statistics.median(few.wall for _, few in pairs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        peak=max(many.peak for many, _ in pairs),
        peak_against=max(few.peak for _, few in pairs),
    )


MEMORY = {f"memory-{kind}": memory_rows(kind) for kind in ("postgresql", "mariadb", "sqlite")}
