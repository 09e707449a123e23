"""The user's application in this process: models, session factory, engine. Nothing is connected to."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from dbadmin.app import models as application_models
from dbadmin.app import sessions
from dbadmin.app.config import Setting, Settings
from dbadmin.app.env_py import EnvPy
from dbadmin.app.find import Found, find
from dbadmin.app.nothing import nothing_found
from dbadmin.app.seen import seen_by
from dbadmin.app.sessions import Bound
from dbadmin.dialects import named
from dbadmin.errors import ConfigError, DbadminError, UserCodeError
from dbadmin.migrations.capture import Captured
from dbadmin.migrations.looked_at import LookedAt
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine, MetaData
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dbadmin.migrations.project import Project


PROJECT_FILES = (
    "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", ".git", ".env", "Dockerfile",
)  # fmt: skip
"""What says that a directory is an application's own: only then is what reading its code finds imported."""


@dataclass(frozen=True)
class Application:
    """An application, or only a database where there is no code.

    `engine` is the application's own where a session was found, else made from the URL; `make_session`
    gives a Session, an AsyncSession where `is_async`. `models` are mapped classes, `metadata` holds their
    tables; both empty where there is no code (`reflect` reads the database then). `captured` is what
    env.py knows. `origin` says where engine and URL come from. `notes` are problems of the application
    that did not matter because `--url` decided, or because another way was found: to be told, not hidden.
    `seen` is what all of this was made from, where it is to be remembered and can be; see `app.seen`.
    """

    settings: Settings
    engine: "Engine | AsyncEngine"
    make_session: Callable[..., Any]
    origin: str
    models: tuple[type, ...] = ()
    metadata: "tuple[MetaData, ...]" = ()
    captured: Captured | None = None
    models_origin: str | None = None
    notes: tuple[str, ...] = field(default=())
    seen: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def project(self) -> "Project | None":
        """The Alembic project."""
        return self.settings.project

    @property
    def is_async(self) -> bool:
        """Whether engine and sessions are asynchronous."""
        return hasattr(self.engine, "sync_engine")

    @property
    def url(self) -> "URL":
        """The engine's URL with its password; file paths are absolute."""
        engine: Any = self.engine
        url: URL = getattr(engine, "sync_engine", engine).url
        return url

    @property
    def version_table(self) -> str:
        """The name of Alembic's version table."""
        return self.captured.version_table if self.captured else "alembic_version"

    @property
    def version_table_schema(self) -> str | None:
        """The schema of Alembic's version table; None for the default one."""
        return self.captured.version_table_schema if self.captured else None


class Loader:
    """The parts of an application, each had when it is first asked for and kept; `doctor` asks one by one."""

    def __init__(
        self, settings: Settings, *, remember: bool = False, look: bool = False, env_py: EnvPy | None = None
    ) -> None:
        self.settings = settings
        self.notes: list[str] = []
        # As alembic would have it: importing the application may change the environment of this process.
        self.environment = settings.of_alembic()
        self.variables = dict(os.environ)
        self.since = time.time_ns()
        self.looked_at = env_py.looked_at if env_py is not None else LookedAt() if look else None
        known = settings.environment if remember else None
        self.env_py = env_py or EnvPy(settings.project, self.environment, known=known, looked_at=self.looked_at)
        self._found: Found | None = None

    @property
    def captured(self) -> Captured | None:
        """What env.py knows; None where there is no Alembic project. Raises as `capture` does, each time."""
        return self.env_py.captured

    @property
    def searched(self) -> bool:
        """Whether the code was searched for sessions and models."""
        return self._found is not None

    @property
    def found(self) -> Found:
        """What reading the code finds; nothing where the directory is no project: /tmp's code is not imported."""
        if self._found is None:
            settings = self.settings
            told = settings.project or settings.file or "app" in settings.values
            is_project = told or any((settings.runs_in / name).exists() for name in PROJECT_FILES)
            self._found = find(settings.runs_in) if is_project else Found(())
        return self._found

    @property
    def session(self) -> Setting | None:
        """The session to connect through where no URL is configured: the one named, or the only one that is found."""
        if self.settings.session is not None:
            return self.settings.session
        candidates = self.found.sessions
        return Setting(candidates[0].name, candidates[0].where(self.settings.start)) if len(candidates) == 1 else None

    def path(self, modules: Sequence[str] = (), *, added: Sequence[str] | None = None) -> list[str]:
        """Where the application's modules are imported from, best first; `added` by env.py, which is asked else."""
        settings = self.settings
        project = settings.project
        places = [
            *(project.sys_path if project else ()),
            *(self.env_py.sys_path if added is None else added),
            str(settings.runs_in),
            str(settings.directory),
            *(str(d / "src") for d in (settings.runs_in, settings.directory) if (d / "src").is_dir()),
        ]
        lacking = [m for m in modules if PathFinder.find_spec(m.partition(".")[0], [*places, *sys.path]) is None]
        if lacking:  # reading all the code takes a while: only where a module is not found without
            places += map(str, self.found.roots(lacking))
        return list(dict.fromkeys(places))

    def bound(self) -> tuple[Bound, str]:
        """Engine and session factory, and where they come from; the URL where no session is to be had."""
        settings = self.settings
        if settings.url is not None and (settings.url_decides or settings.session is None):
            return sessions.of_url(settings.url.value, settings.url.origin), settings.url.origin
        if settings.session is not None:
            return self._through_session(settings.session)
        try:
            bound = self._found_session()
        except (UserCodeError, ConfigError) as error:
            if self._url() is None:
                raise
            self.notes.append(f"{error.message}; going on with the URL alone")
            bound = None
        if bound is not None:
            return bound
        url = self._url()
        if url is None:
            raise nothing_found(settings, self.captured)
        return sessions.of_url(url.value, url.origin), url.origin

    def _through_session(self, setting: Setting) -> tuple[Bound, str]:
        import sqlalchemy.orm  # noqa: F401  whatever gives sessions needs it; the path has to wait for env.py

        value, settings = setting.value, self.settings
        name = value if isinstance(value, str) else type(value).__name__
        with self.looked_at or nullcontext():
            path = self.path([value.partition(":")[0]]) if isinstance(value, str) else ()
            bound = sessions.through(value, name, path, settings.runs_in, settings.exported)
        origin = f"{name} ({setting.origin})"
        if bound.engine is not None:
            sessions.make_absolute(bound.engine, settings.runs_in)
            return bound, origin
        url = self._url()
        if url is None:
            raise ConfigError(f"session: {name} is bound to no engine", hint="set url in [tool.dbadmin], or give --url")
        made = sessions.of_url(url.value, url.origin)
        factory = bound.make_session
        return Bound(
            made.engine, lambda **options: factory(**{"bind": made.engine, **options})
        ), f"{origin}, {url.origin}"

    def _found_session(self) -> tuple[Bound, str] | None:
        candidates = self.found.sessions
        if len(candidates) > 1 and self._url() is None:
            listed = ", ".join(f"{c.name} ({c.where(self.settings.start)})" for c in candidates)
            raise ConfigError(
                f"several candidates for the session: {listed}",
                hint="set session in [tool.dbadmin], or give --url",
            )
        return self._through_session(self.session) if self.session is not None else None

    def _url(self) -> Setting | None:
        """The URL to use where no session is to be had: configured, else Alembic's, else DATABASE_URL."""
        if self.settings.url is not None:
            return self.settings.url
        captured = self.captured
        if captured is not None and captured.url is not None and not captured.by_function:
            return Setting(self._whole(captured).url, captured.url_source)
        return self.settings.database_url

    def _whole(self, captured: Captured) -> Captured:
        """What env.py says with the URL's password, which is not remembered."""
        if captured.whole:
            return captured
        self.env_py = EnvPy(self.settings.project, self.environment)
        return self.captured or captured

    def conflict(self, bound: Bound, origin: str) -> str | None:
        """Why it is not clear which database is meant: the session's, and Alembic's or the configured one."""
        if self.settings.url_decides or bound.engine is None:
            return None
        here: Any = bound.engine
        mine = getattr(here, "sync_engine", here).url
        others = []
        if self.settings.url is not None:
            others.append(("the configured url", self.settings.url))
        if self.captured is not None and self.captured.url is not None:
            several = [one.url for one in self.captured.each if one.url is not None and not _differ(mine, one.url)]
            others.append(("Alembic", Setting([*several, self.captured.url][0], self.captured.url_source)))
        for who, other in others:
            if _differ(mine, other.value):
                return (
                    f"the session leads to {_shown(mine)} ({origin}), {who} to {_shown(other.value)} ({other.origin})"
                )
        return None

    def models(self) -> "application_models.Loaded":
        """Mapped classes and MetaData, and where they were found."""
        captured = self.env_py.told if self.settings.models is not None else self.captured
        return application_models.load(self.settings, captured, lambda: self.found, self.path)


def load(
    settings: Settings, *, models: bool = True, remember: bool = False, loader: Loader | None = None
) -> Application:
    """Load the application that the settings describe; nothing is connected to.

    `models=False` imports no model modules, for commands that need a connection only; with `remember`, what env.py
    said last time will do where nothing that it depends on has changed. A `loader` has begun with these settings
    already, and decides that. Raises ConfigError where there is neither application nor URL, or where session and
    Alembic lead to different databases; UserCodeError where the application's code raises or connects on import;
    MissingExtra where a driver is missing. With a URL that decides (`--url`), problems of the application become notes.
    """
    loader = loader or Loader(settings, remember=remember, look=remember and not models)
    loader.env_py.ask()
    bound, origin = loader.bound()
    assert bound.engine is not None
    loaded = application_models.Loaded()
    captured: Captured | None = None
    try:
        captured = loader.captured
        conflict = loader.conflict(bound, origin)
        if conflict:
            raise ConfigError(conflict, hint="decide with --url, or correct one of the two")
        if models:
            loaded = loader.models()
    except DbadminError as error:
        if not settings.url_decides:
            raise
        loader.notes.append(f"{error.message}; models are read from the database")
    return Application(
        settings=settings,
        engine=bound.engine,
        make_session=bound.make_session,
        origin=origin,
        models=loaded.models,
        metadata=loaded.metadata,
        captured=captured,
        models_origin=loaded.origin,
        notes=tuple(loader.notes),
        seen=seen_by(loader),
    )


def _differ(one: "URL", other: "URL") -> bool:
    """Whether two URLs lead to different databases, as far as they tell."""
    if not (one.host or one.database or one.query) or not (other.host or other.database or other.query):
        return False  # made with `creator`: the URL tells nothing
    if one.get_backend_name() != other.get_backend_name():
        return True
    address = named(one.get_backend_name()).address
    return not address.of_url(one).same_as(address.of_url(other))


def _shown(url: "URL") -> str:
    return mask(url.render_as_string(hide_password=True))
