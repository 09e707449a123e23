"""Table → DataFrame beside what the wire gives at most, and beside other libraries; helpers beside their bare SQL."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.benchmarks.fingerprints import beside
from tests.benchmarks.measure import Row
from tests.benchmarks.tables import connected, fill, server
from tests.servers import TestDatabase

READ_ROWS = "BENCHMARK_ROWS"
STATEMENTS = {
    "wide": "SELECT * FROM wide",
    "narrow": "SELECT id, i0, b0, f0, s0 FROM wide",
}
LIBRARIES = {
    "pandas.read_sql": "pandas", "connectorx": "connectorx", "polars": "polars",
    "adbc": "adbc_driver_postgresql",
}  # fmt: skip
TABLES = 1_000
AIM = 1.5


def ways(kind: str) -> list[str]:
    """Ways to read that exist for an engine and are installed (`pip install '.[dev,benchmarks]'`)."""
    installed = [way for way, module in LIBRARIES.items() if find_spec(module)]
    without = {"mariadb": {"adbc"}}.get(kind, set())
    return ["dbadmin", "dbadmin-float", "dbadmin-arrow", *(way for way in installed if way not in without)]


def frames_rows(kind: str) -> Callable[[Path, int], list[Row]]:
    """The rows of one engine: a wide and a narrow result, each way of reading beside the wire."""

    def rows(directory: Path, runs: int) -> list[Row]:
        wanted = int(os.environ.get(READ_ROWS, "1000000"))
        measured = []
        with server(kind, directory) as database:
            fill(database, rows=wanted)
            fill(database, "small", rows=10)
            for shape, statement in STATEMENTS.items():
                for way in ways(kind):
                    row = read_beside_wire(database, way, statement, runs, f"{kind}, {wanted:,} {shape} rows: {way}")
                    measured += [row] if row else []
        return measured

    return rows


def read_beside_wire(database: TestDatabase, way: str, statement: str, runs: int, name: str) -> Row | None:
    """One way and the wire in turn, each in a process of its own; None where a library cannot read this."""
    pairs = []
    for _ in range(runs):
        mine, limit = reading(database, way, statement), reading(database, "wire", statement)
        assert limit is not None
        if mine is None:
            print(f"{name}: cannot", file=sys.stderr)
            return None
        pairs.append((mine, limit))
    ratios = [mine["seconds"] / limit["seconds"] for mine, limit in pairs]
    return Row(
        name=name,
        against="the wire; MiB against: the frame itself",
        aim=AIM if way.startswith("dbadmin") else None,  # other readers stand beside it
        runs=runs,
        wall=statistics.median(mine["seconds"] for mine, _ in pairs),
        wall_against=statistics.median(limit["seconds"] for _, limit in pairs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        peak=max(int(mine["peak"]) for mine, _ in pairs),
        peak_against=max(int(mine["held"]) for mine, _ in pairs),
    )


def reading(database: TestDatabase, way: str, statement: str) -> dict[str, Any] | None:
    """What `tests.benchmarks.reading` prints."""
    url = database.url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.reading", way, url, statement],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        if way in LIBRARIES:
            print(done.stderr.strip().splitlines()[-1:], file=sys.stderr)
            return None
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def helpers_rows(kind: str) -> Callable[[Path, int], list[Row]]:
    """What a helper costs beside the same SQL in the driver, and counts of many tables beside one by one."""

    def rows(directory: Path, runs: int) -> list[Row]:
        import dbadmin

        with server(kind, directory) as database:
            fill(database, rows=int(os.environ.get(READ_ROWS, "1000000")) // 10)
            with database.connect() as connection:
                for number in range(TABLES):
                    connection.execute(sa.text(f"CREATE TABLE t{number:04} (id integer)"))
            url = database.url.render_as_string(hide_password=False)
            with dbadmin.connect(url=url) as db, connected(database) as bare:
                return [_group(db, bare, kind, runs), _counts(db, bare, kind, runs)]

    return rows


def _group(db: Any, bare: "sa.Connection", kind: str, runs: int) -> Row:
    sql = "SELECT maybe, count(*) AS n, max(i0) AS top FROM wide GROUP BY maybe ORDER BY n DESC, maybe"

    def driver() -> object:
        return bare.exec_driver_sql(sql).fetchall()

    def helper() -> object:
        return db.group("wide", by="maybe", n="count", top="max(i0)")

    return beside(f"db.group, {kind}", helper, driver, of="the same SQL in the driver", aim=1.2, runs=runs)


def _counts(db: Any, bare: "sa.Connection", kind: str, runs: int) -> Row:
    names = [*(f"t{number:04}" for number in range(TABLES)), "wide"]  # every table that there is

    def one_by_one() -> object:
        return [bare.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in names]

    name = f"db.counts of {TABLES:,} tables, {kind}"
    return beside(name, db.counts, one_by_one, of="the driver, one by one", aim=0.5, runs=runs)


FRAMES: dict[str, Callable[[Path, int], list[Row]]] = {
    **{f"frames-{kind}": frames_rows(kind) for kind in ("postgresql", "mariadb", "sqlite")},
    **{f"helpers-{kind}": helpers_rows(kind) for kind in ("postgresql", "mariadb", "sqlite")},
}
