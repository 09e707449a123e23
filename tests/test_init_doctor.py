"""`init` writes down what reading the code finds; `doctor` says of every thing if it is there and whence."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from projects import MODELS, alembic_project, write
from servers import TestDatabase

from dbadmin.app.config import load_settings
from dbadmin.app.doctor import doctor
from dbadmin.app.init import globbed, init
from dbadmin.app.load import load
from dbadmin.database import Database
from dbadmin.errors import ConnectionFailed
from dbadmin.results import Doctor, DoctorCheck, Init

DB = "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import sessionmaker\n"
SHOP = {
    "shop/__init__.py": "",
    "shop/db.py": DB + "engine = create_engine('sqlite:///shop.db')\nSessionLocal = sessionmaker(bind=engine)\n",
    "shop/models.py": MODELS,
}


@pytest.fixture(autouse=True)
def own_modules(tmp_path: Path) -> Iterator[None]:
    """Modules of one test's application do not stay for the next, whose modules are called the same."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def run_init(directory: Path, **options: Any) -> Init:
    return init(load_settings({}, start=directory, environ={}), **options)


def examined(
    directory: Path, options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Doctor, dict[str, DoctorCheck]]:
    answer = doctor(load_settings(options, start=directory, environ=environ or {}))
    return answer, {check.name: check for check in answer.checks}


def test_init_adds_a_table_to_pyproject_and_keeps_everything_else(tmp_path: Path) -> None:
    before = '# ours\n[project]\nname = "shop"   # a comment\n\n[tool.ruff]\nline-length = 99\n'
    alembic_project(tmp_path, files={**SHOP, "pyproject.toml": before})
    (tmp_path / "pyproject.toml").chmod(0o640)
    done = run_init(tmp_path)
    text = (tmp_path / "pyproject.toml").read_text()
    assert text.startswith(before)
    assert text.removeprefix(before).strip() == done.text.strip()
    assert done.text == (
        '[tool.dbadmin]\nsession = "shop.db:SessionLocal"\nmodels = ["shop.models"]\nalembic = "alembic.ini"\n'
    )
    assert (done.ok, done.written, done.already) == (True, True, ())
    assert done.origins == {
        "session": "shop/db.py:4",
        "models": "2 models in shop/models.py:7",
        "alembic": "alembic.ini",
    }
    assert (tmp_path / "pyproject.toml").stat().st_mode & 0o777 == 0o640
    found = load_settings({}, start=tmp_path, environ={})
    assert found.session is not None
    assert found.session.value == "shop.db:SessionLocal", "what init writes is what dbadmin reads"


def test_init_keeps_what_is_there_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {**SHOP, "pyproject.toml": '[tool.dbadmin]\nsession = "mine:own" # chosen\n'})
    done = run_init(tmp_path)
    assert (done.already, done.values) == (("session",), {"models": ["shop.models"]})
    text = (tmp_path / "pyproject.toml").read_text()
    assert 'session = "mine:own" # chosen\n' in text
    again = run_init(tmp_path)
    assert (again.written, again.values, again.ok) == (False, {}, True)
    assert (tmp_path / "pyproject.toml").read_text() == text


def test_init_writes_dbadmin_toml_where_there_is_no_pyproject(tmp_path: Path) -> None:
    write(tmp_path, {**SHOP, "shop/models.py": MODELS + "raise SystemExit('imported')\n"})
    done = run_init(tmp_path)
    assert done.file == str(tmp_path / "dbadmin.toml")
    assert (tmp_path / "dbadmin.toml").read_text() == done.text
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_init_dry_run_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path, SHOP)
    done = run_init(tmp_path, dry_run=True)
    assert (done.written, done.ok) == (False, True)
    assert "shop.db:SessionLocal" in done.text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shop"]


def test_init_with_nothing_to_find_is_bad_news_and_writes_nothing(tmp_path: Path) -> None:
    done = run_init(tmp_path)
    assert (done.ok, done.written, done.file) == (False, False, None)
    assert list(tmp_path.iterdir()) == []


def test_init_names_other_candidates_and_the_url_where_there_is_no_session(tmp_path: Path) -> None:
    two = DB + "One = sessionmaker()\nSessionLocal = sessionmaker()\n"
    write(tmp_path / "a", {"shop/__init__.py": "", "shop/db.py": two})
    done = run_init(tmp_path / "a")
    assert done.values["session"] == "shop.db:SessionLocal"
    assert done.origins["session"] == "shop/db.py:4; the first of 2, also shop.db:One (shop/db.py:3)"
    write(tmp_path / "b", {".env": "DATABASE_URL=postgresql://a:hidden99@b/c\n"})
    done = run_init(tmp_path / "b")
    assert (done.values, done.origins) == ({"url": "env:DATABASE_URL"}, {"url": "DATABASE_URL (.env)"})


def test_many_models_modules_become_one_glob_unless_it_would_mean_more() -> None:
    features = [f"app.routers.{name}.models" for name in ("auth", "blog", "pay")]
    assert globbed([*features, "app.base"], set()) == ["app.routers.*.models", "app.base"]
    assert globbed(features, {"app.routers.other.models"}) == features


def revision(name: str) -> dict[str, str]:
    """A script without a parent that does nothing."""
    return {f"alembic/versions/{name}.py": f"revision = {name!r}\ndown_revision = None\ndef upgrade():\n    pass\n"}


MADE = "create table alembic_version (version_num varchar(32))"


@pytest.mark.parametrize(
    ("scripts", "statements", "said"),
    [
        (("a1",), (), (None, "there is none", "alembic upgrade head")),
        (("a1", "b1"), (MADE,), (None, "it is empty", "alembic upgrade heads")),
        (("a1",), ("create table t (id int)",), (None, "there is none, and the database has tables",
         "alembic stamp REVISION; dbadmin status --drift finds the nearest")),
        (("a1",), (MADE, "insert into alembic_version values ('z9')"), ("z9", "no script has z9",
         "dbadmin status --drift finds the nearest")),
    ],
)  # fmt: skip
def test_doctor_says_what_makes_the_version_table_right(
    scripts: tuple[str, ...], statements: tuple[str, ...], said: tuple[str | None, ...], tmp_path: Path,
    database: TestDatabase,
) -> None:  # fmt: skip
    shown = database.url.render_as_string(hide_password=False)
    files = {path: text for name in scripts for path, text in revision(name).items()}
    alembic_project(tmp_path / "app", url=shown, files=files)
    database.execute("select 1", *statements)  # SQLite has a file then
    check = examined(tmp_path / "app")[1]["version table"]
    assert (check.value, check.detail, check.remedy) == said


def test_doctor_of_a_healthy_application(tmp_path: Path, database: TestDatabase) -> None:
    shown = database.url.render_as_string(hide_password=False)
    body = DB + f"engine = create_engine({shown!r})\nSessionLocal = sessionmaker(bind=engine)\n"
    alembic_project(tmp_path / "app", url=shown, files={"shop/db.py": body, **revision("a1")})
    database.execute(
        "create table alembic_version (version_num varchar(32))", "insert into alembic_version values ('a1')"
    )
    answer, checks = examined(tmp_path / "app")
    states = {name: check.state for name, check in checks.items() if not name.startswith("package")}
    assert answer.ok
    assert states == {
        "configuration": "ok",
        "env file": "skipped",
        "alembic project": "ok",
        "scripts": "ok",
        "env.py": "ok",
        "alembic url": "ok",
        "session": "ok",
        "url": "ok",
        "driver": "ok",
        "same database": "ok",
        "models": "ok",
        "models in alembic": "ok",
        "connection": "ok",
        "read-only": "ok",
        **({} if database.kind == "sqlite" else {"login": "warning"}),  # the tests' own are superusers
        "version table": "ok",
        "scratch server": "skipped" if database.kind == "sqlite" else "ok",
    }
    assert checks["session"].origin == "shop.db:SessionLocal (shop/db.py:4)"
    assert checks["alembic url"].origin == "alembic.ini through alembic/env.py"
    assert checks["models"].value == "2"
    assert (checks["version table"].value, checks["version table"].origin) == ("a1", "alembic_version")


def test_doctor_lists_each_value_with_its_origin(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": '[tool.dbadmin]\nprotected = ["prod", "live"]\n'})
    _, checks = examined(tmp_path, {"url": "sqlite://"}, {"DBADMIN_LOCK_TIMEOUT": "500ms"})
    assert (checks["protected"].value, checks["protected"].origin) == (
        "prod, live",
        "pyproject.toml [tool.dbadmin]",
    )
    assert (checks["lock_timeout"].value, checks["lock_timeout"].origin) == (
        "0.5",
        "DBADMIN_LOCK_TIMEOUT (environment)",
    )
    assert checks["url"].origin == "--url"


def test_doctor_fails_where_session_and_alembic_differ(tmp_path: Path) -> None:
    alembic_project(tmp_path, url="sqlite:///other.db", files={"shop/db.py": SHOP["shop/db.py"]})
    answer, checks = examined(tmp_path)
    assert not answer.ok
    assert checks["same database"].state == "failed"
    assert "--url" in (checks["same database"].remedy or "")


def test_doctor_names_models_that_alembic_does_not_see(tmp_path: Path) -> None:
    more = """
    from shop.models import Base
    from sqlalchemy import Column, Integer
    class Unseen(Base):
        __tablename__ = "unseen"
        id = Column(Integer, primary_key=True)
    """
    alembic_project(tmp_path, files={"shop/more.py": more})
    _, checks = examined(tmp_path, {"models": ["shop.models", "shop.more"]})
    assert checks["models in alembic"].state == "warning"
    assert checks["models in alembic"].detail == "env.py does not see unseen"


def test_doctor_goes_on_after_a_failure_and_gives_its_line(tmp_path: Path) -> None:
    alembic_project(tmp_path, models="1/0\n")
    answer, checks = examined(tmp_path)
    assert not answer.ok
    assert checks["scripts"].state == "ok"
    assert checks["env.py"].state == "failed"
    assert "shop/models.py:1: ZeroDivisionError" in (checks["env.py"].detail or "")
    assert checks["connection"].state == "skipped"


def test_doctor_without_anything(tmp_path: Path) -> None:
    answer, checks = examined(tmp_path)
    assert not answer.ok
    assert checks["session"].state == "failed"
    assert "no application found" in (checks["session"].detail or "")


def test_doctor_says_what_the_fast_path_brings_and_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = examined(tmp_path)[1]["package pyarrow"]
    assert (check.state, check.value) == ("ok", "installed")
    monkeypatch.setattr("dbadmin.app.doctor.find_spec", lambda name: None)
    check = examined(tmp_path)[1]["package pyarrow"]
    assert (check.state, check.remedy) == ("warning", "pip install 'dbadmin-toolkit[fast]'")
    assert (
        check.detail == "not installed; it brings frames read by columns instead of rows, Arrow dtypes, Parquet files"
    )


def test_an_unreachable_server_is_a_failed_check_not_an_error(tmp_path: Path) -> None:
    answer, checks = examined(tmp_path, {"url": "postgresql://app:s3cr3tword@127.0.0.1:1/shop"})
    assert not answer.ok
    assert checks["connection"].state == "failed"
    assert "s3cr3tword" not in str(answer.to_dict())


def test_a_missing_database_is_told(tmp_path: Path, database: TestDatabase) -> None:
    url = database.url.set(database=str(tmp_path / "none.db") if database.kind == "sqlite" else "none")
    answer, checks = examined(tmp_path, {"url": url.render_as_string(hide_password=False)})
    assert not answer.ok
    assert checks["connection"].state == "failed"
    assert not (tmp_path / "none.db").exists()


@contextmanager
def password_required(database: TestDatabase) -> Iterator[sa.URL]:
    """The URL of a role that the server lets in with the password "right-word" only."""
    # By another database: the one under test is read-only in this process once doctor has looked at it.
    server = replace(database, url=database.url.set(database="postgres"))
    server.execute("set password_encryption = 'scram-sha-256'; create role shop login password 'right-word'")
    hba = Path(str(server.rows("show hba_file")[0][0]))
    before = hba.read_text()
    hba.write_text(f"local all shop scram-sha-256\n{before}")
    try:
        server.rows("select pg_reload_conf(), pg_sleep(0.2)")
        yield database.url.set(username="shop", password="right-word")
    finally:
        hba.write_text(before)
        server.rows("select pg_reload_conf()")
        server.execute("drop role shop")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg", "pg8000"])
def test_a_wrong_password_is_one_line_with_exit_3_and_never_shown(
    tmp_path: Path, postgresql: TestDatabase, driver: str
) -> None:
    from dbadmin.dialects import named

    with password_required(postgresql) as url:
        right = named("postgresql").address.with_driver(url, driver)
        wrong = right.set(password="wrong-word-9").render_as_string(hide_password=False)
        assert ask(tmp_path, right.render_as_string(hide_password=False)) == 42
        with pytest.raises(ConnectionFailed) as raised:
            ask(tmp_path, wrong)
        answer, checks = examined(tmp_path, {"url": wrong})
    assert raised.value.exit_code == 3
    said = "password authentication failed"
    # pg8000 loses the server's words when the connection is closed before it has read them.
    assert said in raised.value.message or (driver == "pg8000" and "network error" in raised.value.message)
    assert "\n" not in raised.value.message
    assert "wrong-word-9" not in raised.value.message + str(answer.to_dict())
    assert (answer.ok, checks["connection"].state) == (False, "failed")


def ask(directory: Path, url: str) -> Any:
    database = Database(load(load_settings({"url": url}, start=directory, environ={})).engine)
    try:
        return database.run(lambda connection: connection.scalar(sa.text("select 42")))
    finally:
        database.close()
