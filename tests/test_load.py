"""The application is loaded through whatever session factory it has; nothing is connected to or written."""

import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from projects import ENV, MODELS, alembic_project, write
from servers import TestDatabase

from dbadmin.app.config import load_settings
from dbadmin.app.load import Application, Loader, load
from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.errors import ConfigError, ConnectionFailed, MissingExtra, NotSupported, UserCodeError

SYNC = {
    "sessionmaker": "{engine}\nfactory = sessionmaker(autocommit=False, autoflush=False, bind=engine)",
    "scoped_session": "{engine}\nfactory = scoped_session(sessionmaker(bind=engine))",
    "Engine": "{engine}\nfactory = engine",
    "generator": """{engine}
SessionLocal = sessionmaker(autoflush=False, bind=engine)
def factory():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()
""",
    "context manager": """{engine}
from contextlib import contextmanager
@contextmanager
def factory():
    with Session(engine) as session:
        yield session
""",
    "function": "{engine}\ndef factory():\n    return Session(engine)",
    "function giving a factory": "{engine}\ndef factory():\n    return sessionmaker(bind=engine)",
}
ASYNC = {
    "async_sessionmaker": "{engine}\nfactory = async_sessionmaker(engine, expire_on_commit=False)",
    "sessionmaker of AsyncSession": "{engine}\nfactory = sessionmaker(engine, class_=AsyncSession)",
    "async_scoped_session": """{engine}
from asyncio import current_task
factory = async_scoped_session(async_sessionmaker(engine), scopefunc=current_task)
""",
    "AsyncEngine": "{engine}\nfactory = engine",
    "async generator": """{engine}
maker = async_sessionmaker(engine, expire_on_commit=False)
async def factory():
    async with maker() as session:
        yield session
""",
    "async context manager": """{engine}
from contextlib import asynccontextmanager
@asynccontextmanager
async def factory():
    async with AsyncSession(engine) as session:
        yield session
""",
    "coroutine": "{engine}\nasync def factory():\n    return AsyncSession(engine)",
}
IMPORTS = """
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import (
    AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker
"""
ASYNC_DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "mariadb": "asyncmy"}


@pytest.fixture(autouse=True)
def own_modules(tmp_path: Path) -> Iterator[None]:
    """Modules of one test's application do not stay for the next, whose modules are called the same."""
    path = list(sys.path)
    yield
    for application in _loaded:
        Database(application.engine).close()
    _loaded.clear()
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), "")).startswith(
            str(tmp_path)
        ):
            del sys.modules[name]


_loaded: list[Application] = []


def loaded(
    directory: Path, options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Application:
    _loaded.append(load(load_settings(options, start=directory, environ=environ or {})))
    return _loaded[-1]


def one(application: Application) -> Any:
    """The answer of a session that the application's factory made."""
    statement = sa.text("select 41 + 1")
    if not application.is_async:
        with application.make_session() as session:
            return session.scalar(statement)

    async def ask() -> Any:
        async with application.make_session() as session:
            return await session.scalar(statement)

    database = Database(application.engine)
    try:
        return database.loop.call(ask())
    finally:
        database.close()


def project(directory: Path, body: str, **files: str) -> Path:
    text = {"pyproject.toml": '[tool.dbadmin]\nsession = "shop.db:factory"\n', "shop/__init__.py": ""}
    return write(directory, {**text, "shop/db.py": IMPORTS + body, **files})


@pytest.mark.parametrize("kind", SYNC)
def test_synchronous_factories(tmp_path: Path, database: TestDatabase, kind: str) -> None:
    database.execute("create table t (id integer)")
    shown = database.url.render_as_string(hide_password=False)
    app = loaded(project(tmp_path / "app", SYNC[kind].format(engine=f"engine = create_engine({shown!r})")))
    assert not app.is_async
    assert app.url == database.url
    assert Database(app.engine).run(lambda c: c.scalar(sa.text("select 42"))) == 42
    assert one(app) == 42


@pytest.mark.parametrize("kind", ASYNC)
def test_asynchronous_factories(tmp_path: Path, database: TestDatabase, kind: str) -> None:
    database.execute("create table t (id integer)")
    url = named(database.kind).address.with_driver(database.url, ASYNC_DRIVERS[database.kind])
    shown = url.render_as_string(hide_password=False)
    app = loaded(project(tmp_path / "app", ASYNC[kind].format(engine=f"engine = create_async_engine({shown!r})")))
    assert app.is_async
    assert app.url.database == database.url.database
    assert one(app) == 42


def test_generator_sessions_keep_their_options_and_the_generator_is_closed(tmp_path: Path) -> None:
    body = """
engine = create_engine("sqlite:///shop.db")
closed = []
def factory():
    session = Session(engine, autoflush=False, expire_on_commit=False)
    try:
        yield session
    finally:
        closed.append(True)
        session.close()
"""
    app = loaded(project(tmp_path, body))
    session = app.make_session()
    assert (session.autoflush, session.expire_on_commit) == (False, False)
    assert sys.modules["shop.db"].closed == [True]


@pytest.mark.parametrize("imported", ["now", "long before, elsewhere"])
def test_relative_database_file_is_seen_from_the_project_not_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imported: str
) -> None:
    project(tmp_path / "app", 'engine = create_engine("sqlite:///./shop.db")\nfactory = sessionmaker(engine)')
    write(tmp_path, {"app/deep/down/.keep": "", "elsewhere/.keep": ""})
    with sqlite3.connect(tmp_path / "app" / "shop.db") as connection:
        connection.execute("create table t as select 42 as id")
    connection.close()
    monkeypatch.chdir(tmp_path / "elsewhere")
    if imported != "now":
        monkeypatch.syspath_prepend(tmp_path / "app")
        import_module("shop.db")
    app = loaded(tmp_path / "app" / "deep" / "down")
    assert app.url.database == str(tmp_path / "app" / "shop.db")
    database = Database(app.engine)
    assert database.run(lambda c: c.scalar(sa.text("select id from t"))) == 42
    with app.make_session() as session, pytest.raises(sa.exc.DatabaseError):
        session.execute(sa.text("insert into t values (1)"))
    assert Path.cwd() == tmp_path / "elsewhere"
    assert [p.name for p in Path.cwd().iterdir()] == [".keep"]


def test_unbound_factory_takes_the_configured_url(tmp_path: Path, sqlite: TestDatabase) -> None:
    project(tmp_path, "factory = sessionmaker()")
    app = loaded(tmp_path, environ={"DATABASE_URL": str(sqlite.url)})
    assert one(app) == 42
    with pytest.raises(ConfigError, match=r"shop\.db:factory is bound to no engine"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("session", "message"),
    [
        ("shop.db:Factory", "shop.db has no 'Factory'; did you mean 'factory'"),
        ("shop.dbx:factory", "no module 'shop.dbx'; did you mean 'shop.db'"),
        ("shop.db", "not of the form module:name"),
        ("shop.db:nothing", "is None, which gives no sessions"),
        ("shop.db:needs", "shop.db:needs needs arguments"),
    ],
)
def test_a_session_that_is_none_is_one_clear_line(tmp_path: Path, session: str, message: str) -> None:
    project(tmp_path, "factory = 1\nnothing = None\ndef needs(request):\n    yield request\n")
    with pytest.raises(ConfigError, match=message) as raised:
        loaded(tmp_path, {"session": session})
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    "code",
    [
        "Base.metadata.create_all(create_engine('sqlite:///made.db'))",
        "create_engine('sqlite:///made.db').connect()",
        "import sqlite3; sqlite3.connect('made.db')",
        "exec('try:\\n    create_engine(\"sqlite:///made.db\").connect()\\nexcept Exception: pass')",
    ],
)
def test_a_module_that_connects_on_import_is_named_and_nothing_is_written(tmp_path: Path, code: str) -> None:
    models = MODELS + f"from sqlalchemy import create_engine\n{code}\n"
    files = {"pyproject.toml": '[tool.dbadmin]\nmodels = "shop.models"\nurl = "sqlite:///shop.db"\n'}
    write(tmp_path, {**files, "shop/__init__.py": "", "shop/models.py": models})
    line = models.lstrip("\n").count("\n") - code.count("\n")
    with pytest.raises(UserCodeError, match=rf"^shop/models\.py:{line} connects on import$"):
        loaded(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pyproject.toml", "shop"]


def test_importing_opens_no_connection_to_a_server_either(tmp_path: Path, postgresql: TestDatabase) -> None:
    shown = postgresql.url.render_as_string(hide_password=False)
    models = MODELS + f"from sqlalchemy import create_engine\nBase.metadata.create_all(create_engine({shown!r}))\n"
    write(tmp_path, {"shop/__init__.py": "", "shop/models.py": models})
    with pytest.raises(UserCodeError, match="connects on import"):
        load(load_settings({"models": "shop.models", "session": sa.create_engine(shown)}, start=tmp_path, environ={}))
    assert postgresql.rows("select count(*) from pg_tables where schemaname = 'public'") == [(0,)]


def test_entrypoints_are_only_read(tmp_path: Path) -> None:
    main = "from fastapi import FastAPI\napp = FastAPI()\nraise SystemExit('imported')\n"
    body = 'engine = create_engine("sqlite:///shop.db")\nSessionLocal = sessionmaker(engine)\n'
    write(tmp_path, {"shop/__init__.py": "", "shop/db.py": IMPORTS + body, "shop/models.py": MODELS})
    write(tmp_path, {"shop/main.py": main, "requirements.txt": "fastapi"})
    app = loaded(tmp_path)
    assert app.origin == "shop.db:SessionLocal (shop/db.py:7)"
    assert [m.__name__ for m in app.models] == ["Post", "User"]
    assert "shop.main" not in sys.modules


def test_printing_on_import_stays_off_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(tmp_path, 'print("hello")\nfactory = create_engine("sqlite:///shop.db")')
    loaded(tmp_path)
    assert capsys.readouterr().out == ""


def test_models_by_glob_base_metadata_and_package(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "shop/__init__.py": "",
            "shop/base.py": "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n",
            "shop/routers/__init__.py": "",
            **{
                f"shop/routers/{name}/{file}": text
                for name in ("auth", "blog")
                for file, text in {
                    "__init__.py": "",
                    "models.py": f"""
                        from sqlalchemy import Column, Integer
                        from shop.base import Base
                        class {name.title()}(Base):
                            __tablename__ = "{name}"
                            id = Column(Integer, primary_key=True)
                        """,
                    "views.py": "raise RuntimeError('not a module of models')",
                }.items()
            },
        },
    )
    for models in ("shop.routers.*.models", ["shop.routers.*.models", "shop.base:Base"], ["shop.*.*.models"]):
        app = loaded(tmp_path, {"models": models, "url": "sqlite:///x.db"})
        assert [m.__name__ for m in app.models] == ["Auth", "Blog"], models
        assert len(app.metadata) == 1
    with pytest.raises(ConfigError, match=r"no module matches 'shop\.routers\.\*\.model'"):
        load(load_settings({"models": "shop.routers.*.model", "session": app.engine}, start=tmp_path, environ={}))


def test_a_working_alembic_is_enough(tmp_path: Path) -> None:
    app = loaded(alembic_project(tmp_path, url="sqlite:///./shop.db"))
    assert [m.__name__ for m in app.models] == ["Post", "User"]
    assert app.url.database == str(tmp_path / "shop.db")
    assert app.origin == "alembic.ini through alembic/env.py"
    assert (app.version_table, app.version_table_schema) == ("alembic_version", None)


def test_session_and_alembic_that_differ_are_refused_until_url_decides(tmp_path: Path) -> None:
    body = 'engine = create_engine("sqlite:///other.db")\nSessionLocal = sessionmaker(engine)\n'
    alembic_project(tmp_path, url="sqlite:///shop.db", files={"shop/db.py": IMPORTS + body})
    with pytest.raises(ConfigError, match=r"the session leads to .*other\.db .*, Alembic to .*shop\.db") as raised:
        loaded(tmp_path)
    assert raised.value.hint is not None
    assert "--url" in raised.value.hint
    app = loaded(tmp_path, {"url": "sqlite:///shop.db"})
    assert app.url.database == str(tmp_path / "shop.db")
    assert [m.__name__ for m in app.models] == ["Post", "User"]


def test_the_same_database_by_another_driver_and_alias_is_no_conflict(tmp_path: Path, postgresql: TestDatabase) -> None:
    shown = postgresql.url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    body = f"engine = create_async_engine({shown!r})\nSessionLocal = async_sessionmaker(engine)\n"
    alembic_project(tmp_path, url=str(postgresql.url), files={"shop/db.py": IMPORTS + body})
    assert loaded(tmp_path).is_async


def test_url_alone_needs_no_application(tmp_path: Path, database: TestDatabase) -> None:
    shown = database.url.set(drivername=database.kind).render_as_string(hide_password=False)
    app = loaded(tmp_path, {"url": shown})
    assert (app.models, app.metadata) == ((), ())
    assert one(app) == 42


def test_with_url_a_broken_application_is_a_note(tmp_path: Path) -> None:
    app = loaded(alembic_project(tmp_path, models="1/0\n"), {"url": "sqlite:///x.db"})
    assert app.models == ()
    assert "shop/models.py:1: ZeroDivisionError" in app.notes[0]
    with pytest.raises(UserCodeError, match=r"shop/models\.py:1: ZeroDivisionError"):
        loaded(tmp_path)


def test_a_models_module_that_raises_names_its_line(tmp_path: Path) -> None:
    files = {"shop/__init__.py": "", "shop/models.py": "x = 1\nint('no')\n"}
    write(tmp_path, files)
    with pytest.raises(UserCodeError, match=r"^shop/models\.py:2: ValueError: invalid literal") as raised:
        load(load_settings({"models": "shop.models", "session": sa.create_engine("sqlite://")}, start=tmp_path))
    assert raised.value.exit_code == 2


def test_a_relationship_to_nowhere_is_told_at_once(tmp_path: Path) -> None:
    models = MODELS.replace('list["Post"]', 'list["Pots"]')
    write(tmp_path, {"shop/__init__.py": "", "shop/models.py": models})
    with pytest.raises(UserCodeError, match="Pots"):
        load(load_settings({"models": "shop.models", "session": sa.create_engine("sqlite://")}, start=tmp_path))


def test_no_configuration_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no application found from") as raised:
        loaded(tmp_path)
    assert raised.value.exit_code == 2
    assert "--url" in (raised.value.hint or "")


def test_several_session_factories_are_listed(tmp_path: Path) -> None:
    body = 'engine = create_engine("sqlite:///a.db")\nFirst = sessionmaker(engine)\n'
    body += "Second = sessionmaker(engine)\n"
    write(tmp_path, {"pyproject.toml": "", "shop/__init__.py": "", "shop/db.py": IMPORTS + body})
    with pytest.raises(ConfigError, match=r"shop\.db:First \(shop/db\.py:7\), shop\.db:Second \(shop/db\.py:8\)"):
        loaded(tmp_path)


def test_code_in_a_directory_that_is_no_project_is_not_imported(tmp_path: Path) -> None:
    write(tmp_path, {"stranger/__init__.py": "", "stranger/models.py": MODELS})
    assert loaded(tmp_path, {"url": "sqlite:///x.db"}).models == ()
    assert "stranger.models" not in sys.modules
    app = loaded(tmp_path.parent, {"url": "sqlite:///x.db", "app": tmp_path})
    assert [m.__name__ for m in app.models] == ["Post", "User"], "--app says that it is one"


def test_env_file_is_seen_by_the_application_and_the_real_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_REAL", "sqlite:///real.db")
    monkeypatch.delenv("SHOP_URL", raising=False)
    body = "import os\nengine = create_engine(os.environ['SHOP_URL'])\nfactory = sessionmaker(engine)\n"
    project(tmp_path, body + "real = os.environ['SHOP_REAL']\n")
    write(tmp_path, {"local.env": "SHOP_URL=sqlite:///shop.db\nSHOP_REAL=sqlite:///file.db\n"})
    settings = load_settings({"env_file": tmp_path / "local.env"}, start=tmp_path)
    assert load(settings).url.database == str(tmp_path / "shop.db")
    assert sys.modules["shop.db"].real == "sqlite:///real.db"
    monkeypatch.delenv("SHOP_URL", raising=False)


def test_importing_the_application_does_not_change_what_env_py_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SEEN", "outside")
    env = ENV.format(imports="import os\nfrom shop.models import Base", metadata="Base.metadata")
    env = "import os\nif os.environ['SHOP_SEEN'] != 'outside':\n    raise RuntimeError('changed')\n" + env
    body = IMPORTS + "import os\nos.environ['SHOP_SEEN'] = 'inside'\nfactory = create_engine('sqlite:///shop.db')\n"
    alembic_project(tmp_path, env="import shop.models\n" + env, files={"shop/db.py": body})
    loader = Loader(load_settings({"session": "shop.db:factory"}, start=tmp_path, environ={}))
    loader.bound()
    assert os.environ["SHOP_SEEN"] == "inside"
    assert loader.captured is not None
    assert loader.captured.style == "online"


def test_a_missing_driver_is_exit_4_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiomysql", None)  # as if it were not installed
    project(tmp_path, 'factory = create_async_engine("mysql+aiomysql://a:b@c/d")')
    with pytest.raises(MissingExtra) as raised:
        loaded(tmp_path)
    assert (raised.value.exit_code, raised.value.hint) == (
        4,
        "pip install aiomysql (or dbadmin's own driver: pip install 'dbadmin-toolkit[mysql]')",
    )


@pytest.mark.parametrize("url", ["oracle://db/x", "mssql+pyodbc://db/x"])
def test_an_engine_that_only_sqlalchemy_knows_is_exit_4_too(tmp_path: Path, url: str) -> None:
    with pytest.raises(NotSupported, match="dbadmin does not know the engine"):
        loaded(tmp_path, {"url": url})


def test_an_unknown_engine_is_exit_4(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="no database engine is called 'postgresqll'") as raised:
        loaded(tmp_path, {"url": "postgresqll://a:b@c/d"})
    assert (raised.value.exit_code, raised.value.hint) == (4, "did you mean postgresql://?")


def test_no_database_is_exit_3_when_asked(tmp_path: Path, database: TestDatabase) -> None:
    url = database.url.set(database=str(tmp_path / "none.db") if database.kind == "sqlite" else "none")
    app = loaded(tmp_path, {"url": url.render_as_string(hide_password=False)})
    with pytest.raises(ConnectionFailed) as raised:
        Database(app.engine).run(lambda c: c.scalar(sa.text("select 1")))
    assert raised.value.exit_code == 3
    assert not (tmp_path / "none.db").exists()


def test_core_tables_count_as_metadata_without_models(tmp_path: Path) -> None:
    tables = """
    from sqlalchemy import Column, Integer, MetaData, Table
    metadata = MetaData()
    users = Table("users", metadata, Column("id", Integer, primary_key=True))
    """
    env = ENV.format(imports="from shop.tables import metadata", metadata="metadata")
    app = loaded(alembic_project(tmp_path, env=env, files={"shop/tables.py": tables}))
    assert app.models == ()
    assert [sorted(m.tables) for m in app.metadata] == [["users"]]
