"""No space, no directory, two at once, and processes that nobody waited for."""

import hashlib
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from apps import App
from rehearsing import BASE, PEOPLE, build, execute, rehearsed
from servers import TestDatabase

from dbadmin.dialects import processes
from dbadmin.errors import DbadminError

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def app(sqlite: TestDatabase, tmp_path: Path) -> Iterator[App]:
    """An application with an index pending; its database is the same after every test."""
    revisions = {
        "a1": BASE,
        "b2": ("a1", 'op.create_index("ix_b", "people", ["name", "id"])', 'op.drop_index("ix_b", "people")'),
    }
    made = build(tmp_path, sqlite.url, revisions, at="a1", fill=PEOPLE)
    execute(sqlite.url, "CREATE TABLE heavy (body text)", "INSERT INTO heavy VALUES (hex(zeroblob(300000)))")
    before = digest(made)
    yield made
    assert digest(made) == before


def digest(app: App) -> str:
    return hashlib.sha256(Path(str(app.url.database)).read_bytes()).hexdigest()


def test_a_file_that_may_not_grow_is_told_and_nothing_stays(app: App) -> None:
    """As with a quota: writing fails in the middle of a file, and what is there opens as an empty database."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(DbadminError) as failed:
            rehearsed(app)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failed.value.exit_code == 5 and len(failed.value.message.splitlines()) == 1


def test_two_rehearsals_at_once_do_not_meet(app: App, run: Any) -> None:
    def once(_: int) -> Any:
        return run("verify-rollback", "--format", "json", cwd=app.directory).json()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(once, range(2))
    assert (first["verdict"], second["verdict"]) == ("safe", "safe")
    assert first["copy"]["name"] != second["copy"]["name"]


def test_a_copy_that_somebody_removes_ends_in_one_line(app: App, temporary_directory: Path) -> None:
    removed: list[Path] = []

    def remove(what: str, done: int, total: int | None) -> None:
        for path in temporary_directory.glob("dbadmin-*"):
            if "upgrade" in what or "step" in what:
                shutil.rmtree(path)
                removed.append(path)

    with pytest.raises(DbadminError) as failed:
        rehearsed(app, progress=remove)
    assert failed.value.exit_code == 5 and failed.value.hint
    assert removed and len(failed.value.message.splitlines()) == 1


def test_a_process_that_nobody_waited_for_is_dead() -> None:
    """In a container the first process may collect nobody: what ended still answers to signal 0."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    known = processes.identity(ended.pid)
    try:
        for _ in range(300):
            if not processes.is_alive(ended.pid):
                break
            time.sleep(0.02)
        assert known is not None and not processes.is_alive(ended.pid, known)
        assert ended.returncode is None, "it was collected, so nothing was tried"
        assert subprocess.run(["kill", "-0", str(ended.pid)], check=False).returncode == 0
    finally:
        ended.wait()
