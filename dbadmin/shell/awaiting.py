"""Code of the user on the event loop of an asynchronous engine, where both ways of asking work.

`await session.execute(…)` needs the engine's own loop. Helpers (`counts()`), lazy loading (`post.author`) and
the refreshing of expired objects ask in plain calls, and need one of SQLAlchemy's greenlets. So the user's
coroutine is stepped inside such a greenlet, and what it waits for is handed to the loop outside.
"""

import asyncio
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from dbadmin.database import Database


class Waited:
    """Hands on what a coroutine yielded to the event loop, as it is."""

    def __init__(self, yielded: Any) -> None:
        self.yielded = yielded

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self.yielded)


def step(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine inside a greenlet made by `greenlet_spawn`; gives its result."""
    from sqlalchemy.util import await_only

    resume, value = coroutine.send, None
    while True:
        try:
            yielded = resume(value)
        except StopIteration as end:
            return end.value
        try:
            resume, value = coroutine.send, await_only(Waited(yielded))
        except BaseException as error:
            resume, value = coroutine.throw, error


def run(database: Database, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run the user's coroutine on the engine's loop, in this thread, where Ctrl-C reaches it."""
    from sqlalchemy.util import greenlet_spawn

    if database.loop.is_here:  # code that runs code: %run of an .ipy file
        return step(coroutine)
    with outside_of_running_loop():
        return database.loop.run_here(greenlet_spawn(step, coroutine))


@contextmanager
def outside_of_running_loop() -> Iterator[None]:
    """Let another loop run in this thread meanwhile: the one of a notebook's kernel waits, as for any plain cell."""
    try:
        outer = asyncio.get_running_loop()
    except RuntimeError:
        yield
        return
    task = asyncio.current_task()
    if task is not None:
        asyncio.tasks._leave_task(outer, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(outer)
        if task is not None:
            asyncio.tasks._enter_task(outer, task)
