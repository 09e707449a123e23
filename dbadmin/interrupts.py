"""Ctrl-C and SIGTERM, kept waiting while something is made or put away that must not be left half-way."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a run, and what it can still answer by tidying up."""

MOST = 3
"""So many signals are not kept waiting."""
SPARED = 2
"""This Ctrl-C of a run ends nothing, as it finds what the first one began: cleaning up. The next one does."""
_blocks: list[None] = []
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
