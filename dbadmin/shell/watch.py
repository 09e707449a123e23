"""Ends a sandbox at its limit while nobody types: it holds locks that others wait for."""

import threading
from contextlib import suppress

from dbadmin.shell.live import Live


class Watch:
    """A timer that runs between cells. Within one, `pause` has it wait."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def start(self) -> bool:
        """Count on; False where the limit is reached already, or the sandbox has ended otherwise."""
        self.stop()
        if self.live.mode != "sandbox":
            return True
        sandbox = self.live.database.sandbox
        if sandbox.why_over() is not None:
            return False
        if sandbox.limit is not None:
            self._timer = threading.Timer(max(sandbox.limit - sandbox.age, 0.0), self._end)
            self._timer.daemon = True
            self._timer.start()
        return True

    def pause(self) -> bool:
        """A cell begins; False where the sandbox has ended meanwhile."""
        self.stop()
        with self._lock:  # an end that is under way comes first
            return self.live.mode != "sandbox" or self.live.database.sandbox.why_over() is None

    def stop(self) -> None:
        """Count no more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _end(self) -> None:
        with self._lock, suppress(Exception):  # a driver that minds threads: it is ended at the next cell
            self.live.database.end_sandbox(self.live.database.sandbox.why_over())
