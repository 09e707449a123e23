"""Which line of the application's own code an error comes from."""

import sys
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

_LIBRARIES = tuple({str(Path(p).resolve()) for p in sysconfig.get_paths().values() if p} - {sys.prefix})
_OURS = str(Path(__file__).resolve().parents[1])


class Line(NamedTuple):
    """A line of a file; the file relative to the project where it lies in it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def of_error(error: BaseException, directory: Path) -> Line | None:
    """The deepest line of the project's code in an error's traceback; for a syntax error the line itself."""
    if isinstance(error, SyntaxError) and error.filename and not _foreign(error.filename, directory):
        return Line(_shown(error.filename, directory), error.lineno or 1)
    return of_traceback(error.__traceback__, directory)


def of_traceback(trace: TracebackType | None, directory: Path) -> Line | None:
    """The deepest line of the project's code in a traceback."""
    return _deepest(((f.filename, f.lineno or 1) for f in traceback.extract_tb(trace)), directory)


def of_stack(directory: Path) -> Line | None:
    """The deepest line of the project's code that is running now."""
    return _deepest(((f.filename, f.lineno or 1) for f in traceback.extract_stack()), directory)


def _deepest(frames: Iterable[tuple[str, int]], directory: Path) -> Line | None:
    ours = [Line(_shown(file, directory), line) for file, line in frames if not _foreign(file, directory)]
    return ours[-1] if ours else None


def _foreign(file: str, directory: Path) -> bool:
    """Whether a file belongs to Python, to a library or to dbadmin (whose example is an application)."""
    if file.startswith("<"):
        return True
    path = str((directory / file).resolve())
    if "site-packages" in path or "dist-packages" in path or path.startswith(_LIBRARIES):
        return True
    return path.startswith(_OURS) and not path.startswith(str(Path(_OURS, "example")))


def _shown(file: str, directory: Path) -> str:
    path = (directory / file).resolve()
    try:
        return str(path.relative_to(directory.resolve()))
    except ValueError:
        return str(path)
