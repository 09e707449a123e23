"""Protected databases take no write unless somebody types their name at a terminal."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pexpect
import pytest
import sqlalchemy as sa
from conftest import Run
from drivers import ASYNC, make_engine, url_for
from servers import TestDatabase
from sqlalchemy.ext.asyncio import create_async_engine

import dbadmin
from dbadmin.errors import UsageError

WRITE = "INSERT INTO t VALUES (2)"


@pytest.fixture
def prod(sqlite: TestDatabase, tmp_path: Path) -> str:
    """The URL of a protected database; the configuration stands in `tmp_path`."""
    sqlite.execute("CREATE TABLE t (x int)", "INSERT INTO t VALUES (1)")
    (tmp_path / "dbadmin.toml").write_text('protected = ["app"]\n')
    return sqlite.url.render_as_string(hide_password=False)


def test_a_script_cannot_write_to_a_protected_database(
    prod: str, sqlite: TestDatabase, tmp_path: Path, run: Run
) -> None:
    done = run("sql", WRITE, "--write", "--url", prod, cwd=tmp_path)
    assert done.code == 2 and "is protected (app): nothing is written to it" in done.stderr
    assert "--confirm app.db" in done.stderr
    done = run("sql", WRITE, "--write", "--confirm", "app.db", "--url", prod, cwd=tmp_path)
    assert done.code == 2 and "stdin is no terminal" in done.stderr
    done = run("shell", "-c", "1", "--write", "--url", prod, cwd=tmp_path)
    assert done.code == 2 and "is protected (app)" in done.stderr
    with pytest.raises(UsageError, match="is protected"):
        dbadmin.connect(prod, app=str(tmp_path), write=True)
    assert sqlite.rows("SELECT x FROM t") == [(1,)]


def test_its_name_typed_at_a_terminal_lets_write(prod: str, sqlite: TestDatabase, tmp_path: Path) -> None:
    def typed(name: str) -> tuple[int | None, str]:
        words = ["-m", "dbadmin", "sql", WRITE, "--write", "--confirm", name, "--url", prod]
        child = pexpect.spawn(
            sys.executable, words, cwd=str(tmp_path), env={"PYTHONPATH": str(Path.cwd()), "PATH": "/usr/bin:/bin"},
            encoding="utf-8", timeout=60,
        )  # fmt: skip
        said = child.read()
        child.close()
        return child.exitstatus, said

    code, said = typed("other.db")
    assert code == 2 and "--confirm says other.db, and the database is called app.db" in said
    assert typed("app.db")[0] == 0
    assert sqlite.rows("SELECT x FROM t") == [(1,), (2,)]


def test_to_confirm_means_to_write(prod: str, tmp_path: Path, run: Run) -> None:
    done = run("sql", "SELECT 1", "--confirm", "app.db", "--url", prod, cwd=tmp_path)
    assert done.code == 2 and "--confirm goes with --write" in done.stderr


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "pg8000", "pymysql", "asyncpg"])
def test_an_application_that_connects_by_a_function_of_its_own_is_protected_by_what_it_connects_to(
    driver: str, made: TestDatabase, tmp_path: Path
) -> None:
    (tmp_path / "dbadmin.toml").write_text(f'protected = ["{made.name}"]\n')
    dialect = make_engine(made, driver).dialect
    cargs, cparams = dialect.create_connect_args(url_for(made, driver))
    cparams.pop("prepared_statement_cache_size", None)

    async def connect() -> Any:
        return await import_module(driver).connect(*cargs, **cparams)

    name = f"{dialect.name}+{driver}://"
    engine: Any = (
        create_async_engine(name, async_creator=connect)
        if driver in ASYNC
        else sa.create_engine(name, creator=lambda: dialect.loaded_dbapi.connect(*cargs, **cparams))
    )
    with pytest.raises(UsageError, match="is protected") as caught:
        dbadmin.connect(session=engine, app=str(tmp_path), write=True)
    assert f"--confirm {made.name}," in str(caught.value.hint)
    with dbadmin.connect(session=engine, app=str(tmp_path)) as db:
        assert db.count("items") == 2
