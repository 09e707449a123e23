"""Settings: every value with where it came from.

    option > DBADMIN_* > [tool.dbadmin] or dbadmin.toml > [tool.alembic] or alembic.ini > DATABASE_URL
    (real, then .env)

Variables of a .env count as environment, after the real one. The application's own .env stays the
application's: dbadmin reads it for these values only and never puts it into `os.environ`, since an
application may load other files first. What `--env-file` names is different: the user asked for it, so it
is set (where the real environment has no such variable) for env.py and while the application is imported;
`Settings.exported` holds it.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.app import search
from dbadmin.app.values import (
    ENVIRONMENT,
    GLOBAL,
    NEVER_FROM_A_FILE,
    Setting,
    duration,
    only_typed,
    read_file,
    refuse_dangerous,
    switch,
    typed,
    unknown_key,
)
from dbadmin.errors import ConfigError
from dbadmin.secrets import remember_variables

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


def load_settings(
    options: Mapping[str, Any] | None = None,
    *,
    start: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Find and read the configuration; no user code is imported, nothing is connected to or written.

    `options` are the global options that were given (by name, None: not given), `start` the directory to
    search from (default: the current one, or the option `app`), `environ` the environment (default: the
    process's). Raises ConfigError for what is unreadable, unknown or ambiguous.
    """
    real = dict(os.environ if environ is None else environ)
    given = {name: Setting(value, f"--{name.replace('_', '-')}") for name, value in (options or {}).items()}
    given = {name: setting for name, setting in given.items() if setting.value not in (None, ())}
    for name in ("app", "config", "env_file"):
        if name not in given and real.get(f"DBADMIN_{name.upper()}"):
            given[name] = Setting(real[f"DBADMIN_{name.upper()}"], f"DBADMIN_{name.upper()} ({ENVIRONMENT})")
    here = (start or Path.cwd()).resolve()
    base = _directory(given.get("app"), here)
    file, alembic_file = _configuration_file(given.get("config"), here, base)
    in_file, commands = read_file(file, base) if file else ({}, {})
    directory = file.parent if file else base
    env_file = _env_file(given.get("env_file") or in_file.get("env_file"), here, directory, base)
    env_values = _dotenv(env_file.value) if env_file else {}
    merged = {**env_values, **real}
    remember_variables(merged)
    from_file = frozenset(set(env_values) - set(real))
    settings = Settings(
        start=here if "app" not in given else base,
        directory=directory,
        file=file,
        env_file=env_file,
        commands=commands,
        environment=merged,
        from_env_file=from_file,
        exported=env_values if env_file and env_file.origin != "found" else {},
    )
    configured = in_file | _from_environment(settings)
    settings = replace(settings, overridden_url=configured.get("url"))
    values = configured | given
    values = {name: Setting(typed(name, s.value, s.origin), s.origin) for name, s in values.items()}
    return _with_project(settings, values, alembic_file, here, base)


def _directory(app: Setting | None, here: Path) -> Path:
    if app is None:
        return here
    directory = (here / Path(app.value).expanduser()).resolve()
    if not directory.is_dir():
        raise ConfigError(f"{app.origin} {app.value}: no such directory", hint="give the application's directory")
    return directory


def _configuration_file(config: Setting | None, here: Path, base: Path) -> tuple[Path | None, Path | None]:
    """dbadmin's file, and Alembic's where `--config` names that."""
    if config is None:
        return search.first(base, search.dbadmin_files, "the configuration", "--config FILE"), None
    path = (here / Path(config.value).expanduser()).resolve()
    if not path.is_file():
        raise ConfigError(f"{config.origin} {config.value}: no such file", hint="dbadmin init writes one")
    return (None, path) if path.suffix == ".ini" else (path, None)


def _with_project(
    settings: Settings, values: dict[str, Setting], alembic_file: Path | None, here: Path, base: Path
) -> Settings:
    """The settings with their values and the Alembic project, wherever that is."""
    from dbadmin.app.project import alembic_project

    asked = values.get("alembic")
    origin: str | None = None
    if alembic_file is not None:
        path: Path | None = alembic_file
    elif asked is not None:
        path = (here if asked.origin.startswith("--") else settings.directory) / Path(asked.value).expanduser()
        origin = asked.origin
    elif settings.environment.get("ALEMBIC_CONFIG"):
        path = base / settings.environment["ALEMBIC_CONFIG"]
        origin = settings.origin_of("ALEMBIC_CONFIG")
    else:
        path = search.first(base, search.alembic_files, "Alembic's configuration", "alembic in [tool.dbadmin]")
        if path is None and settings.directory != base:
            path = search.first(
                settings.directory,
                search.alembic_files,
                "Alembic's configuration",
                "alembic in [tool.dbadmin]",
            )
    if path is not None and not path.is_file():
        raise ConfigError(f"{origin or '--config'}: no file {path}", hint="correct the path of alembic.ini")
    if path is None:
        return replace(settings, values=values)
    path = path.resolve()
    project = alembic_project(path, settings.start)
    directory = settings.directory if settings.file else project.directory
    env_file = settings.env_file
    if env_file is None and settings.file is None:
        # The project was found elsewhere than here: its .env lies there.
        found = project.directory / ".env"
        if found.is_file():
            later = _dotenv(found)
            remember_variables(later)
            settings = replace(
                settings,
                env_file=Setting(found, "found"),
                environment={**later, **settings.environment},
                from_env_file=frozenset(set(later) - set(settings.environment)),
            )
            values = _from_environment(settings) | values
    return replace(
        settings,
        directory=directory,
        values=values,
        project=project,
        project_origin=origin or search.shown(path, settings.start),
    )


def _from_environment(settings: Settings) -> dict[str, Setting]:
    """DBADMIN_<OPTION> of every global option."""
    found = {}
    for name in GLOBAL:
        variable = f"DBADMIN_{name.upper()}"
        text = settings.environment.get(variable)
        if text:
            found[name] = Setting(text, settings.origin_of(variable))
    for name in NEVER_FROM_A_FILE:
        if settings.environment.get(f"DBADMIN_{name.upper()}"):
            raise only_typed(name, settings.origin_of(f"DBADMIN_{name.upper()}"))
    return found


def _env_file(asked: Setting | None, here: Path, directory: Path, base: Path) -> Setting | None:
    if asked is None:
        found = [place / ".env" for place in (directory, base) if (place / ".env").is_file()]
        return Setting(found[0], "found") if found else None
    root = directory if asked.origin.endswith("[tool.dbadmin]") else here
    path = (root / Path(asked.value).expanduser()).resolve()
    if not path.is_file():
        raise ConfigError(f"{asked.origin} {asked.value}: no such file", hint="correct its path")
    return Setting(path, asked.origin)


def _dotenv(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path}: {type(error).__name__}", hint="check its rights, save it as UTF-8"
        ) from error


def command_defaults(settings: Settings, command: str, known: Collection[str] | None = None) -> dict[str, Setting]:
    """Values for a command's options (names with underscores) that were not given on the command line.

    DBADMIN_<COMMAND>_<OPTION>, then DBADMIN_<OPTION> (global options), then [tool.dbadmin.<command>], then
    [tool.dbadmin]. With `known`, the names of the command's options, an unknown one in the file or a
    variable is a ConfigError with near names. Values are as written: texts of variables are for the
    option's type to read.
    """
    prefix = f"DBADMIN_{command.upper().replace('-', '_')}_"
    in_file = dict(settings.commands.get(command, {}))
    of_command = {
        variable.removeprefix(prefix).lower(): Setting(text, settings.origin_of(variable))
        for variable, text in settings.environment.items()
        if variable.startswith(prefix) and len(variable) > len(prefix)
    }
    refuse_dangerous(of_command)
    for name, setting in {**in_file, **of_command}.items() if known is not None else ():
        if known is not None and name not in known:
            raise unknown_key(name, setting.origin, known)
    by_variable = {n: s for n, s in settings.values.items() if s.origin.startswith("DBADMIN_")}
    by_table = {n: s for n, s in settings.values.items() if n not in by_variable}
    return {**by_table, **in_file, **by_variable, **of_command}


__all__ = ["Setting", "Settings", "command_defaults", "duration", "load_settings", "switch"]
