"""What a project's env.py knows, asked in a process of its own that cannot connect to anything."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from dbadmin.dialects import urls
from dbadmin.errors import UserCodeError
from dbadmin.migrations.asking import env_py, shown_env_py
from dbadmin.migrations.missing import where_it_may_be
from dbadmin.migrations.project import Project
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

Style = Literal["online", "offline", "globals"]


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
    `naming` are the constraints ("uq", "ck", "fk", "pk") that its metadata names by a convention. `by_function`: its
    engine connects by a function of its own (`creator`), and `url` tells nothing.
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
    by_function: bool = False

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
    return captured_of(begin(project, environment=environment, timeout=timeout, known=known)(), project)


def begin(
    project: Project,
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    known: Mapping[str, str] | None = None,
    elsewhere: bool = False,
) -> Callable[[], Mapping[str, Any]]:
    """As `capture`, but begun only: what is given waits for the answer, which `captured_of` reads.

    With `elsewhere`, the process is started by whoever waits for the answer, in a thread of its own.
    Without SQLAlchemy, as long as no URL in the answer has a password that has to be looked for.
    """
    variables = os.environ if environment is None else environment
    if known is not None:
        from dbadmin.migrations.capture_known import keep_answer, known_answer

        before = known_answer(project, variables, known)
        if before is not None:
            return lambda: before
    since = time.time_ns()
    asked = None if elsewhere else env_py(project, variables, looked_at=known is not None)

    def answered() -> Mapping[str, Any]:
        answer = (asked or env_py(project, variables, looked_at=known is not None)).answer(timeout)
        if "error" in answer:
            raise _error(answer["error"], project)
        if known is not None:
            keep_answer(answer, project, variables, known, since)
        return answer

    return answered


def captured_of(answer: Mapping[str, Any], project: Project) -> Captured:
    """What an answer of env.py's process says."""

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
        by_function=answer.get("by_function", False),
        whole=all(one.get("whole", True) for one in (answer, *answer["databases"])),
        each=tuple(
            CapturedDatabase(one["key"], url_of(one["url"]), one["version_table"], one["version_table_schema"])
            for one in answer["databases"]
        ),
    )


def _error(described: Mapping[str, Any], project: Project) -> Exception:
    module = described["module"]
    if module and module.partition(".")[0] in urls.EXTRAS:
        return urls.missing_driver(module.partition(".")[0], shown_env_py(project))
    hint = "`alembic current` from the same directory shows the whole error"
    if module:
        hint = where_it_may_be(module, project.directory)
    elif described["kind"] == "raised" and not project.x and _asks_for_x(project):
        hint = 'dbadmin -x NAME=VALUE … is for env.py, as with alembic; or x = ["NAME=VALUE"] in [tool.dbadmin]'
    elif described["kind"] == "connects":
        hint = "let it connect when it is first used; or give --url, and models are read from the database"
    elif described["kind"] == "silent":
        hint = "dbadmin learns URL and models from that call"
    return UserCodeError(mask(described["text"]), hint=hint)


def _asks_for_x(project: Project) -> bool:
    return b"get_x_argument" in project.env_py.read_bytes()
