"""Copies of PostgreSQL databases: what a dump does not tell comes along, what must not be seen is not."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers import PostgresqlServer, Servers, TestDatabase, Unavailable

from dbadmin.copies import Copy, open_copy, registry
from dbadmin.database import Database
from dbadmin.dialects import processes
from dbadmin.dialects.postgresql import dump, surroundings
from dbadmin.dialects.postgresql.copying import PostgresqlPlace
from dbadmin.dialects.postgresql.server import Server
from dbadmin.errors import ConnectionFailed, DbadminError, NoScratchServer, NotFinished, UsageError
from dbadmin.state import compare, snapshot

pytestmark = pytest.mark.rehearsal

PASSWORDS = ["simple", "p@ss:w/rd", "sp ace ", " lead", "quo'te\"", "back\\slash", "ünï", "#hash", "a=b;c%20", "50%%"]


def silent(what: str, done: float, total: float | None) -> None: ...


@contextmanager
def opened(url: sa.URL, **options: Any) -> Iterator[Copy]:
    database = Database(sa.create_engine(url, poolclass=sa.NullPool))
    try:
        with open_copy(database, progress=options.pop("progress", silent), **options) as copy:
            yield copy
    finally:
        database.close()


def rows(url: sa.URL, query: str) -> list[tuple[Any, ...]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


@pytest.fixture(scope="module")
def server(servers: Servers) -> Server:
    """The server of the tests' own databases, for what needs another database name or role."""
    try:
        running = servers.get(PostgresqlServer)
    except Unavailable as error:
        pytest.skip(str(error))
    assert isinstance(running, PostgresqlServer)
    return running.server


@contextmanager
def as_superuser(server: Server) -> Iterator[sa.Connection]:
    engine = sa.create_engine(server.url(), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def app_role(server: Server, postgresql: TestDatabase) -> Iterator[str]:
    """An ordinary role that may use the database; gone afterwards with all it owns."""
    with as_superuser(server) as admin:
        admin.exec_driver_sql("CREATE ROLE app LOGIN")
        admin.exec_driver_sql(f"GRANT ALL ON DATABASE {postgresql.name} TO app")
    postgresql.execute("GRANT ALL ON SCHEMA public TO app")
    yield "app"
    postgresql.execute("DROP OWNED BY app CASCADE")
    with as_superuser(server) as admin:
        admin.exec_driver_sql(f"REVOKE ALL ON DATABASE {postgresql.name} FROM app")
        admin.exec_driver_sql("DROP ROLE app")


FILLED = ("CREATE TABLE t (x int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 100)")


def test_a_copy_is_another_database_on_a_server_of_its_own(postgresql: TestDatabase) -> None:
    postgresql.execute(*FILLED)
    with opened(postgresql.url) as copy:
        assert rows(copy.url, "SELECT count(*), current_database() FROM t") == [(100, postgresql.name)]
        system = "SELECT setting FROM pg_settings WHERE name = 'data_directory'"
        assert rows(copy.url, system) != postgresql.rows(system)
        (found,) = [place for place in registry.existing() if place.name == copy.info.name]
        assert (found.engine, found.owner_alive, found.kept) == ("postgresql", True, False)
        rows(copy.keep_pristine(), "SELECT 1 FROM t")
        copy.drop_pristine()
        rows(copy.keep_pristine(), "SELECT 1 FROM t")
    assert copy.info.name not in {place.name for place in registry.existing()}


def test_roles_owners_and_grants_come_along_without_login(postgresql: TestDatabase, app_role: str) -> None:
    postgresql.execute(*FILLED, "ALTER TABLE t OWNER TO app", "GRANT SELECT ON t TO pg_monitor")
    query = "SELECT pg_get_userbyid(relowner), relacl::text FROM pg_class WHERE relname = 't'"
    with opened(postgresql.url) as copy:
        assert rows(copy.url, query) == postgresql.rows(query)
        assert rows(copy.url, "SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'app'") == [(False, False)]


def test_the_settings_that_sessions_have_are_the_copy_s_too(postgresql: TestDatabase) -> None:
    name = postgresql.name
    postgresql.execute(
        "CREATE SCHEMA shop",
        'CREATE SCHEMA "odd, one"',
        f'ALTER DATABASE {name} SET search_path = shop, "odd, one", public',
        f"ALTER DATABASE {name} SET TimeZone = 'Asia/Kathmandu'",
        f"ALTER DATABASE {name} SET app.label = 'it''s 100%% here'",
        f"ALTER DATABASE {name} SET statement_timeout = '20s'",
        "CREATE TABLE shop.orders (id int PRIMARY KEY)",
    )
    query = "SELECT current_setting('search_path'), current_setting('TimeZone'), current_setting('app.label')"
    with opened(postgresql.url) as copy:
        assert rows(copy.url, query) == [('shop, "odd, one", public', "Asia/Kathmandu", "it's 100% here")]
        assert rows(copy.url, "SHOW statement_timeout") == [("0",)]
        assert rows(copy.url, "SELECT 'orders'::regclass::text, to_regclass('shop.orders') IS NOT NULL") == [
            ("orders", True)
        ]


def test_extensions_that_nobody_here_has_are_listed_with_exit_4(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE EXTENSION hstore",
        "CREATE EXTENSION citext",
        "UPDATE pg_extension SET extname = 'timescaledb' WHERE extname = 'hstore'",
        "UPDATE pg_extension SET extname = 'postgis' WHERE extname = 'citext'",
    )
    before = registry.existing()
    with pytest.raises(NoScratchServer, match="lacks postgis, timescaledb") as error, opened(postgresql.url):
        pass
    assert error.value.exit_code == 4
    assert "--in-place" in str(error.value.hint)
    assert registry.existing() == before


def test_extensions_that_are_here_come_along(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE EXTENSION hstore", "CREATE TABLE t (h hstore)", "INSERT INTO t VALUES ('a=>1')")
    with opened(postgresql.url) as copy:
        assert rows(copy.url, "SELECT h -> 'a' FROM t") == [("1",)]


NAMES = ["postgres", "Mixed Case", 'quo"te', "per%cent", "a=b host=nowhere", "üñí", "dbadmin_pristine"]


@pytest.mark.parametrize("name", NAMES)
def test_a_database_of_any_name_is_copied(name: str, server: Server) -> None:
    quoted = '"' + name.replace('"', '""').replace("%", "%%") + '"'
    with as_superuser(server) as admin:
        if name != "postgres":
            admin.exec_driver_sql(f"CREATE DATABASE {quoted}")
        try:
            rows_before = rows(server.url(name), "SELECT count(*) FROM pg_class")
            with opened(server.url(name)) as copy:
                assert rows(copy.url, "SELECT count(*) FROM pg_class") == rows_before
                told = rows(copy.url, "SELECT current_database()")[0][0]
                assert told == (name if name != "dbadmin_pristine" else "copy")
                copy.keep_pristine()
        finally:
            if name != "postgres":
                admin.exec_driver_sql(f"DROP DATABASE {quoted} WITH (FORCE)")


def test_large_objects_come_along_and_are_counted_and_it_is_said_that_this_is_all(postgresql: TestDatabase) -> None:
    postgresql.execute("SELECT lo_from_bytea(4711, 'abc')")
    with opened(postgresql.url) as copy:
        assert rows(copy.url, "SELECT lo_get(4711)") == [(b"abc",)]
        assert [note for note in copy.not_covered if "large objects" in note]
        engine = sa.create_engine(copy.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            before = snapshot(connection)
            connection.exec_driver_sql("SELECT lo_unlink(4711)")
            assert compare(before, snapshot(connection))


def test_without_large_objects_nothing_is_said_of_them(postgresql: TestDatabase) -> None:
    with opened(postgresql.url) as copy:
        assert not [note for note in copy.not_covered if "large objects" in note]


def test_rows_that_row_security_hides_are_an_error_and_no_gap(postgresql: TestDatabase, app_role: str) -> None:
    postgresql.execute(
        *FILLED,
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY few ON t USING (x < 10)",
        "GRANT SELECT ON t TO app",
    )
    with pytest.raises(NotFinished, match="row-level security") as error, opened(postgresql.url.set(username="app")):
        pass
    assert "BYPASSRLS" in str(error.value.hint)
    assert "\n" not in error.value.message


def test_a_table_that_may_not_be_read_is_named(postgresql: TestDatabase, app_role: str) -> None:
    postgresql.execute(*FILLED, "CREATE TABLE secret_t (x int)", "GRANT SELECT ON t TO app")
    before = registry.existing()
    with pytest.raises(NotFinished, match="secret_t") as error, opened(postgresql.url.set(username="app")):
        pass
    assert "pg_read_all_data" in str(error.value.hint)
    assert error.value.exit_code == 5
    assert registry.existing() == before


def test_an_ordinary_role_that_may_read_everything_makes_a_whole_copy(postgresql: TestDatabase, app_role: str) -> None:
    postgresql.execute(*FILLED, "GRANT pg_read_all_data TO app")
    with opened(postgresql.url.set(username="app")) as copy:
        assert rows(copy.url, "SELECT count(*) FROM t") == [(100,)]


def test_a_table_that_somebody_has_locked_does_not_hang_the_copy(
    postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgresql.execute(*FILLED)
    monkeypatch.setattr(dump, "_LOCK_WAIT", 200)
    with postgresql.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(NotFinished, match="lock") as error, opened(postgresql.url):
            pass
    assert error.value.hint


def test_sizes_are_limited_before_anything_is_started(
    postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "start", lambda *_, **__: pytest.fail("a server was started"))
    with pytest.raises(UsageError, match="--max-copy"), opened(postgresql.url, max_bytes=1000):
        pass


@pytest.fixture(scope="module")
def strict(temporary_directory: Path) -> Iterator[Server]:
    """A server that asks the role `app` for its password."""
    with Server.start() as started:
        with as_superuser(started) as admin:
            admin.exec_driver_sql("CREATE ROLE app LOGIN IN ROLE pg_read_all_data")
            admin.exec_driver_sql("CREATE TABLE t AS SELECT 1 AS x")
            hba = Path(str(admin.exec_driver_sql("SHOW hba_file").scalar()))
            hba.write_text("local all app scram-sha-256\nlocal all all trust\n")
            admin.exec_driver_sql("SELECT pg_reload_conf()")
        yield started


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_of_any_characters_works_and_is_in_nobody_s_arguments(
    password: str, strict: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_superuser(strict) as admin:
        literal = password.replace("'", "''").replace("%", "%%")
        admin.exec_driver_sql(f"SET standard_conforming_strings = on; ALTER ROLE app PASSWORD '{literal}'")
    monkeypatch.setattr(dump, "_LOOK_EVERY", 0)
    seen: set[str] = set()

    def look(what: str, done: float, total: float | None) -> None:
        for process in processes.PROC.glob("[0-9]*"):
            arguments = " ".join(processes.arguments(int(process.name)))
            if "pg_dump" in arguments:
                seen.add("pg_dump")
            assert password not in arguments

    with opened(strict.url().set(username="app", password=password), progress=look) as copy:
        assert rows(copy.url, "SELECT x FROM t") == [(1,)]
        written = [path for path in Path(tempfile.gettempdir(), copy.info.name).glob("*") if path.is_file()]
        assert not [path for path in written if password in path.read_text(errors="replace")]
    assert seen == {"pg_dump"}


def test_a_wrong_password_is_exit_3_and_not_shown(strict: Server) -> None:
    url = strict.url().set(username="app", password="wrong-and-secret")
    with pytest.raises(ConnectionFailed) as error, opened(url):
        pass
    assert "wrong-and-secret" not in f"{error.value.message} {error.value.hint}"


STEPS = {
    "starting": (Server, "start"),
    "dumping": (dump, "dump"),
    "roles": (surroundings, "make_roles"),
    "restoring": (dump, "restore"),
    "settings": (surroundings, "apply_settings"),
    "the pristine copy": (PostgresqlPlace, "clone"),
}


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_left_where_a_step_fails(
    step: str, postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = STEPS[step]
    before = set(Path(tempfile.gettempdir()).glob("dbadmin-*"))

    def fails(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt("injected")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails)
        with pytest.raises(KeyboardInterrupt), opened(postgresql.url) as copy:
            copy.keep_pristine()
    assert set(Path(tempfile.gettempdir()).glob("dbadmin-*")) == before


def test_ctrl_c_while_pg_dump_runs_ends_it(postgresql: TestDatabase) -> None:
    postgresql.execute(*FILLED)
    before = set(Path(tempfile.gettempdir()).glob("dbadmin-*"))

    def interrupt(what: str, done: float, total: float | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), opened(postgresql.url, progress=interrupt):
        pass
    assert set(Path(tempfile.gettempdir()).glob("dbadmin-*")) == before


def test_what_would_reach_beyond_the_copy_is_made_harmless_and_told(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'prod.invalid', dbname 'x')",
        "CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'u', password 'fdw-secret')",
    )
    with opened(postgresql.url) as copy:
        assert len(copy.neutralised) == 2
        assert "fdw-secret" not in str(copy.neutralised)
        assert rows(copy.url, "SELECT count(*) FROM pg_user_mappings") == [(0,)]
        assert "host=/nonexistent" in rows(copy.url, "SELECT srvoptions FROM pg_foreign_server")[0][0]


def test_sessions_of_a_killed_process_are_ended_with_their_locks(postgresql: TestDatabase) -> None:
    postgresql.execute(*FILLED)
    with opened(postgresql.url) as copy:
        engine = sa.create_engine(copy.url, poolclass=sa.NullPool)
        holding = engine.connect()
        holding.exec_driver_sql("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        copy.end_sessions()
        assert rows(copy.url, "SELECT count(*) FROM t") == [(100,)]
        holding.invalidate()
        holding.close()


def test_an_older_server_is_copied_by_its_own_tools(postgresql15: TestDatabase) -> None:
    postgresql15.execute(*FILLED, "CREATE VIEW v AS SELECT x FROM t")
    with opened(postgresql15.url) as copy:
        assert rows(copy.url, "SELECT count(*) FROM v") == [(100,)]


def test_errors_of_the_tools_are_one_line_with_a_hint(postgresql: TestDatabase, app_role: str) -> None:
    postgresql.execute("CREATE SCHEMA closed", "CREATE TABLE closed.t (x int)")
    with pytest.raises(DbadminError) as error, opened(postgresql.url.set(username="app")):
        pass
    assert "\n" not in error.value.message
    assert error.value.hint
