"""`dbadmin backup` and `dbadmin restore`: written whole or not at all, and only where nothing is lost by mistake."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dumping import contents
from servers import Servers, TestDatabase

import dbadmin
from dbadmin.admin import open_admin
from dbadmin.copies import registry
from dbadmin.copies.backups import proof
from dbadmin.dialects.backups import of_engine
from dbadmin.errors import DamagedBackup, DbadminError, NotFinished, UsageError
from dbadmin.results import BackupReport

pytestmark = pytest.mark.rehearsal

PEOPLE = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, note TEXT)",
    "CREATE INDEX ix_name ON people (name)",
    "INSERT INTO people VALUES (1, 'Ada', NULL), (2, 'Émilie', 'it''s'), (3, 'Grete', '100%')",
    "CREATE VIEW names AS SELECT name FROM people",
    "CREATE TABLE bag (a INTEGER, b VARCHAR(9))",
    "INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, NULL)",
)
SUFFIX = {"sqlite": ".db", "postgresql": ".dump", "mariadb": ".sql"}


@pytest.fixture
def filled(database: TestDatabase) -> TestDatabase:
    database.execute(*(statement.replace("%", "%%") for statement in PEOPLE))
    return database


@pytest.fixture
def empty(filled: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[TestDatabase]:
    """A second database on the same server, or a file that is not there yet."""
    from servers import ENGINES

    if filled.kind == "sqlite":
        path = tmp_path / "other.db"
        yield TestDatabase("sqlite", sa.URL.create("sqlite", database=str(path)), path.name)
        return
    server = servers.get(ENGINES[filled.kind])
    made = server.create(tmp_path)
    yield made
    server.drop(made)


def back_up(database: TestDatabase, path: Path | str, **options: Any) -> BackupReport:
    with open_admin(url=database.url, app=str(Path(str(path)).parent)) as admin:
        return admin.backup(path, **options)


def shown(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def test_a_backup_is_proven_and_comes_back_as_it_was(filled: TestDatabase, empty: TestDatabase, tmp_path: Path) -> None:
    path = tmp_path / f"shop{SUFFIX[filled.kind]}"
    report = back_up(filled, path, verify=True)
    assert (report.exit_code, report.incomplete) == (0, None)
    assert report.proof is not None
    assert (report.proof.tables, report.proof.rows, report.proof.not_proven) == (2, 6, ())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (report.path, report.bytes) == (str(path), path.stat().st_size)
    restored = dbadmin.restore(path, shown(empty.url), app=str(tmp_path))
    assert (restored.exit_code, restored.emptied, restored.tables) == (0, False, 2)
    assert contents(empty.url) == contents(filled.url)
    assert empty.rows("SELECT count(*) FROM names") == [(3,)]
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.endswith(".part")] == []


@pytest.mark.parametrize("suffix", [".sql", ".tar", ".dump.gz", ".sql.zst", "/"])
def test_each_suffix_is_a_format_of_its_own(postgresql: TestDatabase, suffix: str, tmp_path: Path) -> None:
    postgresql.execute(*(statement.replace("%", "%%") for statement in PEOPLE))
    report = back_up(postgresql, f"{tmp_path}/shop{suffix}", verify=suffix == "/")
    assert report.incomplete is None
    known = {
        ".sql": "plain SQL",
        ".tar": "tar",
        ".dump.gz": "custom (gz)",
        ".sql.zst": "plain SQL (zst)",
        "/": "directory",
    }
    assert report.format == f"pg_dump {known[suffix]}"
    path = Path(report.path)
    assert stat.S_IMODE(path.stat().st_mode) == (0o700 if suffix == "/" else 0o600)


def test_a_name_says_which_format_or_nothing_is_done(filled: TestDatabase, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the suffix says which format") as refused:
        back_up(filled, tmp_path / "shop.bak")
    assert refused.value.hint is not None
    assert ("but a folder" in refused.value.hint) == (filled.kind == "postgresql")
    assert not (tmp_path / "shop.bak").exists()


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(sqlite: TestDatabase, tmp_path: Path) -> None:
    sqlite.execute(*PEOPLE)
    path = tmp_path / "shop.sqlite"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        back_up(sqlite, path)
    assert path.read_text() == "mine"
    back_up(sqlite, path, force=True)
    assert path.read_bytes().startswith(b"SQLite format 3")
    with pytest.raises(UsageError, match="is the database itself"):
        back_up(sqlite, str(sqlite.url.database), force=True)


def test_a_file_that_comes_meanwhile_is_not_replaced(
    sqlite: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite.execute(*PEOPLE)
    path = tmp_path / "shop.db"
    monkeypatch.setattr("dbadmin.copies.backups.write.prove_it", lambda *_: path.write_text("theirs") and None)
    with pytest.raises(FileExistsError):
        back_up(sqlite, path)
    assert path.read_text() == "theirs"


def test_what_was_written_meanwhile_is_not_proven_and_what_was_not_is(
    sqlite: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite.execute(*PEOPLE)
    reading = proof.read_state

    def and_write(source: Any, progress: Any) -> Any:
        state = reading(source, progress)
        with closing(sqlite3.connect(str(sqlite.url.database))) as other, other:
            other.execute("INSERT INTO bag VALUES (9, 'new')")
        return state

    monkeypatch.setattr("dbadmin.copies.backups.write.read_state", and_write)
    monkeypatch.setattr(proof, "read_state", and_write)
    report = back_up(sqlite, tmp_path / "shop.db", verify=True)
    assert report.exit_code == 0  # the dump has what stood there right before it or right after it

    def and_write_twice(source: Any, progress: Any) -> Any:
        and_write(source, progress)
        return and_write(source, progress)

    monkeypatch.setattr(proof, "read_state", and_write_twice)
    report = back_up(sqlite, tmp_path / "later.db", verify=True)
    assert report.proof is not None
    assert [(one.table, one.reason) for one in report.proof.not_proven] == [
        ("bag", "it was written while the backup was made")
    ]
    assert (report.exit_code, (tmp_path / "later.db").exists()) == (5, True)


def change_what_is_restored(statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is restored to be compared is changed before that."""
    restoring = proof.open_restored

    @contextmanager
    def and_change(*arguments: Any, **more: Any) -> Iterator[Any]:
        with restoring(*arguments, **more) as copy:
            engine = sa.create_engine(copy.url, poolclass=sa.NullPool)
            with engine.begin() as connection:
                connection.exec_driver_sql(statement)
            yield copy

    monkeypatch.setattr(proof, "open_restored", and_change)


def test_a_backup_that_is_not_what_the_database_held_gets_no_name(
    filled: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_what_is_restored("UPDATE people SET note = 'other' WHERE id = 2", monkeypatch)
    path = tmp_path / f"shop{SUFFIX[filled.kind]}"
    with pytest.raises(DamagedBackup, match="differs from the database: 1 rows of people"):
        back_up(filled, path, verify=True)
    assert not path.exists()


def test_a_database_that_holds_something_is_named_twice(
    filled: TestDatabase, empty: TestDatabase, tmp_path: Path
) -> None:
    path = Path(back_up(filled, tmp_path / f"shop{SUFFIX[filled.kind]}").path)
    if empty.kind == "postgresql":
        empty.execute("CREATE SEQUENCE a_sequence", "CREATE SEQUENCE b_sequence")  # which tell less than tables
    empty.execute("CREATE TABLE mine (x INTEGER)", "INSERT INTO mine VALUES (1)", "CREATE VIEW v AS SELECT * FROM mine")
    with pytest.raises(UsageError, match=r"is not empty \(mine, v.*\): nothing was restored") as refused:
        dbadmin.restore(path, shown(empty.url), app=str(tmp_path))
    assert refused.value.hint is not None and f"--confirm {empty.name}" in refused.value.hint
    with pytest.raises(UsageError, match="--confirm says another"):
        dbadmin.restore(path, shown(empty.url), confirm="another", app=str(tmp_path))
    assert empty.rows("SELECT * FROM mine") == [(1,)]
    restored = dbadmin.restore(path, shown(empty.url), confirm=empty.name, app=str(tmp_path))
    assert restored.emptied
    assert contents(empty.url) == contents(filled.url)


def test_a_backup_of_another_engine_or_a_damaged_one_empties_nothing(
    filled: TestDatabase, empty: TestDatabase, tmp_path: Path
) -> None:
    empty.execute("CREATE TABLE mine (x INTEGER)")
    whole = Path(back_up(filled, tmp_path / f"shop{SUFFIX[filled.kind]}").path)
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with pytest.raises(DbadminError):
        dbadmin.restore(cut, shown(empty.url), confirm=empty.name, app=str(tmp_path))
    other = tmp_path / "other.sql"
    other.write_text("-- MariaDB dump 10.19\n" if filled.kind != "mariadb" else "-- PostgreSQL database dump\n")
    with pytest.raises(DbadminError):
        dbadmin.restore(other, shown(empty.url), confirm=empty.name, app=str(tmp_path))
    assert empty.rows("SELECT count(*) FROM mine") == [(0,)]


@pytest.mark.parametrize("engine_kind", ["postgresql", "mariadb"])
def test_a_restore_that_fails_leaves_the_database_empty_and_says_so(
    filled: TestDatabase, empty: TestDatabase, tmp_path: Path
) -> None:
    path = Path(back_up(filled, tmp_path / "shop.sql").path)
    text = path.read_text()
    broken = (
        text.replace("(2,'Émilie'", "(1,'Émilie'") if filled.kind == "mariadb" else text.replace("2\tÉmi", "1\tÉmi")
    )
    assert broken != text
    path.write_text(broken)
    with pytest.raises(NotFinished, match=f"{empty.name} is empty, as it was$"):
        dbadmin.restore(path, shown(empty.url), app=str(tmp_path))
    assert of_engine(empty.url.get_backend_name()).holds(empty.url) == ()
    assert registry.existing() == ()


def test_the_configured_database_and_a_protected_one_are_named_twice(
    sqlite: TestDatabase, tmp_path: Path, run: Any
) -> None:
    sqlite.execute(*PEOPLE)
    path = back_up(sqlite, tmp_path / "shop.db").path
    configured, prod = tmp_path / "configured.db", tmp_path / "prod-1.db"
    (tmp_path / "dbadmin.toml").write_text(f'[tool.dbadmin]\nurl = "sqlite:///{configured}"\nprotected = ["prod"]\n')
    refused = run("restore", path, "--to", f"sqlite:///{configured}", "--format", "json")
    assert (refused.code, refused.json()["kind"]) == (2, "restore")
    assert "is the configured database: nothing was restored" in refused.stderr
    refused = run("restore", path, "--to", f"sqlite:///{prod}", "--confirm", prod.name)
    assert refused.code == 2
    assert "stdin is no terminal" in refused.stderr
    assert not configured.exists() and not prod.exists()
    configured.write_bytes(Path(path).read_bytes())
    refused = run("restore", path, "--to", f"sqlite:///{configured}")
    assert "is the configured database, and is not empty (people" in refused.stderr
    done = run("restore", path, "--to", f"sqlite:///{configured}", "--confirm", configured.name, "--format", "json")
    assert (done.code, done.json()["tables"]) == (0, 2)


def test_confirm_is_never_read_from_a_file_or_a_variable(sqlite: TestDatabase, tmp_path: Path, run: Any) -> None:
    sqlite.execute(*PEOPLE)
    path = back_up(sqlite, tmp_path / "shop.db").path
    (tmp_path / "mine.db").write_bytes(Path(path).read_bytes())
    (tmp_path / "dbadmin.toml").write_text('[tool.dbadmin.restore]\nconfirm = "mine.db"\n')
    refused = run("restore", path, "--to", f"sqlite:///{tmp_path}/mine.db", env={"DBADMIN_RESTORE_CONFIRM": "mine.db"})
    assert refused.code == 2


def test_a_database_that_others_have_open_is_replaced_in_one_transaction(sqlite: TestDatabase, tmp_path: Path) -> None:
    sqlite.execute(*PEOPLE)
    path = back_up(sqlite, tmp_path / "shop.db").path
    target = tmp_path / "live.db"
    with closing(sqlite3.connect(target)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE mine (x)")
        other.commit()
        inode = target.stat().st_ino
        dbadmin.restore(path, f"sqlite:///{target}", confirm="live.db", app=str(tmp_path))
        assert target.stat().st_ino == inode
        assert other.execute("SELECT count(*) FROM people").fetchone() == (3,)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotFinished, match=r"locked.*live.db is as it was"):
            dbadmin.restore(path, f"sqlite:///{target}", confirm="live.db", app=str(tmp_path))


def test_no_password_stands_in_a_programs_arguments(
    postgresql: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    commands: list[str] = []
    start = subprocess.Popen.__init__

    def watching(self: Any, command: Any, *more: Any, **options: Any) -> None:
        commands.append(" ".join(map(os.fsdecode, command)) if not isinstance(command, str) else command)
        start(self, command, *more, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", watching)
    postgresql.execute(*(statement.replace("%", "%%") for statement in PEOPLE))
    with_password = TestDatabase("postgresql", postgresql.url.set(password="canary-1234"), postgresql.name)
    back_up(with_password, tmp_path / "shop.dump")
    assert any("pg_dump" in command for command in commands)
    assert not [command for command in commands if "canary" in command]


def test_the_role_of_a_killed_restore_is_dropped_by_its_name_and_no_other(
    postgresql: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal
    import tempfile

    from sqlalchemy import make_url

    from dbadmin.dialects.postgresql import left

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    url = left.administrative(make_url(postgresql.url), set())
    if (child := os.fork()) == 0:
        with left.role(url) as name, left.connected(url) as restoring:
            for order in (f"CREATE ROLE {name}", f"ALTER DATABASE {url.database} OWNER TO {name}", f"SET ROLE {name}"):
                restoring.exec_driver_sql(order)
            restoring.exec_driver_sql("CREATE TABLE half_done (id int)")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    roles = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'dbadmin_restore_%%'"
    with left.connected(url) as admin:
        admin.exec_driver_sql("CREATE ROLE dbadmin_restore_decoy")
        try:
            assert len(admin.exec_driver_sql(roles).all()) == 2
            (found,) = left.LEFT.existing()
            assert found.owner_alive is False
            left.LEFT.remove(found.name)
            assert admin.exec_driver_sql(roles).scalars().all() == ["dbadmin_restore_decoy"]
            owner = "SELECT tableowner = current_user FROM pg_tables WHERE tablename = 'half_done'"
            assert admin.exec_driver_sql(owner).scalar() is True
            assert list(tmp_path.iterdir()) == []
        finally:
            admin.exec_driver_sql("DROP ROLE dbadmin_restore_decoy")


def test_a_disk_that_is_full_while_a_file_is_copied_is_told(sqlite: TestDatabase, tmp_path: Path) -> None:
    sqlite.execute("CREATE TABLE t (x text)", "INSERT INTO t VALUES (hex(zeroblob(300000)))")
    small = tmp_path / "small"
    small.mkdir()
    command = f"{sys.executable} -m dbadmin backup --url sqlite:///{sqlite.url.database} {small}/b.db"
    script = f"mount -t tmpfs -o size=200k tmpfs {small} || exit 99; {command}"
    environment = {**os.environ, "PYTHONPATH": str(Path(dbadmin.__file__).parent.parent)}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    if done.returncode in (1, 99):
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert (done.returncode, list(small.iterdir())) == (5, [])
    assert f"dbadmin: no space left in {small} for a copy of {sqlite.url.database}" in done.stderr
    assert "hint: make room there, and run it again" in done.stderr
