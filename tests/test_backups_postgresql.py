"""Backups of PostgreSQL: every format of pg_dump comes back whole, damaged and hostile ones are told."""

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from dumping import SQUEEZED, contents, cut, edited, pg_dump, restored, rows, silent, squeezed
from servers import Postgresql15Server, PostgresqlServer, Servers, TestDatabase, Unavailable

from dbadmin.copies.backups import open_backup
from dbadmin.dialects import Place, named, watched
from dbadmin.dialects.backups import of_engine
from dbadmin.dialects.postgresql import archives
from dbadmin.dialects.postgresql.server import Server
from dbadmin.errors import DamagedBackup, DbadminError, NotFinished, NotSupported, UsageError

pytestmark = pytest.mark.rehearsal

FORMATS = ["custom", "directory", "tar", "plain"]
FILLED = r"""
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE SCHEMA "Other ""one";
CREATE TABLE t (id int PRIMARY KEY, b bytea, c text DEFAULT 'x;\', h ext.hstore, n numeric CHECK (n > 0));
INSERT INTO t SELECT g, '\x5c2e0a', E'\\.\n' || g || ';', 'a=>1', g FROM generate_series(1, 500) AS g;
CREATE TABLE "Other ""one"."T;" (a text);
INSERT INTO "Other ""one"."T;" VALUES (E'\\.'), (''), (NULL), (E'\\! ls'), (E'\\.\n\\.');
CREATE TABLE empty (x int GENERATED ALWAYS AS IDENTITY);
CREATE FUNCTION atomic(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN x > 0 THEN 1 END; SELECT x; END;
CREATE FUNCTION quoted() RETURNS text LANGUAGE plpgsql AS $_$ begin return '\! ls;'; end $_$;
CREATE VIEW v AS SELECT id, c FROM t;
SELECT lo_from_bytea(4711, 'abc');
"""


class Source:
    """A filled database on a server, and its dumps, each made once."""

    def __init__(self, running: PostgresqlServer, database: TestDatabase, directory: Path) -> None:
        self.server, self.database, self._directory = running.server, database, directory
        self.binaries = running.binaries()

    def dump(self, kind: str, *options: str) -> Path:
        name = "-".join([kind, *(option.strip("-") for option in options)])
        path = self._directory / name / "dump"
        if not path.exists():
            path.parent.mkdir()
            pg_dump(self.binaries, self.server, self.database.name, path, f"--format={kind}", *options)
        return path


@pytest.fixture(scope="module")
def source(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    yield from _source(PostgresqlServer, servers, tmp_path_factory)


@pytest.fixture(scope="module")
def source15(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    yield from _source(Postgresql15Server, servers, tmp_path_factory)


def _source(kind: type[PostgresqlServer], servers: Servers, paths: pytest.TempPathFactory) -> Iterator[Source]:
    directory = paths.mktemp(kind.__name__)
    try:
        running = servers.get(kind)
    except Unavailable as error:
        pytest.skip(str(error))
    assert isinstance(running, PostgresqlServer)
    made = running.create(directory)
    made.execute(FILLED.replace("%", "%%"))
    yield Source(running, made, directory)
    running.drop(made)


@pytest.fixture(scope="module")
def place(source: Source) -> Iterator[Place]:
    """A private server of the newest version, for many backups one after the other."""
    with open_backup(source.dump("custom"), progress=silent) as backup:
        facts = of_engine("postgresql").facts(backup)
    with named("postgresql").copying.place(facts) as opened:
        yield opened


@pytest.mark.parametrize("how", SQUEEZED)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_comes_back_as_it_was(kind: str, how: str, source: Source, place: Place, tmp_path: Path) -> None:
    path = source.dump(kind)
    with restored(squeezed(path, how), place) as (backup, copied):
        assert contents(copied.url) == contents(source.database.url)
        assert rows(copied.url, "SELECT quoted(), atomic(3), lo_get(4711)") == [("\\! ls;", 3, b"abc")]
        assert backup.server_version == source.binaries.version
        assert (backup.engine, backup.extensions, backup.incomplete) == ("postgresql", ("hstore",), None)


@pytest.mark.parametrize("options", [["--inserts"], ["--clean"], ["--clean", "--if-exists"], ["--no-comments"]])
def test_plain_dumps_of_other_styles_come_back(options: list[str], source: Source, place: Place) -> None:
    with restored(source.dump("plain", *options), place) as (_, copied):
        assert contents(copied.url) == contents(source.database.url)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_older_server_s_dump_comes_back_on_a_later_one(kind: str, source15: Source, place: Place) -> None:
    with restored(source15.dump(kind), place) as (_, copied):
        assert contents(copied.url) == contents(source15.database.url)
        assert "the copy runs on PostgreSQL 18, the source on 15" in copied.not_covered


def test_a_later_pg_dump_of_an_older_server_comes_back(
    source15: Source, source: Source, place: Place, tmp_path: Path
) -> None:
    for kind in ("custom", "plain"):
        path = pg_dump(source.binaries, source15.server, source15.database.name, tmp_path / kind, f"--format={kind}")
        with restored(path, place) as (backup, copied):
            assert contents(copied.url) == contents(source15.database.url)
            assert backup.dump_version == source.binaries.version


def test_everything_belongs_to_a_role_that_is_no_superuser_unless_the_backup_is_trusted(
    source: Source, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname !~ '^(pg_|inf)'"
    with restored(source.dump("custom"), place) as (_, copied):
        assert (copied.confined, copied.url.username) == (True, "dbadmin_owner")
        assert rows(copied.url, owners) == [("dbadmin_owner",)]
        assert rows(copied.url, "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'dbadmin_owner'") == [
            (False, False)
        ]
    monkeypatch.setattr(place, "trusted", True)
    with restored(source.dump("custom"), place) as (_, copied):
        assert (copied.confined, rows(copied.url, owners)) == (False, [("dbadmin",)])
        assert rows(copied.url, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'dbadmin_restore%%'") == []


def test_roles_that_a_dump_names_are_there(source: Source, place: Place, tmp_path: Path) -> None:
    text = (
        b'CREATE POLICY p ON public.t TO "My App", other USING (true);\nALTER TABLE public.t OWNER TO owner_of_t;\n'
        b"GRANT SELECT ON TABLE public.t TO reader;\n-- PostgreSQL database dump complete"
    )
    path = edited(source.dump("plain"), b"-- PostgreSQL database dump complete", text)
    with restored(path, place) as (backup, copied):
        assert {"My App", "other", "owner_of_t", "reader"} <= set(backup.roles)
        assert rows(copied.url, "SELECT roles FROM pg_policies") == [(["My App", "other"],)]


# --- damaged -------------------------------------------------------------------------------------------------


def refused(path: Path, error: type[DbadminError], match: str) -> DbadminError:
    with pytest.raises(error, match=match) as caught, open_backup(path, progress=silent):
        pass
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("part", ["half", "last 40 bytes", "one byte flipped"])
def test_a_damaged_custom_dump_is_told(part: str, source: Source) -> None:
    path = source.dump("custom")
    if part == "one byte flipped":
        text = bytearray(path.read_bytes())
        text[text.index(b"\x78\x9c") + 200] ^= 1  # in the first table's deflated rows
        path = path.with_name("flipped")
        path.write_bytes(text)
    else:
        path = cut(path, path.stat().st_size // 2 if part == "half" else -40)
    assert refused(path, DamagedBackup, "is damaged").exit_code == 5


def test_a_directory_that_lacks_a_part_is_told(source: Source, tmp_path: Path) -> None:
    whole = source.dump("directory")
    for missing in ("toc.dat", next(path.name for path in whole.iterdir() if path.name.endswith(".dat.gz"))):
        target = tmp_path / missing
        target.mkdir()
        for path in whole.iterdir():
            if path.name != missing:
                (target / path.name).write_bytes(path.read_bytes())
        refused(target, DamagedBackup, "toc.dat" if missing == "toc.dat" else missing.removesuffix(".gz"))


@pytest.mark.parametrize("where", ["in a member", "between members", "in the end mark"])
def test_a_tar_that_is_cut_is_told_without_pg_restore(
    where: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source.dump("tar")
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    at = {"in a member": last.offset_data + 3, "between members": last.offset, "in the end mark": -700}[where]
    monkeypatch.setattr(archives, "as_sql", lambda *_: pytest.fail("pg_restore was asked"))
    refused(cut(path, at), DamagedBackup, "damaged|cut short")


def test_pg_restore_that_spins_over_a_cut_tar_is_ended(source15: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    path = source15.dump("tar")
    monkeypatch.setattr(watched, "QUIET", 1.0)
    with tarfile.open(path) as archive:
        large = max(archive.getmembers(), key=lambda member: member.size)
    damaged = cut(path, large.offset_data + large.size // 2)
    with (
        pytest.raises(NotFinished, match=r"made no progress for 1 s|is damaged"),
        archives.as_sql(source15.binaries, damaged, "dump") as stream,
    ):
        while stream.read():
            pass


@pytest.mark.parametrize("part", ["half", "between statements", "in rows", "the last line"])
def test_a_plain_dump_that_is_cut_is_told_where_psql_would_be_content(part: str, source: Source) -> None:
    path = source.dump("plain")
    text = path.read_bytes()
    places = {
        "half": len(text) // 2,
        "between statements": text.index(b"ALTER TABLE ONLY public.t"),
        "in rows": text.index(b"FROM stdin;\n") + 200,
        "the last line": text.rindex(b"-- PostgreSQL database dump complete"),
    }
    refused(cut(path, places[part]), DamagedBackup, "cut short|ends within|damaged")


def test_a_dump_whose_unrestrict_is_missing_is_told(source: Source) -> None:
    path = source.dump("plain")
    refused(cut(path, path.read_bytes().rindex(b"\\unrestrict")), DamagedBackup, "unrestrict")


def test_a_dump_by_an_older_pg_dump_that_lacks_its_last_line_is_told(source: Source) -> None:
    path = source.dump("plain")
    lines = [line for line in path.read_bytes().splitlines(True) if b"restrict " not in line]
    path.with_name("older").write_bytes(b"".join(lines))
    with open_backup(path.with_name("older"), progress=silent) as backup:
        assert backup.incomplete is None
    text = path.with_name("older").read_bytes()
    refused(
        cut(path.with_name("older"), text.rindex(b"-- PostgreSQL database dump complete")), DamagedBackup, "last line"
    )


def test_a_dump_without_comments_cannot_be_checked(source: Source, place: Place) -> None:
    text = b"".join(line for line in source.dump("plain").read_bytes().splitlines(True) if line[:2] != b"--")
    path = source.dump("plain").with_name("bare")
    path.write_bytes(text)
    with restored(path, place) as (backup, copied):
        assert backup.incomplete and "comments" in backup.incomplete
        assert contents(copied.url) == contents(source.database.url)


# --- hostile -------------------------------------------------------------------------------------------------

HOSTILE = [
    (b"\\! touch {here}/ran\n", "line 1[0-9]: .* is a command for psql"),
    (b"\\connect prod\n", "connect is a command for psql"),
    (b"\\c prod\n", "is a command for psql"),
    (b"\\copy t from program 'touch {here}/ran'\n", "copy is a command for psql"),
    (b"\\i /etc/passwd\n", "is a command for psql"),
    (b"SELECT 'DROP TABLE t' \\gexec\n", "gexec is a command for psql"),
    (b"\\unrestrict wrongkey\n", "unrestrict is a command for psql"),
    (b"CREATE DATABASE prod;\n", "CREATE DATABASE prod"),
    (b"/* x */ ALTER ROLE dbadmin PASSWORD 'x';\n", "ALTER ROLE dbadmin"),
    (b"ALTER SYSTEM SET archive_command = 'x';\n", "ALTER SYSTEM"),
    (b"COPY public.t FROM PROGRAM 'touch {here}/ran';\n", "run programs"),
    (b"COPY public.t FROM PROGRAM 'touch {here}/ran' /* FROM stdin */;\n", "run programs"),
    (b"COPY public.t TO '{here}/ran';\n", "run programs"),
]


@pytest.mark.parametrize(("line", "match"), HOSTILE, ids=[line.decode()[:40] for line, _ in HOSTILE])
def test_what_a_plain_dump_smuggles_is_refused_by_line(line: bytes, match: str, source: Source, tmp_path: Path) -> None:
    smuggled = b"SET check_function_bodies = false;\n"
    line = line.replace(b"{here}", bytes(tmp_path))
    path = edited(source.dump("plain"), smuggled, smuggled + line)
    assert refused(path, UsageError, match).exit_code == 2
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("options", [["--create"], ["--create", "--clean"]])
def test_a_dump_that_names_its_own_database_is_refused(options: list[str], source: Source) -> None:
    refused(source.dump("plain", *options), UsageError, "DATABASE")


def test_a_dump_of_the_whole_server_is_refused_by_name(source: Source, tmp_path: Path) -> None:
    command: list[str | Path] = [
        source.binaries.tool("pg_dumpall"),
        "-h",
        source.server.socket_dir,
        "-U",
        "dbadmin",
        "-f",
        tmp_path / "d",
    ]
    subprocess.run(command, check=True)
    refused(tmp_path / "d", UsageError, "pg_dumpall")


PROGRAM = r"""
CREATE FUNCTION public.smuggled(x int) RETURNS bool LANGUAGE plpgsql AS $$
begin execute 'COPY public.seen FROM PROGRAM ''touch {here}/ran'''; return true; end $$;
CREATE TABLE public.seen (x text);
CREATE TABLE public.bait (x int CHECK (public.smuggled(x)));
INSERT INTO public.bait VALUES (1);
"""


@pytest.mark.parametrize("kind", ["plain", "custom"])
def test_a_function_that_a_check_calls_can_run_no_program(
    kind: str, source: Source, servers: Servers, place: Place, tmp_path: Path, temporary_directory: Path
) -> None:
    here = temporary_directory / f"open-{kind}"
    here.mkdir()
    here.chmod(0o777)
    running = servers.get(PostgresqlServer)
    made = running.create(tmp_path)
    made.execute(PROGRAM.format(here=here))  # the source's own superuser may
    path = pg_dump(source.binaries, source.server, made.name, tmp_path / "dump", f"--format={kind}")
    running.drop(made)
    assert (here / "ran").exists()
    (here / "ran").unlink()
    with pytest.raises(NotFinished, match=r"COPY to or from an external program|permission"), restored(path, place):
        pass
    assert not (here / "ran").exists()
    with pytest.raises(sa.exc.OperationalError):
        rows(place.server.url("restored"), "SELECT 1")  # type: ignore[attr-defined]


def test_event_triggers_publications_and_privileges_are_left_out_and_told(source: Source, place: Place) -> None:
    added = b"""
CREATE FUNCTION public.et() RETURNS event_trigger LANGUAGE plpgsql AS $$ begin raise exception 'ran'; end $$;
CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION public.et();
CREATE PUBLICATION p FOR ALL TABLES;
CREATE SUBSCRIPTION s CONNECTION 'host=prod.invalid' PUBLICATION p WITH (connect = false, slot_name = 's');
GRANT ALL ON TABLE public.t TO PUBLIC;
-- PostgreSQL database dump complete"""
    path = edited(source.dump("plain"), b"-- PostgreSQL database dump complete", added)
    with restored(path, place) as (backup, copied):
        told = "; ".join(backup.notes)
        assert all(what in told for what in ("event triggers", "publications", "subscriptions", "privileges"))
        counts = "SELECT (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_publication), "
        assert rows(copied.url, counts + "(SELECT count(*) FROM pg_subscription)") == [(0, 0, 0)]


@pytest.mark.parametrize("what", ["a link", "an absolute name", "a name above"])
def test_a_tar_of_other_things_than_files_is_refused(what: str, source: Source, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    with tarfile.open(path, "w") as archive:
        archive.add(source.dump("directory") / "toc.dat", "toc.dat")
        member = tarfile.TarInfo({"a link": "1.dat", "an absolute name": "/etc/x", "a name above": "a/../../x"}[what])
        if what == "a link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    refused(path, UsageError, "no plain file|outside of it")


def test_a_directory_with_a_link_in_it_is_refused(source: Source, tmp_path: Path) -> None:
    for path in source.dump("directory").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "9999.dat").symlink_to("/etc/passwd")
    refused(tmp_path, UsageError, "no plain file")


# --- what the place must offer ---------------------------------------------------------------------------------


def test_extensions_that_are_not_here_are_listed(source: Source, place: Place) -> None:
    found = b"CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA ext;"
    path = edited(source.dump("plain"), found, found + b"\nCREATE EXTENSION postgis;\nCREATE EXTENSION timescaledb;")
    with open_backup(path, progress=silent) as backup:
        facts = of_engine(backup.engine).facts(backup)
        with pytest.raises(NotSupported, match="lacks postgis, timescaledb"), named("postgresql").copying.place(facts):
            pass
        with pytest.raises(NotSupported, match="lacks: postgis, timescaledb") as error:
            place.restore(backup, "restored", progress=silent)
    assert error.value.exit_code == 4


def test_collations_of_icu_are_asked_for(source: Source, place: Place) -> None:
    mark = b"-- PostgreSQL database dump complete"
    path = edited(source.dump("plain"), mark, b"CREATE COLLATION public.c (provider = icu, locale = 'de');\n" + mark)
    with open_backup(path, progress=silent) as backup, pytest.raises(NotSupported, match="ICU collations"):
        place.restore(backup, "restored", progress=silent)


def test_a_backup_of_a_later_version_is_exit_4(source: Source, place: Place) -> None:
    path = edited(source.dump("plain"), b"Dumped from database version 18", b"Dumped from database version 99")
    with open_backup(path, progress=silent) as backup:
        facts = of_engine(backup.engine).facts(backup)
        with pytest.raises(NotSupported, match="99 or later"), named("postgresql").copying.place(facts):
            pass
        with pytest.raises(NotSupported, match="99 or later"):
            place.restore(backup, "restored", progress=silent)


def test_an_archive_of_a_later_pg_dump_than_any_here_is_exit_4(source: Source) -> None:
    text = bytearray(source.dump("custom").read_bytes())
    text[6] = 99
    path = source.dump("custom").with_name("later")
    path.write_bytes(text)
    refused(path, NotSupported, r"later pg_dump .*\(archive 1\.99\)")


SLEEPS = """
CREATE FUNCTION public.sleeps(x int) RETURNS bool LANGUAGE plpgsql AS $$
begin if x = 0 then perform pg_sleep(600); end if; return true; end $$;
CREATE TABLE public.bed (x int CHECK (public.sleeps(x)));
"""


@pytest.mark.parametrize("kind", ["plain", "custom"])
def test_a_restore_that_does_not_get_on_is_ended(
    kind: str, source: Source, servers: Servers, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = servers.get(PostgresqlServer)
    made = running.create(tmp_path)
    made.execute(
        SLEEPS.replace("600", "0"),
        "INSERT INTO public.bed VALUES (0)",
        SLEEPS.split("CREATE TABLE")[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
    )
    path = pg_dump(source.binaries, source.server, made.name, tmp_path / "dump", f"--format={kind}")
    running.drop(made)
    monkeypatch.setattr(watched, "QUIET", 1.0)
    with pytest.raises(DamagedBackup, match="made no progress for 1 s"), restored(path, place):
        pass
    assert rows(place.server.url("template1"), "SELECT rolname FROM pg_roles WHERE rolname LIKE 'dbadmin_r%%'") == []  # type: ignore[attr-defined]


def test_a_failed_restore_leaves_no_database(source: Source, place: Place) -> None:
    mark = b"-- PostgreSQL database dump complete"
    path = edited(source.dump("plain"), mark, b"SELECT nonsense();\n" + mark)
    with pytest.raises(NotFinished, match=r"line \d+: function nonsense\(\) does not exist"), restored(path, place):
        pass
    with restored(source.dump("plain"), place):
        pass  # its name is free again


def test_a_role_that_is_no_superuser_restores_on_a_server_of_others(source: Source, tmp_path: Path) -> None:
    with Server.start(binaries=source.binaries) as other:
        admin = sa.create_engine(other.url(), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql("CREATE ROLE app LOGIN")
            connection.exec_driver_sql("CREATE DATABASE target OWNER app")
        url = other.url("target").set(username="app")
        with open_backup(source.dump("custom"), progress=silent) as backup:
            of_engine("postgresql").load(backup, url, private=False, progress=silent)
        assert contents(other.url("target")) == contents(source.database.url)
