"""The rows: each makes what it needs in a directory of its own and compares two commands."""

import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from tests.benchmarks.copies import copying
from tests.benchmarks.copies_mariadb import copying_mariadb
from tests.benchmarks.fingerprints import FINGERPRINTS
from tests.benchmarks.flat import flat_rows
from tests.benchmarks.frames import FRAMES
from tests.benchmarks.inspecting import inspect_row
from tests.benchmarks.measure import Command, Row, compare
from tests.benchmarks.memory import MEMORY
from tests.benchmarks.project import ENV, compiled, dbadmin

REVISION = '''"""revision {number}"""
import sqlalchemy as sa
from alembic import op

revision = "r{number:04}"
down_revision = {down}


def upgrade() -> None:
    op.add_column("t", sa.Column("c{number}", sa.Integer))


def downgrade() -> None:
    op.drop_column("t", "c{number}")
'''
BARE = """
import sqlite3, subprocess, sys
from contextlib import closing
source, copy = sys.argv[1:3]
with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reader, closing(sqlite3.connect(copy)) as writer:
    reader.backup(writer)
for words in ("upgrade head", "downgrade -1", "upgrade head"):
    subprocess.run([sys.executable, "-m", "alembic", *words.split()], check=True, capture_output=True)
"""


def help_row(directory: Path, runs: int) -> Row:
    """`dbadmin --help` beside the import of what draws it."""
    subject = Command(dbadmin("--help"), cwd=directory)
    against = Command([sys.executable, "-c", "import click"], cwd=directory)
    return compare("dbadmin --help", subject, against, of='python -c "import click"', aim=1.5, runs=runs)


def status_row(revisions: int) -> Callable[[Path, int], list[Row]]:
    """`dbadmin status` beside `alembic current`, ten revisions pending: as it is asked again, and the first time.

    The first time there is nothing in the cache directory, as in a CI job.
    """

    def measure(directory: Path, runs: int) -> list[Row]:
        many_revisions(directory, revisions)
        compiled()
        time.sleep(2.1)  # what was written just now is not remembered
        against = Command([sys.executable, "-m", "alembic", "current"], cwd=directory)
        again = Command(dbadmin("status"), cwd=directory, environment={"XDG_CACHE_HOME": str(directory / "cache")})
        first = Command(dbadmin("status"), cwd=directory, environment={"XDG_CACHE_HOME": "/dev/null"})
        return [
            compare(f"dbadmin status, {revisions} revisions", again, against, of="alembic current", aim=0.5, runs=runs),
            compare(f"the same, the first time, {revisions}", first, against, of="alembic current", aim=1, runs=runs),
        ]

    return measure


def application_row(directory: Path, runs: int) -> Row:
    """`dbadmin status` the first time, beside `alembic current`: an application with a session to connect through."""
    from dbadmin.example.make import make

    demo = make(directory / "demo", users=20, posts=50).directory
    compiled()
    against = Command([sys.executable, "-m", "alembic", "current"], cwd=demo)
    first = Command(dbadmin("status"), cwd=demo, environment={"XDG_CACHE_HOME": "/dev/null"})
    return compare("dbadmin status, the demo, the first time", first, against, of="alembic current", aim=1, runs=runs)


def rehearsal_row(directory: Path, runs: int) -> Row:
    """`dbadmin verify-rollback` beside a bare copy and bare alembic up, down, up; the demo with 200,000 posts."""
    from dbadmin.example.make import make

    demo = make(directory / "demo", posts=200_000)
    copy = directory / "bare.db"
    script = f"import pathlib; pathlib.Path({str(copy)!r}).unlink(missing_ok=True)\n{BARE}"
    against = Command(
        [sys.executable, "-c", script, demo.directory / "app.db", copy],
        cwd=demo.directory,
        environment={"DATABASE_URL": f"sqlite:///{copy}"},
    )
    subject = Command(dbadmin("verify-rollback"), cwd=demo.directory, expected=(1,))
    return compare("whole rehearsal, SQLite", subject, against, of="copy + alembic up, down, up", aim=1.2, runs=runs)


def shell_row(directory: Path, runs: int) -> Row:
    """`dbadmin shell` to its first prompt beside IPython that imports the same models; the demo."""
    from dbadmin.example.make import make

    demo = make(directory / "demo", users=20, posts=50)
    prompting = [sys.executable, "-m", "tests.benchmarks.prompting"]
    here = {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "HOME": str(directory)}
    models = "from app.auth import *; from app.blog import *; from app.payments import *"
    ipython = [sys.executable, "-m", "IPython", "-i", "-c", models]
    subject = Command([*prompting, *dbadmin("shell")], cwd=demo.directory, environment=here)
    against = Command([*prompting, *ipython], cwd=demo.directory, environment=here)
    return compare("dbadmin shell to its prompt", subject, against, of="ipython, models imported", aim=1.3, runs=runs)


def many_revisions(directory: Path, revisions: int) -> None:
    """A project with so many revisions, its database ten behind the head."""
    versions = directory / "migrations" / "versions"
    versions.mkdir(parents=True)
    for number in range(revisions):
        down = f'"r{number - 1:04}"' if number else "None"
        (versions / f"r{number:04}_.py").write_text(REVISION.format(number=number, down=down))
    (directory / "migrations" / "env.py").write_text(ENV)
    (directory / "alembic.ini").write_text(
        f"[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = sqlite:///{directory}/app.db\n"
    )
    with closing(sqlite3.connect(directory / "app.db")) as database:
        database.execute("CREATE TABLE t (id integer)")
        database.execute("CREATE TABLE alembic_version (version_num varchar(32) primary key)")
        database.execute("INSERT INTO alembic_version VALUES (?)", (f"r{revisions - 11:04}",))
        database.commit()


ROWS: Mapping[str, Callable[[Path, int], Row | list[Row]]] = {
    "help": help_row,
    "status": status_row(300),
    "status-1000": status_row(1000),
    "status-application": application_row,
    "shell": shell_row,
    "rehearsal": rehearsal_row,
    "rehearsal-flat-sqlite": flat_rows("sqlite"),
    "rehearsal-flat-postgresql": flat_rows("postgresql"),
    "inspect-postgresql": inspect_row(),
    "copying-postgresql": copying,
    "copying-mariadb": copying_mariadb,
    **FINGERPRINTS,
    **FRAMES,
    **MEMORY,
}
