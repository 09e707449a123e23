"""env.py of every common style is understood without connecting to anything."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from projects import ENV, MODELS, alembic_project, write

from dbadmin.app.config import load_settings
from dbadmin.errors import ChildFailed, MissingExtra, UserCodeError
from dbadmin.migrations.capture import Captured, capture
from dbadmin.secrets import mask

NOWHERE = "postgresql+psycopg://app:s3cr%40t@db.invalid:5432/shop"

ASYNC = """
import asyncio
from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import async_engine_from_config
from shop.models import Base

config = context.config

def do_run_migrations(connection):
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()

async def run_async_migrations():
    connectable = async_engine_from_config(
        config.get_section(config.config_ini_section, {}), prefix="sqlalchemy.", poolclass=pool.NullPool
    )
    async with connectable.connect() as connection:
        await connection.run_sync(do_run_migrations)
    await connectable.dispose()

if context.is_offline_mode():
    raise RuntimeError("online only")
asyncio.run(run_async_migrations())
"""

APP_ENGINE_AT_IMPORT = """
from alembic import context
from shop.database import engine
from shop.models import Base

with engine.begin() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    context.run_migrations()
"""

SQL_BEFORE_CONFIGURE = """
from alembic import context
from sqlalchemy import create_engine, text
from shop.models import Base

engine = create_engine("postgresql+psycopg://app:pw@db.invalid/shop")
with engine.connect() as connection:
    connection.execute(text("create schema if not exists audit"))
    if connection.execute(text("select 1 from pg_roles")).scalar():
        raise RuntimeError("a fake has no rows")
    connection.commit()
    connection.dialect.default_schema_name = "audit"
    context.configure(
        connection=connection, target_metadata=Base.metadata, version_table="versions",
        version_table_schema="audit", include_schemas=True,
    )
    with context.begin_transaction():
        context.run_migrations()
"""

LATE_IMPORT = """
import asyncio
from alembic import context

async def run():
    from shop.database import engine
    from shop.models import Base
    handed = context.config.attributes.get("connection", None)
    if handed is None:
        connection = await engine.connect()
        def configure(sync_connection):
            context.configure(connection=sync_connection, target_metadata=Base.metadata)
        await connection.run_sync(configure)

asyncio.run(run())
"""

MULTIDB = """
from alembic import context
from sqlalchemy import MetaData, Table, Column, Integer, engine_from_config
from shop.models import Base

config = context.config
target_metadata = {"one": Base.metadata, "two": MetaData()}
Table("in_two", target_metadata["two"], Column("id", Integer, primary_key=True))

for name in config.get_main_option("databases").split(","):
    engine = engine_from_config(config.get_section(name.strip()), prefix="sqlalchemy.")
    with engine.connect() as connection:
        transaction = connection.begin()
        context.configure(connection=connection, target_metadata=target_metadata[name.strip()])
        context.run_migrations(engine_name=name)
        transaction.commit()
"""


FRESH = {"NO_NURSERY": "serves this environment"}
"""With this env.py has a process of its own that is no fork, where nothing is imported yet."""


def captured(directory: Path, **options: Any) -> Captured:
    project = load_settings({}, start=directory, environ={}).project
    assert project is not None
    return capture(project, **options)


def test_standard_env_py_gives_url_and_metadata_although_no_server_exists(tmp_path: Path) -> None:
    seen = captured(alembic_project(tmp_path, url=NOWHERE))
    assert seen.url is not None
    assert (seen.style, seen.url.password, seen.url.host) == ("online", "s3cr@t", "db.invalid")
    assert seen.url_source == "alembic.ini through alembic/env.py"
    assert seen.tables == ("posts", "users")
    assert seen.metadata_modules == ("shop.models",)
    assert seen.metadata_names == ("shop.models:Base.metadata",)
    assert str(tmp_path) in seen.sys_path
    assert "s3cr" not in repr(seen)


def test_sqlite_file_is_not_created_and_its_path_is_seen_from_the_project(tmp_path: Path) -> None:
    before = set(alembic_project(tmp_path, url="sqlite:///./shop.db").rglob("*"))
    seen = captured(tmp_path)
    assert seen.url is not None
    assert seen.url.database == str(tmp_path / "shop.db")
    assert set(tmp_path.rglob("*")) == before, "looking writes nothing, not even bytecode"


@pytest.mark.parametrize("more", [{}, FRESH], ids=["forked", "fresh"])
def test_async_template_is_understood_online(tmp_path: Path, more: dict[str, str]) -> None:
    project = alembic_project(tmp_path, url="postgresql+asyncpg://a:b@db.invalid/x", env=ASYNC)
    seen = captured(project, environment={**os.environ, **more})
    assert (seen.style, seen.is_async, seen.tables) == ("online", True, ("posts", "users"))


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_application_engine_used_at_import_is_not_connected(tmp_path: Path, driver: str) -> None:
    database = f"""
    from sqlalchemy import create_engine
    engine = create_engine("postgresql+{driver}://app:pw@db.invalid/shop")
    """
    seen = captured(alembic_project(tmp_path, env=APP_ENGINE_AT_IMPORT, files={"shop/database.py": database}))
    assert seen.url is not None
    assert (seen.style, seen.url.host, seen.url_source) == ("online", "db.invalid", "alembic/env.py")


def test_sql_before_configure_meets_a_fake_and_version_table_is_learnt(tmp_path: Path) -> None:
    seen = captured(alembic_project(tmp_path, env=SQL_BEFORE_CONFIGURE))
    assert (seen.style, seen.version_table, seen.version_table_schema) == ("online", "versions", "audit")
    assert seen.include_schemas


def test_late_import_in_a_coroutine_and_an_awaited_connection(tmp_path: Path) -> None:
    database = """
    from sqlalchemy.ext.asyncio import create_async_engine
    engine = create_async_engine("postgresql+asyncpg://app:pw@db.invalid/shop")
    """
    seen = captured(alembic_project(tmp_path, env=LATE_IMPORT, files={"shop/database.py": database}))
    assert (seen.style, seen.is_async, seen.metadata_modules) == ("online", True, ("shop.models",))


def test_env_py_meets_no_module_that_it_did_not_import_and_leaves_logging_as_it_is(tmp_path: Path) -> None:
    env = """
    import sys
    from alembic import context
    if "sqlalchemy.orm" in sys.modules or "sqlalchemy.ext.asyncio" in sys.modules:
        raise RuntimeError("what is not needed takes time")
    from logging.config import fileConfig
    fileConfig("/no/such/file")
    context.configure(url="sqlite:///shop.db")
    """
    assert captured(alembic_project(tmp_path, env=env), environment={**os.environ, **FRESH}).style == "online"


def test_what_alembic_imports_for_migrations_runs_once_somebody_asks_it_for_something(tmp_path: Path) -> None:
    env = """
    import sys
    from alembic import context
    ran = {name: len(vars(sys.modules[name])) > 20 for name in ("alembic.autogenerate", "alembic.ddl.postgresql")}
    if any(ran.values()):
        raise RuntimeError(f"what is not needed takes time: {ran}")
    import alembic.autogenerate.compare, alembic.autogenerate.render
    from alembic import autogenerate
    from alembic.ddl import postgresql
    assert autogenerate.render is sys.modules["alembic.autogenerate.render"] is postgresql.render, "it ran once"
    assert postgresql.PostgresqlImpl.__dialect__ == "postgresql"
    assert autogenerate.render.__spec__.origin == autogenerate.render.__file__
    if "alembic.runtime.plugins" in sys.modules:  # since 1.18
        assert "alembic.autogenerate.tables" in sys.modules["alembic.runtime.plugins"]._all_plugins
    context.configure(url="sqlite:///shop.db")
    """
    assert captured(alembic_project(tmp_path, env=env), environment={**os.environ, **FRESH}).style == "online"


@pytest.mark.parametrize("more", [{}, FRESH], ids=["forked", "fresh"])
def test_a_context_that_env_py_makes_by_itself_has_the_implementation_of_its_engine(
    tmp_path: Path, more: dict[str, str]
) -> None:
    env = """
    from alembic import context
    from alembic.migration import MigrationContext

    assert type(MigrationContext.configure(url="sqlite://").impl).__name__ == "SQLiteImpl"
    context.configure(url="sqlite:///shop.db")
    """
    assert captured(alembic_project(tmp_path, env=env), environment={**os.environ, **more}).style == "online"


def test_several_databases_are_counted_and_the_first_is_described(tmp_path: Path) -> None:
    alembic_project(tmp_path, env=MULTIDB)
    ini = tmp_path / "alembic.ini"
    ini.write_text(
        ini.read_text()
        + "databases = one, two\n[one]\nsqlalchemy.url = sqlite:///one.db\n[two]\nsqlalchemy.url = sqlite:///two.db\n"
    )
    seen = captured(tmp_path)
    assert seen.url is not None
    assert (seen.databases, Path(seen.url.database or "").name) == (2, "one.db")
    assert seen.tables == ("in_two", "posts", "users")


def test_placeholder_url_is_no_url_but_metadata_is_still_found(tmp_path: Path) -> None:
    seen = captured(alembic_project(tmp_path, url="driver://user:pass@localhost/dbname"))
    assert (seen.url, seen.style, seen.tables) == (None, "offline", ("posts", "users"))
    assert mask("password, pass, user") == "password, pass, user", "its words are no secrets"


def test_globals_are_read_where_env_py_raises_both_ways(tmp_path: Path) -> None:
    env = ENV.format(imports="from shop.models import Base", metadata="Base.metadata")
    env = env.replace("def run_migrations_offline():", "def run_migrations_offline():\n    raise RuntimeError('no')\n")
    seen = captured(alembic_project(tmp_path, url="driver://user:pass@localhost/dbname", env=env))
    assert (seen.style, seen.url, seen.metadata_names) == ("globals", None, ("shop.models:Base.metadata",))


def test_flask_migrate_runs_in_the_application_context(tmp_path: Path) -> None:
    flask_migrate = pytest.importorskip("flask_migrate")
    env = Path(flask_migrate.__file__).parent / "templates" / "flask"
    application = """
    from flask import Flask
    from flask_migrate import Migrate
    from flask_sqlalchemy import SQLAlchemy

    db = SQLAlchemy()

    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    def create_app():
        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://app:pw@db.invalid/shop"
        db.init_app(app)
        Migrate(app, db)
        return app
    """
    write(
        tmp_path,
        {
            "app.py": application,
            "migrations/alembic.ini": (env / "alembic.ini.mako").read_text(),
            "migrations/env.py": (env / "env.py").read_text(),
            "migrations/versions/.keep": "",
        },
    )
    seen = captured(tmp_path)
    assert seen.url is not None
    assert (seen.url.host, seen.tables, seen.metadata_modules) == ("db.invalid", ("user",), ("app",))


def test_core_tables_name_the_module_that_writes_them(tmp_path: Path) -> None:
    tables = """
    from sqlalchemy import Column, Integer, MetaData, Table
    metadata = MetaData()
    users = Table("users", metadata, Column("id", Integer, primary_key=True))
    """
    env = ENV.format(imports="import shop.main\nfrom shop.main import metadata", metadata="metadata")
    main = "from shop.tables import metadata, users\n"
    seen = captured(alembic_project(tmp_path, env=env, files={"shop/tables.py": tables, "shop/main.py": main}))
    assert (seen.metadata_modules, seen.metadata_names) == (("shop.tables",), ("shop.tables:metadata",))


def test_the_given_environment_reaches_env_py(tmp_path: Path) -> None:
    env = ENV.format(imports="import os\nfrom shop.models import Base", metadata="Base.metadata").replace(
        "config = context.config",
        "config = context.config\nconfig.set_main_option('sqlalchemy.url', os.environ['SHOP_URL'])",
    )
    project = load_settings({}, start=alembic_project(tmp_path, env=env), environ={}).project
    assert project is not None
    seen = capture(project, environment={**os.environ, "SHOP_URL": "sqlite:////data/shop.db"})
    assert seen.url is not None
    assert (seen.url.database, seen.url_source) == (
        "/data/shop.db",
        "SHOP_URL (environment) through alembic/env.py",
    )


def test_an_error_in_env_py_names_file_and_line(tmp_path: Path) -> None:
    alembic_project(tmp_path, models="import os\n\nos.environ['NOT_SET_HERE']\n")
    with pytest.raises(UserCodeError, match=r"shop/models\.py:3: KeyError: 'NOT_SET_HERE'"):
        captured(tmp_path)


def test_a_syntax_error_names_the_line_it_is_on(tmp_path: Path) -> None:
    alembic_project(tmp_path, models="x = 1\n\ndef (:\n")
    with pytest.raises(UserCodeError, match=r"shop/models\.py:3: SyntaxError"):
        captured(tmp_path)


def test_passwords_in_an_error_of_env_py_are_hidden(tmp_path: Path) -> None:
    alembic_project(tmp_path, models="raise ValueError('bad dsn postgresql://app:hunter22@db/x')\n")
    with pytest.raises(UserCodeError) as raised:
        captured(tmp_path)
    assert "hunter22" not in raised.value.message
    assert "app:***@db/x" in raised.value.message


def test_a_missing_driver_names_the_extra(tmp_path: Path) -> None:
    models = MODELS + "\nfrom sqlalchemy import create_engine\nengine = create_engine('mysql+aiomysql://a@b/c')\n"
    alembic_project(tmp_path, models=models)
    absent = "raise ModuleNotFoundError(\"No module named 'aiomysql'\", name='aiomysql')\n"
    (tmp_path / "aiomysql.py").write_text(absent)  # found first: as if the driver were not installed
    with pytest.raises(MissingExtra, match="aiomysql") as raised:
        captured(tmp_path)
    assert raised.value.exit_code == 4
    assert raised.value.hint == "pip install aiomysql (or dbadmin's own driver: pip install 'dbadmin-toolkit[mysql]')"


def test_a_module_that_the_project_has_elsewhere_is_told_with_what_alembic_needs_to_be_told(tmp_path: Path) -> None:
    alembic_project(tmp_path, models="import tariffs\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tariffs.py").touch()
    with pytest.raises(UserCodeError, match=r"shop/models\.py:1: ModuleNotFoundError") as raised:
        captured(tmp_path)
    assert raised.value.hint is not None and "put lib into prepend_sys_path" in raised.value.hint
    (tmp_path / "lib" / "tariffs.py").unlink()
    with pytest.raises(UserCodeError) as raised:
        captured(tmp_path)
    assert raised.value.hint is not None and "python -m dbadmin" in raised.value.hint


def test_sys_exit_is_reported_with_its_line(tmp_path: Path) -> None:
    alembic_project(tmp_path, models="import sys\nsys.exit(0)\n")
    with pytest.raises(UserCodeError, match=r"shop/models\.py:2 calls sys\.exit\(0\)"):
        captured(tmp_path)


def test_an_env_py_that_ends_the_process_gives_its_last_words(tmp_path: Path) -> None:
    alembic_project(tmp_path, models="import os\nprint('farewell', flush=True)\nos._exit(0)\n")
    with pytest.raises(ChildFailed, match=r"ended without an answer \(farewell\)"):
        captured(tmp_path)


def test_an_env_py_that_hangs_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    alembic_project(
        tmp_path,
        models=f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
        time.sleep(60)
        """,
    )
    began = time.monotonic()
    with pytest.raises(ChildFailed, match="did not finish within 3 s"):
        captured(tmp_path, timeout=3.0)
    assert time.monotonic() - began < 20
    stat = Path("/proc", (tmp_path / "pid").read_text(), "stat")
    for _ in range(50):
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX":
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process that env.py started still runs")


def test_an_env_py_that_never_configures_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match=r"never calls context\.configure"):
        captured(alembic_project(tmp_path, env="import shop.models\n"))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sqlite3\nsqlite3.connect('made.db')\n", r"shop/models\.py:2 connects on import"),
        (
            "import socket\nsocket.create_connection(('127.0.0.1', 9))\n",
            r"shop/models\.py:2: NetworkRefused: connections are refused .* 127\.0\.0\.1:9",
        ),
    ],
)
def test_connections_past_sqlalchemy_are_refused(tmp_path: Path, code: str, message: str) -> None:
    alembic_project(tmp_path, models=code)
    with pytest.raises(UserCodeError, match=message):
        captured(tmp_path)
    assert not (tmp_path / "made.db").exists()


def test_create_all_at_import_reaches_no_database(tmp_path: Path) -> None:
    extra = "\nfrom sqlalchemy import create_engine\nBase.metadata.create_all(create_engine('sqlite:///made.db'))\n"
    seen = captured(alembic_project(tmp_path, models=MODELS + extra))
    assert seen.tables == ("posts", "users")
    assert not (tmp_path / "made.db").exists()


def test_printing_a_lot_neither_blocks_nor_ends_in_the_answer(tmp_path: Path) -> None:
    seen = captured(alembic_project(tmp_path, models=MODELS + "\nprint('x' * 5_000_000)\n"))
    assert seen.tables == ("posts", "users")
