"""`%load_ext dbadmin`: the names, commands and manners of `dbadmin shell` in an IPython that is there already."""

import atexit
from typing import Any

from dbadmin.shell import START_SECONDS
from dbadmin.shell.attach import Attached
from dbadmin.shell.banner import name, reach
from dbadmin.shell.live import Live
from dbadmin.shell.startup import configured, run_startup
from dbadmin.shell.talk import tell

_prompts: dict[int, Any] = {}
_attached: dict[int, tuple[Attached, Live]] = {}


def load(shell: Any) -> None:
    """Open the application that is found from here (or as DBADMIN_* says), read-only, and tie it to this shell.

    Statements have no time limit unless one is configured. Loading it again opens it anew.
    """
    from dbadmin.admin import connect

    unload(shell)
    live = Live(opened(shell, connect), {})
    with live.hurried(START_SECONDS):
        info, unreached = reach(live.database)
        names, lacking = live.names()
    attached = Attached(shell, live)
    attached.attach(names.values)
    if attached.at_terminal:
        from dbadmin.shell.prompt import DatabasePrompts

        _prompts[id(shell)] = shell.prompts
        shell.prompts = DatabasePrompts(shell, live, name(live.database, info))
    _attached[id(shell)] = (attached, live)
    run_startup(shell, configured(live.admin.settings))
    atexit.register(close, live)
    where = info.server if info is not None else "not reached"
    print(f"{live.database.shown_url} ({where}), {live.database.mode}; models: {', '.join(names.models) or 'none'}")  # noqa: T201
    for line in dict.fromkeys((*unreached, *lacking)):
        tell(f"missing: {line}")


def opened(shell: Any, connect: Any) -> Any:
    """The Admin; what it could not be opened for is told as dbadmin tells it."""
    from dbadmin.errors import DbadminError

    try:
        return connect()
    except DbadminError as error:
        from IPython.core.error import UsageError

        from dbadmin.secrets import mask
        from dbadmin.shell.talk import lines

        raise UsageError(mask("dbadmin: " + "\n".join(lines(error)))) from None


def unload(shell: Any) -> None:
    """Close the application, and leave the shell as it was."""
    attached, live = _attached.pop(id(shell), (None, None))
    if attached is not None and live is not None:
        attached.detach()
        if id(shell) in _prompts:
            shell.prompts = _prompts.pop(id(shell))
        close(live)
        atexit.unregister(close)


def close(live: Live) -> None:
    """End the session and its connections."""
    live.end()
