"""The IPython session itself. IPython is imported with this module, so import it when the session starts.

The user's own IPython configuration is read as ever; what the session promises goes before it: prompt,
history file, tracebacks without local variables.
"""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any

import IPython
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.ipapp import TerminalIPythonApp
from IPython.terminal.prompts import Prompts
from pygments.token import Token  # type: ignore[import-untyped]  # has no stubs of its own
from sqlalchemy.exc import DBAPIError
from traitlets.config import Config
from traitlets.config.loader import LazyConfigValue

from dbadmin import results
from dbadmin.database import Database
from dbadmin.errors import DbadminError
from dbadmin.render import render
from dbadmin.render.values import visible_lines
from dbadmin.results import Result
from dbadmin.secrets import mask, without_values
from dbadmin.shell import awaiting
from dbadmin.shell.history import History, history_file
from dbadmin.shell.session import Keeper, explained

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")

STYLES = {Token.Prompt.ReadOnly: "ansigreen", Token.Prompt.Write: "bold ansired"}


class DatabasePrompts(Prompts):
    """`blog.db [read-only] In [1]: `"""

    def in_prompt_tokens(self) -> list[tuple[Any, str]]:
        """Database and mode before IPython's own prompt; red where writes are allowed."""
        session: Any = self.shell.parent
        token = Token.Prompt.Write if session.database.mode == "write" else Token.Prompt.ReadOnly
        return [(token, f"{session.label} "), *super().in_prompt_tokens()]  # type: ignore[no-untyped-call]


class Shell(TerminalInteractiveShell):
    """IPython's shell with dbadmin's history and errors, and the loop of an asynchronous application."""

    def init_history(self) -> None:
        """The history that leaves out secrets."""
        self.history_manager = history = History(shell=self, parent=self)
        configurables: list[Any] = self.configurables
        configurables.append(history)

    def should_run_async(self, raw_cell: str, **more: Any) -> bool:
        """For an asynchronous application every cell runs on the loop, so that lazy loading works as well."""
        session: Any = self.parent
        if session.database.is_async and more.get("preprocessing_exc_tuple") is None:
            return True
        return bool(super().should_run_async(raw_cell, **more))

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        super()._showtraceback(etype, evalue, [harmless(part) for part in stb])
        session: Any = self.parent
        known = explained(evalue, session.database)
        if known is not None:
            tell_error(known)


class IPythonSession(TerminalIPythonApp):
    """One run of IPython for one database."""

    database: Database
    keeper: Keeper
    label: str
    ended_by: BaseException | None = None

    def init_shell(self) -> None:
        """Make the shell, and listen to it."""
        section = self.config.TerminalInteractiveShell
        given = section.get("highlighting_style_overrides", {})
        given = given.get_value({}) if isinstance(given, LazyConfigValue) else given
        section.highlighting_style_overrides = {**STYLES, **given}
        super().init_shell()  # type: ignore[no-untyped-call]
        shell: Any = self.shell
        shell.events.register("post_run_cell", self.after_cell)
        plain = shell.display_formatter.formatters["text/plain"]
        for kind in result_kinds():
            plain.for_type(kind, show_result)
        for name in ("DataFrame", "Series"):  # by name: pandas is imported when it is first used
            for module in ("pandas", f"pandas.core.{'frame' if name == 'DataFrame' else 'series'}"):
                plain.for_type_by_name(module, name, show_frame)
        shell.set_custom_exc((DbadminError, DBAPIError, asyncio.CancelledError), self.show)
        if self.database.is_async:
            shell.loop_runner = self.run_on_loop

    def run_on_loop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """IPython's loop runner."""
        return awaiting.run(self.database, coroutine)

    def after_cell(self, result: Any) -> None:
        """Put the session in order; an end that was asked for from outside (SIGTERM) is not swallowed."""
        error = None if result is None else result.error_in_exec or result.error_before_exec
        tell(self.keeper.after_statement(failed=result is None or error is not None))
        if isinstance(error, BaseException) and not isinstance(
            error, Exception | KeyboardInterrupt | SystemExit | GeneratorExit | asyncio.CancelledError
        ):
            self.ended_by = error
            shell: Any = self.shell
            shell.ask_exit()

    def show(
        self,
        shell: Any,
        etype: Any,
        error: BaseException,
        frames: TracebackType | None,
        tb_offset: Any = None,
    ) -> list[str]:
        """An error of the database as dbadmin tells it; `%tb` gives the whole traceback."""
        sys.last_type, sys.last_value, sys.last_traceback = etype, error, frames
        if isinstance(error, asyncio.CancelledError):
            tell("interrupted")
            return []
        known = explained(error, self.database)
        if known is not None:
            tell_error(known)
        return []


def tell_error(error: DbadminError) -> None:
    """An error and what to type next."""
    tell(f"{error.message}\nhint: {error.hint}" if error.hint else error.message)


def harmless(text: str) -> str:
    """A part of a traceback without passwords and with no control but colour; a password costs it its colours too.

    >>> harmless("\\x1b[31mpostgresql://\\x1b[32mu:pw@h\\x1b[0m"), harmless("\\x1b[31mx\\x1b[2J")
    ('postgresql://u:***@h', '\\x1b[31mx\\\\x1b[2J')
    """
    plain = _COLOUR.sub("", text)
    shown = without_values(mask(plain))
    if shown != plain:
        return visible_lines(shown)
    return "".join(part if _COLOUR.fullmatch(part) else visible_lines(part) for part in _COLOUR.split(text))


def result_kinds() -> list[type[Result]]:
    """Every class of results: a dataclass brings a repr of its own, which would go before its base's table."""
    return [kind for kind in vars(results).values() if isinstance(kind, type) and issubclass(kind, Result)]


def show_result(result: Result, printer: Any, cycle: bool) -> None:
    """A result as the table that the command line would draw."""
    printer.text(render(result, "table", width=shutil.get_terminal_size().columns).rstrip("\n"))


def show_frame(frame: Any, printer: Any, cycle: bool) -> None:
    """What pandas draws, in which values steer no terminal."""
    printer.text(visible_lines(repr(frame)))


def tell(text: str | None) -> None:
    """Talk, on stderr."""
    if text:
        sys.stdout.flush()
        sys.stderr.write(visible_lines(mask(f"dbadmin: {text}\n")))
        sys.stderr.flush()


def interact(database: Database, keeper: Keeper, names: Mapping[str, Any], *, label: str, banner: str) -> int:
    """Run a session until its user ends it."""
    sys.path.insert(0, "")
    session = IPythonSession.instance(config=settings(banner), user_ns=dict(names))
    session.database, session.keeper, session.label = database, keeper, label
    hook = sys.excepthook
    try:
        session.initialize([])  # type: ignore[no-untyped-call]
        session.start()  # type: ignore[no-untyped-call]
    finally:
        sys.excepthook = hook
        IPythonSession.clear_instance()
    if session.ended_by is not None:
        raise session.ended_by
    return 0


def settings(banner: str) -> Config:
    """What goes before the user's own configuration."""
    config = Config()
    config.IPythonSession.interactive_shell_class = Shell
    config.TerminalInteractiveShell.prompts_class = DatabasePrompts
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
