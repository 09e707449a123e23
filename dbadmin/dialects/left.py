"""What dbadmin's runs left on servers of the user's, found again by this machine's notes and dropped.

<TMPDIR>/<prefix><token>/server.json   where the server is, without a password, and what the engine has to know
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import private, stamped
from dbadmin.dialects.values import Existing
from dbadmin.errors import ConnectionFailed, NotFinished, UnknownName
from dbadmin.secrets import first_line, mask

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

SERVER = "server.json"

Told = Mapping[str, Any]
"""What stands in server.json beside the URL."""


@dataclass(frozen=True)
class Left:
    """One engine's places on users' servers: directories with this prefix.

    `drop(admin, token, told)` drops what has this token on a server, and nothing else; `connected(url)` gives a
    connection to give such orders by. A password is never written down; `password` says how the user gives it again.
    """

    prefix: str
    engine: str
    drop: "Callable[[Connection, str, Told], None]"
    connected: "Callable[[URL], AbstractContextManager[Connection]]"
    password: str

    def write_down(self, directory: Path, url: "URL", **told: Any) -> None:
        """Say in a place's directory where its databases are, before the first one is made."""
        descriptor = os.open(directory / SERVER, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"url": _shown(url), **told}, file)

    def sweep(self, url: "URL") -> None:
        """Drop what killed runs of this machine left on this server."""
        for found in self.existing():
            told = _told(found.directory)
            if found.owner_alive is False and not found.kept and told is not None and told["url"] == _shown(url):
                with self.connected(url) as admin, suppress(NotFinished):
                    self.drop(admin, stamped.token(found.name), told)
                    private.remove(found.directory)

    def existing(self) -> tuple[Existing, ...]:
        """Places on users' servers that this machine's runs made and that are still there."""
        return tuple(
            replace(found, bytes=None, engine=(_told(found.directory) or {}).get("product", self.engine))
            for found in private.existing(self.prefix, self.engine)
        )

    def remove(self, name: str) -> None:
        """Drop the databases of a place by its name, then forget it."""
        from sqlalchemy import make_url
        from sqlalchemy.exc import DBAPIError

        found = {place.name: place for place in self.existing()}
        if name not in found:
            raise UnknownName("copy", name, found)
        directory = found[name].directory
        told = _told(directory)
        if told is None:
            private.remove(directory)  # killed before it reached the server
            return
        url = make_url(told["url"])
        try:
            with self.connected(url) as admin:
                self.drop(admin, stamped.token(name), told)
        except DBAPIError as error:
            said = first_line(error)
            again = f"dbadmin copies --drop {name}"
            raise ConnectionFailed(
                f"cannot drop the databases of {name} on {mask(str(url))}: {said}",
                hint=again if error.connection_invalidated else f"passwords are not kept: give it by {self.password}",
            ) from error
        private.remove(directory)


def _shown(url: "URL") -> str:
    return url.set(password=None).render_as_string(hide_password=False)


def _told(directory: Path) -> dict[str, Any] | None:
    """Where a place's databases are; None where none were made yet."""
    try:
        told: dict[str, Any] = json.loads((directory / SERVER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return told if isinstance(told, dict) and isinstance(told.get("url"), str) else None
