"""Whatever env.py and the scripts do, they reach the copy or nothing. More ways: tests/guardmatrix."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from apps import STYLES, Revisions, make_app
from servers import Servers, TestDatabase
from sqlalchemy import make_url
from walking import Pair, pair

from dbadmin.dialects.namespaces import NETWORK
from dbadmin.dialects.postgresql.address import PostgresqlAddressing
from dbadmin.migrations.confine import LANDLOCK
from dbadmin.migrations.environment import child_environment

REVISIONS: Revisions = {
    "a1": (None, 'op.create_table("made", sa.Column("id", sa.Integer))', 'op.drop_table("made")'),
    "b2": ("a1", 'op.execute("INSERT INTO made VALUES (1)")', 'op.execute("DELETE FROM made")'),
}


@pytest.fixture
def databases(database: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    with pair(database, servers, tmp_path) as made:
        yield made


def one(upgrade: str) -> Revisions:
    return {"a1": (None, upgrade, "pass")}


@pytest.mark.parametrize("style", sorted(set(STYLES) - {"offline_only"}))
def test_every_style_of_env_py_migrates_the_copy_and_not_the_source(
    style: str, databases: Pair, tmp_path: Path
) -> None:
    app = make_app(tmp_path, revisions=REVISIONS, url=databases.source.url, env=style)
    before = databases.source_state()
    result = databases.walk(app)
    assert result.error is None, result
    assert (result.state, result.refused) == ("ok", ())
    assert result.revisions == ("b2",)
    assert [(step.revision, step.state) for step in result.steps] == [("a1", "ok"), ("b2", "ok")]
    assert databases.copy.rows("SELECT id FROM made") == [(1,)]
    assert databases.source_state() == before


@pytest.mark.parametrize("style", ["dotenv_override", "dotenv_values", "app_engine"])
def test_a_connection_to_the_source_is_led_to_the_copy_and_counted(style: str, databases: Pair, tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions=REVISIONS, url=databases.source.url, env=style)
    assert databases.walk(app).redirected == 1


@pytest.mark.parametrize("driver", ["psycopg2", "pg8000", "psycopg"])
def test_every_driver_is_led_to_the_copy(
    driver: str, postgresql: TestDatabase, servers: Servers, tmp_path: Path
) -> None:
    from dbadmin.dialects import of_url

    with pair(postgresql, servers, tmp_path) as databases:
        url = of_url(postgresql.url).address.with_driver(postgresql.url, driver)
        app = make_app(tmp_path, revisions=REVISIONS, url=url, env="app_engine")
        before = databases.source_state()
        result = databases.walk(app)
        assert (result.state, result.error, result.redirected) == ("ok", None, 1)
        assert databases.source_state() == before


@pytest.mark.parametrize("driver", ["mysqldb", "mysqlconnector", "aiomysql", "asyncmy"])
def test_every_driver_of_mysql_is_led_to_the_copy(
    driver: str, mariadb: TestDatabase, servers: Servers, tmp_path: Path
) -> None:
    from dbadmin.dialects import of_url

    if driver == "mysqldb":  # it is built from source, with MariaDB's headers: not everywhere
        pytest.importorskip("MySQLdb", exc_type=ImportError)
    with pair(mariadb, servers, tmp_path) as databases:
        url = of_url(mariadb.url).address.with_driver(mariadb.url, driver)
        env = "async" if driver in ("aiomysql", "asyncmy") else "app_engine"
        app = make_app(tmp_path, revisions=REVISIONS, url=url, env=env)
        before = databases.source_state()
        result = databases.walk(app)
        assert (result.state, result.error) == ("ok", None)
        assert databases.copy.rows("SELECT id FROM made") == [(1,)]
        assert databases.source_state() == before


def test_the_options_of_the_applications_url_stay(postgresql: TestDatabase, servers: Servers, tmp_path: Path) -> None:
    with pair(postgresql, servers, tmp_path) as databases:
        databases.copy.execute("CREATE SCHEMA app")
        url = postgresql.url.update_query_dict({"options": "-c search_path=app"})
        app = make_app(tmp_path, revisions=REVISIONS, url=url, env="app_engine")
        result = databases.walk(app)
        assert result.error is None
        assert databases.copy.rows("SELECT id FROM app.made") == [(1,)]


def test_the_environments_own_pgoptions_come_back(postgresql: TestDatabase, servers: Servers, tmp_path: Path) -> None:
    with pair(postgresql, servers, tmp_path) as databases:
        databases.copy.execute("CREATE SCHEMA app")
        app = make_app(tmp_path, revisions=REVISIONS, url=postgresql.url)
        result = databases.walk(app, environment={**app.environment, "PGOPTIONS": "-c search_path=app"})
        assert result.error is None
        assert databases.copy.rows("SELECT id FROM app.made") == [(1,)]


def test_a_second_engine_of_a_script_is_led_to_the_copy(databases: Pair, tmp_path: Path) -> None:
    upgrade = """
        from app.db import make_engine
        with make_engine().connect() as connection:
            op.create_table("made", sa.Column("number", sa.Integer))
            count = connection.execute(sa.text("select count(*) from kept")).scalar()
        op.execute(f"INSERT INTO made VALUES ({count})")
    """
    app = make_app(tmp_path, revisions=one(upgrade), url=databases.source.url)
    before = databases.source_state()
    result = databases.walk(app)
    assert (result.error, result.redirected) == (None, 1)
    assert databases.copy.rows("SELECT number FROM made") == [(1,)]
    assert databases.source_state() == before


def test_another_database_is_refused_by_name_also_where_env_py_swallows_it(
    databases: Pair, servers: Servers, tmp_path: Path
) -> None:
    other = {
        "sqlite": f"sqlite:///{tmp_path / 'other.db'}",
        "postgresql": "postgresql+psycopg://app:s3cret@db.example.com/prod",
        "mariadb": "mysql+pymysql://app:s3cret@db.example.com/prod",
    }[databases.source.kind]
    for wrapped in (False, True):
        upgrade = f"sa.create_engine({other!r}).connect()"
        if wrapped:
            upgrade = f"try:\n    {upgrade}\nexcept Exception:\n    pass"
        name = f"app{wrapped:d}"
        app = make_app(tmp_path, revisions=one(upgrade), url=databases.source.url, name=name)
        result = databases.walk(app)
        assert result.state == "failed"
        assert result.error is not None and result.error.type == "Refused"
        assert wrapped or str(result.error.file).endswith("a1_revision_a1.py")
        named = {
            "sqlite": str(tmp_path / "other.db"),
            "postgresql": "db.example.com:5432/prod",
            "mariadb": "db.example.com:3306/prod",
        }[databases.source.kind]
        assert result.refused == (named,)
        assert "s3cret" not in str(result) and "--allow-connect" in result.error.message
    assert not (tmp_path / "other.db").exists()


def test_a_refusal_that_is_swallowed_entirely_still_fails_the_walk(databases: Pair, tmp_path: Path) -> None:
    upgrade = "import subprocess\ntry:\n    subprocess.run(['psql', 'prod'])\nexcept BaseException:\n    pass"
    app = make_app(tmp_path, revisions=one(upgrade), url=databases.source.url)
    result = databases.walk(app)
    assert [step.state for step in result.steps] == ["ok"]
    assert result.state == "failed"
    assert result.refused == ("the program psql",)
    assert result.error is not None and "the program psql" in result.error.message


ESCAPES = {
    "subprocess": ("import subprocess\nsubprocess.run(['psql', 'prod'])", "the program psql"),
    "a shell": ("import os\nos.system('mysql prod')", "the program mysql"),
    "exec": ("import os\nos.execvp('psql', ['psql'])", "the program psql"),
    "posix_spawn": ("import os\nos.posix_spawn('/usr/bin/psql', ['psql'], {})", "the program psql"),
    "http": ("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/')", "127.0.0.1:9"),
    "a socket": (
        "import socket\nsocket.socket(socket.AF_UNIX).connect('/run/other.sock')",
        "the socket /run/other.sock",
    ),
}


@pytest.mark.parametrize("way", ESCAPES)
def test_other_ways_out_are_refused_by_name(way: str, sqlite: TestDatabase, servers: Servers, tmp_path: Path) -> None:
    code, target = ESCAPES[way]
    with pair(sqlite, servers, tmp_path) as databases:
        result = databases.walk(make_app(tmp_path, revisions=one(code), url=sqlite.url))
    assert result.refused == (target,)
    assert result.state == "failed"


@pytest.mark.parametrize(
    "statement",
    ["ATTACH '{source}' AS other", "ATTACH '{new}' AS other", "VACUUM INTO '{new}'"],
)
def test_attach_is_refused(statement: str, sqlite: TestDatabase, servers: Servers, tmp_path: Path) -> None:
    with pair(sqlite, servers, tmp_path) as databases:
        text = statement.format(source=sqlite.url.database, new=tmp_path / "new.db")
        app = make_app(tmp_path, revisions=one(f'op.execute("{text}")'), url=sqlite.url, env="autocommit")
        before = databases.source_state()
        result = databases.walk(app)
        assert result.state == "failed"
        assert len(result.refused) == 1
        assert databases.source_state() == before
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("alias", ["symlink", "hard link", "relative"])
def test_the_source_under_another_name_is_still_the_source(
    alias: str, sqlite: TestDatabase, servers: Servers, tmp_path: Path
) -> None:
    with pair(sqlite, servers, tmp_path) as databases:
        source, other = Path(str(sqlite.url.database)), tmp_path / "alias.db"
        if alias == "symlink":
            other.symlink_to(source)
        elif alias == "hard link":
            other.hardlink_to(source)
        url = f"sqlite:///{other}" if alias != "relative" else "sqlite:///../app.db"
        app = make_app(tmp_path, revisions=REVISIONS, url=url, env="app_engine")
        before = databases.source_state()
        result = databases.walk(app)
        assert (result.error, result.redirected) == (None, 1)
        assert databases.source_state() == before


def test_what_is_allowed_by_name_is_reached(sqlite: TestDatabase, servers: Servers, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening, pair(sqlite, servers, tmp_path) as databases:
        port = listening.getsockname()[1]
        code = f"import socket\nsocket.create_connection(('localhost', {port})).close()"
        app = make_app(tmp_path, revisions=one(code), url=sqlite.url)
        result = databases.walk(app, allow=(f"localhost:{port}",))
        assert (result.error, result.outside) == (None, (f"127.0.0.1:{port}",))
        refused = make_app(tmp_path, revisions=one(code), url=sqlite.url, name="refused")
        refused.add({"b2": ("a1", code, "pass")})
        assert databases.walk(refused, allow=("127.0.0.2",)).refused == (f"127.0.0.1:{port}",)


def test_c_libraries_reach_the_allowed_port_and_no_other(
    sqlite: TestDatabase, servers: Servers, tmp_path: Path
) -> None:
    import socket

    code = """
import ctypes, os, socket, struct
for port in ({}, {}):
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton("127.0.0.1"))
    with socket.socket() as one:
        if ctypes.CDLL(None, use_errno=True).connect(one.fileno(), address, len(address)):
            raise RuntimeError(f"{{port}} {{os.strerror(ctypes.get_errno())}}")
"""
    with (
        socket.create_server(("127.0.0.1", 0)) as allowed,
        socket.create_server(("127.0.0.1", 0)) as other,
        pair(sqlite, servers, tmp_path) as databases,
    ):
        ports = [listening.getsockname()[1] for listening in (allowed, other)]
        app = make_app(tmp_path, revisions=one(code.format(*ports)), url=sqlite.url)
        result = databases.walk(app, allow=(f"127.0.0.1:{ports[0]}",))
    if LANDLOCK not in result.sandbox:
        pytest.skip("this kernel has no Landlock for ports")
    assert NETWORK not in result.sandbox
    assert result.error is not None and result.error.message == f"{ports[1]} Permission denied"


def test_memory_is_nobodys_database(sqlite: TestDatabase, servers: Servers, tmp_path: Path) -> None:
    code = "sa.create_engine('sqlite://').connect().execute(sa.text('select 1'))"
    with pair(sqlite, servers, tmp_path) as databases:
        assert databases.walk(make_app(tmp_path, revisions=one(code), url=sqlite.url)).error is None


def test_a_listener_of_the_application_cannot_lead_elsewhere(
    postgresql: TestDatabase, servers: Servers, tmp_path: Path
) -> None:
    models = """
        from sqlalchemy import Engine, event

        @event.listens_for(Engine, "do_connect")
        def token(dialect, record, cargs, cparams):
            cparams["host"] = "db.example.com"
    """
    with pair(postgresql, servers, tmp_path) as databases:
        app = make_app(tmp_path, revisions=REVISIONS, url=postgresql.url, env="app_engine", models=models)
        result = databases.walk(app)
    assert (result.error, result.revisions) == (None, ("b2",))


def test_a_copy_that_is_not_the_copy_is_refused_before_anything_is_written(
    databases: Pair, servers: Servers, tmp_path: Path
) -> None:
    from dataclasses import replace

    app = make_app(tmp_path, revisions=REVISIONS, url=databases.source.url)
    wrong = replace(databases.identity, key=("another",))
    result = databases.walk(app, copy_identity=wrong)
    assert result.state == "failed"
    assert result.error is not None and "not the copy" in result.error.message
    assert databases.tables() == {"kept"}


def test_the_childs_environment_names_the_copy_and_denies_the_rest() -> None:
    copy = make_url("postgresql+psycopg://dbadmin@/copy?host=/run/private")
    source = PostgresqlAddressing().of_url(make_url("postgresql://app:pw@db.example.com/shop"))
    variables, hidden = child_environment(
        {
            "DATABASE_URL": "postgres://app:pw@db.example.com/shop?sslmode=require",
            "ASYNC_URL": "postgresql+asyncpg://app:pw@db.example.com:5432/shop",
            "SETTINGS": '{"url": "postgresql://app:pw@db.example.com/shop?application_name=web"}',
            "CACHE_URL": "redis://db.example.com/0",
            "OTHER_URL": "postgresql://app:pw@db.example.com/other",
            "PGPASSWORD": "pw",
            "PGOPTIONS": "-c search_path=app",
            "PGDATABASE": "shop",
        },
        copy=copy,
        source=source,
    )
    assert variables["DATABASE_URL"] == "postgresql://dbadmin@/copy?host=%2Frun%2Fprivate"
    assert variables["ASYNC_URL"] == "postgresql+asyncpg://dbadmin@/copy?host=%2Frun%2Fprivate"
    assert json.loads(variables["SETTINGS"])["url"].endswith("/copy?application_name=web&host=%2Frun%2Fprivate")
    assert variables["CACHE_URL"] == "redis://db.example.com/0"
    assert variables["OTHER_URL"] == "postgresql://app:pw@db.example.com/other"
    assert (variables["PGHOSTADDR"], variables["PGDATABASE"]) == ("blocked-by-dbadmin", "shop")
    assert "PGPASSWORD" not in variables
    assert hidden == {"PGPASSWORD": "pw", "PGOPTIONS": "-c search_path=app"}
