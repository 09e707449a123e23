"""The process that runs the user's env.py: `python -m dbadmin.migrations.child REQUEST EVENTS PARENT`.

The arguments are descriptors that the parent opened, and its process id. First the guard, then everything of
the user's. It ends by os._exit, so that threads and exit handlers of user code can hold nothing up.
"""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.core_files import leave_no_core_file
from dbadmin.migrations import sandbox
from dbadmin.migrations.flask_context import flask_context
from dbadmin.migrations.protocol import (
    EventWriter,
    decode_address,
    decode_identity,
    decode_project,
    decode_tables,
)
from dbadmin.secrets import remember_variables

if TYPE_CHECKING:
    from alembic.config import Config

    from dbadmin.migrations.guard import Guard
    from dbadmin.migrations.project import Project
    from dbadmin.migrations.steps import Walker


def main() -> None:
    """Read the request, walk, say how it ended."""
    request_from, events_to, parent = (int(argument) for argument in sys.argv[1:4])
    sandbox.die_with_parent(parent)
    leave_no_core_file()
    for descriptor in (request_from, events_to):
        os.set_inheritable(descriptor, False)
    send = EventWriter(events_to)
    with os.fdopen(request_from, "rb") as pipe:
        get_ready()
        asked = pipe.read()
    if not asked:
        os._exit(0)  # nobody needs this process any more
    request = json.loads(asked)
    try:
        walk(request, send)
        send("end")
    except BaseException as error:
        # Whatever escaped from here is our own fault: user code is called inside `run`.
        send("fault", message=f"{type(error).__name__}: {error}", revision=None)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(0)


def get_ready() -> None:
    """Import what every walk needs, before anybody waits for it.

    Nothing of the user's: Alembic imports plugins of other packages, so where there are any it has to wait for the
    guard.
    """
    from importlib.metadata import entry_points

    from dbadmin import state  # noqa: F401
    from dbadmin.dialects import every
    from dbadmin.migrations import guard, steps  # noqa: F401

    for dialect in every():
        dialect.load()
    if not entry_points(group="alembic.plugins"):
        from alembic import command  # noqa: F401


def walk(request: dict[str, Any], send: EventWriter) -> None:
    """Install the guard, then run env.py with the steps observed."""
    from dbadmin.migrations.confine import restrict
    from dbadmin.migrations.guard import Guard
    from dbadmin.migrations.steps import Walker

    remember_variables(os.environ)
    project = decode_project(request["project"])
    guard = Guard(_rules(request), send)
    send("sandbox", protections=restrict(guard))
    guard.install()
    if request["script"] is not None:
        from dbadmin.migrations.script import run as run_script

        os.chdir(project.directory)
        run_script(Path(request["script"]), project, guard, send)
        return
    walker = Walker(
        guard,
        send,
        project,
        direction=request["direction"],
        destination=request["destination"],
        look=request["look"],
        look_at_last=request["look_at_last"],
        exclude=decode_tables(request["exclude"]) or frozenset(),
        before=_decode_snapshot(request["before"]),
    )
    walker.statements.install()
    os.chdir(project.directory)
    sys.path.append(str(project.directory))
    sys.argv = ["alembic", request["direction"], request["destination"]]
    run(project, walker, guard)


def run(project: "Project", walker: "Walker", guard: "Guard") -> None:
    """Run env.py; once more with a connection given where it asked for one and could not go on without."""
    from dbadmin.migrations.steps import LookFailed

    attributes = Attributes(guard)
    try:
        _run_env(project, walker, guard, attributes)
    except BaseException as error:
        failure: BaseException | None = error
        if attributes.asked and not walker.ran and not guard.refusals and _raised_in(project.env_py, error):
            failure = None
            attributes.give = True
            try:
                _run_env(project, walker, guard, attributes)
            except BaseException as second:
                failure = second
        if isinstance(failure, LookFailed):
            walker.send("fault", message=str(failure), revision=walker.current and walker.current.revision)
            return
        if failure is not None:
            walker.send("failed", **walker.describe(failure))
            walker.rest()
            return
    walker.rest()
    if not walker.ran:
        message = "env.py ended without running migrations"
        walker.send("failed", error={"type": "NothingRan", "message": message, "file": str(project.env_py)})


def _raised_in(env_py: Path, error: BaseException) -> bool:
    """Whether env.py itself raised: it missed the connection, and nothing that it called failed."""
    import traceback

    if isinstance(error, KeyError) and error.args == ("connection",):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).resolve() == env_py.resolve()


def _run_env(project: "Project", walker: "Walker", guard: "Guard", attributes: "Attributes") -> None:
    from alembic import command
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = project.config()
    config.attributes = attributes
    run_command: Callable[..., None] = getattr(command, walker.direction)
    config.cmd_opts = Namespace(
        cmd=(run_command, ["revision"], ["sql", "tag"]),
        config=str(project.ini),
        name=project.section,
        quiet=False,
        raiseerr=False,
        revision=walker.destination,
        sql=False,
        tag=None,
        x=list(project.x) or None,
    )
    _set_url(config, guard)
    with flask_context(project), attributes.connection():
        directory = ScriptDirectory.from_config(config)
        fn = walker.use(directory)
        with EnvironmentContext(
            config, directory, fn=fn, as_sql=False, starting_rev=None, destination_rev=walker.destination
        ):
            directory.run_env()


def _set_url(config: "Config", guard: "Guard") -> None:
    """`sqlalchemy.url` is the copy's, in the manner of what stands there (its driver, its options)."""
    from configparser import Error as IniError

    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    from dbadmin.migrations.environment import like
    from dbadmin.migrations.project import option

    copy = guard.rules.copy_url
    assert copy is not None
    url = copy
    # Nothing may stand there, or an interpolation that env.py fills in.
    with suppress(ArgumentError, IniError, ValueError, KeyError, TypeError):
        url = like(make_url(option(config, "sqlalchemy.url") or ""), copy)
    config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%"))


class Attributes(dict[str, Any]):
    """`config.attributes`: has a connection for an env.py that cannot do without, and none for one that can.

    An env.py that takes a connection *or* makes an engine goes the second way, as it does when `alembic` is
    typed.
    """

    def __init__(self, guard: "Guard") -> None:
        super().__init__()
        self._guard = guard
        self.asked = False
        self.give = False

    def __getitem__(self, key: str) -> Any:
        if key == "connection" and not super().__contains__(key):
            self.asked = True
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked |= key == "connection"
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict; being asked for a connection is remembered."""
        self.asked |= key == "connection"
        return super().get(key, default)

    @contextmanager
    def connection(self) -> Iterator[None]:
        """While this lasts, a connection on the copy is among the attributes, if it is to be given."""
        if not self.give:
            yield
            return
        from sqlalchemy import NullPool, create_engine

        assert self._guard.rules.copy_url is not None
        engine = create_engine(self._guard.rules.copy_url, poolclass=NullPool)
        # connect() and not begin(): Alembic must own the transaction, or autocommit_block() fails.
        with engine.connect() as connection:
            self["connection"] = connection
            yield
            connection.commit()


def _rules(request: dict[str, Any]) -> Any:
    from sqlalchemy import make_url

    from dbadmin.migrations.guard import Rules

    return Rules(
        copy_url=make_url(request["copy_url"]),
        copy_identity=decode_identity(request["copy_identity"]),
        source=decode_address(request["source"]),
        source_files=tuple(Path(path) for path in request["source_files"]),
        allow=tuple(request["allow"]),
        original=request["original"],
    )


def _decode_snapshot(data: Any) -> Any:
    if data is None:
        return None
    from dbadmin.state import decode

    return decode(data)


if __name__ == "__main__":
    main()
