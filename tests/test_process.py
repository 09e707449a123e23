"""Guarded processes: forked or started afresh, user code finds the same, and nothing of them outlives their parent."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from apps import App, make_app
from servers import Servers, TestDatabase
from walking import Pair, guarded, has_ended, pair

from dbadmin.migrations import process
from dbadmin.migrations.capture import capture
from dbadmin.migrations.runner import Child

LOOK = """
    import json, os, resource, signal, stat, sys, threading
    descriptors = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            descriptors[int(name)] = stat.S_IFMT(os.fstat(int(name)).st_mode)
        except OSError:
            pass
    mask = os.umask(0)
    os.umask(mask)
    seen = {
        "cwd": os.getcwd(), "argv": sys.argv[1:], "path": sys.path, "environment": dict(os.environ),
        "modules": sorted(set(sys.modules) - {"dbadmin.migrations.nursery", "runpy"}), "umask": mask,
        "leads": os.getsid(0) == os.getpid() == os.getpgid(0), "stdin": sys.stdin.read(), "tty": sys.stdout.isatty(),
        "encoding": sys.stdout.encoding, "flags": list(sys.flags), "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "threads": threading.active_count(), "no_bytecode": sys.dont_write_bytecode,
        "descriptors": sorted(descriptors.values()), "hash": hash("dbadmin"), "time": __import__("time").tzname[0],
    }
    with open(NOTE, "w") as out:
        out.write(json.dumps(seen))
    with open(NOTE + ".line", "wb") as out:
        out.write(open("/proc/self/cmdline", "rb").read())
"""


@pytest.fixture
def files(sqlite: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    with pair(sqlite, servers, tmp_path) as made:
        yield made


def looking(directory: Path, files: Pair, note: Path, more: str = "") -> App:
    """An application whose migration writes down what it finds."""
    code = LOOK.replace("NOTE", repr(str(note)))
    return make_app(directory, revisions={"a1": (None, code + more, "pass")}, url=files.source.url)


def is_forked(note: Path) -> bool:
    return b"migrations.nursery" in note.with_name(note.name + ".line").read_bytes()


def walked(files: Pair, app: App, note: Path, **changes: Any) -> tuple[dict[str, Any], bool]:
    """What the migration found, and whether its process was forked."""
    files.execute_on_copy("DROP TABLE IF EXISTS alembic_version")
    result = files.walk(app, **changes)
    assert result.error is None, result
    return json.loads(note.read_text()), is_forked(note)


def test_forked_and_fresh_are_the_same_to_user_code(
    files: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    note = tmp_path / "note"
    app = looking(tmp_path, files, note)
    variables = {**os.environ, "DATABASE_URL": files.source.url.render_as_string(hide_password=False)}
    fresh, forked = walked(files, app, note, environment=variables)
    assert not forked and fresh["time"] == "JST"
    with process.nursery(variables):
        again, forked = walked(files, app, note, environment=variables)
    assert forked
    more = set(again.pop("modules")) - set(fresh["modules"])
    assert {name.partition(".")[0] for name in more} <= {"dbadmin", "sqlalchemy", "greenlet", *sys.stdlib_module_names}
    assert again == {name: value for name, value in fresh.items() if name != "modules"}
    assert fresh["environment"]["DATABASE_URL"] == str(files.copy.url)


@pytest.mark.parametrize("name", ["PYTHONPATH", "LD_LIBRARY_PATH", "SQLALCHEMY_WARN_20", "SECRET_KEY", "TZ"])
def test_another_environment_has_a_python_of_its_own(files: Pair, tmp_path: Path, name: str) -> None:
    note = tmp_path / "note"
    app = looking(tmp_path, files, note)
    with process.nursery(os.environ):
        seen, forked = walked(files, app, note, environment={**os.environ, name: "/srv/other://x"})
        assert seen["environment"][name].startswith("/srv/other://x")
        assert forked is (name not in ("PYTHONPATH", "LD_LIBRARY_PATH"))  # a URL elsewhere is what a fork may change
        _, forked = walked(files, app, note, environment={**os.environ, name: "/srv/other"})
        assert not forked


def test_a_nursery_for_captures_forks_no_walk_and_another_one_beside_it_does(files: Pair, tmp_path: Path) -> None:
    note = tmp_path / "note"
    app = looking(tmp_path, files, note)
    variables = {**os.environ, "ONLY": "here"}
    with process.nursery(variables, captures=True):
        assert process.is_open(variables)
        _, forked = walked(files, app, note, environment=variables)
        assert not forked, "Alembic is not whole there"
        with process.nursery(variables):
            _, forked = walked(files, app, note, environment=variables)
            assert forked


def test_a_path_that_depends_on_the_directory_opens_no_nursery(monkeypatch: pytest.MonkeyPatch) -> None:
    before = guarded(with_nurseries=True)
    with process.nursery({**os.environ, "PYTHONPATH": "src"}):
        assert guarded(with_nurseries=True) == before


def test_a_nursery_in_which_threads_run_forks_nothing(
    files: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
    )
    note = tmp_path / "note"
    variables = {**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}"}
    with process.nursery(variables):
        seen, forked = walked(files, looking(tmp_path, files, note), note, environment=variables)
    assert not forked and seen["threads"] == 2


def test_nothing_of_a_closed_process_is_left_and_its_id_is_its_own_until_then(files: Pair, tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"a1": (None, "pass", "pass")}, url=files.source.url)
    before = guarded()
    children = [Child(files.request(app)) for _ in range(3)]
    made = guarded() - before
    assert len(made) == 3
    for pid in made:
        os.kill(pid, signal.SIGKILL)
    assert all(has_ended(pid) for pid in made)
    assert all(Path(f"/proc/{pid}").exists() for pid in made)  # a zombie each: nobody else can have the number
    for child in children:
        child.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in made)


def test_a_nursery_that_is_killed_takes_its_children_along_and_is_replaced(files: Pair, tmp_path: Path) -> None:
    note = tmp_path / "note"
    app = looking(tmp_path, files, note, "\n    import time\n    time.sleep(1000)\n")
    variables = {**os.environ, "DBADMIN_TEST": "of its own"}
    with process.nursery(variables):
        killed: list[int] = []

        def kill(event: dict[str, Any]) -> None:
            while event["event"] == "begin" and not killed:
                if note.exists():
                    (child,) = guarded() - before
                    killed.extend([child, parent_of(child)])
                    os.kill(parent_of(child), signal.SIGKILL)
                time.sleep(0.05)

        before = guarded()
        result = files.walk(app, environment=variables, on_event=kill)
        assert result.state == "failed" and result.error is not None
        assert all(has_ended(pid) for pid in killed)
        again = looking(tmp_path / "again", files, note)
        assert not walked(files, again, note, environment=variables)[1]
        with process.nursery(variables):
            assert walked(files, again, note, environment=variables)[1]


def test_a_child_that_ends_while_it_is_let_go_takes_no_nursery_along(tmp_path: Path) -> None:
    variables = {**os.environ, "DBADMIN_TEST": "let go"}
    module, environment = "dbadmin.migrations.child", process.child_environment(variables)[0]
    with process.nursery(variables):
        asked, kept = os.pipe()
        made = process.start(module, [asked, kept], tmp_path, environment)
        nursery = parent_of(made.pid)
        os.kill(nursery, signal.SIGSTOP)  # both ends come up in one look of the nursery's, this one first:
        made._link.shutdown(socket.SHUT_WR)  # type: ignore[attr-defined]
        os.kill(made.pid, signal.SIGKILL)
        assert has_ended(made.pid)
        os.kill(nursery, signal.SIGCONT)
        made.close()
        made.stdout.close()
        another = process.start(module, [asked, kept], tmp_path, environment)
        assert parent_of(another.pid) == nursery
        another.close()
        another.stdout.close()
        os.close(asked)
        os.close(kept)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nursery_and_children_die_with_their_parent(files: Pair, tmp_path: Path, how: signal.Signals) -> None:
    app = make_app(tmp_path, revisions={"a1": (None, "pass", "pass")}, url=files.source.url)
    script = f"""
import os, sys, time
sys.path[:0] = {[*sys.path, str(Path(__file__).parent)]!r}
from pathlib import Path
from dbadmin.migrations import process
from walking import guarded
with process.nursery(os.environ):
    made = []
    for _ in range(2):
        asked, _keep = os.pipe()
        made.append(process.start("dbadmin.migrations.child", [asked, os.dup(2)], Path({str(app.directory)!r}),
                                  process.child_environment(os.environ)[0]))
    print(*sorted(guarded(with_nurseries=True)), flush=True)
    time.sleep(1000)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    made = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(made) == 3
    parent.send_signal(how)
    parent.wait()
    parent.stdout.close()
    assert all(has_ended(pid) for pid in made)


def test_two_threads_may_ask_at_once(files: Pair, tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"a1": (None, "pass", "pass")}, url=files.source.url)
    seen: list[str] = []

    def ask() -> None:
        seen.append(capture(app.project, environment=os.environ).version_table)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["alembic_version"] * 4


def test_a_fork_of_the_parent_starts_processes_of_its_own(files: Pair, tmp_path: Path) -> None:
    note = tmp_path / "note"
    app = looking(tmp_path, files, note)
    with process.nursery(os.environ):
        pid = os.fork()
        if pid == 0:
            try:
                files.walk(app)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        assert not is_forked(note)


def test_a_directory_that_is_gone_is_an_error_either_way(tmp_path: Path) -> None:
    for opened in (process.nursery(os.environ), nullcontext()):
        with opened, pytest.raises(FileNotFoundError):
            process.start("dbadmin.migrations.child", [], tmp_path / "gone", dict(os.environ))
