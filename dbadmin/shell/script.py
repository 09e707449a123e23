"""Code that is not typed at a prompt: -c CODE, a FILE, or standard input.

As with `python -c`, the output is what the code prints; the last expression is not shown. `await` may stand
at the top level. An exception of the code's own prints its traceback and gives 1; what the database refused,
failed or could not be asked is dbadmin's own error with its own exit code; `sys.exit(n)` gives n.
"""

import ast
import asyncio
import inspect
import linecache
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

from dbadmin.database import Database
from dbadmin.errors import UsageError
from dbadmin.render.values import visible_lines
from dbadmin.secrets import mask, without_values
from dbadmin.shell import awaiting
from dbadmin.shell.masking import masked_streams
from dbadmin.shell.session import explained


def read(file: Path) -> str | bytes:
    """The code of a file; its own encoding line counts."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}", hint="give a file of Python") from error


def run(source: str | bytes, filename: str, names: Mapping[str, Any], database: Database) -> int:
    """Run code as `__main__` among these names and give the exit code. Raises dbadmin's own errors."""
    main = ModuleType("__main__")
    main.__dict__.update(names)
    sys.argv = [filename if Path(filename).exists() else "-c"]
    if Path(filename).exists():
        main.__file__ = filename
        sys.path.insert(0, str(Path(filename).resolve().parent))
    else:
        sys.path.insert(0, "")
        lines = source.splitlines(keepends=True) if isinstance(source, str) else []
        linecache.cache[filename] = (len(source), None, lines, filename)
    before, sys.modules["__main__"] = sys.modules["__main__"], main
    try:
        with masked_streams():
            execute(compiled(source, filename), main, database)
    except SystemExit as asked:
        return exit_code(asked)
    except Exception as error:
        return failed(error, filename, database)
    finally:
        sys.modules["__main__"] = before
    return 0


def compiled(source: str | bytes, filename: str) -> CodeType:
    """The code, in which `await` may stand at the top level."""
    code: CodeType = compile(source, filename, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return code


def execute(code: CodeType, main: ModuleType, database: Database) -> None:
    """Run it; for an asynchronous application on the engine's loop."""

    async def on_loop() -> None:
        made = eval(code, main.__dict__)
        if waits:
            await made

    waits = bool(code.co_flags & inspect.CO_COROUTINE)
    if database.is_async:
        awaiting.run(database, on_loop())
    elif waits:
        asyncio.run(on_loop())
    else:
        exec(code, main.__dict__)


def exit_code(asked: SystemExit) -> int:
    """The code that Python would end with; a text goes to stderr."""
    if asked.code is None or isinstance(asked.code, int):
        return int(asked.code or 0)
    sys.stderr.write(mask(f"{asked.code}\n"))
    return 1


def failed(error: Exception, filename: str, database: Database) -> int:
    """Raise what is the database's as dbadmin's own error, with its place; print the rest, and give 1."""
    known = explained(error, database)
    frames = of_user(error.__traceback__, filename)
    if known is not None:
        last = [frame for frame in traceback.extract_tb(frames) if frame.filename == filename]
        if last and Path(filename).exists():
            known.message = f"{filename}:{last[-1].lineno}: {known.message}"
        raise known from error
    shown = without_values(mask("".join(traceback.format_exception(type(error), error, frames))))
    sys.stderr.write(visible_lines(shown))
    return 1


def of_user(frames: TracebackType | None, filename: str) -> TracebackType | None:
    """The traceback from the user's code on."""
    here = frames
    while here is not None and here.tb_frame.f_code.co_filename != filename:
        here = here.tb_next
    return here
