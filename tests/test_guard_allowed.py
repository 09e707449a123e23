"""What `--allow-connect` opens, and how user code finds its way where names, services and other engines are in play."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from apps import Revisions, make_app
from guardmatrix.sources import source
from servers import Servers, TestDatabase
from sqlalchemy import make_url
from walking import FILLED, pair

from dbadmin.dialects import of_url
from dbadmin.migrations import sandbox
from dbadmin.migrations.runner import WalkRequest, walk


def one(upgrade: str) -> Revisions:
    return {"a1": (None, upgrade, "pass")}


def test_a_file_that_is_allowed_is_reached_every_way(sqlite: TestDatabase, servers: Servers, tmp_path: Path) -> None:
    other, beside = tmp_path / "allowed.db", tmp_path / "copy" / "beside.db"
    code = f"""
        import sqlite3
        sa.create_engine("sqlite:///{other}").connect().execute(sa.text("create table reached (x integer)"))
        sqlite3.connect("{other}").execute("select * from reached")
        for name in ("{other}", "{beside}", ":memory:"):
            op.execute(f"attach '{{name}}' as other")
            op.execute("detach other")
    """
    with pair(sqlite, servers, tmp_path) as databases:
        app = make_app(tmp_path, revisions=one(code), url=sqlite.url, env="autocommit")
        before = databases.source_state()
        assert databases.walk(app).refused == (str(other),)
        result = databases.walk(app, allow=(str(other),))
        assert (result.error, result.outside) == (None, (str(other),))
        assert databases.source_state() == before


def test_a_socket_that_is_allowed_is_reached_and_a_name_that_is_not_is_refused(
    sqlite: TestDatabase, servers: Servers, temporary_directory: Path, tmp_path: Path
) -> None:
    place = str(temporary_directory / "allowed.sock")
    code = f"import socket\nsocket.socket(socket.AF_UNIX).connect({place!r})\n"
    code += "socket.create_connection(('db.example.com', 5432))"
    with socket.socket(socket.AF_UNIX) as listening, pair(sqlite, servers, tmp_path) as databases:
        listening.bind(place)
        listening.listen()
        app = make_app(tmp_path, revisions=one(code), url=sqlite.url)
        result = databases.walk(app, allow=(place, "no..name:1"))
        assert (result.outside, result.refused) == ((place,), ("db.example.com:5432",))
        host = socket.gethostname()
        named = make_app(
            tmp_path,
            revisions=one(f"import socket\nsocket.create_connection(({host!r}, 1))"),
            url=sqlite.url,
            name="named",
        )
        result = databases.walk(named, allow=(f"{host}:1",))
        assert (result.state, result.refused) == ("failed", ()), "nobody listens there, which is all"
    Path(place).unlink()


def test_a_copy_on_a_port_is_reached_by_a_driver_that_hooks_see(servers: Servers, temporary_directory: Path) -> None:
    home = temporary_directory / "port"
    home.mkdir(mode=0o755)
    with source("mariadb", home / "source") as there:
        url = there.url.set(host="127.0.0.1", database="copied")
        copy = TestDatabase("mariadb", url, "copied")
        root = make_url(f"mysql+pymysql://root@/mysql?unix_socket={there.words['socket']}")
        TestDatabase("mariadb", root, "mysql").execute("CREATE DATABASE copied", "GRANT ALL ON copied.* TO app")
        copy.execute(*FILLED)
        app = make_app(home, revisions=one('op.execute("DELETE FROM kept")'), url=there.url, env="app_engine")
        dialect = of_url(url)
        with copy.connect() as connection:
            identity = dialect.session.identity(connection)
        result = walk(
            WalkRequest(
                project=app.project, copy_url=url, source=dialect.address.of_url(there.url), source_files=(),
                copy_identity=identity, direction="upgrade", destination="head", environment=app.environment,
                timeout=60,
            )
        )  # fmt: skip
        assert (result.error, result.redirected) == (None, 1)
        assert copy.rows("SELECT count(*) FROM kept") == [(0,)]
        assert TestDatabase("mariadb", there.url, "shop").rows("SELECT count(*) FROM kept") == [(1,)]


def test_a_service_that_names_the_source_is_led_to_the_copy(
    postgresql: TestDatabase, servers: Servers, tmp_path: Path
) -> None:
    url = postgresql.url
    words = {"host": url.query["host"], "port": url.query["port"], "user": url.username, "dbname": url.database}
    services = tmp_path / "services.conf"
    services.write_text("[shop]\n" + "".join(f"{key}={value}\n" for key, value in words.items()))
    env = """
        from alembic import context
        from sqlalchemy import create_engine, pool

        with create_engine("postgresql+psycopg://", poolclass=pool.NullPool).connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
    """
    with pair(postgresql, servers, tmp_path) as databases:
        app = make_app(tmp_path, revisions=one('op.execute("DELETE FROM kept")'), url=url, env=dedent(env))
        before = databases.source_state()
        environment = {**app.environment, "PGSERVICE": "shop", "PGSERVICEFILE": str(services)}
        result = databases.walk(app, environment=environment)
        assert (result.error, result.redirected) == (None, 1)
        assert databases.copy.rows("SELECT count(*) FROM kept") == [(0,)]
        assert databases.source_state() == before


def test_an_engine_that_dbadmin_does_not_know_is_refused_by_its_name(
    sqlite: TestDatabase, servers: Servers, tmp_path: Path
) -> None:
    code = """
        from types import SimpleNamespace
        driver = SimpleNamespace(__version__="2.2", paramstyle="pyformat", Error=Exception, Binary=bytes)
        sa.create_engine("mssql+pymssql://app@db.example.com/shop", module=driver).connect()
    """
    with pair(sqlite, servers, tmp_path) as databases:
        result = databases.walk(make_app(tmp_path, revisions=one(code), url=sqlite.url))
    assert result.refused == ("mssql+pymssql",)


class Kernel:
    """A C library whose kernel answers as it is told: no test can have a kernel of each kind."""

    def __init__(self, version: int, *, ruleset: int = -1, rule: int = 0, restrict: int = 0) -> None:
        self._answers = {444: [version, ruleset], 445: [rule], 446: [restrict]}

    def syscall(self, number: int, *_: object) -> int:
        return self._answers[number].pop(0)

    def prctl(self, *_: object) -> int:
        return 0


@pytest.mark.parametrize(
    ("told", "enforced"),
    [
        ({"version": 3}, False), ({"version": 4}, False), ({"version": 4, "ruleset": 1, "rule": -1}, False),
        ({"version": 4, "ruleset": 1, "restrict": -1}, False), ({"version": 4, "ruleset": 1}, True),
    ],
)  # fmt: skip
def test_a_kernel_that_cannot_close_ports_is_not_said_to(
    told: dict[str, int], enforced: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "ruleset" in told:
        told = {**told, "ruleset": os.open(tmp_path / "ruleset", os.O_CREAT)}  # which is closed
    monkeypatch.setattr(sandbox, "_libc", lambda: Kernel(**told))
    assert sandbox.restrict_tcp([5432]) is enforced


def test_no_other_system_than_linux_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Darwin", "host", "24", "24", "arm64")))
    assert sandbox.restrict_tcp([]) is False
    sandbox.die_with_parent(os.getppid())


def test_a_child_whose_parent_has_ended_ends_too() -> None:
    code = "from dbadmin.migrations import sandbox; sandbox.die_with_parent(1); print('lives')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
