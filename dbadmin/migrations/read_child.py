"""Loads revision scripts that compute what Alembic asks of them, in a process that can reach nothing.

`load_scripts` is the parent's part; `python -m dbadmin.migrations.read_child` the child's.
"""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbadmin.errors import UserCodeError
from dbadmin.migrations.answers import LIMIT, ask
from dbadmin.migrations.parse import NAMES, ScriptFile, read_script
from dbadmin.migrations.project import Project
from dbadmin.secrets import mask


def load_scripts(project: Project, paths: Iterable[Path]) -> dict[Path, ScriptFile]:
    """Run these scripts' top level and give them as read.

    Raises UserCodeError, naming file and line, where one raises, ends the process or hangs.
    """
    asked = [str(path) for path in paths]
    answers = ask("dbadmin.migrations.read_child", project, {"paths": asked})
    if answers.late:
        raise UserCodeError(
            f"importing the revision scripts took longer than {LIMIT:g} s",
            hint="let the scripts connect to nothing and compute nothing when they are imported",
        )
    loaded = {Path(answer["path"]): answer for answer in answers.lines}
    said = f" ({answers.said})" if answers.said else ""
    for path in map(Path, asked):
        answer = loaded.get(path, {"error": f"{path}: ended the process that read it{said}"})
        if "error" in answer:
            raise UserCodeError(mask(answer["error"]), hint="correct this script")
    return {path: _file(path, answer) for path, answer in loaded.items()}


def _file(path: Path, answer: dict[str, Any]) -> ScriptFile:
    written = read_script(path)
    return replace(
        written,
        values=answer["values"],
        docstring=answer["docstring"],
        irreversible=written.irreversible if answer["downgrade"] else "has no downgrade()",
        needs_running=False,
    )


def main() -> None:
    """Import each script under the guard and write down what it says."""
    from dbadmin.migrations import sandbox
    from dbadmin.migrations.guard import Guard, Rules

    answer_to = int(sys.argv[1])
    os.set_inheritable(answer_to, False)
    sandbox.die_with_parent(int(sys.argv[2]))
    asked = json.load(sys.stdin)
    import alembic.op  # noqa: F401

    Guard(Rules(), lambda *_, **__: None).install()
    sys.path[:0] = asked["sys_path"]
    with os.fdopen(answer_to, "w") as out:
        for path in map(Path, asked["paths"]):
            out.write(json.dumps({"path": str(path), **_answer(path)}) + "\n")
            out.flush()
    os._exit(0)


def _answer(path: Path) -> dict[str, Any]:
    from alembic.util import load_python_file

    from dbadmin.migrations import blame

    try:
        module = load_python_file(str(path.parent), path.name)
        values = {name: _plain(getattr(module, name)) for name in NAMES if hasattr(module, name)}
        return {"values": values, "docstring": module.__doc__, "downgrade": hasattr(module, "downgrade")}
    except BaseException as error:
        line = blame.of_error(error, path.parent)
        where = f"{path}:{line.line}" if line else str(path)
        return {"error": f"{where}: {type(error).__name__}: {error}"}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else list(value)


if __name__ == "__main__":
    main()
