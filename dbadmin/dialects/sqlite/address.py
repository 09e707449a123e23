"""Where a SQLite connection leads: a file, known by its inode, or memory."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

from dbadmin.dialects.addressing import Addressing
from dbadmin.dialects.sqlite.driver import file_of, on_driver
from dbadmin.dialects.values import Address

if TYPE_CHECKING:
    from sqlalchemy import URL

IDENTITY_OPTIONS = ("mode", "immutable", "vfs", "nolock", "psow")
"""Options of a file: URI that belong to the file and not to the session."""


@dataclass(frozen=True)
class Location:
    """What a file name or file: URI says: an absolute path (None in memory), and the URI's options."""

    path: str | None
    options: Mapping[str, str] = field(default_factory=dict)
    memory: str = ""


def locate(cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Location:
    """Read the parameters of `sqlite3.connect` as SQLite does.

    >>> locate(["file:/data/my%20app.db?cache=shared"], {"uri": True})
    Location(path='/data/my app.db', options={'cache': 'shared'}, memory='')
    >>> locate([":memory:"], {}).path is None
    True
    """
    name = os.fsdecode(cargs[0] if cargs else cparams.get("database", ""))
    if not name.startswith("file:"):
        return Location(None if name in ("", ":memory:") else _absolute(name))
    rest, _, query = name.removeprefix("file:").partition("#")[0].partition("?")
    if rest.startswith("//"):
        rest = "/" + rest[2:].partition("/")[2]
    path, options = unquote(rest), dict(parse_qsl(query, keep_blank_values=True))
    if options.get("mode") == "memory" or path in ("", ":memory:"):
        return Location(None, options, memory=path)
    return Location(_absolute(path), options)


def _absolute(name: str) -> str:
    return str(Path(name).absolute())


def join(path: str, options: Mapping[str, str]) -> str:
    """A file: URI for a path.

    >>> join("/data/my app?.db", {"mode": "ro"})
    'file:/data/my%20app%3F.db?mode=ro'
    """
    query = "&".join(f"{quote(key)}={quote(value, safe='/')}" for key, value in options.items())
    return f"file:{quote(path)}" + (f"?{query}" if query else "")


class SqliteAddressing(Addressing):
    """Addresses of SQLite files."""

    def of_parameters(self, driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Address:
        """The file that the driver would open, relative to the current directory."""
        return _address(locate(cargs, cparams))

    def of_url(self, url: "URL") -> Address:
        """The file that a URL names."""
        return _address(self.location_of_url(url))

    def location_of_url(self, url: "URL") -> Location:
        """The file that a URL names, with the options of its file: URI."""
        cargs, cparams = _connect_arguments(url)
        return locate(cargs, cparams)

    def of_connection(self, dbapi_connection: Any) -> Address | None:
        """The file that is open on a connection."""
        return _address(locate([on_driver(dbapi_connection, file_of)], {}))

    def url_of_connection(self, dbapi_connection: Any) -> "URL | None":
        """The file that is open, or memory."""
        from sqlalchemy import URL

        return URL.create("sqlite", database=on_driver(dbapi_connection, file_of) or None)

    def redirect(self, driver: str, cargs: list[Any], cparams: dict[str, Any], copy: "URL") -> None:
        """Open the copy's file instead; what a file: URI says about the session stays."""
        target, parameters = _connect_arguments(copy)
        before, to = locate(cargs, cparams), locate(target, parameters)
        kept = {key: value for key, value in before.options.items() if key not in IDENTITY_OPTIONS}
        if to.path is None:
            name, uri = target[0], bool(parameters.get("uri"))
        elif kept or to.options:
            name, uri = join(to.path, {**kept, **to.options}), True
        else:
            name, uri = to.path, False
        cparams.pop("database", None)
        cargs[:1] = [name]
        if uri or "uri" in cparams:
            cparams["uri"] = uri

    def with_driver(self, url: "URL", driver: str) -> "URL":
        """The same file for pysqlite or aiosqlite, which take the same options."""
        return url.set(drivername=f"sqlite+{driver}")


def _connect_arguments(url: "URL") -> tuple[list[Any], dict[str, Any]]:
    with warnings.catch_warnings(action="ignore"):  # the engine itself warns of options that it ignores
        cargs, cparams = url.get_dialect()().create_connect_args(url)
    return list(cargs), dict(cparams)


def _address(location: Location) -> Address:
    if location.path is None:
        name = location.memory if location.memory not in ("", ":memory:") else ":memory:"
        return Address("sqlite", ("memory", location.memory), name, name)
    path = os.path.realpath(location.path)
    try:
        status = Path(path).stat()
        file = f"{status.st_dev}:{status.st_ino}"
    except OSError:
        file = path
    return Address("sqlite", ("file", file), path, path)
