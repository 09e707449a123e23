"""`dbadmin init`: reads the code without importing it and writes down what dbadmin would need."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.app import search
from dbadmin.app.config import Settings
from dbadmin.app.find import Candidate, Found, find
from dbadmin.errors import ConfigError
from dbadmin.results import Init

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

Value = str | list[str]


def init(settings: Settings, *, dry_run: bool = False) -> Init:
    """Find session, models, Alembic and URL by reading, and write [tool.dbadmin] into pyproject.toml.

    Where there is no pyproject.toml, dbadmin.toml is written. Keys that are there already stay, comments too;
    `dry_run` writes nothing. The result's `text` is the table as it is (or would be) then.
    """
    file = _target(settings)
    document = _read(file)
    table = _table(document)
    values, origins = _proposal(settings)
    already = tuple(key for key in table if not isinstance(table[key], dict))
    new = {key: value for key, value in values.items() if key not in table}
    for key, value in new.items():
        table.add(key, value)
    if new and not dry_run:
        _write(file, document.as_string())
    return Init(
        file=str(file) if new or already else None,
        written=bool(new) and not dry_run,
        values=new,
        origins={key: origins[key] for key in new},
        already=already,
        text=_text(table),
    )


def _target(settings: Settings) -> Path:
    if settings.file is not None:
        return settings.file
    for directory in dict.fromkeys((settings.runs_in, settings.start)):
        if (directory / "pyproject.toml").is_file():
            return directory / "pyproject.toml"
    return settings.runs_in / "dbadmin.toml"


def _proposal(settings: Settings) -> tuple[dict[str, Value], dict[str, str]]:
    """What would be written, and where each value was found."""
    home = settings.file.parent if settings.file else _target(settings).parent
    found = find(settings.runs_in)
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    sessions = found.sessions
    if sessions:
        values["session"] = sessions[0].name
        origins["session"] = _where(sessions, settings.start)
    if found.model_modules:
        values["models"] = globbed(found.model_modules, _all_modules(found))
        models = [c for c in found.of("models") if not c.in_entrypoint]
        count = sum(c.count for c in models)
        origins["models"] = f"{count} models in {', '.join(c.where(settings.start) for c in models[:4])}" + (
            ", …" if len(models) > 4 else ""
        )
    project = settings.project
    if project is not None and project.ini is not None:
        values["alembic"] = os.path.relpath(project.ini, home)
        origins["alembic"] = settings.project_origin or project.ini.name
    if not sessions and settings.environment.get("DATABASE_URL"):
        values["url"] = "env:DATABASE_URL"
        origins["url"] = settings.origin_of("DATABASE_URL")
    return values, origins


def _where(candidates: Sequence[Candidate], start: Path) -> str:
    first, *others = candidates
    if not others:
        return first.where(start)
    listed = ", ".join(f"{c.name} ({c.where(start)})" for c in others[:3])
    return f"{first.where(start)}; the first of {len(candidates)}, also {listed}"


def _all_modules(found: Found) -> set[str]:
    return {c.module for c in found.candidates}


def globbed(modules: Sequence[str], known: set[str]) -> list[str]:
    """Module names, three or more that differ in one part written as one glob.

    The glob must mean no other module that is `known`.

    >>> globbed(["app.routers.auth.models", "app.routers.blog.models", "app.routers.pay.models"], set())
    ['app.routers.*.models']
    >>> globbed(["app.models", "shop.orders"], set())
    ['app.models', 'shop.orders']
    """
    left = list(modules)
    globs: list[str] = []
    for name in modules:
        parts = name.split(".")
        for place in range(1, len(parts)):
            pattern = ".".join([*parts[:place], "*", *parts[place + 1 :]])
            same = [m for m in left if _matches(m, pattern)]
            others = [m for m in known if _matches(m, pattern) and m not in modules]
            if len(same) >= 3 and not others:
                globs.append(pattern)
                left = [m for m in left if m not in same]
    return [*globs, *left]


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(fnmatchcase(p, w) for p, w in zip(parts, wanted, strict=True))


def _read(file: Path) -> "TOMLDocument":
    import tomlkit

    if not file.is_file():
        return tomlkit.document()
    search.read_toml(file)  # its errors name the line
    return tomlkit.parse(file.read_text(encoding="utf-8"))


def _table(document: "TOMLDocument") -> Any:
    """The table [tool.dbadmin], added where it is missing; a bare dbadmin.toml is its own table."""
    import tomlkit

    bare = len(document) > 0 and not any(isinstance(value, dict) for value in document.values())
    if bare and "tool" not in document:
        return document
    if "tool" not in document:
        document.add("tool", tomlkit.table(is_super_table=True))
    tool: Any = document["tool"]
    if "dbadmin" not in tool:
        tool["dbadmin"] = tomlkit.table()
    return tool["dbadmin"]


def _text(table: Any) -> str:
    return f"[tool.dbadmin]\n{table.as_string().strip()}\n"


def _write(file: Path, text: str) -> None:
    """Replace the file whole or not at all, with the rights that it had."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(name).chmod(file.stat().st_mode & 0o777 if file.exists() else 0o644)
        Path(name).replace(file)
    except OSError as error:
        with suppress(OSError):
            Path(name).unlink()
        raise ConfigError(
            f"cannot write {file}: {error.strerror}", hint="see what it would be with --dry-run"
        ) from error
