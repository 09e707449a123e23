"""The SQL that revisions would run, written by Alembic's offline mode in a process that can reach nothing.

A script that asks the database something cannot be written to its end: what came before is, and the reason is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dbadmin.migrations.answers import LIMIT, ask
from dbadmin.migrations.project import Project
from dbadmin.secrets import mask


@dataclass(frozen=True)
class Statement:
    """SQL and the line of the script that makes it (None: not the script's)."""

    sql: str
    line: int | None


@dataclass(frozen=True)
class Rendered:
    """What a revision's upgrade would run. `stopped` says why that is not all of it; `back` is its downgrade."""

    statements: tuple[Statement, ...]
    stopped: str | None = None
    back: "Rendered | None" = None


def render_sql(project: Project, engine: str, files: Sequence[Path]) -> dict[Path, Rendered]:
    """The SQL of each script's upgrade() and downgrade(), for an engine by SQLAlchemy's name of it."""
    if not files:
        return {}
    asked = {"engine": engine, "paths": [str(path) for path in files]}
    answers = ask("dbadmin.migrations.review.offline_child", project, asked)
    found = {Path(answer["path"]): _rendered(answer) for answer in answers.lines}
    if answers.late:
        why = f"writing the SQL of all revisions took longer than {LIMIT:g} s"
    else:
        said = f" ({answers.said})" if answers.said else ""
        why = mask(f"the process that ran the scripts offline ended{said}")
    return {path: found.get(path, Rendered((), why)) for path in files}


def _rendered(answer: dict[str, Any]) -> Rendered:
    up, down = (
        Rendered(
            tuple(Statement(s["sql"], s["line"]) for s in answer[name]["statements"]),
            mask(stopped) if (stopped := answer[name]["stopped"]) else None,
        )
        for name in ("upgrade", "downgrade")
    )
    return replace(up, back=down)
