"""A project that uses Alembic: where its configuration, its scripts and its env.py are.

Read as Alembic reads it (`%(here)s`, path separators, `[tool.alembic]` in pyproject.toml), but quietly, and
without importing anything of the application's: a `package:folder` location is looked for on the path, not
imported.
"""

import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from configparser import Error as IniError
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.errors import ConfigError, NotSupported
from dbadmin.migrations.ini import PlainConfig
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from alembic.config import Config

    AnyConfig = Config | PlainConfig


@dataclass(frozen=True)
class Project:
    """An Alembic project.

    `ini` is alembic.ini or a pyproject.toml with `[tool.alembic]`; None where all is in `options`, which are
    laid over the file's. `section` is the ini's section. `directory` is the working directory in which
    env.py runs, `x` what `alembic -x` would hand to it (context.get_x_argument()).
    """

    ini: Path | None
    section: str
    script_location: Path
    directory: Path
    options: Mapping[str, str] = field(default_factory=dict)
    x: tuple[str, ...] = ()

    @property
    def env_py(self) -> Path:
        """The script that runs the migrations."""
        return self.script_location / "env.py"

    def config(self) -> "Config":
        """Alembic's own configuration object for this project, with absolute paths."""
        config = open_config(self.ini, self.section, self.options)
        config.set_main_option("script_location", str(self.script_location).replace("%", "%%"))
        return config

    def options_read(self) -> "AnyConfig":
        """The options alone, read without Alembic where that is the same."""
        return read_options(self.ini, self.section, self.options)

    @property
    def sys_path(self) -> tuple[str, ...]:
        """What Alembic puts in front of the module path (`prepend_sys_path`), absolute."""
        with reading(self.ini):
            return tuple(str(self.directory / entry) for entry in sys_path(self.options_read()))

    @property
    def version_locations(self) -> tuple[Path, ...]:
        """The folders that hold revision scripts."""
        with reading(self.ini):
            found = version_locations(self.options_read())
        if not found:
            return (self.script_location / "versions",)
        return tuple(located(entry, self.directory, self.sys_path) for entry in found)


def read_project(
    ini: Path | None,
    section: str = "alembic",
    *,
    directory: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Project:
    """Read a project's configuration.

    `directory` is where `alembic` would be typed: the folder of the configuration file unless given. Raises
    ConfigError where the file cannot be read, has no such section or no script_location, or that folder is
    missing.
    """
    ini = ini.absolute() if ini is not None else None
    if ini is not None and not ini.is_file():
        raise ConfigError(f"{ini}: no such file", hint="name the file with alembic = … in [tool.dbadmin]")
    directory = (directory or (ini.parent if ini is not None else Path.cwd())).absolute()
    with reading(ini):
        config = read_options(ini, section, options or {})
        location = option(config, "script_location")
        paths = sys_path(config)
        databases = config.get_main_option("databases") or ""
    shown = ini or "the configuration"
    if not location:
        where = f"[{section}]" if ini is None or ini.suffix != ".toml" else "[tool.alembic]"
        raise ConfigError(f"{shown}: no script_location in {where}", hint="script_location = %(here)s/migrations")
    if "," in databases.strip(" ,"):
        raise NotSupported(
            f"{shown} lists several databases ({databases.strip()}); dbadmin rehearses one",
            hint="name the section of one database, or a configuration of its own for each",
        )
    scripts = located(location, directory, tuple(str(directory / path) for path in paths))
    if not scripts.is_dir():
        raise ConfigError(
            f"{shown}: script_location {location} is no folder ({scripts})",
            hint="correct script_location; `alembic init` makes the folder",
        )
    return Project(ini, section, scripts, directory, dict(options or {}))


def read_options(ini: Path | None, section: str, options: Mapping[str, str]) -> "AnyConfig":
    """As `open_config`, for reading options: without Alembic where it would read the same."""
    plain = PlainConfig.of(ini, section, options) if ini is not None and ini.suffix != ".toml" else None
    if plain is None or not plain.file_config.has_section(section):
        return open_config(ini, section, options)
    return plain


def open_config(ini: Path | None, section: str, options: Mapping[str, str]) -> "Config":
    """Alembic's Config for a file; `options` are laid over it, their percent signs kept as they are."""
    from alembic.config import Config

    if ini is not None and ini.suffix == ".toml":
        config = _toml_config(Config, ini, section)
    else:
        config = Config(str(ini) if ini is not None else None, ini_section=section)
    if ini is not None and ini.suffix != ".toml" and not config.file_config.has_section(section):
        there = ", ".join(f"[{name}]" for name in config.file_config.sections()) or "no section"
        raise ConfigError(f"{ini}: no section [{section}]", hint=f"it has {there}: rename the one that is meant")
    if not config.file_config.has_section(section):
        config.file_config.add_section(section)
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config


def _toml_config(config_class: Any, ini: Path, section: str) -> "Config":
    try:
        config: Config = config_class(toml_file=str(ini), ini_section=section)
        return config
    except TypeError as error:
        raise NotSupported(
            "this Alembic does not read pyproject.toml",
            hint="pip install 'alembic>=1.16', or write an alembic.ini",
        ) from error


def option(config: "AnyConfig", name: str) -> str | None:
    """An option from the ini's section or from [tool.alembic], whichever Alembic would take."""
    ask: Any = getattr(config, "get_alembic_option", config.get_main_option)
    value = ask(name)
    return str(value) if value is not None else None


def flag(config: "AnyConfig", name: str) -> bool:
    """A boolean option."""
    ask: Any = getattr(config, "get_alembic_boolean_option", None)
    return bool(ask(name)) if ask is not None else config.get_main_option(name) == "true"


def sys_path(config: "AnyConfig") -> tuple[str, ...]:
    """`prepend_sys_path`, split as Alembic splits it."""
    with quietly():
        ask: Any = getattr(config, "get_prepend_sys_paths_list", None)
        if ask is not None:
            return tuple(ask() or ())
        written = config.get_main_option("prepend_sys_path") or ""
        return tuple(part for part in written.replace(",", " ").replace(":", " ").split(" ") if part)


def version_locations(config: "AnyConfig") -> list[str]:
    """`version_locations`, split as Alembic splits it."""
    ask: Any = getattr(config, "get_version_locations_list", None)
    if ask is not None:
        return list(ask() or ())
    written = config.get_main_option("version_locations") or ""
    separators = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
    separator = separators.get(config.get_main_option("version_path_separator") or "")
    parts = written.split(separator) if separator else re.split(r", *|(?: +)", written)
    return [part.strip() for part in parts if part.strip()]


def located(text: str, directory: Path, paths: tuple[str, ...]) -> Path:
    """The folder that a location names: a path from `directory`, or `package:folder` looked for on
    `paths`.
    """
    if ":" not in text or Path(text).is_absolute():
        return (directory / text).absolute()
    package, *folders = text.split(":")
    for entry in (*paths, str(directory), *sys.path):
        found = Path(entry or ".", *package.split("."))
        if found.is_dir():
            return found.joinpath(*folders).absolute()
    raise ConfigError(f"{text}: there is no package {package} on the path", hint="correct prepend_sys_path")


@contextmanager
def reading(ini: Path | None) -> Iterator[None]:
    """Turn what Alembic and configparser raise about a configuration file into ConfigError."""
    try:
        with quietly():
            yield
    except Exception as error:
        # Nothing of Alembic's can have been raised where it was not imported.
        alembic = sys.modules.get("alembic.util")
        known = (IniError, ValueError, OSError, *((alembic.CommandError,) if alembic is not None else ()))
        if not isinstance(error, known):
            raise
        text = mask(" ".join(str(error).split()))
        raise ConfigError(f"{ini or 'the configuration'}: {text}", hint="a % is written %% in an ini file") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Without Alembic's advice about its own options."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
