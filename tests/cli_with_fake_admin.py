"""The command line in front of an Admin that answers with the samples: `python cli_with_fake_admin.py ...`.

Behind `sql` stands what the tests need: `sql "raise ConnectionFailed"`, `sql sleep`, `sql many`.
"""

import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import sqlalchemy as sa
from results_samples import BEHIND, COUNTS, LOSSY, MODELS, ROWS, SAFE

import dbadmin
from dbadmin import errors
from dbadmin.cli import main
from dbadmin.results import Column, Rows


def asked(name: str, *arguments: Any, **options: Any) -> Rows:
    """What the Admin was asked for, as rows."""
    pairs = [("method", name), *((f"argument {i}", a) for i, a in enumerate(arguments)), *options.items()]
    columns = (Column("what", "TEXT"), Column("value", "JSON"))
    return Rows(columns, tuple((k, v) for k, v in pairs if k != "progress"), None, False, None)


class NoTables(Rows):
    """What `tables` was asked for, in the place of an answer without any table."""

    tables = ()


def sql_(statement: str, **options: Any) -> Rows:
    """Fail, sleep or answer, as the statement says."""
    match statement.split():
        case ["raise", name]:
            if name == "MissingExtra":
                raise errors.MissingExtra("psycopg", "postgresql", "PostgreSQL")
            if name == "UnknownName":
                raise errors.UnknownName("table", "post", ["blog_posts"])
            if name == "OSError":
                raise OSError(28, "No space left on device", "/tmp/copy.db")
            kind = getattr(errors, name, None)
            if kind is None:
                raise TypeError("a bug with password=hunter2")
            raise kind("it is postgresql://app:hunter2@db/prod", hint="try again")
        case ["sleep"]:
            try:
                print("asleep", file=sys.stderr, flush=True)
                time.sleep(30)
            finally:
                print("cleaned up", file=sys.stderr, flush=True)
        case ["tidy"]:
            try:
                print("asleep", file=sys.stderr, flush=True)
                time.sleep(30)
            finally:
                print("tidying", file=sys.stderr, flush=True)
                time.sleep(1)
                print("cleaned up", file=sys.stderr, flush=True)
        case ["many"]:
            return Rows((Column("n", "INTEGER"),), tuple((n,) for n in range(100_000)), None, False, None)
        case ["rows"]:
            return ROWS
    return asked("sql", statement, **options)


class FakeAdmin:
    """Answers of fixed samples."""

    settings = SimpleNamespace(start=Path(), directory=Path())
    database = SimpleNamespace(sync_engine=sa.create_engine("sqlite://"))
    """Whose engine is never connected."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    @property
    def answers(self) -> "FakeAdmin":
        return self

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: asked(name, *arguments, **options)

    def status(self, check: bool) -> Any:
        from dataclasses import replace

        return replace(BEHIND, checked=check, drift=None, drift_skipped=None)

    def counts(self, *tables: str, **options: Any) -> Any:
        return asked("counts", *tables, **options) if tables else COUNTS

    def tables(self, exact: bool) -> Rows:
        told = asked("opened", **self.options)
        return NoTables(told.columns, told.rows, told.limit, told.truncated, told.sql)

    def models(self) -> Any:
        return MODELS

    def sql(self, statement: str, **options: Any) -> Rows:
        return sql_(statement, **options)

    def verify_rollback(self, **options: Any) -> Any:
        if options["no_data"]:
            return asked("verify_rollback", **options)
        return SAFE if options["keep"] else LOSSY

    def close(self) -> None:
        print("closed", file=sys.stderr)


module = ModuleType("dbadmin.admin")
module.open_admin = FakeAdmin  # type: ignore[attr-defined]
sys.modules["dbadmin.admin"] = module
dbadmin.admin = module  # type: ignore[attr-defined]
shell = ModuleType("dbadmin.shell")
shell.run = lambda admin, **options: 7  # type: ignore[attr-defined]
sys.modules["dbadmin.shell"] = shell

if __name__ == "__main__":
    main()
