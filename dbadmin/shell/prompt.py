"""The IPython session itself. IPython is imported with this module, so import it when the session starts.

The user's own IPython configuration is read as ever; what the session promises goes before it: prompt,
history file, tracebacks without local variables.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import IPython
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.ipapp import TerminalIPythonApp
from IPython.terminal.prompts import Prompts
from pygments.token import Token  # type: ignore[import-untyped]  # has no stubs of its own
from traitlets.config import Config
from traitlets.config.loader import LazyConfigValue

from dbadmin.shell import collecting
from dbadmin.shell.attach import Attached
from dbadmin.shell.history import history_file
from dbadmin.shell.live import Live
from dbadmin.shell.startup import run_startup

STYLES = {
    Token.Prompt.ReadOnly: "ansigreen",
    Token.Prompt.Sandbox: "bold ansiyellow",
    Token.Prompt.Write: "bold ansired",
}
TOKENS = {"read-only": Token.Prompt.ReadOnly, "sandbox": Token.Prompt.Sandbox, "write": Token.Prompt.Write}
TICK = 20.0
"""Seconds after which a prompt is drawn anew, so that it shows how old a sandbox is by now."""


class DatabasePrompts(Prompts):
    """`blog.db [read-only] In [1]: `"""

    def __init__(self, shell: Any, live: Live, name: str) -> None:
        super().__init__(shell)
        self.live, self.name = live, name

    def in_prompt_tokens(self) -> list[tuple[Any, str]]:
        """Database and mode before IPython's own prompt; red where writes are allowed."""
        shown = f"{self.name} [{self.live.state()}] "
        return [(TOKENS[self.live.mode], shown), *super().in_prompt_tokens()]  # type: ignore[no-untyped-call]

    def continuation_prompt_tokens(self, width: int | None = None, **more: Any) -> list[tuple[Any, str]]:
        """Database and mode on further lines, too, as wide as the first one's prompt."""
        shown = f"{self.name} [{self.live.state()}] "
        room = (len(shown) + len("In [1]: ") if width is None else width) - len(shown) - len("...: ")
        return [(TOKENS[self.live.mode], shown), (Token.Prompt, f"{'' if room < 1 else ' ' * room}...: ")]


class IPythonSession(TerminalIPythonApp):
    """One run of IPython for one database."""

    live: Live
    attached: Attached
    names: Mapping[str, Any]
    name_of_database: str
    startup: Sequence[Path]

    def init_shell(self) -> None:
        """Make the shell, and listen to it."""
        section = self.config.TerminalInteractiveShell
        given = section.get("highlighting_style_overrides", {})
        given = given.get_value({}) if isinstance(given, LazyConfigValue) else given
        section.highlighting_style_overrides = {**STYLES, **given}
        super().init_shell()  # type: ignore[no-untyped-call]
        self.attached = Attached(self.shell, self.live)
        self.attached.attach(self.names)
        shell: Any = self.shell
        shell.prompts = DatabasePrompts(shell, self.live, self.name_of_database)
        if shell.pt_app is not None:
            shell.pt_app.refresh_interval = TICK
        collecting.resume()  # the user's own code comes next

    def init_code(self) -> None:
        """The user's own start-up files, then those of the application."""
        super().init_code()  # type: ignore[no-untyped-call]
        run_startup(self.shell, self.startup)


def interact(live: Live, names: Mapping[str, Any], *, name: str, banner: str, startup: Sequence[Path] = ()) -> int:
    """Run a session until its user ends it."""
    sys.path.insert(0, "")
    session = IPythonSession.instance(config=settings(banner))
    session.live, session.names, session.name_of_database, session.startup = live, names, name, startup
    hook = sys.excepthook
    try:
        session.initialize([])  # type: ignore[no-untyped-call]
        session.start()  # type: ignore[no-untyped-call]
    finally:
        sys.excepthook = hook
        IPythonSession.clear_instance()
    if session.attached.ended_by is not None:
        raise session.attached.ended_by
    return 0


def settings(banner: str) -> Config:
    """What goes before the user's own configuration."""
    config = Config()
    config.IPythonSession.interactive_shell_class = TerminalInteractiveShell
    config.TerminalInteractiveShell.banner1 = banner
    config.TerminalInteractiveShell.banner2 = ""
    config.TerminalInteractiveShell.xmode = "Context"
    config.HistoryManager.hist_file = history_file()
    recent = IPython.version_info[0] >= 9
    if recent:
        config.TerminalInteractiveShell.enable_tip = False
    if os.environ.get("NO_COLOR"):
        config.InteractiveShell.colors = "nocolor" if recent else "NoColor"
    return config


def versions() -> str:
    """dbadmin's version, and those of what it runs in."""
    from dbadmin.version import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    return f"dbadmin {__version__} on IPython {IPython.__version__}, Python {python}; ? and Tab help, exit ends"
