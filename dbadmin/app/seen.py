"""What an application was loaded from, so that the answer may be kept until something of it changes."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.migrations.capture_known import known_seen
from dbadmin.migrations.looked_at import LIBRARIES

if TYPE_CHECKING:
    from dbadmin.app.load import Loader


def seen_by(loader: "Loader", elsewhere: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Files, folders and variables (`names`, None: all) that env.py and the session were made from.

    `variables` are this process's as they were before, `changed` those that the application has set since; `finds` says
    that its code was searched, `since` is when all that began (ns). None where that is not all known, or a network, a
    program or the terminal was asked. `elsewhere` is the same of a session that was imported in another process.
    """
    settings, looked_at = loader.settings, loader.looked_at
    if settings.project is None or looked_at is None:
        return None
    of_env = known_seen(settings.project, loader.environment, settings.environment)
    here = elsewhere or looked_at.to_dict()
    if of_env is None or here["others"] is not None:
        return None
    every_name = of_env["names"] is None or here["names"] is None
    folders = {f"{path}{os.sep}" for path in loader.path()}
    folders = {path.rstrip(os.sep) for path in folders if not path.startswith(LIBRARIES)}
    return {
        "files": sorted({*of_env["files"], *(here["files"] if elsewhere or looked_at.used else ())}),
        "folders": sorted({*of_env["folders"], *here["folders"], *folders}),
        "names": None if every_name else sorted({*of_env["names"], *here["names"]}),
        "since": loader.since,
        "variables": loader.variables,
        "changed": elsewhere["changed"] if elsewhere else _changed(loader),
        "finds": loader.searched,
    }


def _changed(loader: "Loader") -> list[str]:
    return sorted(name for name, _ in os.environ.items() ^ loader.variables.items())
