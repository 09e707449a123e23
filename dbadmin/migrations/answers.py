"""Questions to a process of its own that reads revision scripts and can reach nothing: one JSON line per answer."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dbadmin.migrations.environment import child_environment
from dbadmin.migrations.project import Project

LIMIT = 60.0
"""Seconds for all of a project's scripts."""


@dataclass(frozen=True)
class Answers:
    """What the process answered before it ended; `said` is the last line that it printed, `late` if it was cut off."""

    lines: tuple[dict[str, Any], ...]
    said: str
    late: bool


def ask(module: str, project: Project, asked: Mapping[str, Any], *, limit: float = LIMIT) -> Answers:
    """Run `module` with a question on its stdin; its arguments are the descriptor for answers and our process id."""
    environment, _ = child_environment(os.environ)
    question = {**asked, "sys_path": [*project.sys_path, str(project.directory)]}
    with tempfile.TemporaryFile() as file:  # and no pipe, which would have to be read meanwhile
        command = [sys.executable, "-P", "-m", module, str(file.fileno()), str(os.getpid())]
        late, output = False, b""
        try:
            done = subprocess.run(
                command,
                input=json.dumps(question).encode(),
                cwd=project.directory,
                env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(file.fileno(),),
                start_new_session=True,
                timeout=limit,
            )
            output = done.stdout
        except subprocess.TimeoutExpired as error:
            late, output = True, error.stdout or b""
        file.seek(0)
        return Answers(tuple(_read(file.read())), _last_line(output), late)


def _read(data: bytes) -> list[dict[str, Any]]:
    found = []
    for line in data.split(b"\n"):
        with suppress(ValueError):  # the last one, where the process was cut off
            found.append(json.loads(line))
    return found


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
