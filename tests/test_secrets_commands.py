"""Every command, and its failures, in every format: no password anywhere, and values of rows only where they are asked
for.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from canary import PASSWORD, secrets_in
from conftest import Run
from servers import ENGINES, Servers, TestDatabase
from telling import Told, shown, told

from dbadmin.cli.group import COMMANDS

REPORTS = ("--output", "r.html", "--output", "r.json", "--output", "r.csv", "--output", "r.md")
SUFFIX = {"sqlite": ".db", "postgresql": ".dump", "mariadb": ".sql"}
TWICE = "insert into items select id + 9, name, api_token from items where name like '%'"
ANSWERS: dict[str, tuple[str, ...]] = {
    "doctor": (),
    "init": ("--dry-run",),
    "status": ("--history",),
    "models": (),
    "tables": ("--exact",),
    "describe": ("items",),
    "count": ("items",),
    "recent": ("items", "--order-by", "id"),
    "group": ("items", "--by", "name"),
    "join": ("items", "orders"),
    "sql": ("select name from items",),
    "copies": (),
}
"""Command → what it is asked; those that other tests ask, and those that nobody thought of, are called with nothing."""
ASKS_FOR_ROWS = {"recent", "group", "join", "sql"}
ELSEWHERE = {"demo", "shell", "notebook", "backup", "restore", "verify-rollback"}
FAILS = (
    (2, "describe", "itens"),
    (5, "sql", TWICE, "--write"),
    (5, "shell", "-c", f"session.execute(text({TWICE!r}))", "--write"),
    (1, "shell", "-c", "import os; raise ValueError(os.environ['APP_PASSWORD'])"),
)
MORE_FAILS = (
    (2, "count", "items", "--where", "name >"),
    (2, "group", "items", "--by", "nothing"),
    (2, "join", "items", "alembic_version"),
    (2, "tables", "--nothing"),
    (2, "copies", "--drop", "nothing"),
    (2, "models", "--url", "env:NOTHING"),
    (5, "sql", "selec"),
    (1, "shell", "-c", "import sqlalchemy as s, os; s.create_engine(os.environ['APP_URL'].replace('5432', 'port'))"),
)
"""Exit code and command."""
UNREACHABLE = {"doctor": 1, "status": 3, "tables": 3, "backup": 3, "verify-rollback": 3}


@contextmanager
def with_password(database: TestDatabase) -> Iterator[TestDatabase]:
    """A login that needs the password, where the engine's test server asks for one."""
    if database.kind != "mariadb":
        yield database
        return
    password = PASSWORD.replace("ß", "s")  # PyMySQL sends Latin-1, the server has UTF-8
    quoted = password.replace("'", "''").replace("%", "%%")
    database.execute(f"CREATE USER keeper IDENTIFIED BY '{quoted}'", "GRANT ALL ON *.* TO keeper WITH GRANT OPTION")
    try:
        yield TestDatabase(database.kind, database.url.set(username="keeper", password=password), database.name)
    finally:
        database.execute("DROP USER keeper")


EACH_ENGINE = pytest.mark.parametrize(
    "engine_kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind != "postgresql")) for kind in ENGINES]
)
"""One of them every day: a password that is checked, and tools that are given it, are on the others too."""


@pytest.fixture
def runs(database: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path) -> Iterator[Told]:
    with with_password(database) as known, told(known, run, temporary_directory, tmp_path) as made:
        yield made


def reports(command: str) -> tuple[str, ...]:
    return () if command in ELSEWHERE else REPORTS


@EACH_ENGINE
def test_answers_tell_no_password_and_rows_only_where_they_are_asked_for(runs: Told) -> None:
    for command in sorted(set(COMMANDS) - ELSEWHERE):
        code = 0 if command in ANSWERS and command != "doctor" else None
        arguments = (command, *ANSWERS.get(command, ()), *reports(command))
        runs.run(*arguments, "--debug", "--echo", code=code, rows=command in ASKS_FOR_ROWS)
    named = runs.run("recent", "items", "--order-by", "id", "--columns", "api_token", code=0, rows=True, tokens=True)
    assert "Gzs8wTok" in named.stdout, "a credential's column that is asked for is shown"
    runs.run("shell", "-c", "print(engine.url, engine, db, session); print(db.recent('orders'))", code=0, rows=True)


@EACH_ENGINE
def test_failures_tell_neither(runs: Told) -> None:
    for code, *arguments in FAILS:
        runs.run(*arguments, "--debug", "--echo", "--format", "json", code=code)


@pytest.mark.slow
@pytest.mark.parametrize("engine_kind", ENGINES)
@pytest.mark.parametrize("how", [("--format", "json"), (), ("--format", "html")])
def test_more_failures_tell_neither_in_any_format(runs: Told, how: tuple[str, ...]) -> None:
    for code, *arguments in (*FAILS, *MORE_FAILS):
        runs.run(*arguments, "--debug", *how, code=code)


@pytest.fixture
def nowhere(runs: Told) -> str:
    """The application's URL with its password, but for a server that is not there."""
    if not runs.app.url.password:
        return f"sqlite:///{runs.app.directory}/gone/app.db"
    at = {"unix_socket": "/nowhere"} if runs.kind == "mariadb" else {"host": "/nowhere"}
    return shown(runs.app.url.set(query=at))


@EACH_ENGINE
def test_a_server_that_is_not_there_is_told_without_the_password(runs: Told, nowhere: str) -> None:
    for command in ("status", "backup"):
        given = (command, *([f"x{SUFFIX[runs.kind]}"] if command == "backup" else []))
        runs.run(*given, "--debug", "--format", "json", code=UNREACHABLE[command], DATABASE_URL=nowhere)


@pytest.mark.slow
def test_no_command_tells_it_of_a_server_that_is_not_there(runs: Told, nowhere: str) -> None:
    for command, code in UNREACHABLE.items():
        given = (command, *([f"x{SUFFIX[runs.kind]}"] if command == "backup" else []))
        runs.run(*given, "--debug", "--format", "json", code=code, DATABASE_URL=nowhere)
    runs.run("restore", f"b{SUFFIX[runs.kind]}", "--to", "env:NOWHERE", "--debug", NOWHERE=nowhere)


def test_a_url_that_cannot_be_read_is_not_repeated(
    postgresql: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path
) -> None:
    with told(postgresql, run, temporary_directory, tmp_path) as runs:
        cut = shown(runs.app.url).replace("%40", "@").replace("%3A", ":").replace("%2F", "/")
        for command in ("tables", "status", "inspect"):
            runs.run(command, "--url", "env:CUT", "--debug", code=2, CUT=cut)
        runs.run("restore", "b.dump", "--to", "env:CUT", "--debug", code=2, CUT=cut)
    # The last one's own arguments show it, which is why nobody watches.
    nowhere = shown(runs.app.url.set(query={"host": "/nowhere"}))
    warned = run("tables", "--url", nowhere, cwd=runs.app.directory)
    assert secrets_in(warned.stdout + warned.stderr) == []
    assert warned.stderr.count("a password in the arguments can be read") == 1
    assert "hint: use --url env:NAME instead" in warned.stderr


@pytest.mark.parametrize("given", [("--to", "URL"), ("--to=URL",)])
def test_the_warning_of_a_password_names_the_option_it_stands_in(run: Run, tmp_path: Path, given: list[str]) -> None:
    url = "postgresql://app:sesame@127.0.0.1:1/shop"
    warned = run("restore", "none.dump", *(word.replace("URL", url) for word in given), cwd=tmp_path)
    assert "hint: use --to env:NAME instead" in warned.stderr


def test_a_text_that_holds_a_password_is_no_option_s_value(run: Run, sqlite: TestDatabase, tmp_path: Path) -> None:
    words = ["--url", f"sqlite:///{sqlite.url.database}", "sql", "--write"]
    warned = run(*words, "SELECT 'postgresql://app:sesame@127.0.0.1:1/shop'", cwd=tmp_path)
    assert "hint: leave it out, or let the text come from a file" in warned.stderr
    assert "sesame" not in warned.stderr


def test_a_server_that_refuses_the_password_does_not_show_it(
    mariadb: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path
) -> None:
    with with_password(mariadb) as keeper, told(keeper, run, temporary_directory, tmp_path) as runs:
        mariadb.execute("SET PASSWORD FOR keeper = PASSWORD('another')")
        runs.run("status", "--debug", code=3)
        runs.run("shell", "-c", "session.execute(text('select 1'))", "--debug", code=3)
        runs.run("backup", "b.sql", "--debug", code=3)


@EACH_ENGINE
def test_backups_are_their_owners_alone_and_tell_nothing(runs: Told, servers: Servers, tmp_path: Path) -> None:
    kind = runs.kind
    good, damaged = f"b{SUFFIX[kind]}", f"damaged{SUFFIX[kind]}"
    runs.run("backup", good, *REPORTS, "--debug", "--echo", code=0)
    runs.run("backup", good, "--debug", "--format", "json", code=2)
    written = (runs.app.directory / good).read_bytes()
    (runs.app.directory / damaged).write_bytes(written[: len(written) // 2])
    (tmp_path / "other").mkdir()
    server = servers.get(ENGINES[kind])
    other = server.create(tmp_path / "other")
    try:
        url = other.url if kind == "sqlite" else runs.app.url.set(database=other.url.database)
        where = {"OTHER": shown(url)}
        runs.run("restore", damaged, "--to", "env:OTHER", "--debug", "--format", "json", code=5, **where)
        runs.run("restore", "missing.sql", "--to", "env:OTHER", "--debug", **where)
        runs.run("restore", good, "--to", "env:OTHER", *REPORTS, "--debug", "--echo", code=0, **where)
        runs.run("restore", good, "--to", "env:OTHER", "--debug", code=2, **where)
        runs.run("restore", good, "--to", "env:DATABASE_URL", "--debug", code=2)
        runs.run("verify-rollback", "--backup", damaged, "--debug", "--format", "json", code=5)
    finally:
        server.drop(other)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_demo_takes_nothing_of_the_environment_along(
    engine: str, sqlite: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path
) -> None:
    directory = (
        temporary_directory / f"demo-{engine}"
    )  # a server that root starts runs as somebody else: not in tmp_path
    with told(sqlite, run, temporary_directory, tmp_path) as runs:
        demo = ("demo", str(directory), "--engine", engine, "--users", "2", "--posts", "3")
        try:
            runs.run(*demo, "--debug", "--format", "json", code=0)
            runs.run(*demo, "--debug", code=2)
        finally:
            run("demo", str(directory), "--stop")
        settings = directory / ".env"
        assert secrets_in(settings.read_bytes()) == []
        assert settings.stat().st_mode & 0o077 == 0
        assert sa.make_url(settings.read_text().partition("=")[2].strip().strip("'\"")).password is None
    shutil.rmtree(directory)
