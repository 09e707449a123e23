"""The ways to copy a PostgreSQL database, each beside a plain copy of its files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from dbadmin.dialects import accounts
from dbadmin.dialects.postgresql.server import Server
from tests.benchmarks.fingerprints import Work, beside
from tests.benchmarks.measure import Row
from tests.benchmarks.tables import fill
from tests.servers import PostgresqlServer, TestDatabase

WIDE = 150_000
"""Rows of each of two wide tables, with an index on one column."""


@dataclass(frozen=True)
class Source:
    """A filled database on a server with PostgreSQL's own settings, as a user's would be (write-ahead log and all)."""

    server: Server
    tools: Path
    directory: Path

    def run(self, tool: str, *words: str | Path) -> None:
        """One of PostgreSQL's programs, as the server's account."""
        where = {"PGHOST": str(self.server.socket_dir), "PGUSER": "dbadmin", "PATH": os.environ["PATH"]}
        subprocess.run(
            [self.tools / tool, *words], check=True, env=where, capture_output=True, cwd=self.directory,
            **accounts.options(accounts.owner_of(self.directory)),
        )  # fmt: skip

    def execute(self, *statements: str) -> None:
        """Statements that commit by themselves, in one session."""
        engine = sa.create_engine(self.server.url("template1"), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def files(self) -> Path:
        """Where the database's files are."""
        engine = sa.create_engine(self.server.url("shop"), poolclass=sa.NullPool)
        with engine.connect() as connection:
            path = connection.exec_driver_sql("SELECT pg_relation_filepath('wide')").scalar_one()
        return (self.server.directory / "data" / str(path)).parent


@contextmanager
def source(directory: Path) -> Iterator[Source]:
    """The server, gone afterwards with all that was copied."""
    binaries = PostgresqlServer.binaries()
    with Server.start(directory / "server", binaries=binaries, durable=True) as server:
        try:
            made = Source(server, Path(server.record.binaries or binaries.bindir), directory / "copies")
            made.directory.mkdir()
            accounts.give(made.directory, accounts.owner_of(server.directory))
            made.execute("CREATE DATABASE shop")
            database = TestDatabase("postgresql", server.url("shop"), "shop")
            for table in ("wide", "broad"):
                fill(database, table, rows=WIDE)
                database.execute(f"CREATE INDEX ON {table} (t)")
            made.execute("CHECKPOINT")
            yield made
        finally:
            server.stop()


def by_dump(of: Source, jobs: int) -> Work:
    """Dump and restore into an empty database of the same server."""

    def work() -> None:
        shutil.rmtree(of.directory / "dump", ignore_errors=True)
        of.execute("DROP DATABASE IF EXISTS copy", "CREATE DATABASE copy TEMPLATE template0")
        number = f"--jobs={jobs}"
        words = ("--format=directory", "--compress=0", "--no-sync", number, f"--file={of.directory / 'dump'}")
        of.run("pg_dump", *words, "--dbname=shop")
        of.run("pg_restore", "--dbname=copy", "--exit-on-error", number, of.directory / "dump")

    return work


def by_template(of: Source, strategy: str, setting: str | None = None) -> Work:
    """CREATE DATABASE … TEMPLATE."""

    def work() -> None:
        before = (f"SET file_copy_method = {setting}",) if setting else ()
        of.execute("DROP DATABASE IF EXISTS copy", *before, f"CREATE DATABASE copy TEMPLATE shop STRATEGY {strategy}")

    return work


def by_base_backup(of: Source) -> Work:
    """The whole cluster with pg_basebackup, the write-ahead log that makes it consistent included; not yet started."""

    def work() -> None:
        target = of.directory / "cluster"
        shutil.rmtree(target, ignore_errors=True)
        of.run("pg_basebackup", "-D", target, "-X", "stream", "--checkpoint=fast", "--no-sync", "--no-manifest")

    return work


def copying(directory: Path, runs: int) -> list[Row]:
    """Every way beside `cp` of the database's directory; one that this file system cannot go is left out."""
    with source(directory) as of:
        base, files = of.directory / "files", of.files()

        def by_cp() -> None:
            shutil.rmtree(base, ignore_errors=True)
            subprocess.run(["cp", "-r", files, base], check=True)

        ways: dict[str, Callable[[], object]] = {
            "TEMPLATE, wal_log": by_template(of, "WAL_LOG"),
            "TEMPLATE, file_copy": by_template(of, "FILE_COPY"),
            "TEMPLATE, file_copy by clone": by_template(of, "FILE_COPY", "clone"),
            "pg_basebackup": by_base_backup(of),
            "pg_dump and pg_restore, 1 job": by_dump(of, 1),
            f"pg_dump and pg_restore, {os.cpu_count()} jobs": by_dump(of, os.cpu_count() or 1),
        }
        rows = []
        for name, work in ways.items():
            try:
                rows.append(beside(f"copy, {name}", work, by_cp, of="cp of its files", aim=1.0, runs=runs))
            except sa.exc.DBAPIError as error:
                print(f"{name}: {str(error.orig).strip().splitlines()[0]}", file=sys.stderr)
        return rows
