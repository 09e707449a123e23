"""Progress of long work: a bar on stderr, and only where stderr is a terminal."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


class TerminalProgress:
    """Called with what is done now, how far it is, and how much it is in all (dialects.Progress).

    With total=None there is a counter instead of a bar. Draws nothing where stderr is no terminal.
    """

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._what: str | None = None
        self._bar: tqdm[Any] | None = None

    def __call__(self, what: str, done: float, total: float | None) -> None:
        """Show this state; a new `what` starts a new bar."""
        if not self._shown:
            return
        if self._bar is None or what != self._what:
            self.close()
            self._what, self._bar = what, self._new(what, total)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def note(self, line: str) -> None:
        """One line that stays, also where stderr is no terminal."""
        from dbadmin.cli.output import note

        self.close()
        note(line)

    def _new(self, what: str, total: float | None) -> "tqdm[Any]":
        from tqdm import tqdm

        from dbadmin.render.values import visible

        shape = "{desc} {percentage:3.0f} % |{bar}| {elapsed}, {remaining} left" if total else "{desc} … {elapsed}"
        return tqdm(desc=visible(what), total=total, file=sys.stderr, leave=False, dynamic_ncols=True, bar_format=shape)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> "TerminalProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
