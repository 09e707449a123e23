"""Drivers that wait for the server in C, where Python answers no signal: what they wait for is stopped on the server.

Python tells a descriptor of each signal at once (`signal.set_wakeup_fd`), and its own handler is called when the driver
comes back. So a thread listens at that descriptor while such a driver waits in the main thread, which answers signals.
"""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from dbadmin.dialects.cursors import cursor_class, subclass
from dbadmin.interrupts import SIGNALS, SPARED, are_held_back, came

_WAITING = ("execute", "executemany", "callproc", "fetchone", "fetchmany", "fetchall")
"""Methods of cursors that wait for the server."""
_ears: "dict[int, _Ear]" = {}
"""One for each process: a fork has the descriptors and not the thread."""


class _Ear:
    """The thread that listens, and what it does at a signal: `stop`, None where no driver waits.

    `interrupts` is how many Ctrl-C of this run have come.
    """

    def __init__(self) -> None:
        self.stop: Callable[[], None] | None = None
        self.interrupts = 0
        self.before = -1
        self.busy = threading.Lock()
        self._read, self.write = os.pipe()
        os.set_blocking(self.write, False)
        threading.Thread(target=self._listen, name="dbadmin-signals", daemon=True).start()

    def _listen(self) -> None:
        while True:
            numbers = os.read(self._read, 64)
            if self.before not in (-1, self.write):
                with suppress(OSError):  # an event loop that listens as well
                    os.write(self.before, numbers)
            with self.busy:
                if self.stop is not None and self._ends(numbers):
                    self.stop()

    def _ends(self, numbers: bytes) -> bool:
        """Whether one of these signals ends what the driver waits for, answered already or not."""
        if are_held_back():
            return False
        before, self.interrupts = self.interrupts, self.interrupts + numbers.count(signal.SIGINT)
        return any(number in SIGNALS and number != signal.SIGINT for number in numbers) or any(
            number != SPARED for number in range(before + 1, self.interrupts + 1)
        )


def hear_interrupts(dbapi_connection: Any, stop: Callable[[], None]) -> None:
    """From now on `stop` is called, in another thread, at an interrupt while a cursor of this connection waits."""

    @cache  # made once for a connection, and not for each of its cursors
    def listening(own: Any) -> Any:
        return subclass(own, {name: _heard(getattr(own, name), stop) for name in _WAITING if hasattr(own, name)})

    own: Any = dbapi_connection.__class__

    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = own.cursor(self, *args, **kwargs)
        made.__class__ = listening(made.__class__)
        return made

    try:
        dbapi_connection.__class__ = subclass(own, {"cursor": cursor})
    except TypeError:  # a connection made in C, whose cursors can be chosen
        dbapi_connection.cursor_factory = listening(cursor_class(dbapi_connection))


def _heard(method: Any, stop: Callable[[], None]) -> Any:
    def heard(self: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return method(self, *args, **kwargs)
        ear = _ear()
        outer, before = ear.stop, None
        try:
            ear.interrupts = came()
            before = ear.before = signal.set_wakeup_fd(ear.write, warn_on_full_buffer=False)
            ear.stop = stop
            return method(self, *args, **kwargs)
        finally:
            ear.stop = outer  # first, and by no call: at one, the signal's own handler may raise
            if before is not None:
                signal.set_wakeup_fd(before)
            with ear.busy:  # until what has begun to be stopped is stopped: nothing else of this connection is meant
                pass

    return heard


def _ear() -> _Ear:
    number = os.getpid()
    if number not in _ears:
        _ears[number] = _Ear()
    return _ears[number]
