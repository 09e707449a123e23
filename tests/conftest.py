"""Fixtures that every test may take: real databases, the command line as a process, no leftovers."""

import compileall
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from attempts import fill
from drivers import needs
from forking import run_module
from forking import servers as servers_of_commands
from hypothesis import settings
from servers import (
    ENGINES,
    EngineServer,
    MariadbServer,
    Postgresql15Server,
    PostgresqlServer,
    Servers,
    TestDatabase,
    Unavailable,
)
from shells import Open, Terminal
from walking import children

import dbadmin
from dbadmin import by_hand, readonly
from dbadmin.dialects import places, processes
from dbadmin.errors import NoScratchServer
from dbadmin.interrupts import SIGNALS
from dbadmin.migrations import process

# A shell starts background jobs with SIGINT ignored, and their children would inherit that: Ctrl-C must reach them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored, and dbadmin leaves that as it is

settings.register_profile("tests", deadline=None)  # how long an example takes says what else runs here
settings.load_profile("tests")

WITHOUT_MARIADB = {"test_observe", "test_state_schema"}
"""Test modules whose tables and statements are not spelled for MariaDB yet: they run on the other engines only."""
EVERY_DAY = {
    "mariadb": {
        "test_rollback_pending": (
            "leaves an index behind", "drops a column with values", "drops a table with rows", "is not repeatable",
            "changes values and does not restore them", "raises on the way up", "hangs",
            "values are exchanged between rows", "env_py_itself_writes",
        ),
        "test_rollback_head": ("without_a_key_are_lost", "drift"),
        "test_rollback_styles": ("async", "app_engine"),
        "test_guard": ("style", "mysqldb", "aiomysql"),
        "test_walk": ("hangs", "async", "fails", "commit"),
        "test_rollback_shapes": ("half",),
        "test_shell": ("failed_statement", "asynchronous"),
        "test_shell_home": ("mode_changes", "transaction_of_a_session"),
        "test_commands": ("test_count",),
        "test_rollback_besides": (),
        "test_rollback_each": (),
        "test_rollback_rows": ("do_not_hide",),
        "test_rollback_after": ("downgrade_that_fails",),
        "test_secrets_commands": (),
        "test_shell_extension": (),
        "test_health_revision": (),
        "test_drift": ("no_drift",),
        "test_drift_remedies": (),
        "test_drift_quiet": (),
        "test_health": ("mends_it", "nothing_read", "without_rights"),
        "test_health_state": ("who_blocks", "run_out"),
        "test_health_models": ("mended",),
        "test_health_live": ("number_of_statements",),
        "test_health_time": ("over",),
        "test_health_mending": ("long",),
    },
    "postgresql": {
        "test_shell": ("failed_statement", "asynchronous", "every_way_to_write"),
        "test_commands": ("test_count", "test_sql"),
        "test_rollback_besides": (),
        "test_rollback_each": (),
        "test_rollback_rows": ("only_the_upgrade",),
        "test_rollback_after": ("sequence", "python_script"),
        "test_rollback_styles": ("dotenv_override", "app_engine", "async", "getenv"),
        "test_secrets_commands": ("refuses_the_password",),
        "test_shell_home": ("sql_takes", "writing", "transaction_of_a_session"),
        "test_shell_extension": (),
        "test_rollback_pending": (
            "leaves an index behind", "drops a column with values", "is not repeatable", "raises on the way down",
            "hangs", "leaves with success", "exchanged between rows", "env_py_itself_writes", "share_the_blame",
        ),
        "test_health_revision": (),
        "test_health": ("mends_it", "nothing_read", "without_rights"),
        "test_health_state": ("who_blocks", "run_out", "plain_text"),
        "test_health_models": ("mended", "nothing_is_said"),
        "test_health_live": ("number_of_statements",),
        "test_rollback_head": ("rebuilds_an_index", "lost_by_design", "mangles", "no_reference", "was_there_before"),
        "test_drift": ("no_drift", "create_all"),
        "test_drift_remedies": (),
        "test_drift_quiet": (),
    },
}  # fmt: skip
"""Modules of rehearsals, which take seconds each on a server → those that run every time; the others do as `slow`."""

NAME_OF_TEST = "PYTEST_CURRENT_TEST"
MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30
"""Bytes that are free in MEMORY where temporary files go there: a few servers of each worker's, and their copies."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-servers",
        action="store_true",
        help="fail, and do not skip, the tests whose database server cannot be started here",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Compile dbadmin once, also where variables forbid bytecode: else each of the many processes compiles it anew."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(dbadmin.__file__).parent, quiet=2)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Iterator[int]:
    """One worker more than xdist would take: some tests wait for time limits, and the others go on."""
    return (yield) + 1


@pytest.hookimpl(tryfirst=True)  # before pytest looks at marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what WITHOUT_MARIADB names, and mark what EVERY_DAY does not name."""
    on = {
        engine: [item for item in items if engine in getattr(item, "callspec", _Unparametrised).params.values()]
        for engine in EVERY_DAY
    }
    for engine, modules in EVERY_DAY.items():
        for item in on[engine]:
            if not any(part in item.name for part in modules.get(item.path.stem, ("",))):
                item.add_marker(pytest.mark.slow)
    left_out = [item for item in on["mariadb"] if item.path.stem in WITHOUT_MARIADB]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


class _Unparametrised:
    params: Mapping[str, object] = {}


@pytest.fixture(scope="session", autouse=True)
def temporary_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A temporary directory of this test process, so that what dbadmin leaves behind is seen.

    Short, because sockets live in it, and open to pass through, because servers run as another user. In memory where
    there is room: a server's first files, made and removed for most rehearsals, cost a disk more than all the rest.
    """
    tmp_path_factory.getbasetemp()  # chosen before TMPDIR changes, so that pytest keeps its own as usual
    sweep(MEMORY)
    place = MEMORY if _has_room(MEMORY) else None
    directory = Path(tempfile.mkdtemp(prefix=f"tests-{os.getpid()}-", dir=place))
    directory.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(directory))
        patch.setenv(
            "XDG_CACHE_HOME", str(directory / "cache")
        )  # one for all of them, also those with a HOME of their own
        patch.setattr(tempfile, "tempdir", str(directory))
        patch.setattr(places, "FALLBACK", directory)  # what others, also other workers, have in /tmp is not listed
        yield directory
    shutil.rmtree(directory)


def sweep(memory: Path) -> None:
    """End and remove what the tests' processes that were killed (Ctrl-C, under xdist) left in memory."""
    for path in memory.glob("tests-*-*"):
        pid = path.name.split("-")[1]
        with suppress(OSError):  # another worker does the same
            if pid.isdigit() and not processes.is_alive(int(pid)) and path.stat().st_uid == os.geteuid():
                processes.end_those_in(*path.iterdir())
                shutil.rmtree(path, ignore_errors=True)


def _has_room(memory: Path) -> bool:
    """Whether files may be put there, and programs run from there; TMPDIR, which is the user's word, decides else."""
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(memory)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


@pytest.fixture(scope="session", autouse=True)
def forked(temporary_directory: Path) -> Iterator[None]:
    """Guarded processes of this test process are forked, so that imports are done once; where a test sets variables
    they are fresh ones, and a rehearsal has a nursery of its own.
    """
    with process.nursery({name: value for name, value in os.environ.items() if name != NAME_OF_TEST}):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Iterator[None]:
    """Without pytest's own variable, which differs from test to test, so that it is no reason for a fresh process."""
    name = os.environ.pop(NAME_OF_TEST, None)
    try:
        return (yield)
    finally:
        if name is not None:
            os.environ[NAME_OF_TEST] = name


@pytest.fixture(scope="session")
def servers(temporary_directory: Path) -> Iterator[Servers]:
    """The servers of this test process, started when first asked for."""
    running = Servers(temporary_directory)
    yield running
    running.stop()


@pytest.fixture(params=list(ENGINES))
def engine_kind(request: pytest.FixtureRequest) -> str:
    """Each engine's name in turn."""
    name: str = request.param
    return name


@pytest.fixture
def database(engine_kind: str, servers: Servers, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[TestDatabase]:
    """A fresh empty database, on each engine in turn."""
    with fresh(_started(servers, ENGINES[engine_kind], pytestconfig), tmp_path) as made:
        yield made


@pytest.fixture
def sqlite(servers: Servers, tmp_path: Path) -> Iterator[TestDatabase]:
    """A fresh empty SQLite file's name; the file appears with the first connection."""
    with fresh(servers.get(ENGINES["sqlite"]), tmp_path) as made:
        yield made


@pytest.fixture
def postgresql(servers: Servers, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[TestDatabase]:
    """A fresh empty database on PostgreSQL, for what only PostgreSQL has."""
    with fresh(_started(servers, PostgresqlServer, pytestconfig), tmp_path) as made:
        yield made


@pytest.fixture
def mariadb(servers: Servers, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[TestDatabase]:
    """A fresh empty database on MariaDB, for what only MariaDB has."""
    with fresh(_started(servers, MariadbServer, pytestconfig), tmp_path) as made:
        yield made


@pytest.fixture
def postgresql15(servers: Servers, tmp_path: Path) -> Iterator[TestDatabase]:
    """A fresh empty database on an older major version; skipped where it is missing: no wheel has it."""
    try:
        server = servers.get(Postgresql15Server)
    except Unavailable as error:
        pytest.skip(str(error))
    with fresh(server, tmp_path) as made:
        yield made


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away from this repository, whose own application `dbadmin.connect()` would find and load."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def made(request: pytest.FixtureRequest, driver: str) -> TestDatabase:
    """A database filled with what `attempts` are thrown at, for the driver of the test."""
    database: TestDatabase = request.getfixturevalue(needs(driver))
    fill(database)
    return database


@pytest.fixture
def protection_ends() -> Iterator[None]:
    """No database stays read-only for this process after the test."""
    yield
    for address in list(readonly._protected):
        readonly.release(address)


@contextmanager
def fresh(server: EngineServer, directory: Path) -> Iterator[TestDatabase]:
    made = server.create(directory)
    try:
        yield made
    finally:
        server.drop(made)


def _started(servers: Servers, kind: type[EngineServer], config: pytest.Config) -> EngineServer:
    try:
        return servers.get(kind)
    except (Unavailable, NoScratchServer) as error:
        if config.getoption("--require-servers"):
            pytest.fail(f"{error} (--require-servers)", pytrace=False)
        pytest.skip(str(error))


@dataclass(frozen=True)
class Finished:
    """A finished run of the command line."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """stdout as JSON; the failure shows both streams."""
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            pytest.fail(f"not JSON ({error}), exit {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}")


Run = Callable[..., Finished]


@pytest.fixture
def terminal() -> Iterator[Open]:
    """`terminal(directory, *arguments, **variables)` opens the shell there."""
    opened: list[Terminal] = []

    def start(directory: Path, *arguments: str, **variables: str) -> Terminal:
        opened.append(Terminal(directory, *arguments, **variables))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def run(tmp_path: Path, temporary_directory: Path) -> Run:
    """`run(*arguments, cwd=, env=, input=, timeout=)`: `python -m dbadmin` in a clean environment.

    No variable of the caller's shell comes through (no DATABASE_URL, no DBADMIN_*), HOME is empty, the
    terminal 120 columns wide without colour. `env` adds variables. After `timeout` seconds its whole process
    group is killed.
    """
    home = tmp_path / "home"

    def run(
        *arguments: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        timeout: float = 60,
    ) -> Finished:
        home.mkdir(exist_ok=True)
        variables = _clean_environment(home, temporary_directory) | dict(env or {})
        where = cwd or tmp_path
        try:
            done = run_module("dbadmin", [*map(str, arguments)], where, variables, input=input, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            said = f"--- stdout\n{error.output}\n--- stderr\n{error.stderr}"
            pytest.fail(f"dbadmin still ran after {timeout} s\n{said}")
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


def _clean_environment(home: Path, temporary: Path) -> dict[str, str]:
    here = Path(dbadmin.__file__).parent.parent  # the package under test, also where it is not installed
    measuring = {name: value for name, value in os.environ.items() if name.startswith("DBADMIN_MEASURE_")}
    paths = [str(here), *([str(here / "tests" / "measuring")] if measuring else [])]
    return {
        **measuring,
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(temporary / "cache"),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }


@pytest.fixture(autouse=True)
def drivers_as_they_were() -> Iterator[None]:
    """What a test opens by hand is not read-only because one before it had a shell in this process."""
    yield
    by_hand.let_drivers_be()


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """A command line that ran in this process answers no Ctrl-C of a later test, nor counts it as its second one."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def no_leftovers(request: pytest.FixtureRequest, temporary_directory: Path) -> Iterator[None]:
    """After a test marked `rehearsal`: no new temporary file and no new process of dbadmin is there."""
    if request.node.get_closest_marker("rehearsal") is None:
        yield
        return
    before = leftovers(temporary_directory)
    yield
    left = leftovers(temporary_directory) - before
    assert not left, f"left behind: {', '.join(sorted(left))}"


def leftovers(temporary: Path) -> set[str]:
    """Temporary files named dbadmin-* in `temporary`, and processes that use them or have it as TMPDIR."""
    files = {str(path) for path in temporary.glob("dbadmin-*")}
    return files | {
        f"process {pid} ({' '.join(processes.arguments(pid))[:80]})"
        for pid in {*_pids()} - {os.getpid()} - _nurseries_of_commands()
        if _works_in(pid, temporary)
    }


def _nurseries_of_commands() -> set[int]:
    """The processes in which guarded processes of commands are forked: they stay, and what they fork does not."""
    found = {pid for server in servers_of_commands() for pid in children(server)}
    return {pid for pid in found if "dbadmin.migrations.nursery" in processes.arguments(pid)}


def _works_in(pid: int, temporary: Path) -> bool:
    if any(f"{temporary}/dbadmin-" in part for part in processes.arguments(pid)):
        return True
    try:
        variables = (processes.PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"TMPDIR={temporary}".encode() in variables


def _pids() -> list[int]:
    if processes.PROC.is_dir():
        return [int(path.name) for path in processes.PROC.iterdir() if path.name.isdigit()]
    shown = subprocess.run(["ps", "-axo", "pid="], capture_output=True, text=True, check=True).stdout
    return [int(line) for line in shown.split()]
