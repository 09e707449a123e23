"""A password reaches no output, file or argument list, and values of rows stand only where they are the answer."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from apps import App, make_app
from canary import PASSWORD, ROW, files_with_secrets, open_to_others, row_in, secrets_in, watching
from conftest import Finished, Run
from hypothesis import given
from hypothesis import strategies as st
from servers import TestDatabase

from dbadmin import secrets
from dbadmin.shell.history import has_secret

ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool

print(dict(os.environ))
url = os.environ["DATABASE_URL"]

def run(connection=None):
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()

run()
"""
REVISIONS = {
    "a1": (
        None,
        'op.execute("create table items (id integer primary key, name varchar(80) unique, api_token varchar(80))")',
        'op.execute("drop table items")',
    ),
}
LOSSY = {"b2": ("a1", 'op.drop_column("items", "name")', 'op.add_column("items", sa.Column("name", sa.String(80)))')}
TELLING = {
    "b2": (
        "a1",
        "import os; raise RuntimeError('cannot reach ' + os.environ['APP_URL'] + ' ' + os.environ['APP_PASSWORD'])",
        "pass",
    )
}
VIOLATING = {"b2": ("a1", "op.execute(\"insert into items select id + 100, name, '' from items\")", "pass")}
ITSELF = frozenset({".env", "alembic.ini", "db.py", "env.py"})
"""Files of the application's own in which the password stands."""


class Told:
    """An application whose password is the canary, and what its runs told."""

    def __init__(self, app: App, run: Run, temporary: Path, home: Path) -> None:
        self.app, self._run, self.temporary, self.home = app, run, temporary, home
        url = app.url.render_as_string(hide_password=False)
        self.environment = {"DATABASE_URL": url, "APP_URL": url, "APP_PASSWORD": PASSWORD}
        self.leaks: list[str] = []

    def run(self, *arguments: str, code: int | None = None, rows: bool = False, **environment: str) -> Finished:
        """Run a command; what it leaks is remembered under its name."""
        done = self._run(*arguments, cwd=self.app.directory, env=self.environment | environment, timeout=120)
        for stream, text in (("stdout", done.stdout), ("stderr", done.stderr)):
            found = secrets_in(text)
            if found or (row_in(text) and not (rows and stream == "stdout")):
                at = text.index(found[0] if found else ROW)
                self.leaks.append(f"{' '.join(arguments)[:70]}: {stream}: …{text[max(0, at - 90) : at + 30]}")
        if code is not None and done.code != code:
            self.leaks.append(f"{' '.join(arguments)[:70]}: exit {done.code}: {done.stderr[-300:]}")
        return done


@contextmanager
def told(database: TestDatabase, run: Run, temporary: Path, tmp_path: Path) -> Iterator[Told]:
    """An application at its first revision, with rows; nothing may have leaked at the end."""
    url = database.url if database.url.password else database.url.set(password=PASSWORD)
    app = make_app(tmp_path, revisions=REVISIONS, url=url, env=ENV)
    plain = App(app.directory, app.url, app.style, {**app.environment, **os.environ, "DATABASE_URL": shown(url)})
    plain.alembic("upgrade", "head")
    database.execute(*(f"insert into items values ({n}, '{ROW}{n}', '{ROW}token{n}')" for n in range(3)))
    (app.directory / "pyproject.toml").write_text("")
    runs = Told(app, run, temporary, tmp_path / "home")
    with watching(temporary) as seen:
        yield runs
    assert seen.looks > 20
    assert seen.places == []
    assert files_with_secrets(app.directory, runs.home, temporary, known=ITSELF) == []
    assert runs.leaks == []


def shown(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def test_commands_and_their_failures_tell_no_password_and_no_rows(
    postgresql: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path
) -> None:
    with told(postgresql, run, temporary_directory, tmp_path) as runs:
        old = os.umask(0)
        try:
            runs.run("doctor")
            runs.run(
                "status", "--format", "json", "--echo", "--debug", "--output", "s.html", "--output", "s.json", code=0
            )
            runs.run("recent", "items", "--order-by", "id", "--echo", code=0, rows=True)
            runs.run("sql", "select name::integer from items", "--debug", "--format", "json", code=5)
            twice = "insert into items select id + 9, name from items where name like '%'"
            runs.run("sql", twice, "--write", "--debug", code=5)
            runs.run("sql", "selec", "--debug", code=5)
            runs.run("shell", "-c", "print(engine.url, db, app_url := engine)", "--debug", code=0)
            runs.run("shell", "-c", f"session.execute(text({twice!r}))", "--write", "--debug", code=5)
            runs.run("shell", "-c", "import os; raise ValueError(os.environ['APP_PASSWORD'])", code=1)
        finally:
            os.umask(old)
        assert open_to_others(*(runs.app.directory / name for name in ("s.html", "s.json"))) == []
        nowhere = shown(runs.app.url.set(query={"host": "/nowhere"}))
        runs.run("status", "--debug", code=3, DATABASE_URL=nowhere)
        cut = shown(runs.app.url).replace("%40", "@").replace("%3A", ":").replace("%2F", "/")
        runs.run("tables", "--url", "env:CUT", "--debug", code=2, CUT=cut)
    # The last one's own arguments show it, which is why nobody watches.
    warned = run("tables", "--url", nowhere, cwd=runs.app.directory)
    assert secrets_in(warned.stdout + warned.stderr) == []
    assert warned.stderr.count("a password in the arguments can be read") == 1


@pytest.mark.parametrize("kind", ["lossy", "telling", "violating"])
def test_a_rehearsal_and_its_reports_tell_neither(
    kind: str, postgresql: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path
) -> None:
    with told(postgresql, run, temporary_directory, tmp_path) as runs:
        runs.app.add({"lossy": LOSSY, "telling": TELLING, "violating": VIOLATING}[kind])
        reports = [f"r.{suffix}" for suffix in ("html", "json", "xml", "md", "csv")]
        old = os.umask(0)
        try:
            given = [word for report in reports for word in ("--output", report)]
            runs.run("verify-rollback", "--debug", "--echo", *given, code=1)
        finally:
            os.umask(old)
        files = [runs.app.directory / report for report in reports]
        assert [f.name for f in files if row_in(f.read_text()) or secrets_in(f.read_text())] == []
        assert open_to_others(*files) == []


def test_a_server_that_refuses_the_password_does_not_show_it(
    mariadb: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path
) -> None:
    password = PASSWORD.replace("ß", "s")  # PyMySQL sends Latin-1, the server has UTF-8
    quoted = password.replace("'", "''").replace("%", "%%")
    mariadb.execute(f"CREATE USER keeper IDENTIFIED BY '{quoted}'", "GRANT ALL ON *.* TO keeper")
    try:
        by_name = TestDatabase(mariadb.kind, mariadb.url.set(username="keeper", password=password), mariadb.name)
        with told(by_name, run, temporary_directory, tmp_path) as runs:
            runs.run("status", "--format", "json", "--debug", code=0)
            runs.run("sql", "insert into items select id + 9, name, '' from items", "--write", "--debug", code=5)
            mariadb.execute("SET PASSWORD FOR keeper = PASSWORD('another')")
            runs.run("status", "--debug", code=3)
            runs.run("shell", "-c", "session.execute(text('select 1'))", "--debug", code=3)
    finally:
        mariadb.execute("DROP USER keeper")


@given(st.text(min_size=6).filter(lambda text: len(text.strip()) >= 6))
def test_a_remembered_secret_is_hidden_in_every_spelling(secret: str) -> None:
    import html
    import json
    from urllib.parse import quote, quote_plus

    known = set(secrets._known)
    try:
        secrets.remember(secret)
        for text in (
            secret, quote(secret, safe=""), quote_plus(secret), quote(secret, safe=" +").replace("%", "%%"),
            repr(secret)[1:-1], json.dumps(secret)[1:-1], html.escape(secret), secret.replace("'", "''"),
        ):  # fmt: skip
            assert text not in secrets.mask(f"it was <{text}>.").removeprefix("it was <").removesuffix(">.")
    finally:
        secrets._known.clear()
        secrets._known.update(known)


@pytest.mark.parametrize(
    "line",
    [
        "engine = create_engine('postgresql://app:pw@db/shop')", "os.environ['DB_PASSWORD'] = 'x'",
        "connect(password='x')", "user.set_password('x')", "text(\"alter role app password 'x'\")",
        "text(\"create user a identified by 'x'\")", "api_key = 'x'",
    ],
)  # fmt: skip
def test_a_line_with_a_secret_is_not_kept_in_the_history(line: str) -> None:
    assert has_secret(line)


@pytest.mark.parametrize("line", ["select(User).where(User.id == 1)", "count(Token)", "db.recent('password_resets')"])
def test_other_lines_are_kept(line: str) -> None:
    assert not has_secret(line)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("input_value='postgresql://app:hunt...op', input_type=str", "hunt"),
        ("postgresql://app:hunt er +2@db/shop failed", "er +2"),
        ("postgresql://app@db/shop?password=hunter2&x=1", "hunter2"),
        ("odbc_connect=DRIVER={x};UID=app;PWD=hunter2;", "hunter2"),
        ("host=db user=app password='hunter 2' dbname=shop", "hunter"),
        ("environ({'DB_PASSWORD': 'hunter2', 'HOME': '/root'})", "hunter2"),
        ('{"api_key": "hunter2"}', "hunter2"),
        ("PGPASSWORD=hunter2 psql", "hunter2"),
    ],
)
def test_secrets_that_nobody_named_are_hidden_by_their_look(text: str, hidden: str) -> None:
    assert hidden not in secrets.mask(text)
    assert "***" in secrets.mask(text)


@pytest.mark.parametrize(
    "text", ["http://localhost:8080/x", "see https://example.com:443", "at [::1]:5432", "sqlite:////srv/a.db"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert secrets.mask(text) == text


def test_variables_named_like_secrets_are_remembered_and_paths_are_not() -> None:
    known = set(secrets._known)
    try:
        secrets.remember_variables(
            {"DB_PASSWORD": "correct horse", "API_TOKEN": "tok-12345", "SECRET_FILE": "/srv/app", "HOME": "/home/ann",
             "BROKER": "amqp://app:hop/scotch@mq:5672/jobs"}
        )  # fmt: skip
        assert secrets.mask("correct horse, tok-12345, hop/scotch in /srv/app") == "***, ***, *** in /srv/app"
    finally:
        secrets._known.clear()
        secrets._known.update(known)


def test_nothing_is_remembered_of_no_password_or_of_one_that_is_an_ordinary_word() -> None:
    known = set(secrets._known)
    for secret in (None, "", "app"):
        secrets.remember(secret)
    assert secrets._known == known


def test_a_short_password_is_not_looked_for_as_base64() -> None:
    assert "czNjcg" not in set(secrets._spellings("s3cr"))
    assert "czNjcjN0" in set(secrets._spellings("s3cr3t"))


def test_values_of_rows_are_hidden_in_what_databases_say() -> None:
    said = [
        "DETAIL:  Key (email)=(ann@example.com) already exists.",
        "{'S': 'ERROR', 'D': 'Key (email)=(ann@example.com)', 'R': '_bt_check'}",
        "Duplicate entry 'ann@example.com' for key 'email'",
        "Failing row contains (1, ann@example.com).",
        'invalid input syntax for type integer: "ann@example.com"',
    ]
    told = [secrets.without_values(text) for text in said]
    assert not [text for text in told if "ann" in text or "***" not in text]
    assert told[2] == "Duplicate entry *** for key 'email'"


@pytest.mark.parametrize(
    ("column", "expected"),
    [("hashed_password", True), ("resetToken", True), ("API_KEY", True), ("passwordless", False), ("tokens", False)],
)
def test_a_column_is_sensitive_by_a_whole_word_of_its_name(column: str, expected: bool) -> None:
    assert secrets.is_sensitive(column) is expected


def test_echo_writes_statements_with_their_time_to_stderr(run: Run, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table items (id integer primary key, name text)")
    engine.dispose()
    done = run("count", "items", "--url", f"sqlite:///{tmp_path}/a.db", "--echo", "--format", "json")
    assert done.json()["ok"]
    assert re.search(r"^\[\d+\.\d{3} s\] SELECT .*count", done.stderr, re.MULTILINE | re.IGNORECASE)


def test_no_core_file_is_written(run: Run, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    engine.connect().close()
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    assert run("shell", "-c", code, "--url", f"sqlite:///{tmp_path}/a.db").stdout == "0\n"
