"""Command lines for tests: `python -m MODULE …` in forks of a process that has imported the libraries.

`run_module` is the parent's part, `python forking.py` the other one's. There is one such process for each set of
variables that are read when Python starts; a test that invents such a set, or asks while another one runs, has a fresh
process. The one for `dbadmin`, and for what stands in its place, has imported dbadmin too, but for what brings numpy or
IPython; where coverage is measured (DBADMIN_MEASURE_…) each command imports for itself.
"""

import atexit
import gc
import importlib.abc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

_READ_AT_START = (
    "PYTHON",
    "DBADMIN_MEASURE_",
    "LD_",
    "LC_",
    "LANG",
    "TZ",
    "MALLOC_",
    "SQLALCHEMY_",
    "DISABLE_SQLALCHEMY",
)
_SERVERS_KEPT = 3
COMMAND_LINES = ("dbadmin", "cli_with_fake_admin")
_PROC = Path("/proc/self/fd")
_lock = threading.Lock()
_servers: dict[frozenset[tuple[str, str]], "subprocess.Popen[bytes]"] = {}


def run_module(
    module: str,
    arguments: list[str],
    directory: Path,
    environment: Mapping[str, str],
    *,
    input: str | None = None,
    timeout: float = 60,
) -> "subprocess.CompletedProcess[str]":
    """Run a module in a session of its own; stdout and stderr as text. subprocess.TimeoutExpired, with what it wrote,
    after `timeout` seconds, when it and its group have been killed.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write((input or "").encode())
        given.seek(0)
        files = (given, out, err)
        command, descriptors = [module, *arguments], [file.fileno() for file in files]
        code = _forked(command, directory, environment, descriptors, timeout)
        if code is None:
            code = _fresh(command, directory, environment, descriptors, timeout)
        for file in files:
            file.seek(0)
        stdout, stderr = _text(out.read()), _text(err.read())
    if code == "timeout":
        raise subprocess.TimeoutExpired(command, timeout, stdout, stderr)
    return subprocess.CompletedProcess(command, int(code), stdout, stderr)


def servers() -> set[int]:
    """The processes that wait for commands; they stay."""
    return {server.pid for server in _servers.values()}


def _text(written: bytes) -> str:
    return written.decode().replace("\r\n", "\n").replace("\r", "\n")


def _fresh(
    command: list[str], directory: Path, environment: Mapping[str, str], descriptors: list[int], timeout: float
) -> int | str:
    given, out, err = descriptors
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=directory, env=environment, stdin=given, stdout=out, stderr=err,
        start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "timeout"


def _forked(
    command: list[str], directory: Path, environment: Mapping[str, str], descriptors: list[int], timeout: float
) -> int | str | None:
    """The exit status, "timeout", or None where no fork can stand for this process."""
    if not (_PROC.exists() and directory.is_dir()) or not _lock.acquire(blocking=False):
        return None
    try:
        server = _server(command[0], environment)
        if server is None:
            return None
        places = [f"/proc/{os.getpid()}/fd/{descriptor}" for descriptor in descriptors]
        request = {"command": command, "cwd": str(directory), "environment": dict(environment), "places": places}
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(request).encode() + b"\n")
        server.stdin.flush()
        pid = int(server.stdout.readline())
        late = not select.select([server.stdout], [], [], timeout)[0]
        if late:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        code = int(server.stdout.readline())
        return "timeout" if late else code
    finally:
        _lock.release()


def _server(module: str, environment: Mapping[str, str]) -> "subprocess.Popen[bytes] | None":
    if "PYTHONPROFILEIMPORTTIME" in environment:
        return None  # what is imported is the question
    bound = _bound(environment)
    whole = module in COMMAND_LINES and not any(name.startswith("DBADMIN_MEASURE_") for name in bound)
    key = frozenset([*bound.items(), ("dbadmin", str(whole))])
    if key not in _servers and len(_servers) < _SERVERS_KEPT:
        server = subprocess.Popen(
            [sys.executable, __file__, *([tempfile.gettempdir()] if whole else [])],
            env={"PATH": os.environ.get("PATH", os.defpath), **bound}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        atexit.register(_stop, server)
        _servers[key] = server
    return _servers.get(key)


def _bound(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are read when Python starts, but for one that a fork can set."""
    bound = {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}
    bound.pop("PYTHONDONTWRITEBYTECODE", None)
    return bound


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.kill()
    server.wait()


def serve() -> None:
    """Fork and run until the parent is gone."""
    import runpy

    sys.path.pop(0)  # tests/ is no place where applications have their modules
    for name in ("alembic.command", "alembic.config", "sqlalchemy.orm", "sqlalchemy.ext.asyncio", "click", "tabulate"):
        import_module(name)
    if sys.argv[1:]:
        _open_nursery(sys.argv[1])
        _import_dbadmin()
        _stay_in(sys.argv[1])
    gc.collect()
    gc.freeze()  # a fork neither looks through what is there already nor takes it apart when it ends
    with os.fdopen(os.dup(0), "rb") as requests, os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        for line in requests:
            pid = os.fork()
            if pid == 0:
                request: dict[str, Any] = json.loads(line)
                _become(request, requests.fileno())
                answers.close()
                runpy.run_module(request["command"][0], run_name="__main__", alter_sys=True)
                return
            answers.write(b"%d\n" % pid)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            answers.write(b"%d\n" % code)


def _open_nursery(temporary: str) -> None:
    """Let guarded processes of the commands, whose variables differ (HOME), be forks of one nursery.

    It has `temporary` as TMPDIR, so that a process which is left is seen.
    """
    from dbadmin.migrations import process

    class ForAllCommands(process.Nursery):
        def serves(self, variables: Mapping[str, str]) -> bool:
            return _bound(variables) == _bound(self._environment)

    process._nurseries.append(ForAllCommands({**os.environ, "TMPDIR": temporary}))


def _stay_in(temporary: str) -> None:
    """Let commands put nothing into /tmp, and list nothing that others have there."""
    from dbadmin.dialects import places

    places.FALLBACK = Path(temporary)


class _NotForAll(BaseException):
    """No ImportError, which a module may take for a library that is missing."""


class _Refusing(importlib.abc.MetaPathFinder):
    """Imports nothing that starts threads, which no fork would have, and not IPython, which commands do without."""

    def find_spec(self, name: str, *_: object) -> None:
        if name in ("numpy", "pandas", "pyarrow", "IPython"):
            raise _NotForAll


def _import_dbadmin() -> None:
    """All modules of dbadmin, but for those that import what not every command needs."""
    import dbadmin

    root = Path(dbadmin.__file__).parent
    refusing = _Refusing()
    sys.meta_path.insert(0, refusing)
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        if path.name != "__main__.py" and "project" not in parts:
            with suppress(_NotForAll):
                import_module(".".join(parts).removesuffix(".__init__"))
    sys.meta_path.remove(refusing)


def _become(request: dict[str, Any], requests: int) -> None:
    os.setsid()
    for descriptor, (place, way) in enumerate(
        zip(request["places"], (os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_APPEND), strict=True)
    ):
        opened = os.open(place, way)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.dup2(0, requests)  # the requests are the parent's
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    os.chdir(request["cwd"])
    sys.path.insert(0, request["cwd"])
    sys.argv = ["", *request["command"][1:]]


if __name__ == "__main__":
    serve()
