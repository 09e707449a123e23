"""Which database a project means and how it is connected to, kept from the last time it was found out.

As in `migrations.remembered`: only as long as nothing has changed that it depends on, in which files read while env.py
and the application's session were imported, the names of the project's files, the settings and the variables count.
Passwords are not kept, but the place where each stands. Whatever is not ordinary (an engine with listeners or a
`creator`, arguments that are no plain data) is found out anew each time.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dbadmin.app.config import Settings
from dbadmin.dialects import bare
from dbadmin.dialects.bare import Way
from dbadmin.migrations.project import Project, read_options
from dbadmin.migrations.remembered import Remembered, digest, is_settled, stamp, state
from dbadmin.secrets import remember

_SECRET = re.compile("pass|secret|token", re.IGNORECASE)
_IN_URL = re.compile(r"^\s*[\w+]+://[^:/]*:(?P<password>[^@]*)@")
_OPTION = "sqlalchemy.url"


@dataclass(frozen=True)
class Known:
    """The database that is meant: how to connect to it, its URL as it is shown, and Alembic's table in it."""

    way: Way = field(repr=False)
    url: str
    version_table: str
    version_table_schema: str | None
    lock_timeout: float | None


def known(settings: Settings) -> Known | None:
    """What was kept, where it would be the same again; else None."""
    project = settings.project
    kept = _of(settings, project).load() if project is not None else None
    if project is None or kept is None or kept["state"] != _state(settings, kept, os.environ):
        return None
    cparams = dict(kept["cparams"])
    if kept["password"] is not None:
        name, place = kept["password"]
        cparams[name] = dict(_places(settings, project))[tuple(place)]
        remember(cparams[name])
    return Known(
        Way(kept["driver"], kept["cargs"], cparams),
        kept["url"], kept["version_table"], kept["version_table_schema"], kept["lock_timeout"],
    )  # fmt: skip


def keep(settings: Settings, seen: Mapping[str, Any] | None, found: Known) -> None:
    """Keep how the database was connected to just now, where that is all there is to it; `seen` as in `app.seen`."""
    way, project = found.way, settings.project
    if seen is None or project is None or not _plain(way):
        return
    cparams, password = _without_password(way.cparams, settings, project)
    if cparams is None or any(name.startswith(bare.reads(way.driver)) for name in seen["changed"]):
        return
    kept = {
        "seen": {name: seen[name] for name in ("files", "folders", "names")},
        "finds": seen["finds"],
        "driver": way.driver,
        "cargs": list(way.cargs),
        "cparams": cparams,
        "password": password,
        "url": found.url,
        "version_table": found.version_table,
        "version_table_schema": found.version_table_schema,
        "lock_timeout": found.lock_timeout,
    }
    now = _state(settings, kept, seen["variables"], seen["since"])
    if now is not None:
        _of(settings, project).save({**kept, "state": now})


def _of(settings: Settings, project: Project) -> Remembered:
    # Several questions about one project (--url, --config) are kept beside each other.
    values = [[name, _text(setting.value), setting.origin] for name, setting in sorted(settings.values.items())]
    about = [str(settings.start), str(project.ini), project.section, str(project.script_location),
             str(project.directory), dict(project.options), digest(values)]  # fmt: skip
    return Remembered("database", project.directory, about)


def _state(
    settings: Settings, kept: Mapping[str, Any], variables: Mapping[str, str], since: int | None = None
) -> str | None:
    """A hash of all that the answer depends on, as it is now; None where something changed only just, or `since`."""
    environment = {**settings.exported, **variables}
    used = [settings.environment.get("DATABASE_URL")]
    if kept["password"] is not None and kept["password"][1][0] == "variable":
        used.append(settings.environment.get(kept["password"][1][1]))
    seen = state(kept["seen"], environment, used, since=since)
    read_by_driver = sorted((n, v) for n, v in variables.items() if n.startswith(bare.reads(kept["driver"])))
    files = _code(settings.runs_in, since) if kept["finds"] else []
    if seen is None or files is None:
        return None
    return digest([seen, read_by_driver, files, sorted(settings.exported.items())])


def _code(directory: Path, since: int | None) -> list[Any] | None:
    """The files that `find` reads, as they are; None where one changed only just, or `since`."""
    from dbadmin.app.find import python_files

    found: list[Any] = []
    for path in python_files(directory):
        try:
            status = path.stat()
        except OSError:  # a link that leads nowhere
            found.append([str(path), None])
            continue
        if not is_settled(status, since):
            return None
        found.append([str(path), stamp(status)])
    return found


def _text(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else repr(value)


def _plain(way: Way) -> bool:
    return bare.is_data(list(way.cargs)) and bare.is_data(dict(way.cparams))


def _without_password(
    cparams: Mapping[str, Any], settings: Settings, project: Project
) -> tuple[dict[str, Any] | None, list[Any] | None]:
    """The arguments without the password, and where it stands; no arguments where that is unknown."""
    named = [name for name in bare.PASSWORDS if cparams.get(name)]
    if len(named) > 1 or any(_SECRET.search(name) and name not in bare.PASSWORDS for name in cparams):
        return None, None
    if not named:
        return dict(cparams), None
    rest = {name: value for name, value in cparams.items() if name != named[0]}
    for place, text in _places(settings, project):
        if text == cparams[named[0]]:
            return rest, [named[0], list(place)]
    return None, None


def _places(settings: Settings, project: Project) -> Iterator[tuple[tuple[str, str], str]]:
    """Passwords, and where each stands: a variable or its URL, a setting's URL, or the configuration's."""
    for name, text in settings.environment.items():
        yield ("variable", name), _password(text)
    setting = settings.values.get("url")
    if setting is not None:
        yield ("setting", "url"), _password(str(setting.value))
    option = read_options(project.ini, project.section, project.options).get_main_option(_OPTION)
    if option:
        yield ("option", _OPTION), _password(option)


def _password(text: str) -> str:
    found = _IN_URL.match(text)
    return unquote(found["password"]) if found is not None else text
