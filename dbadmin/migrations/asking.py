"""A process that is asked something of user code: begun, and waited for when its answer is needed."""

import json
import os
import re
import select
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dbadmin.errors import ChildFailed
from dbadmin.migrations.environment import child_environment
from dbadmin.migrations.process import started
from dbadmin.migrations.project import Project
from dbadmin.secrets import mask

_TAIL_LINES = 20
_MODELS = re.compile(rb"^target_metadata\s*=\s*(?!None\b)", re.MULTILINE)


class Asked:
    """A question to `module`, which runs in a process of its own from now on and answers in one line of JSON.

    `runs` is what of the user's runs there, for messages; `needs` are libraries that it will hardly do without.
    `variables` are its environment, as `child_environment` gives it. Raises ChildFailed where no process is to be had.
    """

    def __init__(
        self,
        module: str,
        question: Mapping[str, Any],
        directory: Path,
        variables: Mapping[str, str],
        *,
        runs: str,
        needs: Sequence[str] = (),
    ) -> None:
        self._runs = runs
        quiet = {**variables, "PYTHONDONTWRITEBYTECODE": "1"}  # looking writes nothing, not even beside modules
        self._child, to_child, self._answers = started(module, directory, quiet, needs)
        self._said: deque[str] = deque(maxlen=_TAIL_LINES)
        self._drain = threading.Thread(target=_drain, args=(self._child.stdout, self._said), daemon=True)
        self._drain.start()
        with suppress(BrokenPipeError), os.fdopen(to_child, "wb") as out:
            out.write(json.dumps(question).encode())

    @property
    def said(self) -> bool:
        """Whether anything was printed there, as far as it is known; after the answer it is."""
        return bool(self._said)

    def answer(self, timeout: float) -> dict[str, Any]:
        """What it says, once; nothing of the process is left afterwards. Raises ChildFailed where it says nothing."""
        child = self._child
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
            raise ChildFailed(f"{self._runs} did not finish within {timeout:g} s", hint="does it wait for something?")
        if not line:
            tail = mask(self._said[-1]) if self._said else f"exit code {code}"
            raise ChildFailed(
                f"the process that read {self._runs} ended without an answer ({tail})",
                hint="does it, or a module that it imports, call os._exit()?",
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def env_py(
    project: Project, base: Mapping[str, str], *, looked_at: bool, objects: Sequence[Sequence[Any]] = ()
) -> Asked:
    """A project's env.py. `base` is what a plain `alembic` would have as its environment. `looked_at` asks for what was
    read besides, and for how the driver connects; `objects` only for what of them it leaves out (`filters`).
    """
    question = {
        "ini": str(project.ini) if project.ini else None,
        "section": project.section,
        "script_location": str(project.script_location),
        "directory": str(project.directory),
        "options": dict(project.options),
        "x": list(project.x),
        "looked_at": looked_at,
        "objects": objects,
    }
    needs = ["sqlalchemy.orm"] if _has_models(project) else []
    module, variables = "dbadmin.migrations.capture_child", child_environment(base)[0]
    return Asked(module, question, project.directory, variables, runs=shown_env_py(project), needs=needs)


def _has_models(project: Project) -> bool:
    """Whether env.py looks as if it imported models."""
    with suppress(OSError):
        return _MODELS.search(project.env_py.read_bytes()) is not None
    return False


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
