"""The process that is asked what env.py knows: begun, and waited for when its answer is needed."""

import json
import os
import select
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from dbadmin.errors import ChildFailed
from dbadmin.migrations.environment import child_environment
from dbadmin.migrations.process import started
from dbadmin.migrations.project import Project
from dbadmin.secrets import mask

_TAIL_LINES = 20


class Asked:
    """A project's env.py, which runs in a process of its own from now on.

    `base` is what a plain `alembic` would have as its environment. `looked_at` asks for what was read besides, and
    for how the driver connects. Raises ChildFailed where no process can be started.
    """

    def __init__(self, project: Project, base: Mapping[str, str], *, looked_at: bool) -> None:
        self._project = project
        variables, _ = child_environment(base)
        variables["PYTHONDONTWRITEBYTECODE"] = "1"  # looking writes nothing, not even beside the application's modules
        question = {
            "ini": str(project.ini) if project.ini else None,
            "section": project.section,
            "script_location": str(project.script_location),
            "directory": str(project.directory),
            "options": dict(project.options),
            "looked_at": looked_at,
        }
        self._child, to_child, self._answers = started("dbadmin.migrations.capture_child", project.directory, variables)
        self._said: deque[str] = deque(maxlen=_TAIL_LINES)
        self._drain = threading.Thread(target=_drain, args=(self._child.stdout, self._said), daemon=True)
        self._drain.start()
        with suppress(BrokenPipeError), os.fdopen(to_child, "wb") as out:
            out.write(json.dumps(question).encode())

    def answer(self, timeout: float) -> dict[str, Any]:
        """What it says, once; nothing of the process is left afterwards. Raises ChildFailed where it says nothing."""
        child, env_py = self._child, shown_env_py(self._project)
        try:
            line = _read_line(self._answers, time.monotonic() + timeout)
        finally:
            os.close(self._answers)
            child.kill()
            code = child.wait()
            child.close()
            self._drain.join(timeout=1)
            if not self._drain.is_alive():
                child.stdout.close()
        if line is None:
            raise ChildFailed(f"{env_py} did not finish within {timeout:g} s", hint="does it wait for something?")
        if not line:
            tail = mask(self._said[-1]) if self._said else f"exit code {code}"
            raise ChildFailed(
                f"the process that read {env_py} ended without an answer ({tail})",
                hint="does it, or a module that it imports, call os._exit()?",
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def _read_line(descriptor: int, until: float) -> bytes | None:
    """One line from a pipe; None when the time is over, empty when the other side closed it without one."""
    got = b""
    while not got.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return b""
        got += chunk
    return got


def _drain(stream: IO[bytes], said: deque[str]) -> None:
    """Keep the last lines of what user code prints; the rest is dropped so that it never blocks."""
    with suppress(ValueError, OSError):
        while chunk := stream.read1(65536):  # type: ignore[attr-defined]
            lines = chunk[-4096:].decode(errors="replace").splitlines()
            said.extend(line for line in lines if line.strip())


def shown_env_py(project: Project) -> str:
    """env.py's path, as seen from where it runs."""
    try:
        return str(project.env_py.relative_to(project.directory.resolve()))
    except ValueError:
        return str(project.env_py)
