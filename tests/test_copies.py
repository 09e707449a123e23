"""Copies of SQLite files: whole, private, gone afterwards; the source stays as it was, byte for byte."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from copying import count, filled, opened, proof, silent

from dbadmin.copies import make, registry
from dbadmin.dialects import private
from dbadmin.dialects.sqlite import copying, files
from dbadmin.dialects.sqlite.place import SqlitePlace
from dbadmin.dialects.values import Copied
from dbadmin.errors import ConnectionFailed, DbadminError, InternalError, NotFinished, UsageError

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def source(tmp_path: Path) -> Path:
    filled(tmp_path / "app.db").close()
    return tmp_path / "app.db"


def test_a_copy_holds_what_the_source_holds_and_is_another_database(source: Path) -> None:
    before = proof(source)
    with opened(source) as copy:
        assert count(copy.url) == 100
        assert copy.identity.key != make.identity_of(sa.URL.create("sqlite", database=str(source))).key
        with closing(sqlite3.connect(str(copy.url.database))) as connection:
            connection.execute("DROP TABLE t")
        assert (copy.info.method, copy.info.bytes, copy.info.kept) == ("backup", source.stat().st_size, False)
    assert proof(source) == before
    assert sorted(path.name for path in source.parent.iterdir()) == ["app.db"]


def test_a_copy_is_readable_for_its_owner_alone_and_gone_afterwards(source: Path) -> None:
    source.chmod(0o644)
    with opened(source) as copy:
        copy.keep_pristine()
        place = copy.place.directory  # type: ignore[attr-defined]
        found = [place, *place.rglob("*")]
        assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in found if path.is_dir()} == {"0o700"}
        assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in found if path.is_file()} == {"0o600"}
        assert len([path for path in found if path.is_file()]) == 3  # copy, pristine copy, owner
    assert not place.exists()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_pristine_copy_is_in_the_state_of_the_moment_that_it_is_asked_for(source: Path, mode: str) -> None:
    with opened(source) as copy:
        pristine = Path(str(copy.keep_pristine().database))
        assert pristine.read_bytes() == Path(str(copy.url.database)).read_bytes()
    with opened(source) as copy, closing(sqlite3.connect(str(copy.url.database))) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("DELETE FROM t")
        connection.commit()
        assert count(copy.keep_pristine()) == 0


def test_committed_rows_that_are_still_in_the_wal_of_a_living_application_are_copied(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with closing(filled(path, "PRAGMA journal_mode = wal")) as application:
        before, wal = proof(path), proof(tmp_path / "live.db-wal")
        application.execute("INSERT INTO t VALUES (1000)")  # not committed
        with opened(path) as copy:
            assert count(copy.url) == 100
            assert count(copy.keep_pristine()) == 100
        assert (proof(path), proof(tmp_path / "live.db-wal")[0]) == (before, wal[0])
        application.commit()
        assert application.execute("SELECT count(*) FROM t").fetchone() == (101,)


def test_an_application_can_go_on_writing_while_its_database_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with closing(filled(path, "PRAGMA journal_mode = wal")) as application, opened(path) as copy:
        application.execute("INSERT INTO t VALUES (1000)")
        application.commit()
        assert count(copy.url) == 100
    assert count(path) == 101


def test_what_a_crashed_application_left_in_its_wal_is_copied(tmp_path: Path) -> None:
    path = crashed(tmp_path, "PRAGMA journal_mode = wal")
    assert path.with_name("crashed.db-wal").stat().st_size > 0
    before, wal = proof(path), proof(path.with_name("crashed.db-wal"))
    with opened(path) as copy:
        assert count(copy.url) == 100
    assert (proof(path), proof(path.with_name("crashed.db-wal"))) == (before, wal)


def crashed(directory: Path, *before: str) -> Path:
    """The files of an application that was killed in a transaction whose pages had begun to reach the file."""
    program = (
        "import os, signal, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1])\n"
        "for s in sys.argv[2:] + ['PRAGMA cache_size = 1', 'CREATE TABLE t (x)']: c.execute(s)\n"
        "c.executemany('INSERT INTO t VALUES (?)', [(n,) for n in range(100)]); c.commit()\n"
        "c.execute('BEGIN'); c.execute(\"UPDATE t SET x = hex(zeroblob(2000))\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = directory / "crashed.db"
    done = subprocess.run([sys.executable, "-c", program, str(path), *before], check=False)
    assert done.returncode == -signal.SIGKILL
    return path


def test_a_hot_journal_is_rolled_back_in_the_copy_and_stays_beside_the_source(tmp_path: Path) -> None:
    path = crashed(tmp_path)
    journal = path.with_name("crashed.db-journal")
    before = proof(path), proof(journal)
    with copying.SqliteCopying().place(None) as place:
        made = place.copy(sa.URL.create("sqlite", database=str(path)), "app", facts=None, progress=silent)
        assert made.method == "bytes, recovered in the copy"
        with closing(sqlite3.connect(str(made.url.database))) as copy:
            assert copy.execute("SELECT count(*), max(x) FROM t").fetchone() == (100, 99)
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert [p.name for p in Path(str(made.url.database)).parent.iterdir()] == ["crashed.db"]
    assert (proof(path), proof(journal)) == before


def test_a_hot_journal_beside_a_configured_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = crashed(tmp_path)
    before = proof(path), proof(path.with_name("crashed.db-journal"))
    with pytest.raises(ConnectionFailed, match="left a journal beside"), opened(path):
        pass
    assert (proof(path), proof(path.with_name("crashed.db-journal"))) == before


def test_a_source_that_somebody_locks_for_himself_is_not_copied(source: Path) -> None:
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("INSERT INTO t VALUES (1)")
        place_before = registry.existing()
        with pytest.raises(DbadminError, match="holds a lock") as error, opened(source):
            pass
        assert error.value.exit_code == 5
        assert registry.existing() == place_before


@pytest.mark.parametrize(
    "name",
    ["a b.db", "ü é 😀.db", "what?.db", "a#b.db", "100%.db", "%41.db", "a&b=c.db", "quote'\".db", "kept", "owner.json"],
)
def test_any_file_name_is_copied_under_its_own_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "with space & ü" / name
    path.parent.mkdir()
    filled(path).close()
    before = proof(path)
    with opened(path) as copy:
        assert count(copy.url) == 100
        assert Path(str(copy.url.database)).name == name
    assert proof(path) == before
    assert [p.name for p in path.parent.iterdir()] == [name]
    assert not registry.existing()


def test_a_relative_path_counts_from_the_current_directory(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source.parent)
    with opened("sqlite:///app.db") as copy:
        assert count(copy.url) == 100
        assert Path(str(copy.url.database)).is_absolute()


def test_a_link_leads_to_the_file_and_its_wal(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with closing(filled(tmp_path / "data" / "app.db", "PRAGMA journal_mode = wal")):
        (tmp_path / "link.db").symlink_to(tmp_path / "data" / "app.db")
        with opened(tmp_path / "link.db") as copy:
            assert count(copy.url) == 100


def test_a_uri_with_options_is_understood(source: Path) -> None:
    with opened(f"sqlite:///file:{source}?uri=true&mode=ro") as copy:
        assert count(copy.url) == 100


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "damaged|malformed"),
        (lambda data: data[:4096] + b"\xff" * 4096 + data[8192:], "damaged"),
        (lambda data: b"not a database " * 1000, "not a SQLite database"),
    ],
)
def test_a_damaged_source_is_refused_in_one_line(
    damage: Callable[[bytes], bytes], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "app.db"
    with closing(filled(path)) as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,) for _ in range(200)])
        connection.commit()
    path.write_bytes(damage(path.read_bytes()))
    before = proof(path)
    with pytest.raises(DbadminError, match=message) as error, opened(path):
        pass
    assert "\n" not in error.value.message
    assert error.value.hint
    assert proof(path) == before


def test_a_copy_that_does_not_fit_or_is_not_wanted_is_not_begun(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = source.stat().st_size
    with pytest.raises(UsageError, match="more than --max-copy allows"), opened(source, max_bytes=size - 1):
        pass
    with opened(source, max_bytes=size):
        pass
    monkeypatch.setattr(copying.SqliteCopying, "free_space", lambda self: 2 * size - 1)
    with pytest.raises(UsageError, match="for 2 copies") as error, opened(source):
        pass
    assert "TMPDIR" in str(error.value.hint)


def test_a_copy_that_turns_out_to_be_the_source_is_never_handed_over(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sa.URL.create("sqlite", database=str(source))
    monkeypatch.setattr(SqlitePlace, "copy", lambda self, *_, **__: Copied(url, "none", 0))
    with pytest.raises(InternalError, match="is the source itself"), opened(source):
        pytest.fail("it was handed over")


STEPS = {
    "the owner's record": (private, "_write_owner"),
    "the copy's file": (SqlitePlace, "_new"),
    "copying": (files, "copy_unchecked"),
    "checking": (files, "check"),
    "renaming": (Path, "rename"),
    "the identity": (make, "prove_other"),
    "the pristine copy": (SqlitePlace, "clone"),
}


@pytest.mark.parametrize("kind", [RuntimeError, OSError, KeyboardInterrupt])
@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_left_where_a_step_fails(
    step: str, kind: type[BaseException], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = STEPS[step]
    before, failed = proof(source), []

    def fails(*_: Any, **__: Any) -> None:
        failed.append(name)
        raise kind("injected")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails)
        with pytest.raises(kind, match="injected"), opened(source) as copy:
            copy.keep_pristine()
    assert failed == [name]
    assert proof(source) == before
    assert list(Path(tempfile.gettempdir()).glob("dbadmin-*")) == []


def test_ctrl_c_while_copying_leaves_nothing(source: Path) -> None:
    def interrupt(what: str, done: float, total: float | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), opened(source, progress=interrupt):
        pass
    assert list(Path(tempfile.gettempdir()).glob("dbadmin-*")) == []


def test_progress_is_told_in_pages(source: Path) -> None:
    told: list[tuple[str, float, float | None]] = []
    with opened(source, progress=lambda *said: told.append(said)):
        pages = source.stat().st_size / 4096
    assert told[-1] == ("copy", pages, pages)


def test_the_source_may_be_replaced_while_it_is_copied_and_that_is_seen(tmp_path: Path) -> None:
    """A hot journal forbids the backup API; bytes that change while they are copied are no copy."""
    path = crashed(tmp_path)
    original = files.shutil.copyfile

    def slow(source: Path, target: Path) -> None:
        original(source, target)
        if source == path:
            path.write_bytes(path.read_bytes() + b"\0" * 4096)
            os.utime(path, ns=(time.time_ns(), time.time_ns()))

    with (
        pytest.MonkeyPatch.context() as patch,
        copying.SqliteCopying().place(None) as place,
        pytest.raises(NotFinished, match="changed while it was copied"),
    ):
        patch.setattr(files.shutil, "copyfile", slow)
        place.copy(sa.URL.create("sqlite", database=str(path)), "app", facts=None, progress=silent)


def test_a_hash_for_a_process_that_is_gone_ends_without_a_word(source: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-I", "-S", "-c", files._HASH, str(os.getpid()), str(source), f"{source}-wal"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.stderr == b""
