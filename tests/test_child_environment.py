"""What the process that runs env.py finds in its environment: the copy in the source's place, and no password."""

import os
from pathlib import Path

import pytest
from sqlalchemy import make_url

import dbadmin
from dbadmin.dialects import named
from dbadmin.migrations.environment import child_environment, lead, like

COPY = make_url("postgresql+psycopg://dbadmin@/copy?host=/run/private")
SOURCE = named("postgresql").address.of_url(make_url("postgresql://app:pw@db.example.com/shop"))
HERE = str(Path(dbadmin.__file__).parent.parent)


@pytest.mark.parametrize(
    ("url", "led"),
    [
        ("postgres://app:pw@db.example.com/shop", "postgresql://dbadmin@/copy?host=%2Frun%2Fprivate"),
        ("postgresql+asyncpg://x@db.example.com:5432/shop", "postgresql+asyncpg://dbadmin@/copy?host=%2Frun%2Fprivate"),
        ("postgresql://app:pw@db.example.com/other", None),
        ("sqlite:////srv/app.db", None),
        ("redis://db.example.com/0", None),
        ("postgresql://app:pw@db.example.com:port/shop", None),
        ("postgresql+nodriver://app:pw@db.example.com/other", None),
    ],
)
def test_a_url_of_the_source_leads_to_the_copy_and_every_other_stays(url: str, led: str | None) -> None:
    assert lead(url, SOURCE, COPY) == (led or url)


def test_only_options_of_the_session_come_along() -> None:
    url = make_url("postgresql://app:pw@db.example.com/shop?sslmode=require&application_name=web&host=elsewhere")
    assert dict(like(url, COPY).query) == {"host": "/run/private", "application_name": "web"}


def test_a_url_of_another_engine_gets_the_copy_s_own() -> None:
    assert like(make_url("sqlite:////srv/app.db?timeout=5"), COPY) == COPY


@pytest.mark.parametrize("between", [" ", ", ", ";\n"])
def test_every_url_in_a_variable_is_led_and_what_is_none_stays(between: str) -> None:
    urls = ["postgresql://db.example.com/shop", "redis://db.example.com/0"]
    variables, _ = child_environment({"URLS": between.join(urls), "NAME": "shop"}, copy=COPY, source=SOURCE)
    led = "postgresql://dbadmin@/copy?host=%2Frun%2Fprivate"
    assert variables["URLS"] == between.join([led, urls[1]])
    assert variables["NAME"] == "shop"


@pytest.mark.parametrize("before", ["", "http://h:80 "])
def test_a_url_with_blanks_in_its_password_is_led_too(before: str) -> None:
    value = f"{before}postgresql://app:p w: 1@db.example.com/shop is the one"
    variables, _ = child_environment({"URL": value}, copy=COPY, source=SOURCE)
    assert variables["URL"] == f"{before}postgresql://dbadmin@/copy?host=%2Frun%2Fprivate is the one"


def test_without_a_copy_every_url_stays_and_the_drivers_defaults_are_denied_all_the_same() -> None:
    given = {"DATABASE_URL": "postgresql://app:pw@db.example.com/shop", "PGPASSWORD": "pw", "MYSQL_HOME": "/etc/my"}
    variables, hidden = child_environment(given)
    assert variables["DATABASE_URL"] == given["DATABASE_URL"]
    assert hidden == {"PGPASSWORD": "pw", "MYSQL_HOME": "/etc/my"}
    assert "PGPASSWORD" not in variables and variables["MYSQL_HOME"] != "/etc/my"
    assert given["PGPASSWORD"] == "pw"


@pytest.mark.parametrize("path", [None, "/srv/app", HERE, os.pathsep.join([HERE, "/srv/app"])])
def test_dbadmin_is_found_behind_what_the_application_says(path: str | None) -> None:
    variables, _ = child_environment({} if path is None else {"PYTHONPATH": path})
    found = variables["PYTHONPATH"].split(os.pathsep)
    given = [] if path is None else path.split(os.pathsep)
    assert found == (given if HERE in given else [*given, HERE])
