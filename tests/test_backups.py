"""Backups, whatever the engine: recognised by content, unpacked within limits; and those of SQLite."""

import bz2
import gzip
import hashlib
import lzma
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from dumping import SQUEEZED, contents, cut, restored, rows, silent, squeezed

from dbadmin.copies import registry
from dbadmin.copies.backups import open_backup, unpack
from dbadmin.dialects import named
from dbadmin.dialects.backups import of_engine
from dbadmin.dialects.sqlite import backup as sqlite_backup
from dbadmin.errors import DamagedBackup, DbadminError, MissingExtra, NotFinished, NotSupported, UsageError

pytestmark = pytest.mark.rehearsal


def refused(path: Path, error: type[DbadminError], match: str) -> DbadminError:
    with pytest.raises(error, match=match) as caught, open_backup(path, progress=silent):
        pass
    assert caught.value.hint
    return caught.value


def filled(path: Path, *pragmas: str, count: int = 2000) -> Path:
    """A closed database with indexed rows."""
    with closing(sqlite3.connect(path)) as connection:
        for pragma in pragmas:
            connection.execute(pragma)
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x, y TEXT UNIQUE)")
        values = [(n, [n, n / 2, b"\x00", None][n % 4], f"text {n}") for n in range(count)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", values)
        connection.commit()
    return path


# --- SQLite --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", SQUEEZED)
@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_database_file_comes_back_page_for_page(how: str, mode: str, tmp_path: Path) -> None:
    path = filled(tmp_path / "app.db", f"PRAGMA journal_mode={mode}")
    before = path.read_bytes()
    with (
        named("sqlite").copying.place(None) as place,
        restored(squeezed(path, how, "prod.bin"), place) as (backup, copied),
    ):
        assert Path(str(copied.url.database)).read_bytes() == before
        assert copied.url.database != str(path)
        assert (backup.engine, backup.incomplete) == ("sqlite", None)
        assert backup.server_version == sqlite3.sqlite_version
        assert bool(backup.notes) == (mode == "WAL")
    assert path.read_bytes() == before
    assert {found.name for found in tmp_path.iterdir()} <= {"app.db", "prod.bin"}


def crashed(directory: Path, *pragmas: str) -> Path:
    """What a killed writer leaves: the files as they stand while it still has them open."""
    path = filled(directory / "live.db", *pragmas)
    target = directory / "crashed" / "app.db"
    target.parent.mkdir()
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("UPDATE t SET y = y || '!'")
        if "PRAGMA journal_mode=WAL" in pragmas:
            writer.commit()
        for suffix in ("", "-wal", "-journal"):
            if Path(f"{path}{suffix}").exists():
                shutil.copyfile(f"{path}{suffix}", f"{target}{suffix}")
        writer.rollback()
    return target


@pytest.mark.parametrize(("mode", "expected"), [("WAL", "text 7!"), ("DELETE", "text 7")])
def test_what_a_crash_left_beside_the_file_counts(mode: str, expected: str, tmp_path: Path) -> None:
    path = crashed(tmp_path, f"PRAGMA journal_mode={mode}")
    before = {found: found.read_bytes() for found in path.parent.iterdir()}
    assert len(before) == 2
    with named("sqlite").copying.place(None) as place, restored(path, place) as (_, copied):
        assert rows(copied.url, "SELECT y FROM t WHERE id = 7") == [(expected,)]
    assert {found: found.read_bytes() for found in path.parent.iterdir()} == before


def test_the_wal_of_another_database_is_not_believed(tmp_path: Path) -> None:
    path = crashed(tmp_path, "PRAGMA journal_mode=WAL")
    other = filled(tmp_path / "other.db")
    shutil.copyfile(f"{path}-wal", f"{other}-wal")
    refused(other, DamagedBackup, "not its own")
    larger = filled(tmp_path / "larger.db", "PRAGMA page_size=8192", "PRAGMA journal_mode=WAL")
    shutil.copyfile(f"{path}-wal", f"{larger}-wal")
    refused(larger, DamagedBackup, "not its own")


def test_a_database_with_its_own_page_size_is_whole(tmp_path: Path) -> None:
    path = filled(tmp_path / "app.db", "PRAGMA page_size=65536")
    with open_backup(path, progress=silent) as backup:
        assert backup.restored_bytes == path.stat().st_size


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut at a page": lambda text: text[: len(text) // 2 // 4096 * 4096],
    "cut in a page": lambda text: text[:-100],
    "cut in the header": lambda text: text[:60],
    "a page of zeros": lambda text: text[:8192] + bytes(4096) + text[12288:],
    "bytes changed in an index": lambda text: text[:-3000] + b"\xff" * 200 + text[-2800:],
    "an impossible page size": lambda text: text[:16] + b"\x00\x07" + text[18:],
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_database_file_is_told(kind: str, tmp_path: Path) -> None:
    path = filled(tmp_path / "app.db")
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    assert refused(path, DamagedBackup, "cut short" if kind.startswith("cut") else "damaged").exit_code == 5


def test_an_index_that_lost_a_row_is_told(tmp_path: Path) -> None:
    path = filled(tmp_path / "app.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("CREATE TABLE u (y TEXT)")
        connection.execute("CREATE INDEX i ON u (y)")
        connection.commit()
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master").fetchall())
        connection.execute(f"UPDATE sqlite_master SET rootpage = {roots['t']} WHERE name = 'u'")
        connection.commit()
    refused(path, DamagedBackup, "damaged")


@pytest.mark.parametrize("collations", [("german",), ("german", "french")])
def test_an_index_by_the_application_s_own_collation_is_no_damage(collations: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        for name in collations:
            connection.create_collation(name, lambda a, b: (a > b) - (a < b))
            connection.execute(f"CREATE TABLE {name} (x TEXT COLLATE {name})")
            connection.execute(f"CREATE INDEX i_{name} ON {name} (x)")
            connection.executemany(f"INSERT INTO {name} VALUES (?)", [("b",), ("a",)])
        connection.commit()
    with open_backup(path, progress=silent) as backup:
        assert backup.incomplete is None


def test_a_database_that_is_written_to_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path / "app.db")
    copy = sqlite_backup._copy_file

    def meanwhile(source: Path, target: Path, progress: object) -> None:
        copy(source, target, silent)
        with closing(sqlite3.connect(path)) as writer:
            writer.execute("INSERT INTO t VALUES (-1, 1, 'new')")
            writer.commit()

    monkeypatch.setattr(sqlite_backup, "_copy_file", meanwhile)
    refused(path, NotFinished, "in use")


def test_a_file_that_ends_within_a_page_is_cut_even_where_its_header_does_not_count_pages(tmp_path: Path) -> None:
    path = filled(tmp_path / "app.db")
    text = path.read_bytes()
    path.write_bytes(text[:92] + bytes(4) + text[96:-100])  # as versions before 3.7.0 leave it
    refused(path, DamagedBackup, "it ends within a page")


def test_a_schema_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = filled(tmp_path / "app.db")
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 100 + path.read_bytes()[200:])
    refused(path, DamagedBackup, "app.db is damaged: ")
    path.write_bytes(b"no database" * 100)
    with pytest.raises(DamagedBackup, match=r"app\.db is damaged: file is not a database"):
        sqlite_backup._check_pages(path, path, lambda: None)


def test_a_wal_without_a_whole_header_is_not_believed(tmp_path: Path) -> None:
    path = filled(tmp_path / "app.db", "PRAGMA journal_mode=WAL")
    Path(f"{path}-wal").write_bytes(b"\x37\x7f\x06\x82")
    refused(path, DamagedBackup, "not its own")


def test_what_only_the_application_can_check_is_not_supported(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("half", 1, lambda x: x / 2, deterministic=True)
        connection.create_collation("german", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE TABLE t (x, y TEXT COLLATE german CHECK (half(x) > 1))")
        connection.execute("CREATE INDEX i ON t (half(x))")
        connection.execute("CREATE INDEX j ON t (y)")
        connection.execute("INSERT INTO t VALUES (4, 'a')")
        connection.commit()
    error = refused(path, NotSupported, r"cannot be checked here: .*half")
    assert "check it in its application" in str(error.hint)


def test_a_check_that_fails_for_another_reason_is_damage() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        why = sqlite_backup._without_indexes(connection, Path("x"), sqlite3.OperationalError("disk I/O error"))
    assert why == "disk I/O error"


def test_a_full_disk_is_told_before_the_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))
    refused(filled(tmp_path / "app.db"), NotFinished, "no space left to copy")


def test_a_backup_is_put_where_nothing_is_page_for_page(tmp_path: Path) -> None:
    path, url = filled(tmp_path / "app.db"), sa.make_url(f"sqlite:///{tmp_path}/new.db")
    with open_backup(path, progress=silent) as backup:
        assert of_engine("sqlite").facts(backup) is None
        assert of_engine("sqlite").load(backup, url, private=False, progress=silent) == ()
        assert (tmp_path / "new.db").read_bytes() == path.read_bytes()


# --- what is no backup -------------------------------------------------------------------------------------------


def directory(path: Path, name: str) -> None:
    path.mkdir()
    (path / name).write_text("15")


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dump.sql", "-- PostgreSQL database dump")


NOT_RESTORED: dict[str, tuple[Callable[[Path], object], str]] = {
    "xz": (lambda p: p.write_bytes(lzma.compress(b"x")), "xz compressed"),
    "bzip2": (lambda p: p.write_bytes(bz2.compress(b"x")), "bzip2 compressed"),
    "zip": (zipped, "zip archive"),
    "lz4": (lambda p: p.write_bytes(b"\x04\x22\x4d\x18abc"), "lz4 compressed"),
    "age": (lambda p: p.write_bytes(b"age-encryption.org/v1\n-> X25519"), "encrypted with age"),
    "gpg": (lambda p: p.write_bytes(b"\x85\x01\x0c\x03\xd1\xff\xfe\x80\x90"), "encrypted with gpg"),
    "gpg in letters": (lambda p: p.write_text("-----BEGIN PGP MESSAGE-----\n"), "encrypted with gpg"),
    "openssl": (lambda p: p.write_bytes(b"Salted__\x00\x01\x02"), "encrypted with openssl"),
    "twice": (lambda p: p.write_bytes(gzip.compress(gzip.compress(b"x"))), "compressed twice"),
    "UTF-16": (lambda p: p.write_bytes("-- PostgreSQL database dump".encode("utf-16")), "UTF-16"),
    ".dump": (lambda p: p.write_text("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"), r"SQLite's \.dump"),
    "mariadb-backup": (lambda p: p.write_bytes(b"XBSTCK01\x00"), "mariadb-backup"),
    "random": (lambda p: p.write_bytes(hashlib.sha512(b"1").digest() * 9), "no backup that dbadmin knows"),
    "a program": (lambda p: p.write_bytes(b"\x7fELF\x02\x01\x01\x00"), "no backup that dbadmin knows"),
    "prose": (lambda p: p.write_text("Dear all, the backup is on the other server.\n"), "no backup that dbadmin knows"),
    "nothing": (lambda p: None, "there is no backup"),
    "a FIFO": (lambda p: os.mkfifo(p), "neither a file nor a directory"),
    "a data directory": (lambda p: directory(p, "PG_VERSION"), "data directory of PostgreSQL"),
    "a base backup": (lambda p: directory(p, "base.tar.gz"), "base backup of PostgreSQL"),
    "another directory": (lambda p: directory(p, "x.sql"), "none that pg_dump wrote"),
}


@pytest.mark.parametrize("kind", NOT_RESTORED)
def test_what_dbadmin_does_not_restore_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    make, match = NOT_RESTORED[kind]
    make(tmp_path / "backup.sql")
    assert refused(tmp_path / "backup.sql", UsageError, match).exit_code == 2


@pytest.mark.parametrize("text", [b"", b" \n\t\n"])
def test_an_empty_file_is_damaged_and_no_empty_database(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(text)
    refused(tmp_path / "app.db", DamagedBackup, "is empty")


def test_a_base_backup_in_a_tar_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("15")
    with tarfile.open(tmp_path / "base.tar", "w") as archive:
        archive.add(tmp_path / "PG_VERSION", "PG_VERSION")
    error = refused(tmp_path / "base.tar", UsageError, "PostgreSQL: its files")
    assert "--in-place" in str(error.hint)


# --- unpacking -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["gz", "zst"])
@pytest.mark.parametrize("damage", ["cut", "a byte changed", "garbage behind"])
def test_a_damaged_compression_is_told(how: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(os.urandom(200_000))
    packed = bytearray(squeezed(path, how).read_bytes())
    if damage == "cut":
        packed = packed[:-50]
    elif damage == "a byte changed":
        packed[4 if how == "zst" else 20] ^= 0xFF
    else:
        packed += b"garbage"
    path.write_bytes(packed)
    refused(path, DamagedBackup, "is damaged")


@pytest.mark.parametrize("how", ["gz", "zst"])
def test_several_streams_one_after_the_other_are_one_backup(how: str, tmp_path: Path) -> None:
    whole = filled(tmp_path / "app.db").read_bytes()
    (tmp_path / "a").write_bytes(whole[:5000])
    (tmp_path / "b").write_bytes(whole[5000:])
    both = squeezed(tmp_path / "a", how, "1").read_bytes() + squeezed(tmp_path / "b", how, "2").read_bytes()
    (tmp_path / "both").write_bytes(both)
    with open_backup(tmp_path / "both", progress=silent) as backup:
        assert backup.content is not None
        assert backup.content.read_bytes() == whole


@pytest.mark.parametrize("how", ["gz", "zst"])
def test_a_bomb_is_stopped_early(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "RATIO_COUNTS_FROM", 1 << 20)
    path = tmp_path / "zeros"
    path.write_bytes(bytes(50 << 20))
    packed = squeezed(path, how)
    reached = []
    with (
        pytest.raises(NotFinished, match="250 times its size") as error,
        open_backup(packed, progress=lambda what, done, total: reached.append(done)),
    ):
        pass
    assert error.value.exit_code == 5
    assert max(reached, default=0) <= packed.stat().st_size


def test_a_full_disk_is_told_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = squeezed(filled(tmp_path / "app.db"), "gz")
    monkeypatch.setattr(unpack, "LEAST_FREE", 1 << 62)
    refused(packed, NotFinished, "no space left")


def test_zstd_is_unpacked_by_the_program_where_the_package_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("zstd") is None:
        pytest.skip("no zstd program here")
    path = filled(tmp_path / "app.db")
    packed = squeezed(path, "zst")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with open_backup(packed, progress=silent) as backup:
        assert backup.content is not None
        assert backup.content.read_bytes() == path.read_bytes()
    refused(cut(packed, -50), DamagedBackup, "is damaged")
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused(packed, MissingExtra, "zstandard")
    assert error.exit_code == 4
    assert "dbadmin-toolkit[zstd]" in str(error.hint)


def test_what_is_unpacked_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    packed = squeezed(filled(tmp_path / "app.db"), "gz")
    with open_backup(packed, progress=silent) as backup:
        assert backup.content is not None
        assert backup.content.stat().st_mode & 0o777 == 0o600
        assert backup.content.parent.stat().st_mode & 0o777 == 0o700
        assert backup.sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()
        assert (backup.bytes, backup.format) == (packed.stat().st_size, "SQLite file (gz)")
    assert not backup.content.exists()


def test_a_file_that_still_grows_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = squeezed(filled(tmp_path / "app.db"), "gz")

    def grow(what: str, done: float, total: float | None) -> None:
        if what == "check the backup":
            with packed.open("ab") as file:
                file.write(b"more")

    monkeypatch.setattr(sqlite_backup, "_STEPS", 1)
    with pytest.raises(NotFinished, match="still writes"), open_backup(packed, progress=grow):
        pass


def test_two_open_backups_do_not_meet(tmp_path: Path) -> None:
    packed = squeezed(filled(tmp_path / "app.db"), "gz")
    with open_backup(packed, progress=silent) as one, open_backup(packed, progress=silent) as two:
        assert one.content != two.content


def test_one_backup_is_restored_several_times(tmp_path: Path) -> None:
    path = filled(tmp_path / "app.db")
    with named("sqlite").copying.place(None) as place, open_backup(path, progress=silent) as backup:
        first = place.restore(backup, "a", progress=silent)
        second = place.restore(backup, "b", progress=silent)
        assert contents(first.url) == contents(second.url)
        rows(first.url, "DELETE FROM t RETURNING 1")


def test_what_a_killed_run_unpacked_is_found_and_removed(tmp_path: Path) -> None:
    packed = squeezed(filled(tmp_path / "app.db"), "gz")
    code = (
        "import os, sys; from pathlib import Path; from dbadmin.copies.backups import open_backup\n"
        "with open_backup(Path(sys.argv[1]), progress=lambda *told: None): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, packed], check=False)
    (left,) = registry.existing()
    assert (left.engine, left.owner_alive) == ("backup", False)
    assert left.bytes is not None and left.bytes > (tmp_path / "app.db").stat().st_size
    assert [place.name for place in registry.clean()] == [left.name]
    assert not left.directory.exists()
