"""Where the parameters of MySQL's drivers lead, how they are led elsewhere, and how a process is kept away."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from servers import TestDatabase
from sqlalchemy.ext.asyncio import create_async_engine

from dbadmin.dialects import Address, every, named
from dbadmin.dialects.mysql.address import is_identity
from dbadmin.dialects.urls import parse, with_installed_driver
from dbadmin.errors import NotSupported

MYSQL = named("mysql").address
MODULES = {"mysqldb": "MySQLdb", "mysqlconnector": "mysql.connector", "mariadbconnector": "mariadb"}
SYNC = ("pymysql", "mysqldb", "mysqlconnector", "mariadbconnector")
ASYNC = ("aiomysql", "asyncmy")
COPY = sa.make_url("mysql+pymysql://copier@/copy?unix_socket=/srv/copy/sock")
VARIABLES = ("MYSQL_UNIX_PORT", "MYSQL_TCP_PORT", "MYSQL_HOST", "MYSQL_HOME", "MARIADB_HOME")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def place(address: Address) -> tuple[str, str, str]:
    return (*address.server, address.database)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql+pymysql://u@db/prod", ("db", "3306", "prod")),
        ("mariadb+pymysql://u@DB.example.com.:3307/Prod", ("db.example.com", "3307", "prod")),
        ("mysql://u@db/prod", ("db", "3306", "prod")),
        ("mariadb://u@db/prod", ("db", "3306", "prod")),
        ("mysql+pymysql://u@localhost:3307/prod", ("localhost", "3307", "prod")),
        ("mysql+pymysql://u@127.0.0.1/prod", ("localhost", "3306", "prod")),
        ("mysql+pymysql://u@[::1]/prod", ("localhost", "3306", "prod")),
        ("mysql+pymysql://u@/prod?unix_socket=/run/mysqld/mysqld.sock", ("localhost", "3306", "prod")),
        ("mysql+pymysql://u@db:1/prod?unix_socket=/srv/x/../sock", ("/srv/sock", "", "prod")),
        ("mysql+pymysql://u@safe/safe?host=db&database=prod", ("db", "3306", "prod")),
        ("mysql+pymysql://u@db", ("db", "3306", "")),
        # The C library takes localhost for its socket, whatever the port.
        ("mysql+mysqldb://u@localhost:3307/prod", ("localhost", "3306", "prod")),
        ("mysql+mysqldb://u@127.0.0.1:3307/prod", ("localhost", "3307", "prod")),
        ("mysql+mysqldb://u@db:3307/prod", ("db", "3307", "prod")),
        ("mysql+mysqldb://u@/prod?unix_socket=/srv/sock", ("/srv/sock", "", "prod")),
        ("mysql+mysqlconnector://u@db:3307/prod", ("db", "3307", "prod")),
        ("mysql+mysqlconnector://u@/prod?unix_socket=/srv/sock", ("/srv/sock", "", "prod")),
        ("mariadb+mariadbconnector://u@db:3307/prod", ("db", "3307", "prod")),
        ("mysql+aiomysql://u@db:3307/prod", ("db", "3307", "prod")),
        ("mysql+asyncmy://u@/prod?unix_socket=/srv/sock", ("/srv/sock", "", "prod")),
    ],
)
def test_a_url_leads_where_its_driver_connects(url: str, expected: tuple[str, str, str]) -> None:
    assert place(MYSQL.of_url(sa.make_url(url))) == expected


def test_positional_parameters_are_read_in_mysqldbs_order() -> None:
    assert place(MYSQL.of_parameters("mysqldb", ["db", "u", "pw", "prod", 3307], {})) == ("db", "3307", "prod")
    assert place(MYSQL.of_parameters("pymysql", [], {"host": b"db", "db": "prod"})) == ("db", "3306", "prod")


def test_variables_count_for_the_c_library_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYSQL_UNIX_PORT", "/srv/own.sock")
    monkeypatch.setenv("MYSQL_TCP_PORT", "3399")
    assert place(MYSQL.of_parameters("mysqldb", [], {"db": "prod"})) == ("/srv/own.sock", "", "prod")
    assert place(MYSQL.of_parameters("mysqldb", [], {"host": "db", "db": "prod"})) == ("db", "3399", "prod")
    assert place(MYSQL.of_parameters("pymysql", [], {"database": "prod"})) == ("localhost", "3306", "prod")


@pytest.mark.parametrize(
    ("driver", "names"),
    [
        ("pymysql", ("read_default_file", "read_default_group")),
        ("mysqldb", ("read_default_file", "read_default_group")),
        ("mysqlconnector", ("option_files", "option_groups")),
        ("mariadbconnector", ("default_file", "default_group")),
    ],
)
def test_an_option_file_is_read_and_parameters_win(driver: str, names: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(
        "# ours\n[client]\nhost = 'db'\nport=3307\ndatabase=prod\npassword=s3cret%\n"
        f"[shop]\nhost=shop\nskip-ssl\n!include {tmp_path}/more.cnf\n"
    )
    (tmp_path / "more.cnf").write_text("[shop]\ndatabase=of_shop\n")
    found = MYSQL.of_parameters(driver, [], {names[0]: str(file)})
    assert place(found) == ("db", "3307", "prod")
    assert "s3cret" not in repr(found)
    assert place(MYSQL.of_parameters(driver, [], {names[0]: str(file), "host": "own"})) == ("own", "3307", "prod")
    found = MYSQL.of_parameters(driver, [], {names[0]: str(file), names[1]: "shop"})
    assert found.database == "of_shop"
    assert found.server[0] == "shop"


WORDS = st.text("abcdefgh.-", min_size=1, max_size=12)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "host": WORDS, "port": st.integers(1, 65535), "user": WORDS, "password": WORDS, "passwd": WORDS,
        "database": WORDS, "db": WORDS, "unix_socket": WORDS, "read_default_file": WORDS, "read_default_group": WORDS,
        "ssl": st.just({"ca": "x"}), "ssl_ca": WORDS, "ssl_disabled": st.booleans(), "bind_address": WORDS,
        "tls_versions": WORDS, "pool_name": WORDS, "option_files": WORDS, "default_file": WORDS,
        "charset": WORDS, "connect_timeout": st.integers(), "init_command": WORDS, "client_flag": st.integers(),
    },
)  # fmt: skip


@given(driver=st.sampled_from(SYNC + ASYNC), source=PARAMETERS, positional=st.booleans())
def test_a_redirect_leaves_nothing_that_says_where_and_everything_else(
    driver: str, source: dict[str, Any], positional: bool
) -> None:
    cargs: list[Any] = ["source", "u", "pw", "prod"] if positional else []
    cparams = dict(source)
    MYSQL.redirect(driver, cargs, cparams, COPY)
    assert cargs == []
    where = {key: value for key, value in cparams.items() if is_identity(key)}
    name = "db" if driver in ("aiomysql", "asyncmy", "mysqldb") else "database"
    user = "username" if driver == "mariadbconnector" else "user"
    assert where == {user: "copier", name: "copy", "unix_socket": "/srv/copy/sock"}
    rest = {key: value for key, value in cparams.items() if not is_identity(key)}
    assert rest == {key: value for key, value in source.items() if not is_identity(key)}
    assert place(MYSQL.of_parameters(driver, cargs, cparams)) == ("/srv/copy/sock", "", "copy")


def ask(url: sa.URL, driver: str, copy: sa.URL | None = None) -> Any:
    """The database that answers through a driver, led to `copy` by a listener if there is one."""

    def lead(dialect: Any, record: Any, cargs: list[Any], cparams: dict[str, Any]) -> Any:
        assert copy is not None
        MYSQL.redirect(driver, cargs, cparams, copy)
        return dialect.connect(*cargs, **cparams)

    if driver in ASYNC:
        asynchronous = create_async_engine(url, poolclass=sa.NullPool)
        if copy is not None:
            sa.event.listen(asynchronous.sync_engine, "do_connect", lead)

        async def answer() -> Any:
            async with asynchronous.connect() as connection:
                return await connection.scalar(sa.text("SELECT DATABASE()"))

        return asyncio.run(answer())
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    if copy is not None:
        sa.event.listen(engine, "do_connect", lead)
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT DATABASE()"))


@pytest.mark.parametrize("driver", SYNC + ASYNC)
@pytest.mark.parametrize("backend", ["mysql", "mariadb"])
def test_every_driver_connects_and_is_led_to_the_copy(backend: str, driver: str, mariadb: TestDatabase) -> None:
    pytest.importorskip(MODULES.get(driver, driver), exc_type=ImportError)
    own = MYSQL.with_driver(mariadb.url.set(drivername=f"{backend}+pymysql"), driver)
    assert own.drivername == f"{backend}+{driver}"
    assert ask(own, driver) == mariadb.name
    source = sa.make_url(f"{backend}+{driver}://app:secret@prod.invalid:3311/prod")
    assert ask(source, driver, copy=mariadb.url) == mariadb.name


@pytest.mark.parametrize(
    ("url", "driver", "expected"),
    [
        (
            "mysql+pymysql://u:p%40@db/x?charset=utf8mb4&read_default_file=/a",
            "mysqlconnector",
            "mysql+mysqlconnector://u:p%40@db/x?charset=utf8mb4&option_files=/a",
        ),
        (
            "mariadb+mysqldb://u@db/x?charset=utf8mb4&use_unicode=1",
            "mariadbconnector",
            "mariadb+mariadbconnector://u@db/x",
        ),
        (
            "mysql+mariadbconnector://u@/x?unix_socket=/s&default_group=g",
            "asyncmy",
            "mysql+asyncmy://u@/x?unix_socket=/s&read_default_group=g",
        ),
        ("mysql+aiomysql://u@db/x?charset=utf8", "pymysql", "mysql+pymysql://u@db/x?charset=utf8"),
        ("mysql+asyncmy://u@db/x", "", "mysql://u@db/x"),
        ("mysql+pymysql://u@/x?unix_socket=/s&ssl_disabled=true", "aiomysql", "mysql+aiomysql://u@/x?unix_socket=/s"),
        ("mysql+pymysql://u@/x?unix_socket=/s&ssl_disabled=true", "", "mysql://u@/x?unix_socket=/s"),
        ("mysql://u@db/x?ssl_disabled=true", "pymysql", "mysql+pymysql://u@db/x?ssl_disabled=true"),
    ],
)
def test_a_url_is_translated_for_another_driver(url: str, driver: str, expected: str) -> None:
    assert MYSQL.with_driver(sa.make_url(url), driver) == sa.make_url(expected)


def test_a_character_set_that_the_other_driver_cannot_take_is_an_error() -> None:
    with pytest.raises(NotSupported, match="charset=latin1"):
        MYSQL.with_driver(sa.make_url("mysql+pymysql://u@db/x?charset=latin1"), "mariadbconnector")


@pytest.mark.parametrize("text", ["mysql://u@db/x", "mariadb://u@db/x", "mysql+pymysql://u@db/x"])
def test_a_url_without_a_driver_gets_one_that_is_installed(text: str) -> None:
    found = with_installed_driver(parse(text, "--url"))
    assert found.drivername == f"{text.partition(':')[0].partition('+')[0]}+pymysql"


def test_mysql_and_mariadb_are_one_engine() -> None:
    assert named("mysql") is named("mariadb")
    assert [dialect.name for dialect in every()] == ["sqlite", "postgresql", "mysql"]


def test_a_denied_environment_is_lifted_for_one_connection_by_parameters() -> None:
    isolation = named("mysql").isolation
    denied = isolation.environment()
    assert denied["MYSQL_PWD"] is None
    over_tcp: dict[str, Any] = {"host": "copy"}
    isolation.admit("mysqldb", over_tcp, {})
    assert over_tcp == {"host": "copy", "port": 3306}
    local: dict[str, Any] = {}
    isolation.admit("mariadbconnector", local, {"MYSQL_UNIX_PORT": "/srv/own.sock"})
    assert local == {"unix_socket": "/srv/own.sock"}
    written_in_python: dict[str, Any] = {"host": "copy"}
    isolation.admit("pymysql", written_in_python, {})
    assert written_in_python == {"host": "copy"}


def test_sockets_of_a_copy_are_its_path_or_its_addresses() -> None:
    isolation = named("mysql").isolation
    assert isolation.sockets(COPY) == {"/srv/copy/sock"}
    assert {("127.0.0.1", 3307)} <= isolation.sockets(sa.make_url("mysql://u@127.0.0.1:3307/x"))
