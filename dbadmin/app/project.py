"""Which Alembic project a configuration file means: where its scripts are, and from where env.py runs."""

import os
from collections.abc import Iterator, Mapping
from configparser import InterpolationError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.app.search import tool_table
from dbadmin.errors import ConfigError

if TYPE_CHECKING:
    from dbadmin.migrations.project import Project

SECTION = "alembic"
_FIND = "run from the directory where alembic works, or correct script_location"


def alembic_project(path: Path, start: Path) -> "Project":
    """The Alembic project that `path` (an .ini, or a pyproject.toml) describes; nothing is imported or run.

    The directory that env.py runs in is the one from which its relative script_location exists: an ini
    may lie beside the scripts (`alembic/alembic.ini`, Flask-Migrate's `migrations/alembic.ini`) and mean
    the directory above. `start` is where the user stands. Raises ConfigError where the file cannot be
    read, gives no script_location, or the scripts are not there.
    """
    from dbadmin.migrations.project import Project, read_options, reading, sys_path

    options: dict[str, str] = {}
    if path.suffix != ".toml":
        # Alembic's template `pyproject` has the scripts' place in pyproject.toml, the URL in alembic.ini.
        toml = path.with_name("pyproject.toml")
        options = _options(tool_table(toml, SECTION) or {}, toml.parent)
    with reading(path):
        config = read_options(path, SECTION, options)
        location, prepend = _read(config, path, "script_location"), sys_path(config)
        _read(config, path, "sqlalchemy.url")  # else an unescaped % fails in env.py
    beside_env = (path.parent / "env.py").is_file()
    if not location and beside_env:  # Flask-Migrate sets the location when it runs
        location = str(path.parent)
    if not location:
        raise ConfigError(
            f"{path}: no script_location in [{SECTION}]",
            hint=f"add script_location = %(here)s/alembic to {path.name}, or set alembic in [tool.dbadmin]",
        )
    directory, scripts = _locate(location, path, start, beside_env, prepend)
    return Project(path, SECTION, scripts, directory, options)


def _read(config: Any, path: Path, name: str) -> str | None:
    """An option; configparser's own error for a stray % quotes what follows it, which may be a password."""
    from dbadmin.migrations.project import option

    try:
        return option(config, name)
    except InterpolationError as error:
        raise ConfigError(
            f"{path}: {name} has a % that starts no substitution", hint="a % is written %% in an ini file"
        ) from error


def _options(table: Mapping[str, Any], here: Path) -> dict[str, str]:
    """What [tool.alembic] says, as options of an ini: lists joined, %(here)s filled in."""
    options: dict[str, str] = {}
    for key, value in table.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str | int | float) for part in values):
            continue
        texts = [str(part).replace("%(here)s", str(here)).replace("%%", "%") for part in values]
        options[key] = os.pathsep.join(texts)
        if isinstance(value, list):
            options |= {"path_separator": "os", "version_path_separator": "os"}
    return options


def _locate(location: str, path: Path, start: Path, beside_env: bool, prepend: tuple[str, ...]) -> tuple[Path, Path]:
    """From where env.py runs, and where it is."""
    from dbadmin.migrations.project import located

    missing: Path | None = None
    for base in dict.fromkeys(_bases(location, path, start, beside_env)):
        scripts = located(location, base, tuple(str(base / entry) for entry in prepend))
        if (scripts / "env.py").is_file():
            return base, scripts.resolve()
        missing = missing or (scripts if scripts.is_dir() else None)
    if missing is not None:
        raise ConfigError(f"{path}: {missing} has no env.py", hint="`alembic init` makes one")
    raise ConfigError(f"{path}: script_location {location!r} does not exist", hint=_FIND)


def _bases(location: str, path: Path, start: Path, beside_env: bool) -> Iterator[Path]:
    yield path.parent.parent if beside_env else path.parent
    if not Path(location).is_absolute() and ":" not in location:
        yield path.parent
        yield start
        yield from (above for above in path.parent.parents if (above / ".git").exists() or start in above.parents)
        yield path.parent.parent
