"""Copies that outlive their process: kept ones, and what a killed rehearsal left; found, and removed, by name."""

import json
import os
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
from dbadmin.errors import UnknownName

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
    Path(tempfile.gettempdir(), name).rename(precious)
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
