"""`--watch`: an answer that is asked for again and drawn over itself, until somebody ends it."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dbadmin.cli.output import terminal
from dbadmin.cli.state import options
from dbadmin.errors import UsageError
from dbadmin.render import render
from dbadmin.results import Result

SECONDS = 2.0
OPEN, CLOSE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""The terminal's second screen without a cursor, and back to what stood on the first."""
HOME, END_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def refuse_elsewhere() -> None:
    """Raise UsageError where there is no terminal to draw on, or another form was asked for."""
    if not sys.stdout.isatty():
        raise UsageError(
            "--watch draws on a terminal, and stdout is none", hint="leave out --watch: one answer is given"
        )
    if options().output or options().format not in (None, "table"):
        raise UsageError("--watch draws on the terminal only", hint="leave out --format and --output, or --watch")


def watch(ask: Callable[[], Result], *, seconds: float = SECONDS) -> int:
    """Ask and draw every so many seconds; ends by what `ask` raises, Ctrl-C included."""
    with screen():
        while True:
            sys.stdout.write(frame(ask(), time.strftime("%H:%M:%S")))
            sys.stdout.flush()
            time.sleep(seconds)


@contextmanager
def screen() -> Iterator[None]:
    """The second screen, left again whatever happens."""
    sys.stdout.write(OPEN)
    try:
        yield
    finally:
        sys.stdout.write(CLOSE)
        sys.stdout.flush()


def frame(result: Result, now: str) -> str:
    """One picture: as many lines as the terminal has, each drawn over what stood there."""
    width, colour = terminal()
    height = shutil.get_terminal_size().lines
    lines = render(result, "table", width=width, colour=colour).splitlines()
    room = max(height - 2, 1)
    cut = [f"… {len(lines) - room + 1} more lines"] if len(lines) > room else []
    shown = [*lines[: room - len(cut)], *cut, f"{now}, every {SECONDS:g} s; Ctrl-C ends it"[: width or None]]
    return HOME + "".join(f"{line}{END_OF_LINE}\r\n" for line in shown[:-1]) + f"{shown[-1]}{END_OF_LINE}{BELOW}"
