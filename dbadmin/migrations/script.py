"""Runs a script of the user's on the copy, in the guarded process: SQL, statement by statement, or Python."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.errors import UsageError
from dbadmin.migrations.explain import is_denied
from dbadmin.migrations.protocol import EventWriter, encode_tables
from dbadmin.queries.written import split_statements
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from dbadmin.migrations.guard import Guard
    from dbadmin.migrations.project import Project

SUFFIXES = (".sql", ".py")


class ScriptError(Exception):
    """A statement of an SQL file failed; `line` is where it begins."""

    def __init__(self, message: str, line: int, statement: str) -> None:
        super().__init__(message)
        self.line, self.statement = line, statement


def checked(path: Path) -> Path:
    """The path; UsageError, with file and line, where it could not be run at all: before anything is copied."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: not a script that can be run", hint="a .sql or a .py file")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageError(f"{path}: {what}", hint="name a file that can be read with --after-upgrade") from error
    if path.suffix.lower() == ".py":
        try:
            compile(text, str(path), "exec")
        except (SyntaxError, ValueError) as error:
            raise UsageError(
                f"{path}:{getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', error)}",
                hint="correct that line; alembic history would fail on it too",
            ) from error
        return path
    found = list(numbered(text))
    for line, statement in found:
        if statement.startswith("\\"):
            raise UsageError(
                f"{path}:{line}: {statement.split()[0]} is a command of psql's own", hint="write it as SQL, or as .py"
            )
    if not found:
        raise UsageError(f"{path} holds no statement", hint="write what the new version would write")
    return path


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """The statements of an SQL file, each with the line on which it begins.

    >>> list(numbered("-- one\\ninsert into t values (';');\\n\\nselect 1"))
    [(2, "insert into t values (';')"), (4, 'select 1')]
    """
    at = 0
    for statement in split_statements(text):
        at = text.index(statement, at)
        begins = at + _leading(statement)
        yield text.count("\n", 0, begins) + 1, text[begins : at + len(statement)]
        at += len(statement)


def _leading(statement: str) -> int:
    """How many characters of comments and white space a statement begins with."""
    from dbadmin.queries.written import tokens

    skipped = 0
    for token in tokens(statement):
        if token.kind not in ("comment", "space"):
            break
        skipped += len(token.text)
    return skipped


def run(path: Path, project: "Project", guard: "Guard", send: EventWriter) -> None:
    """Run the script in this process, and tell what it wrote or how it failed."""
    observe = guard.of_copy().observe
    sys.path[:0] = project.sys_path
    sys.argv = [str(path)]
    try:
        (_run_python if path.suffix.lower() == ".py" else _run_sql)(path, guard)
    except BaseException as error:
        send("failed", error={**_described(error, path), "denied": is_denied(error, guard.of_copy())})
    send("rest", touched=encode_tables(observe.written_here(observe.beginning)))


def _run_sql(path: Path, guard: "Guard") -> None:
    """Each statement is committed by itself, unless the file says BEGIN."""
    from sqlalchemy.exc import DBAPIError

    engine = _engine(guard)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for line, statement in numbered(path.read_text(encoding="utf-8")):
            try:
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True}).close()
            except DBAPIError as error:
                text = str(error.orig).strip().splitlines()
                raise ScriptError(text[0] if text else type(error.orig).__name__, line, statement) from error


def _run_python(path: Path, guard: "Guard") -> None:
    """With `engine`, `connection` and `session` on the copy; what is left uncommitted is committed at the end."""
    from sqlalchemy.orm import Session

    engine = _engine(guard)
    with engine.connect() as connection, Session(connection) as session:
        names = {
            "__name__": "__main__", "__file__": str(path), "engine": engine, "connection": connection,
            "session": session,
        }  # fmt: skip
        with suppress(_Ended):
            try:
                exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
            except SystemExit as end:
                if end.code not in (None, 0):
                    raise
                raise _Ended from end
        session.commit()
        if connection.in_transaction():
            connection.commit()


class _Ended(Exception):
    """The script said that it is done."""


def _engine(guard: "Guard") -> Any:
    from sqlalchemy import NullPool, create_engine

    assert guard.rules.copy_url is not None
    return create_engine(guard.rules.copy_url, poolclass=NullPool)


def _described(error: BaseException, path: Path) -> dict[str, Any]:
    """A StepError as JSON takes it."""
    if isinstance(error, ScriptError):
        line: int | None = error.line
        message = str(error)
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)
        text = str(getattr(error, "orig", None) or error).strip().splitlines()
        first = text[0] if text else ""
        message = first if " " in first else f"{type(error).__name__}: {first}" if first else type(error).__name__
    statement = getattr(error, "statement", None)
    return {
        "type": type(error).__name__,
        "message": mask(message),
        "file": str(path),
        "line": line,
        "statement": mask(str(statement)) if statement else None,
    }
