"""Every way to a database that user code is known to take ends on the copy, in a refusal or at the kernel."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from guardmatrix.cells import cells
from guardmatrix.envs import envs
from guardmatrix.run import Figures, attempt, here, new_copy, rehearse, unguarded
from guardmatrix.sources import Source, source
from servers import ENGINES, Servers

EVERY_DAY = ("forks", "its own file in the place of every descriptor", "a connection pooled before the guard")
"""env.py files that are tried every time, on SQLite; the styles of tests/apps are, in test_guard.py."""


@pytest.fixture
def directory(temporary_directory: Path, tmp_path: Path) -> Path:
    """A directory that the server's account can enter, and whose path a socket fits in."""
    made = temporary_directory / f"matrix-{tmp_path.name[-20:]}"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture
def of_kind(engine_kind: str, servers: Servers, directory: Path) -> Iterator[Source]:
    """A source of each engine in turn, on a server of its own."""
    servers.get(ENGINES[engine_kind])  # where it cannot be started, neither can the source's
    with source(engine_kind, directory / "source") as made:
        yield made


def test_no_attempt_of_a_migration_reaches_the_source(of_kind: Source, servers: Servers, directory: Path) -> None:
    figures = Figures()
    wanted = here((cell for cell in cells() if cell.kind == of_kind.kind), figures)
    copy = new_copy(of_kind, servers, directory / "copy")
    attempt(of_kind, copy, wanted, directory, figures)
    servers.get(ENGINES[of_kind.kind]).drop(copy)
    print(figures)
    assert figures.wrong == []
    assert len(figures.ended) == len(wanted) > 30  # MariaDB has ten more where MySQLdb is installed


@pytest.mark.slow
def test_in_plain_python_every_attempt_reaches_the_source(of_kind: Source, directory: Path) -> None:
    wanted = here((cell for cell in cells() if cell.kind == of_kind.kind), Figures())
    assert unguarded(of_kind, wanted, directory) == []


@pytest.mark.slow
def test_no_env_py_reaches_the_source(of_kind: Source, servers: Servers, directory: Path) -> None:
    figures = Figures()
    for number, env in enumerate(envs()):
        rehearse(of_kind, env, servers, directory / str(number), figures)
    print(figures)
    assert figures.wrong == []


def test_env_py_files_that_go_their_own_way_reach_no_source(servers: Servers, directory: Path) -> None:
    figures = Figures()
    with source("sqlite", directory / "source") as of_sqlite:
        for env in envs():
            if env.name in EVERY_DAY:
                rehearse(of_sqlite, env, servers, directory / env.name, figures)
    assert figures.wrong == []
    assert len(figures.ended) == len(EVERY_DAY)
    own_file = directory / EVERY_DAY[1] / "application" / "log"
    assert own_file.read_bytes() == b"", "events of the rehearsal were written into a file of the application's"
