"""A database that answers: one `run(work)` for synchronous and asynchronous engines, read-only unless asked.

    Database(engine).run(lambda connection: connection.scalar(text("select 1")))

`work` always gets a synchronous `Connection`; with an AsyncEngine it runs on the engine's own event loop, in
a thread that lives as long as the Database, so it works from scripts, from IPython and from a running loop
alike.
"""

import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from dbadmin import readonly
from dbadmin.dialects import Dialect, Identity, named
from dbadmin.dialects.connecting import limit
from dbadmin.errors import ConnectionFailed, DbadminError, StatementFailed, WriteRefused
from dbadmin.results import DatabaseInfo
from dbadmin.sandbox import MINUTES, Sandbox
from dbadmin.secrets import mask, remember

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

Mode = Literal["read-only", "write", "sandbox"]
T = TypeVar("T")


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
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self.loop).result(timeout=5)
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


class Database:
    """An engine with manners: a mode, timeouts, an identity, and errors that say what to do.

    Parameters: `engine`, an Engine or an AsyncEngine (the application's own, where there is one); `mode`,
    "read-only" (enforced for every engine of this process that leads to the same database) or "write";
    `statement_timeout` and `lock_timeout` in seconds, None or 0 for none.
    """

    def __init__(
        self,
        engine: "Engine | AsyncEngine",
        *,
        mode: Mode = "read-only",
        statement_timeout: float | None = None,
        lock_timeout: float | None = 2.0,
    ) -> None:
        self.mode: Mode = mode
        self.statement_timeout = statement_timeout or None
        self.lock_timeout = lock_timeout or None
        self.engine = engine
        self.is_async = hasattr(engine, "sync_engine")
        self.sync_engine: Engine = getattr(engine, "sync_engine", None) or cast("Engine", engine)
        self.sync_engine.hide_parameters = True  # errors of SQLAlchemy's would show values of rows
        self._loop: EventLoop | None = None
        self._proven = False
        remember(self.url.password)
        limit(self.sync_engine, self.dialect)
        self.sandbox_limit: float | None = MINUTES * 60.0
        self._sandbox: Sandbox | None = None
        self._protected = self.dialect.address.of_url(self.url) if mode != "write" else None
        if self._protected is not None:
            readonly.protect(self._protected)
        else:
            readonly.let_write(self.sync_engine.dialect)

    @property
    def url(self) -> "URL":
        """The engine's URL, password included: never print it, `shown_url` is for that."""
        return self.sync_engine.url

    @property
    def shown_url(self) -> str:
        """The URL with its password hidden."""
        return mask(self.url.render_as_string(hide_password=True))

    @cached_property
    def dialect(self) -> Dialect:
        """The engine's dialect."""
        return named(self.sync_engine.dialect.name)

    @property
    def loop(self) -> EventLoop:
        """The event loop of an asynchronous engine, started when first needed."""
        if self._loop is None:
            self._loop = EventLoop()
        return self._loop

    def run(self, work: "Callable[[Connection], T]") -> T:
        """Call `work` with a connection and give its result; the transaction is rolled back when read-only.

        May be called from within `work` too, and then takes a second connection. Raises ConnectionFailed,
        WriteRefused or StatementFailed instead of driver errors; what `work` itself raises passes through.
        """
        with errors(self):
            self.dialect.session.check_target(self.url)
            if self.mode == "sandbox":
                return self._in_sandbox(work)
            if not self.is_async:
                return self._run_sync(work)
            if self.loop.is_here:
                return self._run_nested(work)
            return self.loop.call(self._run_async(work))

    def _run_sync(self, work: "Callable[[Connection], T]") -> T:
        with connecting(self):
            connection = self.sync_engine.connect()
        with connection:
            return self._work(connection, work)

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox of this database, begun when it is first needed. Raises ConnectionFailed, NotSupported."""
        if self._sandbox is None:
            made = Sandbox(self.dialect, self.sandbox_limit)
            with errors(self):
                self.dialect.session.check_target(self.url)
                if self.is_async:
                    self.loop.call(self._begin_async(made))
                else:
                    with connecting(self), readonly.opening_sandbox(made.judge):
                        connection = self.sync_engine.connect()
                    self._begin(connection, made, connection)
            self._sandbox = made
        return self._sandbox

    async def _begin_async(self, made: Sandbox) -> None:
        with connecting(self), readonly.opening_sandbox(made.judge):
            connection = await self.engine.connect()  # type: ignore[misc]
        await connection.run_sync(self._begin, made, connection)

    def _begin(self, connection: "Connection", made: Sandbox, bind: Any) -> None:
        self.dialect.session.set_timeouts(connection, self.statement_timeout, self.lock_timeout)
        if connection.in_transaction():
            connection.rollback()
        made.begin(connection, bind)

    def _in_sandbox(self, work: "Callable[[Connection], T]") -> T:
        sandbox = self.sandbox
        if not self.is_async or self.loop.is_here:  # there, in a greenlet of the loop
            return sandbox.run(work)
        from sqlalchemy.util import greenlet_spawn

        found: T = self.loop.call(greenlet_spawn(sandbox.run, work))
        return found

    def end_sandbox(self, reason: str | None = None) -> str | None:
        """Roll the sandbox back; gives what is known to have stayed, None where nothing has."""
        if self._sandbox is None or self._sandbox.is_given_up:
            return None if self._sandbox is None else self._sandbox.stayed
        if self.is_async:
            from sqlalchemy.util import greenlet_spawn

            self.loop.call(greenlet_spawn(self._sandbox.end, reason))
        else:
            self._sandbox.end(reason)
        return self._sandbox.stayed

    async def _run_async(self, work: "Callable[[Connection], T]") -> T:
        with connecting(self):
            connection = await self.engine.connect()  # type: ignore[misc]
        try:
            return await connection.run_sync(self._work, work)  # type: ignore[no-any-return]
        finally:
            await connection.close()

    def _run_nested(self, work: "Callable[[Connection], T]") -> T:
        """From inside `work` on an asynchronous engine: the running greenlet waits, the loop goes on."""
        from sqlalchemy.util import await_only

        return await_only(self._run_async(work))

    def _work(self, connection: "Connection", work: "Callable[[Connection], T]") -> T:
        self._prepare(connection)
        result = work(connection)
        if self.mode == "write":
            connection.commit()
        return result

    def _prepare(self, connection: "Connection") -> None:
        """Prove once that writes fail, and set the timeouts of this session."""
        rules = self.dialect.session
        if self.mode == "read-only" and not self._proven:
            rules.prove_read_only(connection)
            connection.rollback()
            self._proven = True
        rules.set_timeouts(connection, self.statement_timeout, self.lock_timeout)

    @cached_property
    def info(self) -> DatabaseInfo:
        """Which database this is; asked once."""
        session = self.dialect.session
        version, product = self.run(lambda asked: (session.server_version(asked), session.product(asked)))
        return DatabaseInfo(self.shown_url, product or self.dialect.name, version, self.identity.name)

    @cached_property
    def identity(self) -> Identity:
        """The identity as the catalog tells it; asked once."""
        return self.run(self.dialect.session.identity)

    def release(self) -> None:
        """Close pooled connections; the next question opens a new one."""
        if self.is_async and self._loop is not None:
            self._loop.call(self.engine.dispose())  # type: ignore[arg-type]
        elif not self.is_async:
            self.sync_engine.dispose()

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Let other engines write to this database for a while, and keep no connection to it."""
        self.release()
        if self._protected is not None:
            readonly.release(self._protected)
        try:
            yield
        finally:
            if self._protected is not None:
                readonly.protect(self._protected)

    def close(self) -> None:
        """Close pooled connections and the event loop; other engines may write again where nobody else protects."""
        self.end_sandbox()
        if self._protected is not None:
            readonly.release(self._protected)
            self._protected = None
        else:
            readonly.end_writing(self.sync_engine.dialect)
        if self.is_async:
            if self._loop is not None:
                self._loop.call(self.engine.dispose())  # type: ignore[arg-type]
                self._loop.close()
                self._loop = None
        else:
            self.sync_engine.dispose()


def echo(engine: "Engine") -> None:
    """Show every statement of an engine on stderr with the time it took, and without its values."""
    from sqlalchemy import event

    from dbadmin.render.values import visible_lines

    started: list[float] = []

    def before(*_: Any) -> None:
        started.append(time.perf_counter())

    def after(connection: "Connection", cursor: Any, statement: str, *_: Any) -> None:
        seconds = time.perf_counter() - started.pop() if started else 0.0
        sys.stderr.write(visible_lines(mask(f"[{seconds:.3f} s] {statement}")) + "\n")

    def failed(context: Any) -> None:
        if context.statement is not None:
            after(context.connection, None, f"{context.statement}  -- failed")

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


@contextmanager
def errors(database: Database) -> Iterator[None]:
    """Turn driver and SQLAlchemy errors into dbadmin's own, without row values or passwords."""
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

    try:
        yield
    except DBAPIError as error:
        raise explain(error, database) from error
    except NoSuchModuleError as error:
        raise ConnectionFailed(first_line(error), hint="dbadmin doctor") from error
    except ConnectionError as error:  # asyncpg and pg8000, when the server goes away
        raise ConnectionFailed(f"the connection was lost: {first_line(error)}", hint="dbadmin doctor") from error
    except SQLAlchemyError as error:
        raise StatementFailed(first_line(error), hint="--echo shows the statement") from error


@contextmanager
def connecting(database: Database) -> Iterator[None]:
    """Whatever a driver raises while it connects is a ConnectionFailed: not all are DBAPI errors."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DbadminError:
        raise
    except Exception as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if isinstance(cause, TimeoutError):  # of a socket or a loop, which has no words of its own
            cause = TimeoutError("the server takes the connection, or drops it on the way, and does not answer in time")
        known = database.dialect.session.explain(cause)
        detail = mask(known.message if known is not None else database.dialect.session.message(cause))
        raise ConnectionFailed(
            f"cannot connect to {database.shown_url}: {detail}",
            hint=known.hint if known is not None else "dbadmin doctor",
        ) from error


def explain(error: Any, database: Database) -> DbadminError:
    """The error that a DBAPIError stands for; `error` is a sqlalchemy DBAPIError."""
    session = database.dialect.session
    detail = mask(session.message(error.orig))
    if session.is_read_only_error(error.orig):
        return WriteRefused(f"this session is read-only: {detail}", hint=readonly.HINT)
    known = session.explain(error.orig)
    if known is not None:
        return type(known)(mask(known.message), hint=known.hint)
    if error.connection_invalidated:
        return ConnectionFailed(f"the connection was lost: {detail}", hint="dbadmin doctor")
    return StatementFailed(detail, hint="--echo shows the statement")


def first_line(error: BaseException | None) -> str:
    """The first line of an error's text, secrets hidden.

    >>> first_line(ValueError("bad\\nDETAIL: Key (email)=(a@b) exists"))
    'bad'
    """
    lines = str(error).strip().splitlines() if error is not None else []
    return mask(lines[0].strip()) if lines else type(error).__name__
