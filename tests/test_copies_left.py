"""Copies that outlive their process: kept ones, and what a killed rehearsal left; found, and removed, by name."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from copying import count, filled, opened

import dbadmin
from dbadmin.copies import registry
from dbadmin.dialects import named, private, processes, stamped
from dbadmin.errors import NotFinished, UnknownName

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def source(tmp_path: Path) -> Path:
    filled(tmp_path / "app.db").close()
    return tmp_path / "app.db"


def test_a_kept_copy_stays_until_it_is_dropped_by_name(source: Path) -> None:
    with opened(source, keep=True) as copy:
        name, path = copy.info.name, copy.url
    assert count(path) == 100
    (found,) = registry.existing()
    assert (found.name, found.kept, found.owner_alive) == (name, True, True)
    assert registry.clean() == ()
    told = registry.report([found])
    assert ([(one.name, one.kept) for one in told.copies], told.removed) == ([(name, True)], (name,))
    registry.drop(name)
    assert registry.existing() == ()
    with pytest.raises(UnknownName, match=name):
        registry.drop(name)


HOLDS = """
import sys, time
import sqlalchemy as sa
from dbadmin.copies import open_copy
from dbadmin.database import Database
with open_copy(Database(sa.create_engine("sqlite:///" + sys.argv[1])), progress=lambda *_: None) as copy:
    print(copy.info.name, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holding(source: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that holds a copy, and the copy's name."""
    environment = {**os.environ, "PYTHONPATH": str(Path(dbadmin.__file__).parent.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(source)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        yield process, process.stdout.readline().strip()
        process.kill()


def test_what_a_killed_rehearsal_left_is_listed_and_cleaned_and_nothing_else(
    holding: tuple[subprocess.Popen[str], str], source: Path, run: Any
) -> None:
    process, name = holding
    temporary = Path(tempfile.gettempdir())
    strangers = [temporary / "dbadmin-sqlite-mine", temporary / "dbadmin-notes.txt", temporary / "sqlite-x"]
    strangers[0].mkdir()
    strangers[1].write_text("mine")
    strangers[2].mkdir()
    try:
        with opened(source) as living:
            listed = {copy["name"]: copy["owner_alive"] for copy in run("copies", "--format", "json").json()["copies"]}
            assert listed == {name: True, living.info.name: True}
            process.kill()
            process.wait()
            listed = {copy["name"]: copy["owner_alive"] for copy in run("copies", "--format", "json").json()["copies"]}
            assert listed == {name: False, living.info.name: True}
            cleaned = run("copies", "--clean", "--format", "json")
            assert (cleaned.code, cleaned.json()["removed"]) == (0, [name])
            assert not (temporary / name).exists()
            assert count(living.url) == 100
        assert all(path.exists() for path in strangers)
    finally:
        strangers[0].rmdir()
        strangers[1].unlink()
        strangers[2].rmdir()


@pytest.mark.parametrize("chosen", [True, False], ids=["another is chosen", "none can be written to"])
def test_what_lies_in_a_directory_that_cannot_be_written_to_any_more_is_listed(
    holding: tuple[subprocess.Popen[str], str], chosen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, where Python chooses another temporary directory and says nothing."""

    def choose() -> str:
        if chosen:
            return str(tmp_path)
        raise FileNotFoundError("No usable temporary directory found")

    process, name = holding
    process.kill()
    process.wait()
    copying = named("sqlite").copying
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "gettempdir", choose)
        assert [one.name for one in copying.existing()] == [name]
        copying.remove(name)
        assert copying.existing() == ()


def test_a_copy_of_another_host_is_never_cleaned(
    holding: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = holding
    process.kill()
    process.wait()
    record = Path(tempfile.gettempdir(), name, "owner.json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "host": "elsewhere"}))
    assert [place.owner_alive for place in registry.existing()] == [None]
    assert registry.clean() == ()
    registry.drop(name)


def test_a_process_number_that_was_used_again_is_not_the_owner(
    holding: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = holding
    process.kill()
    process.wait()
    record = Path(tempfile.gettempdir(), name, "owner.json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "pid": os.getpid()}))
    assert [place.name for place in registry.clean()] == [name]


def test_a_record_that_somebody_planted_is_not_believed(source: Path, tmp_path: Path) -> None:
    planted = Path(tempfile.gettempdir(), "dbadmin-sqlite-planted")
    precious = tmp_path / "precious"
    with opened(source, keep=True) as copy:
        name = copy.info.name
    shutil.move(Path(tempfile.gettempdir(), name), precious)
    planted.symlink_to(precious)
    try:
        assert registry.existing() == ()
        assert registry.clean() == ()
        with pytest.raises(UnknownName):
            registry.drop("dbadmin-sqlite-planted")
        assert precious.exists()
    finally:
        planted.unlink()


def test_listing_bears_with_a_copy_that_is_being_removed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(source) as copy:
        Path(str(copy.url.database)).with_name("gone").symlink_to("/nonexistent")
        assert [place.name for place in registry.existing()] == [copy.info.name]


def stamped_directory(of: subprocess.Popen[str] | None = None) -> Path:
    """An empty directory that this process, or another one, has just made and written nothing into."""
    path = stamped.new("dbadmin-sqlite-")
    if of is None:
        return path
    own, other = (processes.identity(pid) for pid in (os.getpid(), of.pid))
    told = path.name.replace(f"-{os.getpid()}-", f"-{of.pid}-")
    return path.rename(path.with_name(told.replace(stamped._hashed(str(own), 6), stamped._hashed(str(other), 6))))


def test_a_directory_without_a_record_is_known_by_its_name_as_long_as_it_is_empty(
    holding: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = holding
    mine, left = stamped_directory(), stamped_directory(process)
    elsewhere = mine.with_name(mine.name.replace(stamped._hashed(socket.gethostname(), 4), "0000"))
    elsewhere.mkdir()
    (left / "owner.json").touch()  # killed before it wrote into it
    found = {place.name: place.owner_alive for place in registry.existing()}
    assert found == {name: True, mine.name: True, left.name: True, elsewhere.name: None}
    process.kill()
    process.wait()
    (left / "precious").touch()
    assert [place.name for place in registry.clean()] == [name]
    (left / "precious").unlink()
    assert [place.name for place in registry.clean()] == [left.name]
    assert mine.exists() and elsewhere.exists()
    mine.rmdir()
    elsewhere.rmdir()


def test_what_works_in_a_killed_run_s_directory_ends_with_it_and_nobody_else(
    holding: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = holding
    process.kill()
    process.wait()
    directory = Path(tempfile.gettempdir(), name)
    code = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        subprocess.Popen([*code, f"--file={directory}/dump"], start_new_session=True) as tool,
        subprocess.Popen([*code, str(directory)]) as reader,
        subprocess.Popen([*code, f"{directory}-of-mine"], start_new_session=True) as other,
    ):
        try:
            assert [place.name for place in registry.clean()] == [name]
            assert (tool.wait(5), reader.poll(), other.poll()) == (-signal.SIGKILL, None, None)
        finally:
            for one in (tool, reader, other):
                one.kill()


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (NotFinished("it is busy", hint="wait"), "it is busy"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "NAME could not be removed: Operation not permitted"),
        (OSError(errno.EIO, "Input/output error", "a/b"), "NAME could not be removed: Input/output error: a/b"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_that_cannot_be_removed_keeps_no_other(
    refusal: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [stamped_directory() for _ in range(3)]
    remove = registry._remove_all_of

    def refuse(place: Any) -> None:
        if place.directory in made[:2]:
            raise refusal
        remove(place)

    with monkeypatch.context() as patch:
        patch.setattr(stamped, "alive", lambda *_: False)
        patch.setattr(registry, "_remove_all_of", refuse)
        with pytest.raises(NotFinished) as caught:
            registry.clean()
        first = next(place.name for place in registry.existing() if place.directory in made)
        assert caught.value.message == said.replace("NAME", first)
        assert said.startswith("it") or caught.value.hint == f"dbadmin copies --drop {first}"
        assert sorted(path.exists() for path in made) == [False, True, True]
        patch.setattr(registry, "_remove_all_of", remove)
        registry.clean()


def test_an_empty_server_that_was_half_made_is_removed_from_the_cache(
    holding: tuple[subprocess.Popen[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    process, name = holding
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    servers = tmp_path / "cache" / "dbadmin" / "servers"
    servers.mkdir(parents=True)
    left = stamped_directory(process)
    half = Path(shutil.move(left, servers / left.name.replace("dbadmin-sqlite-", ".new-")))
    (half / "data").mkdir()
    (servers / ".new-of-mine").mkdir()
    assert registry.clean() == ()
    process.kill()
    process.wait()
    assert {place.name for place in registry.clean()} == {name, half.name}
    assert [path.name for path in servers.iterdir()] == [".new-of-mine"]


def test_ctrl_c_waits_until_what_stands_on_another_server_is_dropped() -> None:
    steps: list[str] = []

    def drop_all() -> None:
        steps.append("begun")
        os.kill(os.getpid(), signal.SIGINT)
        steps.append("dropped")

    with private.directory("dbadmin-on-test-") as made:
        with pytest.raises(KeyboardInterrupt), private.dropping(made, drop_all):
            steps.append("used")
        assert steps == ["used", "begun", "dropped"]
    assert not made.exists()
