"""What went wrong in a walk, in words: which line of which script, and whether the script meant it."""

import re
import traceback
from pathlib import Path
from typing import Any

from dbadmin.dialects import Dialect
from dbadmin.migrations import blame
from dbadmin.secrets import mask

_BY_DESIGN = re.compile(
    r"irrevers|not\s+(?:be\s+)?(?:revers|revert|downgrad|undone|implement|support|possib)|"
    r"no\s+(?:way\s+back|downgrade|going\s+back|turning\s+back)|one[- ]way|"
    r"(?:can(?:no|')t|can\s*not|unable\s+to)\s+(?:be\s+)?(?:downgrad|revers|revert|undo|roll)|unsupported",
    re.IGNORECASE,
)
_OWN_TRANSACTION = (
    "autocommit_block() needs a transaction that Alembic began, but env.py began one itself (engine.begin()) "
    "or did not call context.begin_transaction(); the same happens in production"
)


def explain(
    error: BaseException,
    *,
    direction: str,
    directory: Path,
    script: Path | None,
    env_py: Path,
    revision: str | None,
) -> dict[str, Any]:
    """A StepError as JSON takes it. `script` is the revision that ran, None where none did."""
    frames = traceback.extract_tb(error.__traceback__)
    at = _line(frames, script) or _line(frames, env_py)
    file, line = (str(at[0]), at[1]) if at else (None, None)
    if at is None:
        seen = blame.of_error(error, directory)
        file, line = (str(directory / seen.file), seen.line) if seen else (None, None)
    statement = getattr(error, "statement", None)
    return {
        "type": type(error).__name__,
        "message": _message(error, frames),
        "file": file,
        "line": line,
        "revision": revision,
        "statement": mask(str(statement)) if statement else None,
        "not_implemented": direction == "downgrade" and refuses_by_design(error, script),
    }


def is_denied(error: BaseException, dialect: Dialect) -> bool:
    """Whether the database refused something for want of a right, also where the code raised another error for it."""
    seen: BaseException | None = error
    while seen is not None:
        if dialect.session.is_denied(getattr(seen, "orig", None) or seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def came_from_commit(error: BaseException) -> bool:
    """Whether it was SQLAlchemy's commit that failed (a deferred constraint, say)."""
    return any(frame.name == "_commit_impl" for frame in traceback.extract_tb(error.__traceback__))


def refuses_by_design(error: BaseException, script: Path | None) -> bool:
    """Whether a downgrade says that it cannot be: NotImplementedError, or an error of its own that says so.

    >>> refuses_by_design(NotImplementedError(), None)
    True
    >>> refuses_by_design(ValueError("no such table"), None)
    False
    """
    if isinstance(error, NotImplementedError):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    raised_there = bool(frames) and script is not None and _is(frames[-1].filename, script)
    return raised_there and isinstance(error, Exception) and bool(_BY_DESIGN.search(str(error)))


def _message(error: BaseException, frames: traceback.StackSummary) -> str:
    """The first line of an error's text. What follows it in a driver's error may hold row values."""
    if isinstance(error, AssertionError) and any(frame.name == "autocommit_block" for frame in frames):
        return _OWN_TRANSACTION
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}) was called"
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({error.filename}:{error.lineno})"
    text = str(getattr(error, "orig", None) or error).strip()
    first = mask(text.splitlines()[0].strip()) if text else ""
    if " " in first:
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__  # KeyError: 'name'


def _line(frames: traceback.StackSummary, path: Path | None) -> tuple[Path, int] | None:
    """The deepest line of `path` in a traceback."""
    for frame in reversed(frames):
        if path is not None and _is(frame.filename, path):
            return path, frame.lineno or 1
    return None


def _is(filename: str, path: Path) -> bool:
    return Path(filename).name == path.name and Path(filename).resolve() == path.resolve()
