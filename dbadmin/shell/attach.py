"""Ties an open application to an IPython shell, at a terminal or in a notebook; `detach` unties it.

What it ties: the session is put in order after each cell, errors of the database are told as dbadmin tells them,
results are drawn as tables, cells of an asynchronous application run on its loop, the history keeps no secrets.
"""

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any

from IPython.terminal.interactiveshell import TerminalInteractiveShell
from sqlalchemy.exc import DBAPIError

from dbadmin import protected
from dbadmin.admin import open_application
from dbadmin.app import load_application
from dbadmin.database import Mode
from dbadmin.errors import DbadminError
from dbadmin.render.values import visible_lines
from dbadmin.secrets import mask, without_values
from dbadmin.shell import awaiting, collecting
from dbadmin.shell.dress import Dress
from dbadmin.shell.guard import Guard
from dbadmin.shell.history import LEFT_OUT, has_secret
from dbadmin.shell.live import Live
from dbadmin.shell.magics import magics
from dbadmin.shell.masking import mask_streams, restore
from dbadmin.shell.reloading import Sources
from dbadmin.shell.session import at_prompt, explained
from dbadmin.shell.talk import answer, harmless, lines, tell, tell_error
from dbadmin.shell.watch import Watch

OWN_ERRORS = (DbadminError, DBAPIError, asyncio.CancelledError, KeyboardInterrupt)


class Attached:
    """One shell, one open application."""

    def __init__(self, shell: Any, live: Live) -> None:
        self.shell, self.live = shell, live
        self.ended_by: BaseException | None = None
        self.at_terminal = isinstance(shell, TerminalInteractiveShell)
        self.wanted: tuple[Mode, str | None] | None = None
        self.reload_wanted = False
        self.watch, self.guard = Watch(live), Guard(live)
        self.sources = Sources(live.admin.settings)
        self.dress = Dress(shell, live)
        self._streams: Any = None
        self._cells = 0
        self._own: dict[str, Any] = {}
        self._before = {name: getattr(shell, name) for name in ("custom_exceptions", "CustomTB", "loop_runner")}

    def attach(self, names: Mapping[str, Any]) -> None:
        """Bring in the names, and listen to the shell."""
        shell = self.shell
        shell.push(dict(names), interactive=False)
        self._own = dict(names)
        self.watch.start()
        self.guard.start()
        shell.events.register("pre_run_cell", self.before_cell)
        shell.events.register("post_run_cell", self.after_cell)
        shell.register_magics(magics(self))
        self.dress.put_on(self._models())
        shell.set_custom_exc(OWN_ERRORS, self.show)
        self._traceback, shell._showtraceback = shell._showtraceback, self.show_traceback
        if hasattr(shell, "_format_exception_for_storage"):  # IPython 9
            self._keep, shell._format_exception_for_storage = shell._format_exception_for_storage, self.kept
        history = shell.history_manager
        self._store, history.store_inputs = history.store_inputs, self.store_inputs
        if self.live.database.is_async:
            self._should, shell.should_run_async = shell.should_run_async, self.should_run_async
            shell.loop_runner = self.run_on_loop

    def detach(self) -> None:
        """Leave the shell as it was; names that still mean what was brought go too."""
        shell = self.shell
        shell.events.unregister("pre_run_cell", self.before_cell)
        shell.events.unregister("post_run_cell", self.after_cell)
        self.watch.stop()
        self.guard.stop()
        self.dress.take_off()
        for name, value in self._before.items():
            setattr(shell, name, value)
        for owner, name in (
            (shell, "_showtraceback"),
            (shell, "_format_exception_for_storage"),
            (shell.history_manager, "store_inputs"),
            (shell, "should_run_async"),
        ):
            vars(owner).pop(name, None)
        shell.drop_by_id(dict(self._own))

    def _models(self) -> list[type]:
        """The models among the names."""
        return [one for one in self._own.values() if isinstance(one, type) and hasattr(one, "__mapper__")]

    def should_run_async(self, raw_cell: str, **more: Any) -> bool:
        """For an asynchronous application every cell runs on the loop, so that lazy loading works as well."""
        return more.get("preprocessing_exc_tuple") is None or bool(self._should(raw_cell, **more))

    def run_on_loop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """IPython's loop runner."""
        return awaiting.run(self.live.database, coroutine)

    def store_inputs(self, line_num: int, source: str, source_raw: str | None = None) -> None:
        """Keep one input in the history; of one that holds a secret, only that there was one."""
        if has_secret(source if source_raw is None else source_raw):
            source = source_raw = LEFT_OUT
        self._store(line_num, source, source_raw)

    def before_cell(self, info: Any) -> None:
        """A cell runs now: nothing ends the sandbox meanwhile, and what it prints is masked."""
        self._cells += 1
        if self._streams is None:
            self._streams = mask_streams()
        if self.watch.pause():
            return
        if self.live.database.is_async:  # on the loop, which a new session would end
            self.wanted = ("read-only", None)
        else:
            self.after_limit()

    def after_limit(self, error: object = None) -> None:
        """The sandbox is over without having been ended: go on, read-only. Why is told once, if `error` did not."""
        why = self.live.database.sandbox.why_over()
        if not (isinstance(error, DbadminError) and error.message == why):
            tell(why)
        self.switch("read-only", None)

    def switch(self, mode: Mode, confirm: str | None) -> None:
        """Another mode, with a new session under the old names."""
        try:
            self.live.switch(mode, confirm=confirm)
        except DbadminError as error:
            tell_error(error)
        self.rebind({**self.live.always(), **self.live.helpers()})
        self.watch.start()
        self.guard.start()
        said = tell if self.live.mode == "write" else answer
        said(f"{self.live.database.shown_url}: the mode is {self.live.mode} now, and the session a new one")

    def rebind(self, names: Mapping[str, Any]) -> None:
        """Give names that still mean what was brought their new meaning."""
        namespace = self.shell.user_ns
        for name, value in names.items():
            if name in self._own and namespace.get(name) is self._own[name]:
                namespace[name] = self._own[name] = value

    def after_cell(self, result: Any) -> None:
        """Put the session in order; an end that was asked for from outside (SIGTERM) is not swallowed."""
        self._cells = max(self._cells - 1, 0)
        if self._cells:
            return  # a cell that ran within another one
        if self._streams is not None:
            restore(self._streams)
            self._streams = None
        self.settle(result)
        self.reload()
        wanted, self.wanted = self.wanted, None
        if wanted is not None:
            self.switch(*wanted)
        elif not self.watch.start():
            self.after_limit(None if result is None else result.error_in_exec)

    def reload(self) -> None:
        """Import the application anew where that was asked for, or its files have changed."""
        changed = self.sources.changed()
        wanted, self.reload_wanted = self.reload_wanted, False
        if not (changed or wanted):
            return
        self.sources.look()
        what = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "") if changed else "the application"
        if not wanted and self.live.mode != "read-only":
            tell(f"{what} has changed; %reload imports it, and rolls back what is not committed")
            return
        mode, application = self.live.mode, self.live.admin.application
        collecting.look_everywhere()
        try:
            with self.sources.forgotten():
                loaded = load_application(application.settings)
                self.live.reload(lambda: open_application(loaded, mode, confirm=protected.name_of(loaded.url)))
        except DbadminError as error:
            tell(f"{what} could not be imported anew, the models are as before: {error.message}")
            return
        self.sources.look()
        names, _ = self.live.names()
        self.rebind(names.values)
        new = {name: value for name, value in names.values.items() if name not in self._own}
        self.shell.push(new, interactive=False)
        self._own |= new
        self.dress.take_off()
        self.dress.put_on(self._models())
        self.guard.start()
        answer(f"{what} imported anew; objects of the old classes are detached")

    def settle(self, result: Any) -> None:
        """The session, after a cell."""
        error = None if result is None else result.error_in_exec or result.error_before_exec
        tell(self.live.keeper.after_statement(failed=result is None or error is not None))
        if result is not None and not self.at_terminal and isinstance(result.error_in_exec, Exception):
            result.error_in_exec = told(result.error_in_exec, self.live)  # a kernel sends it to its client
        if isinstance(error, BaseException) and not isinstance(
            error, Exception | KeyboardInterrupt | SystemExit | GeneratorExit | asyncio.CancelledError
        ):
            self.ended_by = error
            if self.at_terminal:
                self.shell.ask_exit()

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
        if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
            tell("interrupted; %tb shows where")
            return []
        known = explained(error, self.live.database)
        if known is None:
            return []
        known = at_prompt(known, self.live.database)
        if self.at_terminal:
            tell_error(known)
        else:
            shown = [visible_lines(mask(line)) for line in lines(known)]
            self._traceback(type(known), mask(known.message), [f"dbadmin: {shown[0]}", *shown[1:]])
        return []

    def kept(self, error: BaseException, *given: Any, **more: Any) -> dict[str, Any]:
        """What IPython keeps of an error, which `%notebook` writes into a file: no passwords and values of rows."""
        if isinstance(error, DbadminError | DBAPIError | KeyboardInterrupt | asyncio.CancelledError):
            text = harmless(str(error) or "interrupted")  # and not its frames, which take IPython seconds to format
            return {"ename": type(error).__name__, "evalue": text, "traceback": [text]}
        found = self._keep(error, *given, **more)
        return {
            **found, "evalue": harmless(found["evalue"]), "traceback": [harmless(part) for part in found["traceback"]]
        }  # fmt: skip

    def show_traceback(self, etype: Any, error: Any, stb: list[str]) -> None:
        """Any other traceback, without passwords and values of rows."""
        text = error if self.at_terminal else harmless(str(error))
        self._traceback(etype, text, [harmless(part) for part in stb])
        known = explained(error, self.live.database) if isinstance(error, BaseException) else None
        if known is not None:
            tell_error(at_prompt(known, self.live.database))


def told(error: Exception, live: Live) -> Exception:
    """What a kernel may tell its client of an error: dbadmin's own, or the same without passwords and row values."""
    known = explained(error, live.database)
    if known is not None:
        return at_prompt(known, live.database)
    text = str(error)
    safe = without_values(mask(text))
    return error if safe == text else type(type(error).__name__, (Exception,), {})(safe)
