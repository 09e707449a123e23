"""Where configuration may stand: here, upward, then one level down; dbadmin's own, and Alembic's."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dbadmin.errors import ConfigError
from dbadmin.secrets import mask

ONE_LEVEL_DOWN = ("backend", "src", "app", "server")


def groups(start: Path) -> Iterator[tuple[Path, ...]]:
    """Directories to look in, nearest first; those of one group have equal right of way.

    Upward ends at the directory that holds `.git`: what lies above belongs to somebody else.
    """
    yield (start,)
    above = start
    while not (above / ".git").exists() and above.parent != above:
        above = above.parent
        yield (above,)
    yield tuple(start / name for name in ONE_LEVEL_DOWN if (start / name).is_dir())


def first(start: Path, look: Callable[[Path], Sequence[Path]], what: str, option: str) -> Path | None:
    """The file that `look` finds in the nearest directory that has one; several there are a ConfigError."""
    for group in groups(start):
        found = [path for directory in group for path in look(directory)]
        if len(found) > 1:
            listed = ", ".join(shown(path, start) for path in found)
            raise ConfigError(f"several candidates for {what}: {listed}", hint=f"choose one with {option}")
        if found:
            return found[0]
    return None


def dbadmin_files(directory: Path) -> list[Path]:
    """dbadmin.toml, and pyproject.toml where it has a table [tool.dbadmin]."""
    found = [directory / "dbadmin.toml"] if (directory / "dbadmin.toml").is_file() else []
    if tool_table(directory / "pyproject.toml", "dbadmin") is not None:
        found.append(directory / "pyproject.toml")
    return found


def alembic_files(directory: Path) -> list[Path]:
    """alembic.ini here or in the scripts' own directory; pyproject.toml where only it speaks of Alembic."""
    found = [
        path
        for path in (
            directory / "alembic.ini",
            *(directory / d / "alembic.ini" for d in ("alembic", "migrations")),
        )
        if path.is_file()
    ]
    if directory / "alembic.ini" not in found and tool_table(directory / "pyproject.toml", "alembic"):
        found.append(directory / "pyproject.toml")
    return found


def tool_table(pyproject: Path, tool: str) -> Mapping[str, Any] | None:
    """The table [tool.<tool>] of a pyproject.toml, None where file or table is missing."""
    if not pyproject.is_file():
        return None
    # Somebody's broken pyproject.toml on the way up is none of our business unless it speaks of the tool.
    if f"tool.{tool}" not in pyproject.read_text(encoding="utf-8", errors="replace"):
        return None
    table = read_toml(pyproject).get("tool", {}).get(tool)
    return table if isinstance(table, dict) else None


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file; ConfigError names the file and the place that cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="check the path and its rights") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start})", hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {mask(str(error))}", hint="mend that line") from error


def shown(path: Path, start: Path) -> str:
    """A path as short as it can be told from `start`.

    >>> shown(Path("/srv/shop/alembic.ini"), Path("/srv/shop"))
    'alembic.ini'
    """
    try:
        return str(path.relative_to(start))
    except ValueError:
        return str(path)
