"""How the application's session connects, asked in a process of its own while another one asks env.py."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.app.background import begun
from dbadmin.migrations.asking import Asked
from dbadmin.migrations.environment import child_environment

if TYPE_CHECKING:
    from dbadmin.app.load import Loader

_SECONDS = 60.0


class SessionWay:
    """Asked from now on, for a session called "module:name"; nothing of the user's runs in this process."""

    def __init__(self, loader: "Loader", name: str) -> None:
        settings = loader.settings
        self._loader, self._modules = loader, [name.partition(":")[0]]
        self._path = loader.path(self._modules, added=())
        variables, _ = child_environment(os.environ)
        question = {
            "name": name,
            "path": self._path,
            "directory": str(settings.runs_in),
            "exported": dict(settings.exported),
            "argv": sys.argv,
            "environment": dict(os.environ),
        }

        def ask() -> Mapping[str, Any] | None:
            asked = Asked("dbadmin.app.session_child", question, settings.runs_in, variables, runs=name)
            answer = asked.answer(_SECONDS)
            return None if asked.said else answer  # what it prints is the user's to see

        self._answer = begun(ask, "dbadmin-session")

    def answer(self, of_env_py: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Its answer, see `session_child`, where it would be the same here and leads to the database of env.py's."""
        found = self._answer.result()
        if not found or self._path != self._loader.path(self._modules):
            return None
        if of_env_py["url"] is None:
            return found
        way = of_env_py["way"]
        return found if way is not None and _place(way["shown"]) == _place(found["shown"]) else None


def _place(url: str) -> tuple[str, str]:
    """A URL without its driver."""
    name, _, rest = url.partition("://")
    return name.partition("+")[0], rest
