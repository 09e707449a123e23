"""The two ways to a first copy of a MariaDB database, each beside a plain copy of its files."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from dbadmin.copies import open_copy
from dbadmin.database import Database
from dbadmin.dialects import accounts
from dbadmin.dialects.mysql.server import Server
from tests.benchmarks.copies import WIDE
from tests.benchmarks.fingerprints import Work, beside
from tests.benchmarks.measure import Row
from tests.benchmarks.tables import fill
from tests.servers import MariadbServer, TestDatabase

SCRIPTS = Path(__file__).parents[2] / "docs" / "examples" / "mariadb-backup"


def by_dump(of: Server) -> Work:
    """What dbadmin does: a private server is started, mariadb-dump loaded into it, the server ended."""

    def work() -> None:
        database = Database(sa.create_engine(of.url("shop"), poolclass=sa.NullPool))
        try:
            with open_copy(database, progress=lambda *_: None):
                pass
        finally:
            database.close()

    return work


def by_backup(of: Server, directory: Path) -> Work:
    """What the page's scripts do: mariadb-backup, --prepare, its server started, ended and removed."""
    account = accounts.owner_of(of.directory)
    shutil.copytree(SCRIPTS, directory)
    (directory / "source.cnf").write_text(f"[client]\nsocket={of.socket}\nuser=root\n")
    accounts.give(directory, account)
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(directory), "DBADMIN_COPY_NAME": "dbadmin_measured"}

    def work() -> None:
        for words in (("copy.sh", "source.cnf", "shop"), ("drop.sh",)):
            subprocess.run(
                ["sh", *words], check=True, env=environment, capture_output=True, cwd=directory,
                **accounts.options(account),
            )  # fmt: skip

    return work


def copying_mariadb(directory: Path, runs: int) -> list[Row]:
    """Both ways beside `cp` of the database's directory."""
    running = MariadbServer.start(directory / "server")
    try:
        source = running.server
        TestDatabase("mariadb", source.url(), "").execute("CREATE DATABASE shop")
        database = TestDatabase("mariadb", source.url("shop"), "shop")
        for table in ("wide", "broad"):
            fill(database, table, rows=WIDE)
            database.execute(f"CREATE INDEX t ON {table} (t(128))")
        base = directory / "files"

        def by_cp() -> None:
            shutil.rmtree(base, ignore_errors=True)
            subprocess.run(["cp", "-r", source.directory / "data" / "shop", base], check=True)

        ways: dict[str, Callable[[], object]] = {
            "mariadb-backup, prepared and started": by_backup(source, directory / "scripts"),
            "mariadb-dump into a private server": by_dump(source),
        }
        return [
            beside(f"copy, {name}", work, by_cp, of="cp of its files", aim=1.0, runs=runs)
            for name, work in ways.items()
        ]
    finally:
        running.stop()
