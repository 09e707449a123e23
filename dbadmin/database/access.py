"""The engine with its mode: how `work` gets its connection, and what comes of its transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from dbadmin import readonly
from dbadmin.database import told
from dbadmin.database.failures import connecting, errors
from dbadmin.database.loop import EventLoop
from dbadmin.dialects import Dialect, Identity, named
from dbadmin.dialects.connecting import has_creator, limit
from dbadmin.dialects.stopping import stop_when_interrupted
from dbadmin.results import DatabaseInfo
from dbadmin.sandbox import MINUTES, Sandbox
from dbadmin.secrets import mask, remember

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

Mode = Literal["read-only", "write", "sandbox"]
T = TypeVar("T")
Joined = Callable[[Callable[["Connection"], Any]], Any]
"""Calls work with the connection of a transaction that is open already, and gives its result."""


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
        stop_when_interrupted(self.sync_engine, self.dialect)
        self.sandbox_limit: float | None = MINUTES * 60.0
        self._sandbox: Sandbox | None = None
        self._joined: Joined | None = None
        self._protected = self.dialect.address.of_url(self.url) if mode != "write" else None
        if self._protected is not None:
            readonly.protect(self._protected)
            readonly.let_read(self.sync_engine.dialect)
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

    @property
    def has_creator(self) -> bool:
        """See the function `has_creator`."""
        return has_creator(self.engine)

    @cached_property
    def place(self) -> "URL":
        """Where the database is: what the URL says; where it tells nothing, what an open connection does."""
        return told.place_of(self) if self.has_creator else self.url

    @cached_property
    def whole_url(self) -> "URL":
        """The URL by which tools and connections of our own get there, password included; see `told.url_of`."""
        return told.url_of(self) if self.has_creator else self.url

    def check_target(self) -> None:
        """Raise ConnectionFailed where the URL leads to no database; see `SessionRules.check_target`."""
        if not self.has_creator:
            self.dialect.session.check_target(self.url)

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
            self.check_target()
            if self._joined is not None:
                found: T = self._joined(work)
                return found
            if self.mode == "sandbox":
                return self._in_sandbox(work)
            if not self.is_async:
                return self._run_sync(work)
            if self.loop.is_here:
                return self._run_nested(work)
            return self.loop.call(self._run_async(work))

    @contextmanager
    def joining(self, joined: Joined) -> Iterator[None]:
        """Within, `run` works in a transaction that is open already, which goes on afterwards."""
        before, self._joined = self._joined, joined
        try:
            yield
        finally:
            self._joined = before

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
                self.check_target()
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
            self._protect_what_is_open(connection)
        rules.set_timeouts(connection, self.statement_timeout, self.lock_timeout)

    def _protect_what_is_open(self, connection: "Connection") -> None:
        """Where the URL tells nothing, the connection may tell which database it is."""
        if not self.has_creator or self._protected is None:
            return
        address = self.dialect.address.of_connection(connection.connection.dbapi_connection)
        if address is not None:
            readonly.protect(address)
            readonly.release(self._protected)
            self._protected = address

    @cached_property
    def info(self) -> DatabaseInfo:
        """Which database this is; asked once."""
        session = self.dialect.session
        version, product = self.run(lambda asked: (session.server_version(asked), session.product(asked)))
        shown = mask(self.place.render_as_string(hide_password=True))
        return DatabaseInfo(shown, product or self.dialect.name, version, self.identity.name)

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
            readonly.end_reading(self.sync_engine.dialect)
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
