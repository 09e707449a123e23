"""Every kind of session factory → an engine, and a callable that makes sessions on it."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.errors import ConfigError
from dbadmin.secrets import first_line

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

OURS = ("dbadmin.", "sqlalchemy.")
KINDS = "sessionmaker, async_sessionmaker, scoped_session, Engine, AsyncEngine, or a get_db generator"


@dataclass(frozen=True)
class Bound:
    """An engine and how sessions are made on it; `engine` is None where the factory is bound to none yet."""

    engine: "Engine | AsyncEngine | None"
    make_session: Callable[..., Any]


def normalise(value: Any, name: str) -> Bound:
    """The engine behind a session factory of any kind. User code may run here, so call it inside `watched`.

    Raises ConfigError where `value` (called `name` in errors) is nothing that gives sessions.
    """
    from sqlalchemy import Engine
    from sqlalchemy.orm import sessionmaker

    # Where nobody has imported it, nothing is of its classes.
    asynchronous: Any = sys.modules.get("sqlalchemy.ext.asyncio")
    if isinstance(value, Engine) or (asynchronous and isinstance(value, asynchronous.AsyncEngine)):
        return of_engine(value)
    if hasattr(value, "session_factory") and hasattr(value, "registry"):  # scoped_session and its async kin
        return normalise(value.session_factory, name)
    if isinstance(value, sessionmaker) or (asynchronous and isinstance(value, asynchronous.async_sessionmaker)):
        return _of_factory(value)
    if callable(value) and not isinstance(value, type):
        return _of_session(_sample(value, name), name)
    raise ConfigError(f"session: {name} is {_said(value)}, which gives no sessions", hint=f"name a {KINDS}")


def through(value: Any, name: str, path: Sequence[str], directory: Path, variables: Mapping[str, str]) -> Bound:
    """As `normalise`, watched; a text is "module:name", imported from `path`. See `modules.watched` for the rest."""
    from dbadmin.app.modules import resolve, watched

    if isinstance(value, str):
        with watched(directory, path, variables):
            value = resolve(value, path)
    with watched(directory, variables=variables, when="before it is asked anything"):
        return normalise(value, name)


def of_engine(engine: Any) -> Bound:
    """Sessions on an engine, asynchronous where its dialect is."""
    is_async = hasattr(engine, "sync_engine")
    if is_async or engine.dialect.is_async:
        from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

        asynchronous = engine if is_async else AsyncEngine(engine)
        return Bound(asynchronous, async_sessionmaker(asynchronous, expire_on_commit=False))

    def make_session(**options: Any) -> Any:
        from sqlalchemy.orm import Session  # half of what SQLAlchemy takes to import

        return Session(**{"bind": engine, **options})

    return Bound(engine, make_session)


def of_url(url: "URL", origin: str) -> Bound:
    """Sessions on a new engine for a URL, with a driver that is installed here."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    from dbadmin.dialects import urls

    url = urls.with_installed_driver(url)
    try:
        # hide_parameters: errors and --echo must not print row values.
        if getattr(url.get_dialect(), "is_async", False):
            from sqlalchemy.ext.asyncio import create_async_engine

            return of_engine(create_async_engine(url, hide_parameters=True))
        return of_engine(create_engine(url, hide_parameters=True))
    except (SQLAlchemyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"the database URL from {origin} cannot be used: {first_line(error)}", hint=urls.EXAMPLE
        ) from error


def _of_factory(factory: Any) -> Bound:
    bind = factory.kw.get("bind")
    if bind is None:
        bind = next(iter((factory.kw.get("binds") or {}).values()), None)
    if bind is None:
        bind = _bind_of(factory())  # a session class of the application's own may choose
    bound = _as_engine(bind)
    if bound is not None and not hasattr(bound, "sync_engine") and bound.dialect.is_async:
        return of_engine(bound)
    return Bound(bound, factory)


def _sample(function: Callable[[], Any], name: str) -> Any:
    """One session from a function that yields or returns one; its clean-up code has run."""
    from dbadmin.database import EventLoop

    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise ConfigError(f"session: {name} needs arguments ({error})", hint=f"name a {KINDS}") from error
    except ValueError:
        pass  # a callable without a signature
    made = function()
    if inspect.isasyncgen(made) or inspect.iscoroutine(made) or _is_manager(made, "__aenter__"):
        loop = EventLoop()
        try:
            return loop.call(_sample_async(made))
        finally:
            loop.close()
    if inspect.isgenerator(made):
        try:
            return next(made, None)
        finally:
            made.close()
    if _is_manager(made, "__enter__"):
        with made as session:
            return session
    return made


async def _sample_async(made: Any) -> Any:
    if inspect.isasyncgen(made):
        try:
            return await anext(made, None)
        finally:
            await made.aclose()
    if inspect.iscoroutine(made):
        return await made
    async with made as session:
        return session


def _is_manager(value: Any, method: str) -> bool:
    """Whether this is a context manager around a session, and not a session, which is one itself."""
    return hasattr(type(value), method) and not hasattr(value, "get_bind")


def _of_session(session: Any, name: str) -> Bound:
    """New sessions as this one was made."""
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
    from sqlalchemy.orm import Session, scoped_session, sessionmaker

    if isinstance(session, Engine | AsyncEngine | scoped_session | sessionmaker | async_sessionmaker):
        return normalise(session, name)
    if not isinstance(session, Session | AsyncSession):
        raise ConfigError(f"session: {name} gives {_said(session)} and no session", hint=f"name a {KINDS}")
    inner = session.sync_session if isinstance(session, AsyncSession) else session
    engine = _as_engine(_bind_of(session))
    options: dict[str, Any] = {"autoflush": inner.autoflush, "expire_on_commit": inner.expire_on_commit}
    if isinstance(session, AsyncSession):
        if engine is not None and not isinstance(engine, AsyncEngine):
            engine = AsyncEngine(engine)
        return Bound(engine, async_sessionmaker(bind=engine, class_=type(session), **options))
    return Bound(engine, sessionmaker(bind=engine, class_=type(session), **options))


def _bind_of(session: Any) -> Any:
    from sqlalchemy.exc import SQLAlchemyError

    if getattr(session, "bind", None) is not None:
        return session.bind
    with suppress(SQLAlchemyError, TypeError):
        return session.get_bind()
    return None


def _as_engine(bind: Any) -> Any:
    """The engine of what a session may be bound to: an engine, or a connection."""
    return getattr(bind, "engine", bind)


def _said(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def make_absolute(engine: Any, directory: Path) -> None:
    """Let an engine on a relative file path open the file as seen from `directory`, and say so in its URL.

    The driver has fixed the path when the engine was made, from wherever the process stood then (the module
    may have been imported long before): what connects and what the URL says must be one file.
    """
    from dbadmin import readonly
    from dbadmin.dialects import urls

    engine = getattr(engine, "sync_engine", engine)
    url = urls.absolute(engine.url, directory)
    if url != engine.url:
        readonly.connect_with(engine.dialect, engine.dialect.create_connect_args(url)[0])
        engine.url = url


def has_more(engine: Any) -> bool:
    """Whether somebody has changed how this engine connects, or what its statements mean."""
    own_classes = (type(engine), type(engine.dialect), type(engine.pool))
    if engine.get_execution_options() or not all(f"{one.__module__}.".startswith(OURS) for one in own_classes):
        return True
    listeners = (
        listener
        for target in (engine, engine.pool, engine.dialect)
        for name in target.dispatch._event_names
        for listener in getattr(target.dispatch, name)
    )
    return any(not f"{getattr(listener, '__module__', None)}.".startswith(OURS) for listener in listeners)
