"""A few steps of every command, broken in every way; `python -m tests.nthfailure` has the rest.

The steps are where something was once left, or told wrongly.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from nthfailure.cells import KINDS, attempt, steps_of
from nthfailure.choosing import each_site, each_step, shared
from nthfailure.inject import shape
from nthfailure.scenarios import SCENARIOS, Scenario
from nthfailure.steps import Step
from nthfailure.worlds import World, world
from servers import ENGINES, Servers, Unavailable

from dbadmin.errors import NoScratchServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans are told by /proc and a subreaper")
NAMED = {scenario.name: scenario for scenario in SCENARIOS}
ON_SQLITE = [
    ("verify-rollback", "SIGHUP", "mkdir", "stamped.py", "new"),
    ("verify-rollback", "late", "mkdir", "stamped.py", "new"),
    ("verify-rollback", "SIGKILL", "write", "_write_owner"),
    ("verify-rollback", "twice", "connect", "_copy_pages"),
    ("verify-rollback", "SIGKILL", "rmdir", "_put_away"),
    ("verify-rollback", "error", "rmdir", "_put_away"),
    ("verify-rollback", "SIGKILL", "rename", "written"),
    ("backup", "error", "link", "rename"),
    ("backup", "SIGINT", "connect", "copy_file"),
    ("restore", "error", "remove", "_remove_part"),
    ("restore --confirm", "SIGTERM", "connect", "_replace"),
    ("copies --clean", "SIGINT", "rmdir", "_put_away"),
    ("verify-rollback --in-place", "SIGKILL", "connect", "_look_again"),
]
"""A command, how it is broken, and parts of the step's name and its stack."""
ON_SERVERS = [
    ("postgresql", "restore", "late", "sql", "CREATE ROLE"),
    ("postgresql", "restore", "SIGKILL", "sql", "ALTER DATABASE"),
    ("postgresql", "backup", "late", "start", "running"),
    ("mariadb", "restore", "SIGINT", "sql", "fill"),
]
MORE_ON_SERVERS = [
    ("mariadb", "verify-rollback", "SIGKILL", "start", "server.py", "_launch"),
    ("mariadb", "verify-rollback", "late", "start", "server.py", "_launch"),
    ("mariadb", "copies --clean", "error", "kill", "_end_with"),
    ("postgresql", "verify-rollback", "late", "sql", "make_database"),
    ("postgresql", "verify-rollback", "SIGINT", "sql", "looking", "set_config"),
]


@pytest.fixture(scope="module")
def worlds(servers: Servers, pytestconfig: pytest.Config) -> Iterator[Callable[[str], World]]:
    """One world of each engine, made when it is first asked for."""
    with ExitStack() as opened:

        @cache
        def of(kind: str) -> World:
            try:
                return opened.enter_context(world(kind, servers.get(ENGINES[kind])))
            except (Unavailable, NoScratchServer) as error:
                if pytestconfig.getoption("--require-servers"):
                    pytest.fail(f"{error} (--require-servers)", pytrace=False)
                pytest.skip(str(error))

        yield of


@cache
def steps(made: World, scenario: Scenario) -> tuple[Step, ...]:
    return steps_of(made, scenario)


def is_meant(step: Step, words: tuple[str, ...]) -> bool:
    told = " ".join((step.name, step.what, *step.stack[:3]))
    return step.act == words[0] and all(word in told for word in words)


def broken(made: World, name: str, kind: str, *words: str) -> None:
    scenario = NAMED[name]
    meant = [step for step in steps(made, scenario) if is_meant(step, words)]
    assert meant, f"no step of {name} is {words}"
    cell = attempt(made, scenario, kind, meant[-1])
    assert not cell.wrong, f"{kind} at {cell.step.name}: {cell.wrong}"


@pytest.mark.parametrize("step", ON_SQLITE, ids=" ".join)
def test_a_broken_step_on_sqlite_changes_nothing_and_leaves_nothing(
    step: tuple[str, ...], worlds: Callable[[str], World]
) -> None:
    broken(worlds("sqlite"), *step)


@pytest.mark.parametrize(
    "step", [*ON_SERVERS, *(pytest.param(step, marks=pytest.mark.slow) for step in MORE_ON_SERVERS)], ids=" ".join
)
def test_a_broken_step_on_a_server_changes_nothing_and_leaves_nothing(
    step: tuple[str, ...], worlds: Callable[[str], World]
) -> None:
    engine, *more = step
    broken(worlds(engine), *more)


def test_a_reader_that_goes_away_leaves_nothing(worlds: Callable[[str], World]) -> None:
    made = worlds("sqlite")
    with subprocess.Popen(
        [sys.executable, "-m", "dbadmin", "verify-rollback"], cwd=made.app.directory, env=made.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert (process.returncode, made.litter() | made.orphans()) == (0, set())


def test_the_loop_sees_what_is_left(worlds: Callable[[str], World]) -> None:
    made = worlds("sqlite")
    (made.temporary / "dbadmin-sqlite-forgotten").mkdir()
    (made.out / ".shop.db.0123456789ab.part").touch()
    assert len(made.litter()) == 2
    made.sweep()
    assert not made.litter()


MAIN = ("rollback/run.py:9 rehearse", "cli/main.py:9 main")


def removed(*times: int, by: str = "copies/a.py:1 remove") -> list[Step]:
    return [Step(f"remove {by} 0a#{number}", f"file {number}", (by, *MAIN)) for number in times]


def asked(line: int, statement: str = "SELECT 1") -> Step:
    where = f"state/read.py:{line} ask"
    return Step(f"sql {where} 0b#1", statement, (where, *MAIN))


def test_a_change_at_a_new_site_is_broken_in_four_ways_and_in_two_when_it_is_made_last() -> None:
    chosen = each_site(removed(1, 2, 3), list(KINDS), set())
    assert [(step.name[-2:], len(kinds)) for step, kinds in chosen] == [("#1", 4), ("#3", 2)]
    assert chosen[1][1] == ("error", "SIGKILL")


def test_every_question_fails_once_and_is_broken_in_one_other_way() -> None:
    chosen = each_site([asked(1), asked(2), asked(2, "SELECT 2 FROM people")], list(KINDS), set())
    assert len(chosen) == 3
    assert all(kinds[0] == "error" and len(kinds) == 2 for _, kinds in chosen)


def test_a_site_that_an_earlier_command_came_to_is_broken_once_more_for_its_phase() -> None:
    known = {step.site for step in removed(1)}
    [(step, kinds)] = each_site(removed(1), list(KINDS), known)
    assert (step.name[-2:], len(kinds)) == ("#1", 1)


def test_no_site_is_left_out_whatever_kinds_are_asked_for() -> None:
    steps = [*removed(1, 2), *removed(1, by="backup.py:2 drop"), *map(asked, range(9))]
    known: set[tuple[str, ...]] = set()
    assert {step.site for step, _ in each_site(steps, ["error"], known)} == {step.site for step in steps} == known


def test_the_shares_are_all_of_it_and_each_cell_is_in_one() -> None:
    choices = each_step([*removed(*range(1, 30)), *map(asked, range(30))], list(KINDS), None)
    parts = [shared(choices, "backup", (number, 4)) for number in range(1, 5)]
    cells = [(step.name, kind) for part in parts for step, kinds in part for kind in kinds]
    assert len(cells) == len(set(cells)) == 59 * 6
    assert sum(map(bool, parts)) > 1


def test_a_statement_has_the_same_shape_in_every_run() -> None:
    one, other = "DROP DATABASE dbadmin_ip63phix_shop_1", "DROP DATABASE  dbadmin_x1y2_shop_22"
    assert shape("sql", one) == shape("sql", other)
    assert shape("sql", "COMMENT ON DATABASE a IS 'x'") == "COMMENT ON DATABASE a IS"
    assert shape("write", "/tmp/a") == ""
