"""Where parameters lead, on every driver, and how they are led elsewhere."""

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dbadmin.dialects import Address, named
from dbadmin.dialects.postgresql.address import is_identity
from dbadmin.errors import NotSupported

POSTGRESQL = named("postgresql").address
SQLITE = named("sqlite").address
PG_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGSERVICEFILE")
DRIVERS = ("psycopg", "psycopg2", "asyncpg", "pg8000")
COPY = sa.make_url("postgresql+psycopg://copier@/copy?host=/srv/copy&port=6000")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PG_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def place(address: Address) -> tuple[str, str, str]:
    return (*address.server, address.database)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+psycopg://u@db/prod", ("db", "5432", "prod")),
        ("postgresql+psycopg://u@DB.example.com.:5433/prod", ("db.example.com", "5433", "prod")),
        ("postgresql+psycopg://u@localhost/prod", ("localhost", "5432", "prod")),
        ("postgresql+psycopg://u@127.0.0.1:5432/prod", ("localhost", "5432", "prod")),
        ("postgresql+psycopg://u@[::1]/prod", ("localhost", "5432", "prod")),
        ("postgresql+psycopg://u@/prod", ("localhost", "5432", "prod")),
        ("postgresql+psycopg://u@/prod?host=/var/run/postgresql", ("localhost", "5432", "prod")),
        ("postgresql+psycopg://u@/prod?host=/srv/sock/&port=6000", ("/srv/sock", "6000", "prod")),
        ("postgresql+psycopg://u@safe/safe?host=db&dbname=prod", ("db", "5432", "prod")),
        ("postgresql+psycopg://u@safe/prod?hostaddr=10.0.0.1", ("10.0.0.1", "5432", "prod")),
        ("postgresql+psycopg://u@/prod?host=a:1&host=b:2", ("a,b", "1,2", "prod")),
        ("postgresql+psycopg://u@db", ("db", "5432", "u")),
        ("postgresql+psycopg2://u@safe/safe?host=db&dbname=prod", ("db", "5432", "prod")),
        ("postgresql+psycopg2://u@/prod?host=a&host=b", ("a,b", "5432,5432", "prod")),
        ("postgresql+asyncpg://u@safe:1/safe?host=db&database=prod", ("db", "1", "prod")),
        ("postgresql+asyncpg://u@/prod?host=a:1&host=b:2", ("a,b", "1,2", "prod")),
        ("postgresql+pg8000://u@db:5433/prod", ("db", "5433", "prod")),
        ("postgresql+pg8000://u@/prod?unix_sock=/srv/sock/.s.PGSQL.6000", ("/srv/sock", "6000", "prod")),
        ("postgresql+pg8000://u@/prod", ("localhost", "5432", "prod")),
    ],
)
def test_a_url_leads_where_its_driver_connects(url: str, expected: tuple[str, str, str]) -> None:
    assert place(POSTGRESQL.of_url(sa.make_url(url))) == expected


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@pytest.mark.parametrize(
    ("cargs", "cparams"),
    [
        (["host=db port=5433 dbname=prod user=u"], {}),
        (["postgresql://u@db:5433/prod"], {}),
        ([], {"dsn": "host=db port=5433 dbname=prod"}),
        (["host=safe dbname=safe"], {"host": "db", "port": 5433, "dbname": "prod"}),
    ],
)
def test_a_connection_string_is_read_and_named_parameters_win(
    driver: str, cargs: list[Any], cparams: dict[str, Any]
) -> None:
    assert place(POSTGRESQL.of_parameters(driver, cargs, cparams)) == ("db", "5433", "prod")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_variables_fill_what_the_parameters_leave_open(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db")
    monkeypatch.setenv("PGPORT", "5433")
    monkeypatch.setenv("PGDATABASE", "prod")
    assert place(POSTGRESQL.of_parameters(driver, [], {})) == ("db", "5433", "prod")
    assert place(POSTGRESQL.of_parameters(driver, [], {"host": "own"})) == ("own", "5433", "prod")


def test_pg8000_reads_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db")
    assert place(POSTGRESQL.of_parameters("pg8000", [], {"user": "u"})) == ("localhost", "5432", "u")


def test_a_service_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "services").write_text("[shop]\nhost=db\nport=5433\ndbname=prod\npassword=s3cret%\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    found = POSTGRESQL.of_url(sa.make_url("postgresql+psycopg://?service=shop"))
    assert place(found) == ("db", "5433", "prod")
    assert "s3cret" not in repr(found)


def test_aliases_of_this_machine_are_one_address_and_ports_are_not() -> None:
    one = POSTGRESQL.of_url(sa.make_url("postgresql+psycopg://u@localhost/prod"))
    assert one.same_as(POSTGRESQL.of_url(sa.make_url("postgresql+asyncpg://other:pw@127.0.0.1/prod")))
    assert not one.same_as(POSTGRESQL.of_url(sa.make_url("postgresql+psycopg://u@localhost:5433/prod")))
    assert not one.same_as(POSTGRESQL.of_url(sa.make_url("postgresql+psycopg://u@localhost/test")))


WORDS = st.text("abcdefgh.-", min_size=1, max_size=12)
SOURCE_PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "host": WORDS, "hostaddr": WORDS, "port": st.integers(1, 65535), "dbname": WORDS, "database": WORDS,
        "user": WORDS, "password": WORDS, "passfile": WORDS, "service": WORDS, "sslmode": WORDS, "ssl": WORDS,
        "sslrootcert": WORDS, "ssl_context": WORDS, "target_session_attrs": WORDS, "channel_binding": WORDS,
        "gssencmode": WORDS, "unix_sock": WORDS, "sock": WORDS, "krbsrvname": WORDS,
        "options": WORDS, "connect_timeout": st.integers(), "server_settings": st.just({"search_path": "a"}),
    },
)  # fmt: skip


@given(driver=st.sampled_from(DRIVERS), source=SOURCE_PARAMETERS, dsn=st.booleans())
def test_a_redirect_leaves_nothing_that_says_where_and_everything_else(
    driver: str, source: dict[str, Any], dsn: bool
) -> None:
    cargs = ["host=source dbname=source"] if dsn and driver in ("psycopg", "psycopg2") else []
    cparams = dict(source)
    POSTGRESQL.redirect(driver, cargs, cparams, COPY)
    name = "dbname" if driver in ("psycopg", "psycopg2") else "database"
    where = {"host": "/srv/copy", "port": cparams.get("port")}
    if driver == "pg8000":
        where = {"unix_sock": "/srv/copy/.s.PGSQL.6000"}
    assert cargs == []
    assert {k: v for k, v in cparams.items() if is_identity(k)} == {"user": "copier", name: "copy"} | where
    assert {k: v for k, v in cparams.items() if not is_identity(k)} == {
        k: v for k, v in source.items() if not is_identity(k)
    }
    assert place(POSTGRESQL.of_parameters(driver, cargs, cparams)) == ("/srv/copy", "6000", "copy")


def test_a_redirect_keeps_the_options_of_a_connection_string() -> None:
    cargs: list[Any] = ["host=source dbname=prod options='-c search_path=app' application_name=web"]
    cparams: dict[str, Any] = {}
    POSTGRESQL.redirect("psycopg", cargs, cparams, COPY)
    assert cparams["options"] == "-c search_path=app"
    assert cparams["application_name"] == "web"


@pytest.mark.parametrize(
    ("url", "driver", "expected"),
    [
        ("postgresql+asyncpg://u:p%40@db/x?ssl=require", "psycopg", "postgresql+psycopg://u:p%40@db/x?sslmode=require"),
        ("postgresql+asyncpg://u@db/x?ssl=true", "psycopg2", "postgresql+psycopg2://u@db/x?sslmode=require"),
        ("postgresql+psycopg://u@db/x?sslmode=disable", "asyncpg", "postgresql+asyncpg://u@db/x?ssl=disable"),
        ("postgresql+psycopg://u@db/x?options=-ca=b", "psycopg2", "postgresql+psycopg2://u@db/x?options=-ca=b"),
        ("postgresql+psycopg://u@db/x?connect_timeout=5", "asyncpg", "postgresql+asyncpg://u@db/x"),
        ("postgresql+asyncpg://u@db/x?prepared_statement_cache_size=0", "psycopg", "postgresql+psycopg://u@db/x"),
        (
            "postgresql+psycopg://u@/x?host=/srv&port=6000",
            "pg8000",
            "postgresql+pg8000://u@/x?unix_sock=/srv/.s.PGSQL.6000",
        ),
        (
            "postgresql+pg8000://u@/x?unix_sock=/srv/.s.PGSQL.6000",
            "asyncpg",
            "postgresql+asyncpg://u@/x?host=/srv&port=6000",
        ),
        ("postgresql+asyncpg://u@db/x", "", "postgresql://u@db/x"),
    ],
)  # fmt: skip
def test_a_url_is_translated_for_another_driver(url: str, driver: str, expected: str) -> None:
    assert POSTGRESQL.with_driver(sa.make_url(url), driver) == sa.make_url(expected)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql+psycopg://u@db/x?options=-csearch_path%3Dapp", "asyncpg"),
        ("postgresql+psycopg://u@db/x?sslmode=require", "pg8000"),
    ],
)
def test_a_url_that_the_other_driver_cannot_express_is_an_error(url: str, driver: str) -> None:
    with pytest.raises(NotSupported):
        POSTGRESQL.with_driver(sa.make_url(url), driver)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my app.db"
    path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.parametrize(
    ("cargs", "cparams"),
    [
        (["my app.db"], {}),
        (["./x/../my app.db"], {}),
        ([b"my app.db"], {}),
        ([Path("my app.db")], {}),
        ([], {"database": "my app.db"}),
        (["file:my%20app.db?cache=shared"], {"uri": True}),
        (["link.db"], {}),
        (["hard.db"], {}),
    ],
)
def test_every_way_to_name_a_file_is_one_address(cargs: list[Any], cparams: dict[str, Any], file: Path) -> None:
    (file.parent / "x").mkdir()
    (file.parent / "link.db").symlink_to(file)
    os.link(file, file.parent / "hard.db")
    found = SQLITE.of_parameters("pysqlite", cargs, cparams)
    assert found.same_as(SQLITE.of_url(sa.make_url(f"sqlite:///{file}")))
    assert not found.same_as(SQLITE.of_parameters("pysqlite", ["other.db"], {}))


def test_absolute_file_uris_with_a_host_are_the_same_file(file: Path) -> None:
    for name in (f"file://{file}", f"file://localhost{file}", f"file:{file}?mode=rw#part"):
        assert SQLITE.of_parameters("pysqlite", [name], {"uri": True}).database == str(file)


def test_a_replaced_file_is_still_the_address(file: Path) -> None:
    before = SQLITE.of_parameters("pysqlite", [str(file)], {})
    (file.parent / "new.db").write_bytes(b"")
    (file.parent / "new.db").replace(file)
    assert before.same_as(SQLITE.of_parameters("pysqlite", [str(file)], {}))


@pytest.mark.parametrize("name", [":memory:", "", "file::memory:", "file:shared?mode=memory&cache=shared"])
def test_memory_is_no_file(name: str) -> None:
    assert SQLITE.of_parameters("pysqlite", [name], {"uri": True}).server[0] == "memory"


@pytest.mark.parametrize("driver", ["pysqlite", "aiosqlite"])
def test_a_redirected_file_keeps_the_sessions_options(driver: str, file: Path) -> None:
    copy = sa.make_url(f"sqlite:///{file.parent}/copy.db")
    cargs: list[Any] = [f"file:{file}?mode=ro&cache=shared&immutable=1"]
    cparams: dict[str, Any] = {"uri": True, "timeout": 3}
    SQLITE.redirect(driver, cargs, cparams, copy)
    assert cargs == [f"file:{file.parent}/copy.db?cache=shared"]
    assert cparams == {"uri": True, "timeout": 3}
    assert SQLITE.of_parameters(driver, cargs, cparams).same_as(SQLITE.of_url(copy))


def test_a_plain_file_is_redirected_plainly(file: Path) -> None:
    copy = sa.make_url(f"sqlite:///{file.parent}/copy.db")
    cargs: list[Any] = []
    cparams: dict[str, Any] = {"database": str(file), "timeout": 3}
    SQLITE.redirect("pysqlite", cargs, cparams, copy)
    assert (cargs, cparams) == ([f"{file.parent}/copy.db"], {"timeout": 3})
    assert str(SQLITE.with_driver(copy, "aiosqlite")) == f"sqlite+aiosqlite:///{file.parent}/copy.db"
