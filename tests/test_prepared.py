"""Data directories that are made once: copied while they are exactly as they were made, else made anew."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import TestDatabase

from dbadmin.copies.make import identity_of
from dbadmin.dialects import accounts, prepared
from dbadmin.dialects.mysql import directory as mysql_directory
from dbadmin.dialects.mysql.server import Server as MariadbPrivate
from dbadmin.dialects.postgresql import cluster
from dbadmin.dialects.postgresql.server import Server as PostgresqlPrivate

TOOL = Path(sys.executable)


class Maker:
    """Makes data directories as an engine's tool would, and counts."""

    def __init__(self, tmp_path: Path) -> None:
        self.directory, self.made = tmp_path, 0

    def prepared(self, name: str, *command: str) -> Path:
        data = self.directory / name
        prepared.prepare(TOOL, command, data, None, lambda: self._make(data))
        assert (data / "base" / "1").read_text() == "rows" and (data / "base").stat().st_mode & 0o777 == 0o700
        assert sorted(path.name for path in data.rglob("*")) == ["1", "base", "empty"]
        return data

    def _make(self, data: Path) -> None:
        assert not data.exists()
        self.made += 1
        (data / "base").mkdir(parents=True, mode=0o700)
        data.chmod(0o700)
        (data / "base" / "1").write_text("rows")
        (data / "empty").mkdir()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "dbadmin" / "servers"


@pytest.fixture
def maker(cache: Path, tmp_path: Path) -> Maker:
    return Maker(tmp_path)


def test_the_second_one_is_a_copy(maker: Maker, cache: Path) -> None:
    first, second = maker.prepared("first"), maker.prepared("second")
    assert maker.made == 1
    (first / "base" / "1").write_text("changed by a server")
    assert (second / "base" / "1").read_text() == "rows"
    maker.prepared("third")
    assert maker.made == 1
    (kept,) = cache.iterdir()
    assert cache.stat().st_mode & 0o777 == kept.stat().st_mode & 0o777 == 0o700


def test_another_command_program_or_time_zone_has_one_of_its_own(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    maker.prepared("first", "--a")
    maker.prepared("second", "--b")
    assert maker.made == 2
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    maker.prepared("third", "--a")
    assert maker.made == 3


OFF: dict[str, Callable[[Path], None]] = {
    "others may read it": lambda kept: kept.chmod(0o755),
    "a byte is another": lambda kept: _write(kept / "data" / "base" / "1", "rowz"),
    "a file is missing": lambda kept: (kept / "data" / "base" / "1").unlink(),
    "a file is more": lambda kept: _write(kept / "data" / "more", ""),
    "a directory is missing": lambda kept: (kept / "data" / "empty").rmdir(),
    "a right is another": lambda kept: (kept / "data" / "base").chmod(0o755),
    "a link is in it": lambda kept: (kept / "data" / "empty" / "link").symlink_to("/etc/passwd"),
    "no manifest": lambda kept: (kept / "manifest.json").unlink(),
    "half a manifest": lambda kept: _write(kept / "manifest.json", '{"tree'),
    "no data": lambda kept: (kept / "data").rename(kept / "gone"),
    "a link": lambda kept: (kept.rename(kept.with_name("elsewhere")), kept.symlink_to("elsewhere"))[1],
    "a file": lambda kept: (kept.rename(kept.with_name("elsewhere")), _write(kept, ""))[1],
}


def _write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.mark.parametrize("off", OFF)
def test_what_is_not_as_it_was_made_is_thrown_away(maker: Maker, cache: Path, off: str) -> None:
    maker.prepared("first")
    (kept,) = cache.iterdir()
    OFF[off](kept)
    maker.prepared("second")
    assert maker.made == 2
    maker.prepared("third")
    assert maker.made == 2  # the new one is kept in its place


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_belongs_to_somebody_else_is_not_used(maker: Maker, cache: Path) -> None:
    maker.prepared("first")
    (kept,) = cache.iterdir()
    os.chown(kept, 65534, 65534)
    maker.prepared("second")
    assert maker.made == 2
    os.chown(cache, 65534, 65534)
    maker.prepared("third")
    assert maker.made == 3


def test_without_a_private_place_each_is_made(maker: Maker, cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o770)
    maker.prepared("first")
    maker.prepared("second")
    assert maker.made == 2 and not list(cache.iterdir())
    cache.rmdir()
    cache.touch()
    maker.prepared("third")
    assert maker.made == 3


def test_what_cannot_be_kept_leaves_nothing(maker: Maker, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path, account: object) -> None:
        target.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prepared, "copy_tree", full)
    maker.prepared("first")
    assert not list(cache.iterdir())


def test_what_nobody_used_for_long_goes(maker: Maker, cache: Path) -> None:
    maker.prepared("first", "--old")
    (kept,) = cache.iterdir()
    (cache / ".new-killed").mkdir()
    for path in cache.iterdir():
        os.utime(path, (0, 0))
    maker.prepared("second", "--new")
    assert not kept.exists() and len(list(cache.iterdir())) == 1
    maker.prepared("third", "--new")
    assert maker.made == 2


@pytest.mark.rehearsal
def test_postgresql_runs_on_a_copy_and_is_another_server(
    postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    del postgresql  # the programs are here
    with PostgresqlPrivate.start() as one:
        monkeypatch.setattr(cluster, "_initdb", lambda *_: pytest.fail("initdb ran"))
        with PostgresqlPrivate.start() as two:
            assert identity_of(one.url()) != identity_of(two.url())
            data = two.directory / "data"
            account = accounts.for_servers()
            assert data.stat().st_uid == (account.uid if account else os.geteuid()) and not data.stat().st_mode & 0o077


@pytest.mark.rehearsal
def test_mariadb_runs_on_a_copy_and_is_another_server(mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    del mariadb
    with MariadbPrivate.start() as one:
        monkeypatch.setattr(mysql_directory, "_install", lambda *_: pytest.fail("mariadb-install-db ran"))
        with MariadbPrivate.start() as two:
            assert identity_of(one.url("mysql")) != identity_of(two.url("mysql"))
