"""What a project's env.py knows, asked in a process of its own that cannot connect to anything."""

import json
import os
import select
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

from dbadmin.dialects import urls
from dbadmin.errors import ChildFailed, UserCodeError
from dbadmin.migrations.environment import child_environment
from dbadmin.migrations.process import start
from dbadmin.migrations.project import Project
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

Style = Literal["online", "offline", "globals"]
_TAIL_LINES = 20


@dataclass(frozen=True)
class CapturedDatabase:
    """One of several databases that env.py migrates; `key` is its name there, None where it has none."""

    key: str | None
    url: "URL | None" = field(repr=False)
    version_table: str
    version_table_schema: str | None


@dataclass(frozen=True)
class Captured:
    """What env.py told Alembic.

    `url` is None where there is none or only a placeholder; `url_source` says where env.py seems to have it
    from. `metadata_modules` are to be imported to have every table, `metadata_names` ("app.db:Base.metadata")
    are where each MetaData is found then (empty where only env.py holds it). `tables` are full names.
    `style` tells how it was learnt: online with fake connections, offline, or from env.py's globals after it
    had raised. `sys_path` is what env.py and Alembic added to the module path. `each` are the
    databases that env.py migrates; the first one is described here too. Not `whole`, the URLs lack their passwords.
    `naming` are the constraints ("uq", "ck", "fk", "pk") that its metadata names by a convention.
    """

    url: "URL | None" = field(repr=False)
    url_source: str
    metadata_modules: tuple[str, ...]
    metadata_names: tuple[str, ...]
    version_table: str
    version_table_schema: str | None
    include_schemas: bool
    tables: tuple[str, ...]
    style: Style
    sys_path: tuple[str, ...]
    is_async: bool
    each: tuple[CapturedDatabase, ...] = ()
    whole: bool = True
    naming: tuple[str, ...] = ()

    @property
    def databases(self) -> int:
        """How many databases env.py migrates."""
        return max(len(self.each), 1)


def capture(
    project: Project,
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    known: Mapping[str, str] | None = None,
) -> Captured:
    """Run env.py without connecting and give what it configures.

    `environment` is what a plain `alembic` would have (default: this process's); `timeout` is in seconds. With `known`,
    the variables of the environment and the .env file, the answer of last time will do where it would be the same,
    possibly without a password (`whole`).
    Raises UserCodeError (with file and line) where env.py raises or never configures Alembic, MissingExtra
    where a database driver is not installed, ChildFailed where it ends the process or does not finish.
    """
    variables = os.environ if environment is None else environment
    if known is not None:
        from dbadmin.migrations.capture_known import keep_answer, known_answer

        answer = known_answer(project, variables, known)
        if answer is not None:
            return captured_of(answer, project)
    since = time.time_ns()
    answer = _ask(project, variables, timeout, looked_at=known is not None)
    if "error" in answer:
        raise _error(answer["error"], project)
    if known is not None:
        keep_answer(answer, project, variables, known, since)
    return captured_of(answer, project)


def captured_of(answer: Mapping[str, Any], project: Project) -> Captured:
    """What the child's answer says."""

    def url_of(text: str | None) -> "URL | None":
        url = urls.absolute(urls.parse(text, answer["url_origin"]), project.directory) if text else None
        return None if url is None or urls.is_placeholder(url) else url

    return Captured(
        url=url_of(answer["url"]),
        url_source=answer["url_origin"],
        metadata_modules=tuple(answer["metadata_modules"]),
        metadata_names=tuple(answer["metadata_names"]),
        version_table=answer["version_table"],
        version_table_schema=answer["version_table_schema"],
        include_schemas=answer["include_schemas"],
        tables=tuple(answer["tables"]),
        style=answer["style"],
        sys_path=tuple(answer["sys_path"]),
        is_async=answer["is_async"],
        naming=tuple(answer["naming"]),
        whole=all(one.get("whole", True) for one in (answer, *answer["databases"])),
        each=tuple(
            CapturedDatabase(one["key"], url_of(one["url"]), one["version_table"], one["version_table_schema"])
            for one in answer["databases"]
        ),
    )


def _ask(project: Project, base: Mapping[str, str], timeout: float, *, looked_at: bool) -> dict[str, Any]:
    """Start the child, put the question, and give its answer; nothing of the child is left afterwards."""
    variables, _ = child_environment(base)
    ask_read, ask_write = os.pipe()
    answer_read, answer_write = os.pipe()
    variables["PYTHONDONTWRITEBYTECODE"] = "1"  # looking writes nothing, not even beside the application's modules
    question = {
        "ini": str(project.ini) if project.ini else None,
        "section": project.section,
        "script_location": str(project.script_location),
        "directory": str(project.directory),
        "options": dict(project.options),
        "looked_at": looked_at,
    }
    try:
        child = start("dbadmin.migrations.capture_child", [ask_read, answer_write], project.directory, variables)
    except OSError as error:
        for descriptor in (ask_write, answer_read):
            os.close(descriptor)
        raise ChildFailed(
            f"cannot start Python in {project.directory}: {error.strerror}", hint="dbadmin doctor"
        ) from error
    finally:
        os.close(ask_read)
        os.close(answer_write)
    said: deque[str] = deque(maxlen=_TAIL_LINES)
    drain = threading.Thread(target=_drain, args=(child.stdout, said), daemon=True)
    drain.start()
    try:
        with suppress(BrokenPipeError), os.fdopen(ask_write, "wb") as out:
            out.write(json.dumps(question).encode())
        line = _read_line(answer_read, time.monotonic() + timeout)
    finally:
        os.close(answer_read)
        child.kill()
        code = child.wait()
        child.close()
        drain.join(timeout=1)
        if not drain.is_alive():
            child.stdout.close()
    if line is None:
        raise ChildFailed(f"{_env_py(project)} did not finish within {timeout:g} s", hint="does it wait for something?")
    if not line:
        tail = mask(said[-1]) if said else f"exit code {code}"
        raise ChildFailed(
            f"the process that read {_env_py(project)} ended without an answer ({tail})",
            hint="does it, or a module that it imports, call os._exit()?",
        )
    answer: dict[str, Any] = json.loads(line)
    return answer


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


def _error(described: Mapping[str, Any], project: Project) -> Exception:
    module = described["module"]
    if module and module.partition(".")[0] in urls.EXTRAS:
        return urls.missing_driver(module.partition(".")[0], _env_py(project))
    hint = "`alembic current` from the same directory shows the whole error"
    if module:
        hint = "is dbadmin installed in the application's environment?"
    elif described["kind"] == "connects":
        hint = "let it connect when it is first used; or give --url, and models are read from the database"
    elif described["kind"] == "silent":
        hint = "dbadmin learns URL and models from that call"
    return UserCodeError(mask(described["text"]), hint=hint)


def _env_py(project: Project) -> str:
    try:
        return str(project.env_py.relative_to(project.directory.resolve()))
    except ValueError:
        return str(project.env_py)
