"""Runs revision scripts, up and down, in Alembic's offline mode: `python -m …offline_child ANSWERS PARENT`.

Started by `offline` in a fresh process without network, before which nothing of the user's is imported. Answers are
written on a descriptor of its own, one line for each script, so that a script which ends the process costs only itself
and those after it.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

LONGEST = 100_000
"""Characters; of a longer statement (rows as literals) only the beginning is told."""


def main() -> None:
    """Render each script under the guard and write down the SQL."""
    from dbadmin.core_files import leave_no_core_file
    from dbadmin.dialects import namespaces
    from dbadmin.migrations import sandbox
    from dbadmin.migrations.guard import Guard, Rules

    answer_to = int(sys.argv[1])
    os.set_inheritable(answer_to, False)
    sandbox.die_with_parent(int(sys.argv[2]))
    leave_no_core_file()
    namespaces.enter(network=True, hidden=namespaces.listening_sockets())
    asked = json.load(sys.stdin)
    import alembic.op  # noqa: F401

    Guard(Rules(), lambda *_, **__: None).install()
    sys.path[:0] = asked["sys_path"]
    with os.fdopen(answer_to, "w") as out:
        for path in map(Path, asked["paths"]):
            out.write(json.dumps({"path": str(path), **rendered(path, asked["engine"])}) + "\n")
            out.flush()
    os._exit(0)


def rendered(path: Path, engine: str) -> dict[str, Any]:
    """The statements of a script's upgrade() and of its downgrade(), each up to where it asks for what there is not."""
    from alembic.util import load_python_file

    try:
        module = load_python_file(str(path.parent), path.name)
    except BaseException as error:
        return {name: {"statements": [], "stopped": _why(error, path)} for name in ("upgrade", "downgrade")}
    return {name: _written(getattr(module, name, None), path, engine) for name in ("upgrade", "downgrade")}


def _written(function: Callable[[], None] | None, path: Path, engine: str) -> dict[str, Any]:
    """The statements of one function, and why they are not all."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    statements: list[dict[str, Any]] = []
    stopped = None

    def note(text: str) -> None:
        sql = text if len(text) <= LONGEST else f"-- {len(text)} characters: {' '.join(text[:60].split())}"
        statements.append({"sql": sql, "line": line_of(sys._getframe(), str(path))})

    try:
        context = MigrationContext.configure(dialect_name=engine, opts={"as_sql": True, "literal_binds": True})
        context.impl.static_output = note  # type: ignore[method-assign]
        with Operations.context(context):
            if function is not None:
                function()
    except BaseException as error:
        stopped = _why(error, path)
    return {"statements": statements, "stopped": stopped}


def _why(error: BaseException, path: Path) -> str:
    """Where a script ended, and by what."""
    from dbadmin.migrations import blame

    line = blame.of_error(error, path.parent)
    first = next(iter(str(error).strip().splitlines()), "").partition("; ")[0].partition(". ")[0]
    where = f"line {line.line}: " if line else ""
    return f"{where}{type(error).__name__}: {first}".rstrip(": ")


def line_of(frame: FrameType | None, file: str) -> int | None:
    """The line of the innermost function of a file that runs."""
    while frame is not None:
        if frame.f_code.co_filename == file:
            return frame.f_lineno
        frame = frame.f_back
    return None


if __name__ == "__main__":
    main()
