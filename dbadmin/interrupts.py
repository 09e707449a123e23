"""Ctrl-C and SIGTERM, kept waiting while something is made or put away that must not be left half-way."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a run, and what it can still answer by tidying up."""

MOST = 3
"""So many signals are not kept waiting."""
SPARED = 2
"""This Ctrl-C of a run ends nothing, as it finds what the first one began: cleaning up. The next one does."""
SOON = 0.01
"""Seconds until a Ctrl-C that was lost comes again: by then what it hit has ended."""
_blocks: list[None] = []
_lost: list[None] = []
_came = 0


def are_held_back() -> bool:
    """Whether a signal that comes now is kept waiting."""
    return bool(_blocks)


def answer(came: int) -> None:
    """Tell how many Ctrl-C of this run have been answered, where they are counted."""
    global _came
    _came = came


def came() -> int:
    """How many Ctrl-C of this run have been answered; 0 where nobody counts them."""
    return _came


def is_repeated() -> bool:
    """Whether the Ctrl-C that is answered now is one that was lost, and not another one; told once."""
    if _lost:
        _lost.pop()
        return True
    return False


def lose_none() -> None:
    """Let a Ctrl-C come again that hit a finalizer or the callback of a weak reference: Python drops what these raise.

    >>> import os
    >>> before = sys.unraisablehook
    >>> lose_none()
    >>> class Interrupted:
    ...     def __del__(self):
    ...         os.kill(os.getpid(), signal.SIGINT)
    >>> interrupted = Interrupted()
    >>> try:
    ...     del interrupted
    ...     time.sleep(10)
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    interrupted
    >>> sys.unraisablehook = before
    """
    before = sys.unraisablehook

    def again() -> None:
        time.sleep(SOON)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def told(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # which does not ask
                _lost.append(None)
            threading.Thread(target=again, daemon=True).start()
        else:
            before(unraisable)

    sys.unraisablehook = told


@contextmanager
def held_back() -> Iterator[None]:
    """Keep these signals waiting until the block has ended; the first that came is then answered as it would have been.

    Who sends as many as MOST does not want to wait: the last one is answered at once. Only the main thread answers
    signals: elsewhere this does nothing. May be nested.

    >>> import os
    >>> try:
    ...     with held_back():
    ...         os.kill(os.getpid(), signal.SIGINT)
    ...         print("to the end")
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    to the end
    interrupted
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}
    caught = {number: handler for number, handler in before.items() if callable(handler)}

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == MOST:
            caught[signal.Signals(came.pop())](number, frame)

    for number in caught:
        signal.signal(number, note)
    _blocks.append(None)
    try:
        yield
    finally:
        _blocks.pop()
        for number, handler in caught.items():
            signal.signal(number, handler)
        if came:
            caught[signal.Signals(came[0])](came[0], None)
