"""Keys and values of the configuration: which there are, of which type, and which may not stand in a file."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbadmin.app import search
from dbadmin.errors import ConfigError, nearest

STRINGS = ("session", "alembic", "url", "timezone", "env_file", "format", "app", "config")
LISTS = ("models", "protected", "sensitive", "x")
DURATIONS = ("statement_timeout", "lock_timeout")
SWITCHES = ("echo", "debug")
KEYS = (*STRINGS[:-2], *LISTS, *DURATIONS, *SWITCHES)
"""What [tool.dbadmin] may hold besides the tables of commands."""
COMMANDS = (
    "demo", "init", "doctor", "models", "tables", "describe", "count", "recent", "group", "join", "sql",
    "shell", "notebook", "status", "review", "verify-rollback", "inspect", "diagram", "backup", "restore",
    "copies",
)  # fmt: skip
GLOBAL = (*KEYS, "app", "config")
NEVER_FROM_A_FILE = (
    "write", "sandbox", "in_place", "yes_this_is_a_copy", "trust_backup", "reveal", "clean", "confirm",
)  # fmt: skip
ENVIRONMENT = "environment"
DEFAULT_LOCK_TIMEOUT = 2.0


@dataclass(frozen=True)
class Setting:
    """A value and where it came from: "--url", "DBADMIN_URL (environment)", "pyproject.toml" …"""

    value: Any
    origin: str


def option_of(name: str) -> str:
    """The option that gives a setting.

    >>> option_of("env_file"), option_of("x")
    ('--env-file', '-x')
    """
    return f"{'-' if len(name) == 1 else '--'}{name.replace('_', '-')}"


def read_file(path: Path, start: Path) -> tuple[dict[str, Setting], dict[str, dict[str, Setting]]]:
    """Keys and command tables of dbadmin's configuration file, all names checked."""
    whole = search.read_toml(path)
    table = whole.get("tool", {}).get("dbadmin", {} if path.name == "pyproject.toml" else whole)
    origin = search.shown(path, start)
    values: dict[str, Setting] = {}
    commands: dict[str, dict[str, Setting]] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        command = key.replace("_", "-")
        if command in COMMANDS and isinstance(value, dict):
            commands[command] = _command_table(command, value, origin)
        elif name in KEYS:
            values[name] = Setting(value, f"{origin} [tool.dbadmin]")
        else:
            raise unknown_key(key, f"{origin} [tool.dbadmin]", (*KEYS, *COMMANDS))
    return values, commands


def _command_table(command: str, table: Mapping[str, Any], origin: str) -> dict[str, Setting]:
    where = f"{origin} [tool.dbadmin.{command}]"
    settings = {key.replace("-", "_"): Setting(value, where) for key, value in table.items()}
    refuse_dangerous(settings)
    return settings


def unknown_key(key: str, where: str, known: Collection[str]) -> ConfigError:
    """The error for a key that nothing has, with near names."""
    if key.replace("-", "_") in NEVER_FROM_A_FILE:
        return only_typed(key, where)
    near = nearest(key, known)
    guess = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    return ConfigError(
        f"{where}: unknown key {key!r}{guess}",
        hint=None if near else f"known keys: {', '.join(sorted(KEYS))}",
    )


def only_typed(name: str, where: str) -> ConfigError:
    """The error for what may stand on the command line only."""
    option = f"--{name.replace('_', '-')}"
    return ConfigError(
        f"{where}: {name!r} is taken from the command line only",
        hint=f"remove it, and type {option} when you mean it",
    )


def refuse_dangerous(settings: Mapping[str, Setting]) -> None:
    """Raise ConfigError where a file or a variable says what has to be typed."""
    for name, setting in settings.items():
        if name in NEVER_FROM_A_FILE:
            raise only_typed(name, setting.origin)


def typed(name: str, value: Any, origin: str) -> Any:
    """The value in its own type; texts of variables are read as the option's would be."""
    if name in LISTS:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)
    if name in DURATIONS:
        return duration(value, origin)
    if name in SWITCHES:
        return switch(value, origin)
    if name not in ("session",) and not isinstance(value, str | Path):
        # In Python a URL may come as sqlalchemy.URL; its text carries the password on.
        if hasattr(value, "render_as_string"):
            return value.render_as_string(hide_password=False)
        raise ConfigError(f"{origin}: {name} must be a text, not {value!r}", hint=f'write {name} = "…"')
    return value


def duration(value: Any, origin: str = "value") -> float | None:
    """Seconds: a number, or a text such as 500ms, 2s, 5m, 1h; 0, "none" and "off" mean no limit.

    >>> duration("500ms"), duration("5m"), duration(2), duration("off")
    (0.5, 300.0, 2.0, None)
    """
    text = str(value).strip().lower()
    if text in ("none", "off"):
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", text)
    if found is None or isinstance(value, bool):
        raise ConfigError(f"{origin}: {value!r} is no duration", hint="write seconds, or 500ms, 2s, 5m, 1h")
    seconds = float(found[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, None: 1}[found[2]]
    return seconds or None


def switch(value: Any, origin: str = "value") -> bool:
    """True or false, also as the words that variables hold.

    >>> switch("yes"), switch("0"), switch(True)
    (True, False, True)
    """
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    text = str(value).strip().lower()
    if text not in words:
        raise ConfigError(f"{origin}: {value!r} is neither true nor false", hint="write true or false")
    return words[text]
