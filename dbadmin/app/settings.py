"""What was configured, each value with where it came from, and what a URL among them means."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.app import search
from dbadmin.app.values import ENVIRONMENT, Setting
from dbadmin.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.migrations.project import Project


@dataclass(frozen=True)
class Settings:
    """Everything that was configured, read without importing any of the application's code.

    `start` is where the search began, `directory` where the configuration was found: relative values are
    meant from there. `file` is dbadmin's configuration file, `project` the Alembic project, `env_file`
    the .env; each None where there is none. `values` holds the keys of [tool.dbadmin] by name, `commands`
    its tables; `environment` is the real environment over the .env. Its texts may be secrets: repr leaves
    them out.
    """

    start: Path
    directory: Path
    file: Path | None = None
    project: "Project | None" = None
    project_origin: str | None = None
    env_file: Setting | None = None
    values: Mapping[str, Setting] = field(default_factory=dict, repr=False)
    commands: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    from_env_file: frozenset[str] = frozenset()
    exported: Mapping[str, str] = field(default_factory=dict, repr=False)
    overridden_url: Setting | None = field(default=None, repr=False)

    def of_alembic(self) -> dict[str, str]:
        """What a plain `alembic` would have as its environment now: importing the application may change this one."""
        return {**self.exported, **os.environ}

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        setting = self.values.get(name)
        return default if setting is None else setting.value

    @property
    def session(self) -> Setting | None:
        """The session factory as configured: "module:name", or in Python the object itself."""
        return self.values.get("session")

    @property
    def models(self) -> Setting | None:
        """Modules (globs allowed), bases or MetaData as configured: a tuple."""
        return self.values.get("models")

    @property
    def url(self) -> Setting | None:
        """The URL that was asked for, a `sqlalchemy.URL`; None where option, variable and file are silent."""
        setting = self.values.get("url")
        return None if setting is None else self._url(setting)

    @property
    def url_is_typed(self) -> bool:
        """Whether `--url` was given, and not only configured for this run."""
        setting = self.values.get("url")
        return setting is not None and setting.origin.startswith("--")

    @property
    def configured_url(self) -> Setting | None:
        """The URL in file or variable, a `sqlalchemy.URL`, also where `--url` decides; None where they are silent."""
        return None if self.overridden_url is None else self._url(self.overridden_url)

    @property
    def url_decides(self) -> bool:
        """Whether the URL was given for this run (`--url`, DBADMIN_URL) and so overrides the session's."""
        setting = self.values.get("url")
        return setting is not None and (setting.origin.startswith("--") or setting.origin.startswith("DBADMIN_"))

    @property
    def database_url(self) -> Setting | None:
        """DATABASE_URL of the environment or the .env as `sqlalchemy.URL`: the last resort."""
        text = self.environment.get("DATABASE_URL")
        if not text:
            return None
        origin = self.origin_of("DATABASE_URL")
        return Setting(self.read_url(text, origin, self.runs_in), origin)

    @property
    def runs_in(self) -> Path:
        """The directory in which the application is run: Alembic's where there is one."""
        return self.project.directory if self.project else self.directory

    def read_url(self, text: str, origin: str, directory: Path | None = None) -> "URL":
        """The URL that a text means, which may be `env:NAME`; database files are seen from `directory`."""
        from dbadmin.dialects import urls

        if text.startswith("env:"):
            name = text.removeprefix("env:")
            if not self.environment.get(name):
                where = f" nor in {self.env_file.value}" if self.env_file else " (and there is no .env)"
                raise ConfigError(
                    f"{origin} says env:{name}, but {name} is not set in the environment{where}",
                    hint=f"set {name}, or give --url",
                )
            text, origin = self.environment[name], self.origin_of(name)
        return urls.absolute(urls.parse(text, origin), directory or self.start)

    def origin_of(self, name: str) -> str:
        """Where a variable's value came from."""
        if name in self.from_env_file and self.env_file is not None:
            return f"{name} ({search.shown(self.env_file.value, self.start)})"
        return f"{name} ({ENVIRONMENT})"

    def _url(self, setting: Setting) -> Setting:
        # What is typed is seen from here, what is written from where it is written.
        base = self.start if setting.origin.startswith("--") else self.directory
        named = str(setting.value).removeprefix("env:")
        origin = setting.origin
        if named != setting.value and named in self.environment:
            origin = f"{self.origin_of(named)} through {origin}"
        return Setting(self.read_url(str(setting.value), setting.origin, base), origin)
