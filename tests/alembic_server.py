"""Bare Alembic for tests: a process that has imported it, and forks one that runs the command line for each request.

`run` is the parent's part, `python alembic_server.py` the other one's. A test that sets variables of Python or the
loader has a fresh process.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROC = Path("/proc/self/fd")
_lock = threading.Lock()
_server: "subprocess.Popen[str] | None" = None


def run(arguments: list[str], directory: Path, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """`python -m alembic ARGUMENTS` in a directory; stdout and stderr are captured as text."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        if PROC.exists() and _bound(environment) == _bound(os.environ):
            places = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
            code = _ask(
                {"arguments": arguments, "cwd": str(directory), "environment": dict(environment), "places": places}
            )
        else:
            command = [sys.executable, "-m", "alembic", *arguments]
            code = subprocess.run(
                command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=60
            ).returncode
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(["alembic", *arguments], code, out.read(), err.read())


def _bound(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that are read when Python starts."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("PYTHON", "LD_")) and name != "PYTHONDONTWRITEBYTECODE"
    }


def _ask(request: dict[str, Any]) -> int:
    global _server
    with _lock:
        if _server is None:
            variables = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
            _server = subprocess.Popen(
                [sys.executable, __file__], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            atexit.register(_stop, _server)
        assert _server.stdin is not None and _server.stdout is not None
        _server.stdin.write(json.dumps(request) + "\n")
        _server.stdin.flush()
        return int(_server.stdout.readline())


def _stop(server: "subprocess.Popen[str]") -> None:
    server.kill()
    server.wait()


def serve() -> None:
    """Fork and run until the parent is gone."""
    import alembic.command
    import alembic.config

    sys.path.pop(0)  # tests/ is no place where applications have their modules
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
            alembic.config.main(prog="alembic")
            sys.exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(request: dict[str, Any]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for descriptor, place in enumerate(request["places"], 1):
        os.dup2(os.open(place, os.O_WRONLY | os.O_APPEND), descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    os.chdir(request["cwd"])
    sys.path.insert(0, request["cwd"])
    sys.argv = ["alembic", *request["arguments"]]


if __name__ == "__main__":
    serve()
