"""Runs an env.py that believes it migrates, and writes down what it says: URL, metadata, version table.

Started by `capture` in a fresh process, never imported by dbadmin itself: it changes SQLAlchemy's classes for
good. Three ways, in this order: online with fake connections, offline (`--sql`), and, where env.py raises in
both, the globals that its frame had by then. The answer is one line of JSON on a descriptor of its own.
"""

import contextlib
import gc
import json
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from dbadmin.dialects.wrapping import on_import
from dbadmin.migrations import blame, connecting, fakes, filters, harvest, later
from dbadmin.migrations.flask_context import flask_context
from dbadmin.migrations.looked_at import LookedAt
from dbadmin.migrations.project import Project
from dbadmin.migrations.question import question

ENGINES = tuple(f"alembic.ddl.{name}" for name in ("mssql", "mysql", "oracle", "postgresql", "sqlite"))
FOR_LATER = (*ENGINES, "alembic.autogenerate", "alembic.runtime.plugins")
"""What Alembic imports, and needs once it migrates or compares."""


class Configured(BaseException):
    """env.py has called context.configure(): all is known, and it need not go on."""


class Recorder:
    """Takes the place of Alembic's EnvironmentContext.configure and keeps what it is called with."""

    def __init__(self, go_on: bool) -> None:
        self.calls: list[dict[str, Any]] = []
        self.go_on = go_on

    def install(self) -> None:
        """From now on every env.py in this process meets this recorder."""
        from alembic.runtime.environment import EnvironmentContext

        def configure(_: Any, connection: Any = None, url: Any = None, **options: Any) -> None:
            self.calls.append({"connection": connection, "url": url, **options})
            if not self.go_on:
                raise Configured

        EnvironmentContext.configure = configure  # type: ignore[assignment]
        EnvironmentContext.run_migrations = fakes.Nothing()  # type: ignore[assignment]
        EnvironmentContext.begin_transaction = fakes.Nothing()  # type: ignore[assignment]
        EnvironmentContext.get_context = lambda _: fakes.Nothing()  # type: ignore[assignment,return-value]


def main() -> None:
    """Read the question, run env.py, answer, and end at once whatever user code has left running."""
    asked, answer_to = question()
    project = Project(
        ini=Path(asked["ini"]) if asked["ini"] else None,
        section=asked["section"],
        script_location=Path(asked["script_location"]),
        directory=Path(asked["directory"]),
        options=asked["options"],
        x=tuple(asked["x"]),
    )
    looked_at = LookedAt()
    if asked["looked_at"]:
        looked_at.install()
    answer = capture(project, looked_at, asked["objects"])
    if asked["looked_at"] and "error" not in answer:
        answer["seen"] = looked_at.to_dict()
        connecting.describe(answer, project)
    with os.fdopen(answer_to, "w", encoding="utf-8") as out:
        out.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # not sys.exit: threads and exit handlers of user code must not hold the answer back


def get_ready() -> None:
    """Import what every capture needs; nothing of the user's, and nothing changed yet."""
    import sqlalchemy.ext.asyncio  # noqa: F401


def get_ready_alone() -> None:
    """As `get_ready`, where this process and its forks do nothing but capture: Alembic too, and no plugin of others."""
    sys.meta_path.insert(0, later.Finder(FOR_LATER))
    with _importing_libraries():
        import alembic.config
        import alembic.runtime.environment
        import alembic.script  # noqa: F401


def capture(project: Project, looked_at: LookedAt, objects: Sequence[Sequence[Any]] = ()) -> dict[str, Any]:
    """What env.py says, as plain data; `error` instead where it says nothing. What it looks at ends with it.

    With `objects`, `left_out` alone: whether it leaves each of them out.
    """
    text = project.env_py.read_text(encoding="utf-8", errors="replace")
    recorder = Recorder(go_on="SQLALCHEMY_BINDS" in text or "databases" in text)
    get_ready_alone()
    fakes.install()
    recorder.install()
    _know_engines()
    on_import([("logging.config", _leave_logging_alone)])
    sys.argv = ["alembic", "current"]
    before = set(sys.path)
    errors = []
    for style in ("online", "offline"):
        recorder.calls.clear()
        error = _run(project, offline=style == "offline")
        if recorder.calls and objects:
            return {"left_out": filters.left_out(recorder.calls[0], objects)}
        if recorder.calls:
            seen = harvest.of_calls(recorder.calls)
            looked_at.stop()
            return _answer(seen, style, project, before)
        if error is not None:
            errors.append(error)
    for error in errors:
        seen_globals = _globals_of_env(error, project)
        if seen_globals is not None:
            return _answer(harvest.of_globals(seen_globals), "globals", project, before)
    return {"error": _described(errors[0] if errors else None, project)}


@contextlib.contextmanager
def _importing_libraries() -> Iterator[None]:
    """Without what takes a tenth of the time each and leads to nothing here: looking for what may be collected, and
    importing what would colour Mako's error pages (Mako does without where it is missing).
    """
    gc.disable()
    colours = "mako.ext.pygmentplugin"
    withheld = sys.modules.setdefault(colours, None) is None  # type: ignore[arg-type]
    try:
        yield
    finally:
        if withheld:
            del sys.modules[colours]
        gc.freeze()
        gc.enable()


def _know_engines() -> None:
    """Let Alembic find its implementation for an engine where env.py makes a context of its own."""
    from alembic.ddl.impl import DefaultImpl

    found = DefaultImpl.get_by_dialect

    def get_by_dialect(cls: Any, dialect: Any) -> Any:
        for name in ENGINES:
            import_module(name)
            later.run(sys.modules[name])
        return found(dialect)

    DefaultImpl.get_by_dialect = classmethod(get_by_dialect)  # type: ignore[method-assign,assignment]


def _leave_logging_alone(module: Any) -> None:
    module.fileConfig = lambda *_, **__: None


def _run(project: Project, *, offline: bool) -> BaseException | None:
    """Run env.py once; the error it ended with, if any."""
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    try:
        with flask_context(project):
            config = project.config()
            config.cmd_opts = Namespace(
                x=list(project.x) or None,
                name=project.section,
                config=str(project.ini),
                cmd=(None, [], []),
                sql=offline,
                tag=None,
            )
            directory = ScriptDirectory.from_config(config)
            with EnvironmentContext(config, directory, fn=lambda *_: [], as_sql=offline):
                directory.run_env()
    except Configured:
        return None
    except BaseException as error:
        return error
    return None


def _answer(seen: harvest.Harvest, style: str, project: Project, before: set[str]) -> dict[str, Any]:
    added = [str((project.directory / entry).resolve()) for entry in sys.path if entry not in before]
    return {
        "style": style,
        "sys_path": list(dict.fromkeys(added)),
        "url_origin": _origin(seen.url, project),
        **seen.to_dict(),
    }


def _origin(url: str | None, project: Project) -> str:
    """Where env.py seems to have the URL from: the first place that holds the same."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    env_py = _relative(project.env_py, project)
    if url is None:
        return env_py
    places: dict[str, str | None] = {}
    if project.ini is not None:
        with contextlib.suppress(Exception):
            places[_relative(project.ini, project)] = project.config().get_main_option("sqlalchemy.url")
    places |= {f"{name} (environment)": text for name, text in os.environ.items() if "://" in text}
    for place, text in places.items():
        with contextlib.suppress(ArgumentError, ValueError):
            if text and make_url(text) == make_url(url):
                return f"{place} through {env_py}"
    return env_py


def _globals_of_env(error: BaseException, project: Project) -> Mapping[str, Any] | None:
    """The globals of env.py's own frame in a traceback, where they name a metadata by then."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        file = frame.f_globals.get("__file__")
        if file and Path(file).resolve() == project.env_py.resolve():
            known = dict(frame.f_globals)
            if harvest.metadata_in(known.get("target_metadata")):
                known.setdefault("url", project.config().get_main_option("sqlalchemy.url"))
                return known
    return None


def _described(error: BaseException | None, project: Project) -> dict[str, Any]:
    env_py = _relative(project.env_py, project)
    if error is None:
        return {"kind": "silent", "text": f"{env_py} never calls context.configure()", "module": None}
    line = blame.of_error(error, project.directory)
    if isinstance(error, fakes.ConnectRefused):
        return {
            "kind": "connects",
            "text": f"{error.line or line or env_py} connects on import",
            "module": None,
        }
    if isinstance(error, SystemExit):
        return {"kind": "raised", "text": f"{line or env_py} calls sys.exit({error.code!r})", "module": None}
    module = error.name if isinstance(error, ModuleNotFoundError) else None
    first = next(iter(str(error).strip().splitlines()), "")
    return {"kind": "raised", "text": f"{line or env_py}: {type(error).__name__}: {first}", "module": module}


def _relative(path: Path, project: Project) -> str:
    try:
        return str(path.resolve().relative_to(project.directory.resolve()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    main()
