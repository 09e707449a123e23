"""Applications that connect by a function of their own (creator, async_creator): their URL says nothing."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import Run
from drivers import ASYNC, MODULES, engine_by_function, make_engine, url_for
from projects import write
from servers import TestDatabase

from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.dialects.mysql.options import client_options
from dbadmin.errors import ConfigError

CANARY = "s3cr3t-of-a-creator"
TELLING = ["pysqlite", "aiosqlite", "psycopg", "psycopg2", "asyncpg", "pg8000", "pymysql", "aiomysql", "asyncmy"]
DB = """
from importlib import import_module
from sqlalchemy import String, create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

{define} connect():
    return {wait} import_module({module!r}).connect(*{cargs!r}, **{cparams!r})

engine = {engine}({name!r}, {creator}=connect)
SessionLocal = {session}(engine)

class Base(DeclarativeBase):
    pass

class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None] = mapped_column(String(50))
"""
SYNC_WORDS = {
    "define": "def", "wait": "", "engine": "create_engine", "creator": "creator", "session": "sessionmaker",
}  # fmt: skip
ASYNC_WORDS = {
    "define": "async def", "wait": "await", "engine": "create_async_engine", "creator": "async_creator",
    "session": "async_sessionmaker",
}  # fmt: skip
ENV = """
from alembic import context
from db import Base, engine
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
ASYNC_ENV = """
import asyncio
from alembic import context
from db import Base, engine

def migrate(connection):
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()

asyncio.run(main())
"""
A1 = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "a1", None
def upgrade():
    op.create_table("posts", sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(50)))
def downgrade():
    op.drop_table("posts")
"""
B2 = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "b2", "a1"
def upgrade():
    op.add_column("posts", sa.Column("n", sa.Integer))
def downgrade():
    op.drop_column("posts", "n")
"""


@pytest.fixture
def application(driver: str, made: TestDatabase, tmp_path: Path) -> Path:
    """An application whose engine, and env.py's, knows its database by a function only; one revision is pending."""
    cargs, cparams = parameters(driver, made)
    is_async = driver in ASYNC
    name = f"{make_engine(made, driver).dialect.name}+{driver}://"
    module = "sqlite3" if driver == "pysqlite" else MODULES.get(driver, driver)
    words = ASYNC_WORDS if is_async else SYNC_WORDS
    directory = write(
        tmp_path / "shop",
        {
            "db.py": DB.format(module=module, cargs=cargs, cparams=cparams, name=name, **words),
            "migrations/env.py": ASYNC_ENV if is_async else ENV,
            "migrations/versions/a1.py": A1,
            "migrations/versions/b2.py": B2,
            "alembic.ini": "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n",
            "dbadmin.toml": 'session = "db:SessionLocal"\nmodels = ["db:Base"]\nalembic = "alembic.ini"\n',
        },
    )
    made.execute(
        "CREATE TABLE posts (id integer NOT NULL PRIMARY KEY, title varchar(50))",
        "INSERT INTO posts VALUES (1, 'first')",
        "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('a1')",
    )
    return directory


def parameters(driver: str, made: TestDatabase) -> tuple[list[Any], dict[str, Any]]:
    """What the driver's own `connect` takes; with a password where there is a server."""
    cargs, cparams = make_engine(made, driver).dialect.create_connect_args(url_for(made, driver))
    for name in ("prepared_statement_cache_size", "client_flag"):
        cparams.pop(name, None)  # SQLAlchemy's own
    if made.kind == "mariadb":
        made.execute(
            f"CREATE OR REPLACE USER shop@localhost IDENTIFIED BY '{CANARY}'", "GRANT ALL ON *.* TO shop@localhost"
        )
        cparams |= {"user": "shop"}
    if made.kind != "sqlite":
        cparams |= {"password": CANARY}
    plain = {name: value for name, value in cparams.items() if isinstance(value, str | int)}
    return list(cargs), plain


def suffix(made: TestDatabase) -> str:
    return {"sqlite": "db", "postgresql": "dump", "mariadb": "sql"}[made.kind]


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "pg8000", "asyncpg", "pymysql", "aiomysql"])
def test_a_backup_is_of_what_the_function_connects_to(
    driver: str, application: Path, made: TestDatabase, run: Run
) -> None:
    done = run("backup", f"shop.{suffix(made)}", "--verify", "--format", "json", cwd=application)
    assert done.code == 0, done.stderr
    report = done.json()
    assert report["database"]["name"] == made.name and report["proof"]["rows"] == (6 if made.kind == "sqlite" else 4)
    assert CANARY not in done.stdout + done.stderr
    to = made.url.render_as_string(hide_password=False)
    done = run("restore", f"shop.{suffix(made)}", "--to", to, cwd=application)
    assert done.code == 2 and "is the configured database" in done.stderr


@pytest.mark.parametrize("driver", ["pysqlite", "aiosqlite", "psycopg", "pg8000", "asyncpg", "pymysql", "aiomysql"])
def test_a_rehearsal_copies_it_and_leads_the_function_to_the_copy(
    driver: str, application: Path, made: TestDatabase, run: Run
) -> None:
    done = run("verify-rollback", "--format", "json", cwd=application)
    assert done.code == 0, done.stdout + done.stderr
    report = done.json()
    assert report["verdict"] == "safe" and report["compared"]["rows"] == 1 and report["source_unchanged"] is True
    assert CANARY not in done.stdout + done.stderr
    assert made.rows("SELECT * FROM posts") == [(1, "first")]


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "aiomysql"])
def test_drift_is_measured_without_reaching_it(driver: str, application: Path, made: TestDatabase, run: Run) -> None:
    made.execute("CREATE INDEX ix_by_hand ON posts (title)")
    report = run("status", "--drift", "--format", "json", cwd=application).json()
    assert {"posts.ix_by_hand", "posts.n"} <= {one["object"] for one in report["drift"]}
    assert report["drift_skipped"] is None and report["database"]["name"] == made.name


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "pymysql"])
def test_it_is_the_configured_database_and_not_rehearsed_in_place(
    driver: str, application: Path, made: TestDatabase, run: Run
) -> None:
    done = run("verify-rollback", "--in-place", cwd=application)
    assert done.code == 2 and "is the configured database: nothing is run on it" in done.stderr
    typed = made.url.render_as_string(hide_password=False)
    done = run("verify-rollback", "--in-place", "--url", typed, cwd=application)
    assert done.code == 2 and "env.py connects by a function of its own" in done.stderr
    assert f"--yes-this-is-a-copy {made.name}" in done.stderr


@pytest.mark.parametrize("driver", ["psycopg"])
def test_nothing_is_asked_where_only_env_py_knows_the_function(
    driver: str, application: Path, made: TestDatabase, run: Run
) -> None:
    (application / "dbadmin.toml").write_text("")
    text = (application / "db.py").read_text().partition("SessionLocal")[0].replace("engine = ", "def made(): return ")
    (application / "db.py").unlink()
    env = (
        ENV.replace("from db import Base, engine\n", "").replace("Base.metadata", "None").replace("engine.", "made().")
    )
    (application / "migrations" / "env.py").write_text(text + env)
    for command in ("status", "count"):
        done = run(command, cwd=application)
        assert done.code == 2 and "env.py connects by a function of its own (creator)" in done.stderr


@pytest.fixture
def connected(driver: str, made: TestDatabase) -> Iterator[Database]:
    database = Database(engine_by_function(made, driver, *parameters(driver, made)))
    yield database
    database.close()


@pytest.mark.parametrize("driver", TELLING)
def test_the_open_connection_tells_the_url_and_the_password(
    driver: str, made: TestDatabase, connected: Database
) -> None:
    url = connected.whole_url
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM items").scalar() == 2
    assert url.password == (None if made.kind == "sqlite" else CANARY)
    assert CANARY not in connected.info.url and made.name in connected.info.url


@pytest.mark.parametrize("driver", ["psycopg"])
def test_what_a_driver_tells_is_proven_to_be_the_same_database(
    driver: str, made: TestDatabase, connected: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = type(connected.dialect.address)
    for url, why in (
        (made.url.set(database="postgres"), "leads to another database"),
        (made.url.set(database="gone"), "nobody else gets there as its driver tells"),
        (None, "its driver does not tell"),
    ):
        connected.__dict__.pop("whole_url", None)
        monkeypatch.setattr(address, "url_of_connection", lambda self, connection, url=url: url)
        with pytest.raises(ConfigError, match=why) as caught:
            _ = connected.whole_url
        assert "--url" in str(caught.value.hint)


@pytest.mark.parametrize("checks", [True, False])
def test_a_connection_that_checks_certificates_tells_no_url(checks: bool) -> None:
    context = ssl.create_default_context()
    if not checks:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    wrapped = SimpleNamespace(context=context)
    place = {"host": "db", "port": 3306, "user": b"app", "password": b"", "db": b"shop", "unix_socket": None}
    mysql = named("mysql").address.url_of_connection(SimpleNamespace(**place, _sock=wrapped))
    transport = SimpleNamespace(get_extra_info=lambda name: wrapped)
    told = SimpleNamespace(user="app", password="x", database="shop")
    asyncpg = SimpleNamespace(_addr=("db", 5432), _params=told, _transport=transport)
    postgresql = named("postgresql").address.url_of_connection(SimpleNamespace(driver_connection=asyncpg))
    if checks:
        assert mysql is None and postgresql is None
    else:
        assert mysql is not None and "ssl" in client_options(mysql)
        assert postgresql is not None and postgresql.query["sslmode"] == "require"
