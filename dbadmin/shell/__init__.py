"""`dbadmin shell` and `%load_ext dbadmin`: the application's models, a session and the helpers, in IPython.

`run` is the command: with code, a file or a pipe instead of a terminal, the code runs and the shell ends.
`dbadmin.shell.extension` brings the same into an IPython or a notebook that is there already.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.errors import NotFinished

if TYPE_CHECKING:
    from dbadmin.admin import Admin
    from dbadmin.shell.live import Live

START_SECONDS = 3.0
"""What each question of the banner may take: a slow database is told of, and nobody waits for its prompt."""


def run(admin: "Admin", *, code: str | None = None, file: Path | None = None, startup: Sequence[Path] = ()) -> int:
    """Run `code`, a file, what stdin holds, or a session at the terminal; gives the exit code.

    Files of `startup` run before the first prompt. Raises dbadmin's own errors where the code met one, so that the
    command line tells them.
    """
    from dbadmin.shell.live import Live
    from dbadmin.shell.session import STATEMENT_SECONDS

    live = Live(admin, STATEMENT_SECONDS)
    whole = False
    try:
        scripted = code is not None or file is not None or not sys.stdin.isatty()
        exit_code = run_script(live, code, file) if scripted else interact(live, startup)
    finally:
        whole = live.end()
    return exit_code if whole else NotFinished.exit_code


def run_script(live: "Live", code: str | None, file: Path | None) -> int:
    """Run code that is there as a whole."""
    from dbadmin.shell import script
    from dbadmin.shell.banner import reach
    from dbadmin.shell.guard import Guard

    reach(live.database)  # proves the mode; where it cannot be reached, the code may not need it
    Guard(live, asks=False).start()
    names, _ = live.names()
    if file is not None:
        return script.run(script.read(file), str(file), names.values, live.database)
    if code is not None:
        return script.run(code, "<string>", names.values, live.database)
    return script.run(sys.stdin.read(), "<stdin>", names.values, live.database)


def interact(live: "Live", startup: Sequence[Path]) -> int:
    """A session at the terminal."""
    from dbadmin.shell import prompt
    from dbadmin.shell.banner import banner, name, reach, stand

    with live.hurried(START_SECONDS):
        info, unreached = reach(live.database)
        names, lacking = live.names()
        standing = stand(live.db, info, (*unreached, *(line for line in lacking if line not in unreached)))
    text = banner(standing, live.database, names, versions=prompt.versions())
    return prompt.interact(live, names.values, name=name(live.database, info), banner=text, startup=startup)
