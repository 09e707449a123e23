"""The whole histories of real applications, reviewed: `python -m tests.review --histories`, for docs/review.md.

Each application runs in its own environment (realapps/environments.py), which pip makes at first use. `FALSE` are the
findings that somebody has read the script for and found wrong; `--findings` prints all, to be read again.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realapps import buildbot_app, jupyterhub_app, optuna_app
from realapps.environments import APPLICATIONS, Environment, environment

CACHE = Path(os.environ.get("DBADMIN_TEST_ENVIRONMENTS") or Path(tempfile.gettempdir()) / "dbadmin-test-environments")
FALSE: dict[tuple[str, str, str], str] = {}
"""Application, revision and code of each false alarm, with why it is one."""


@dataclass(frozen=True)
class History:
    """What a review of every revision of an application found, by dbadmin's own rules."""

    name: str
    version: str
    revisions: int
    findings: tuple[dict[str, Any], ...]

    def count(self, *levels: str) -> int:
        """How many findings have one of these levels."""
        return sum(finding["severity"] in levels for finding in self.findings)

    @property
    def false(self) -> tuple[str, ...]:
        """The false alarms, each with its reason."""
        found = {(self.name, f["revision"], f["code"]) for f in self.findings}
        return tuple(f"`{key[2]}` in {key[1]}: {why}" for key, why in FALSE.items() if key in found)

    def row(self) -> str:
        """Its row of the table."""
        told = f"{len(self.false)}: {'; '.join(self.false)}" if self.false else "0"
        alarms = self.count("error", "warning")
        return f"| {self.name} {self.version} | {self.revisions} | {alarms} | {self.count('note')} | {told} |"


def histories(cache: Path = CACHE) -> Iterator[History]:
    """Each application's, reviewed for PostgreSQL without a database."""
    for application in APPLICATIONS.values():
        yield reviewed(environment(application, cache))


def reviewed(home: Environment) -> History:
    """Every revision of one application."""
    name = home.application.name
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        if name == "buildbot":
            buildbot_app.project(project, home.python_path("buildbot.db.migrations") / "alembic.ini")
        else:
            (jupyterhub_app if name == "jupyterhub" else optuna_app).project(project)
        command = [str(home.python), "-m", "dbadmin", "review", "--all", "--engine", "postgresql", "--format", "json"]
        ran = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300)
    told = json.loads(ran.stdout)
    assert "findings" in told, ran.stderr
    own = tuple(f for f in told["findings"] if not f["code"].startswith("squawk-"))
    pinned = home.application.requirements[0].partition("==")[2]
    return History(name, pinned, len(told["revisions"]), own)


def table(found: list[History]) -> str:
    """The table of docs/review.md."""
    head = (
        "| application | revisions | errors and warnings | notes | false alarms |",
        "| --- | ---: | ---: | ---: | --- |",
    )
    return "\n".join([*head, *(history.row() for history in found)]) + "\n"


def lines(found: list[History]) -> Iterator[str]:
    """Every finding, one a line."""
    for history in found:
        for f in history.findings:
            place = f"{history.name} {f['revision']}:{f['line']}"
            yield f"{f['severity']:7} {f['code']:30} {place}  {f['object']}: {f['detail']}"
