"""A result as frames of so many rows, one after the other, over one connection."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from dbadmin.database import Database, connecting, errors
from dbadmin.dialects import Progress
from dbadmin.dialects.columns import NotColumnar
from dbadmin.frames.building import Building, Form, unreadable
from dbadmin.frames.columnar import Batches, columnar
from dbadmin.frames.statements import CLIENT_SIDE, Opened, Prepared, check_seen, is_client_side, opened

if TYPE_CHECKING:
    import pandas as pd


def chunks(
    database: Database | Connection, prepared: Prepared, size: int, form: Form, progress: Progress
) -> "Iterator[pd.DataFrame]":
    """Frames of `size` rows. What was yielded cannot be taken back, so nothing is fetched a second time."""
    with held(database) as run:
        reading = Parts(prepared, size, form, "the transaction is yours" if isinstance(database, Connection) else None)
        try:
            while True:
                part = run(reading.next)
                if part is None:
                    return
                if not reading.rows:
                    run(reading.close)
                    run(lambda connection: check_seen(connection, prepared))
                progress("rows", reading.rows, None)
                yield part
                if not reading.rows:
                    return
        finally:
            run(reading.close)


class Parts:
    """A result that is read part by part, each within a call on its connection.

    By columns only on a connection of its own: while a driver sends columns, its connection answers nothing else.
    """

    def __init__(self, prepared: Prepared, size: int, form: Form, fallback: str | None) -> None:
        self.prepared = prepared
        self.size = size
        self.form = form
        self.parts = self.rows = 0
        self._stack = ExitStack()
        self._running: Opened | Batches | None = None
        self._fallback = fallback

    def next(self, connection: Connection) -> "pd.DataFrame | None":
        """The next part; the first even if it has no rows, so that columns and dtypes are known."""
        if self._running is None:
            self._running = self._open(connection)
        building = Building(connection, self.prepared, self._running, self.form)
        try:
            self._fill(building, self._running)
        except CLIENT_SIDE as error:
            raise (unreadable(error) if is_client_side(error) else error) from error
        if not building.rows and self.parts:
            return None
        self.parts += 1
        self.rows += building.rows
        return building.built("rows" if self._fallback else "arrow", self._fallback)

    def _open(self, connection: Connection) -> "Opened | Batches":
        if self._fallback is None:
            try:
                return self._stack.enter_context(columnar(connection, self.prepared, self.size))
            except NotColumnar as reason:
                self._fallback = str(reason)
        return self._stack.enter_context(opened(connection, self.prepared, self.size, lenient=True))

    def _fill(self, building: Building, running: "Opened | Batches") -> None:
        """Take as many rows as a part has; a batch of large rows may come in several."""
        if isinstance(running, Opened):
            rows = running.result.fetchmany(self.size) if running.result.returns_rows else []
            if rows:
                building.add(rows, running.raw)
            return
        while building.rows < self.size:
            count, batch = next(running.batches, (0, ()))
            if not count:
                return
            building.take(count, batch)

    def close(self, _: Connection) -> None:
        """Close the result."""
        self._stack.close()


Run = Callable[[Callable[[Connection], Any]], Any]


@contextmanager
def held(database: Database | Connection) -> "Iterator[Run]":
    """One connection for several calls; with an asynchronous engine each call runs on the engine's loop."""
    if isinstance(database, Connection):
        given = database
        yield lambda work: work(given)
        return
    with errors(database):
        database.check_target()
        if isinstance(database.engine, AsyncEngine):
            with _held_async(database, database.engine) as run:
                yield run
            return
        with connecting(database):
            connection = database.sync_engine.connect()
        with connection:
            database._prepare(connection)
            yield lambda work: work(connection)


@contextmanager
def _held_async(database: Database, engine: AsyncEngine) -> "Iterator[Run]":
    async def connect() -> Any:
        with connecting(database):
            return await engine.connect()

    connection = database.loop.call(connect())
    try:
        database.loop.call(connection.run_sync(database._prepare))
        yield lambda work: database.loop.call(connection.run_sync(work))
    finally:
        database.loop.call(connection.close())
