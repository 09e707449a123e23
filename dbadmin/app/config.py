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
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbadmin.app import search
from dbadmin.app.settings import Settings
from dbadmin.app.values import (
    ENVIRONMENT,
    GLOBAL,
    NEVER_FROM_A_FILE,
    Setting,
    duration,
    only_typed,
    option_of,
    read_file,
    refuse_dangerous,
    switch,
    typed,
    unknown_key,
)
from dbadmin.errors import ConfigError
from dbadmin.secrets import remember_variables


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
    given = {name: Setting(value, option_of(name)) for name, value in (options or {}).items()}
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

    path, origin = _alembic_file(settings, values, alembic_file, here, base)
    if path is not None and not path.is_file():
        raise ConfigError(f"{origin or '--config'}: no file {path}", hint="correct the path of alembic.ini")
    if path is None:
        return replace(settings, values=values)
    path = path.resolve()
    project = replace(alembic_project(path, settings.start), x=_x(values))
    directory = settings.directory if settings.file else project.directory
    if settings.env_file is None and settings.file is None and (project.directory / ".env").is_file():
        # The project was found elsewhere than here: its .env lies there.
        found = project.directory / ".env"
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


def _x(values: Mapping[str, Setting]) -> tuple[str, ...]:
    """What env.py is handed as by `alembic -x`."""
    return tuple(map(str, values["x"].value)) if "x" in values else ()


def _alembic_file(
    settings: Settings, values: Mapping[str, Setting], named: Path | None, here: Path, base: Path
) -> tuple[Path | None, str | None]:
    """Alembic's file, which need not exist, and what named it: nothing where it was found, or `--config` did."""
    if named is not None:
        return named, None
    asked = values.get("alembic")
    if asked is not None:
        start = here if asked.origin.startswith("--") else settings.directory
        return start / Path(asked.value).expanduser(), asked.origin
    if settings.environment.get("ALEMBIC_CONFIG"):
        return base / settings.environment["ALEMBIC_CONFIG"], settings.origin_of("ALEMBIC_CONFIG")
    for place in dict.fromkeys((base, settings.directory)):
        found = search.first(place, search.alembic_files, "Alembic's configuration", "alembic in [tool.dbadmin]")
        if found is not None:
            return found, None
    return None, None


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
