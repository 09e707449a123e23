"""An event loop for engines that need one, whoever asks: a script, IPython, or code on a loop of its own."""

import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds that a cancelled coroutine may take to end."""


class EventLoop:
    """An event loop in a thread of its own, for engines that need one."""

    def __init__(self) -> None:
        import asyncio

        self.loop = asyncio.new_event_loop()
        self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self.loop.run_forever, name="dbadmin-loop", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether the caller already runs on this loop, where waiting for it would never end."""
        return threading.current_thread() is self._thread

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and give its result; Ctrl-C cancels it and waits until it has ended."""
        import asyncio

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

        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self._thread = threading.current_thread()
        task = self.loop.create_task(coroutine)
        try:
            return self.loop.run_until_complete(task)
        except BaseException as error:
            if task.done():
                raise
            task.cancel()
            with suppress(asyncio.CancelledError):
                result = self.loop.run_until_complete(task)
                if isinstance(error, KeyboardInterrupt):
                    return result  # the code has dealt with it
            raise
        finally:
            self._start()

    def close(self) -> None:
        """Stop the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self.loop.close()


async def _ended(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Wait for the task that runs this coroutine, on its loop."""
    import asyncio

    tasks = [task for task in asyncio.all_tasks() if task.get_coro() is coroutine]
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE)
