"""What a rehearsal takes with ten times the data that its migration does not touch."""

import json
import statistics
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Row
from tests.benchmarks.project import ENV, dbadmin
from tests.benchmarks.tables import fill, server
from tests.servers import TestDatabase

UNTOUCHED = 50_000
"""Wide rows that no step touches, at once and ten times."""
TOUCHED = 2_000
INI = """[alembic]
script_location = %(here)s/migrations
sqlalchemy.url = {url}
"""
BASE = '''"""a table"""
import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None


def upgrade() -> None:
    op.create_table("small", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(50)))


def downgrade() -> None:
    op.drop_table("small")
'''
PENDING = '''"""a column with values, and an index"""
import sqlalchemy as sa
from alembic import op

revision = "b2"
down_revision = "a1"


def upgrade() -> None:
    op.add_column("small", sa.Column("shout", sa.String(60)))
    op.execute("UPDATE small SET shout = upper(name)")
    op.create_index("ix_small_shout", "small", ["shout"])


def downgrade() -> None:
    op.drop_index("ix_small_shout", "small")
    op.drop_column("small", "shout")
'''


def flat_rows(kind: str) -> Callable[[Path, int], list[Row]]:
    """The rows of one engine: the looks and comparisons alone, and the whole command."""

    def rows(directory: Path, runs: int) -> list[Row]:
        measured: list[list[Mapping[str, Any]]] = []
        for times in (1, 10):
            place = directory / f"times-{times}"
            place.mkdir()
            with server(kind, place) as database:
                project(place, database)
                fill(database, rows=UNTOUCHED * times)
                rehearse(place)  # a warm-up
                measured.append([rehearse(place) for _ in range(runs)])
        once, ten = measured
        return [
            _row(f"rehearsal, {kind}: looks and comparisons", once, ten, lambda t: t["snapshot"] + t["compare"], 1.2),
            _row(f"rehearsal, {kind}: all but the copy", once, ten, lambda t: t["total"] - t["copy"], 1.2),
            _row(f"rehearsal, {kind}: whole", once, ten, lambda t: t["total"], 10.0),
        ]

    return rows


def project(directory: Path, database: TestDatabase) -> None:
    """A project one revision behind, and its small table."""
    versions = directory / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "a1_.py").write_text(BASE)
    (versions / "b2_.py").write_text(PENDING)
    (directory / "migrations" / "env.py").write_text(ENV)
    url = database.url.render_as_string(hide_password=False).replace("%", "%%")
    (directory / "alembic.ini").write_text(INI.format(url=url))
    database.execute(
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('a1')",
        "CREATE TABLE small (id integer PRIMARY KEY, name varchar(50))",
        *(f"INSERT INTO small VALUES ({number}, 'name {number}')" for number in range(TOUCHED)),
    )


def rehearse(directory: Path) -> Mapping[str, Any]:
    """One rehearsal; the seconds that its report gives by heading."""
    command = dbadmin("verify-rollback", "--format", "json")
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} exited with {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    assert report["compared"]["untouched"] >= 1, report["compared"]
    timings: Mapping[str, Any] = report["timings"]
    return timings


def _row(
    name: str,
    once: list[Mapping[str, Any]],
    ten: list[Mapping[str, Any]],
    part: Callable[[Mapping[str, Any]], float],
    aim: float,
) -> Row:
    pairs = [(part(larger), part(smaller)) for larger, smaller in zip(ten, once, strict=True)]
    ratios = [larger / smaller for larger, smaller in pairs]
    return Row(
        name=f"{name}, 10 × untouched data",
        against="1 ×",
        aim=aim,
        runs=len(pairs),
        wall=statistics.median(larger for larger, _ in pairs),
        wall_against=statistics.median(smaller for _, smaller in pairs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        peak=0,
        peak_against=0,
    )
