"""An event loop for engines that need one, whoever asks: a script, IPython, or code on a loop of its own."""

import signal
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from dbadmin.interrupts import held_back

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds that a cancelled coroutine may take to end."""


class EventLoop:
    """An event loop in a thread of its own, for engines that need one."""

    def __init__(self) -> None:
        import asyncio

        self.loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._start()

    def _start(self) -> None:
        """Go on in a thread of its own, unless it runs already."""
        elsewhere = self._thread not in (None, threading.current_thread())
        if self.loop.is_running() or (elsewhere and self._thread.is_alive()):  # type: ignore[union-attr]
            return
        self._thread = threading.Thread(target=self.loop.run_forever, name="dbadmin-loop", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether the caller already runs on this loop, where waiting for it would never end."""
        return threading.current_thread() is self._thread and self.loop.is_running()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and give its result; Ctrl-C cancels it and waits until it has ended."""
        import asyncio

        self._start()  # where Ctrl-C came just when the loop was to go back to its thread
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result()
        except BaseException:
            if future.cancel():
                ended = asyncio.run_coroutine_threadsafe(_ended(coroutine), self.loop)
                with suppress(TimeoutError):
                    ended.result(timeout=PATIENCE + 1)
            raise

    def run_here(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """As `call`, but in the caller's thread, where Ctrl-C reaches the code; the loop moves here meanwhile."""
        import asyncio

        task: asyncio.Task[T] | None = None
        try:
            with held_back():
                self._stop()
                self._thread = threading.current_thread()
                task = self.loop.create_task(coroutine)
            return self._until_complete(task)
        except BaseException as error:
            if task is None:
                coroutine.close()
                raise
            if task.done():
                raise
            task.cancel()
            with suppress(asyncio.CancelledError):
                result = self.loop.run_until_complete(task)
                if isinstance(error, KeyboardInterrupt):
                    return result  # the code has dealt with it
            raise
        finally:
            with held_back():
                self._start()

    def _until_complete(self, task: "asyncio.Task[T]") -> T:
        """Ctrl-C is raised in the code of a task, and cancels this one while a driver or the loop itself is at work.

        Raised there, it would leave what the server has just said half read; asyncpg's C code crashes at it.
        """
        import asyncio

        from sqlalchemy.util import greenlet_spawn

        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(before):
            return self.loop.run_until_complete(task)
        cancelled = False

        def interrupt(number: int, frame: FrameType | None) -> None:
            nonlocal cancelled
            in_code = asyncio.current_task(self.loop) is not None and not _runs(greenlet_spawn, frame)
            if cancelled or in_code or task.done():
                before(number, frame)
                return
            cancelled = True
            task.cancel()
            self.loop.call_soon_threadsafe(lambda: None)  # it may be waiting

        signal.signal(signal.SIGINT, interrupt)
        try:
            return self.loop.run_until_complete(task)
        except asyncio.CancelledError:
            if cancelled:
                raise KeyboardInterrupt from None
            raise
        finally:
            signal.signal(signal.SIGINT, before)

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._stop(timeout=5)
        if self._thread is None or not self._thread.is_alive():
            self.loop.close()

    def _stop(self, timeout: float | None = None) -> None:
        if self._thread is not None and self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(timeout)


def _runs(function: Any, frame: FrameType | None) -> bool:
    """Whether a frame is one of this function, or was called by it: greenlet_spawn's own await the drivers."""
    while frame is not None:
        if frame.f_code is function.__code__:
            return True
        frame = frame.f_back
    return False


async def _ended(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Wait for the task that runs this coroutine, on its loop."""
    import asyncio

    tasks = [task for task in asyncio.all_tasks() if task.get_coro() is coroutine]
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE)
