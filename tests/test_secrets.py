"""A password reaches no output, file or argument list, and values of rows stand only where they are the answer.

The commands one by one: test_secrets_commands.py; what a session shows: test_secrets_sessions.py.
"""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from apps import Revisions
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st
from servers import TestDatabase
from telling import told

from dbadmin import secrets
from dbadmin.shell.history import has_secret

LOSSY: Revisions = {
    "b2": ("a1", 'op.drop_column("items", "name")', 'op.add_column("items", sa.Column("name", sa.String(80)))')
}
TELLING: Revisions = {
    "b2": (
        "a1",
        "import os; raise RuntimeError('cannot reach ' + os.environ['APP_URL'] + ' ' + os.environ['APP_PASSWORD'])",
        "pass",
    )
}
VIOLATING: Revisions = {"b2": ("a1", "op.execute(\"insert into items select id + 100, name, '' from items\")", "pass")}
REPORTS = [f"--output=r.{suffix}" for suffix in ("html", "json", "xml", "md", "csv")]


def test_a_rehearsal_and_its_reports_tell_neither(
    postgresql: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path
) -> None:
    with told(postgresql, run, temporary_directory, tmp_path) as runs:
        runs.run("backup", "b.dump", code=0)
        for pending in (LOSSY, TELLING, VIOLATING):
            runs.app.add(pending)
            of_backup = ("--backup", "b.dump") if pending is VIOLATING else ()
            runs.run("verify-rollback", *of_backup, "--debug", "--echo", *REPORTS, code=1)


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
        ("ALTER ROLE app WITH ENCRYPTED PASSWORD E'it''s hunter2'", "hunter2"),
        ("CREATE ROLE app PASSWORD $a$hunter2$a$", "hunter2"),
        ("OPTIONS (user 'app', password 'hunter2')", "hunter2"),
        ("CREATE USER app IDENTIFIED WITH caching_sha2_password BY 'hunter2'", "hunter2"),
        ("SET PASSWORD FOR app = PASSWORD('hunter2')", "hunter2"),
    ],
)
def test_secrets_that_nobody_named_are_hidden_by_their_look(text: str, hidden: str) -> None:
    assert hidden not in secrets.mask(text)
    assert "***" in secrets.mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8080/x",
        "see https://example.com:443",
        "at [::1]:5432",
        "sqlite:////srv/a.db",
        "SELECT hashed_password FROM users WHERE name = 'ada'",
        'password authentication failed for user "app"',
    ],
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


def test_what_people_print_keeps_all_but_known_secrets_and_passwords_of_urls() -> None:
    known = set(secrets._known)
    try:
        secrets.remember("correct horse")
        secrets.remember("battery staple")
        assert secrets.mask_known("correct horse token=x1 u://a:b@c") == "*** token=x1 u://a:***@c"
        assert secrets.mask_known("nothing of it") == "nothing of it"
    finally:
        secrets._known.clear()
        secrets._known.update(known)
