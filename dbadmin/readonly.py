"""Every engine of this process that leads to a protected database opens read-only, whoever made it.

Listeners stand on SQLAlchemy's classes, so engines that the application made before, or that a user imports
in the shell, obey too. Connect parameters are changed on the way, which covers raw connections; each new
connection is made read-only before its first statement; connections that a pool opened before are opened
again; each transaction says so once more; and statements that the engine would let through although they
change something are refused by name.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from dbadmin.dialects import PACKAGES, Address, Dialect, named
from dbadmin.errors import WRITE_HINT, WriteRefused

if TYPE_CHECKING:
    from sqlalchemy import Connection

_protected: list[Address] = []  # one entry for each that asked
_lock = threading.Lock()
_installed = False
_writers: "WeakSet[Any]" = WeakSet()  # dialects of engines that were asked to write
_readers: "WeakKeyDictionary[Any, int]" = WeakKeyDictionary()  # of engines that were asked to read, and how often
_opening: "ContextVar[Any]" = ContextVar("dbadmin_sandbox", default=None)
_arguments: "WeakKeyDictionary[Any, tuple[Any, ...]]" = WeakKeyDictionary()

_ADDRESS = "dbadmin_address"
_READ_ONLY = "dbadmin_read_only"
_SANDBOX = "dbadmin_sandbox"
_REOPENED = "dbadmin_reopened"
_PARAMETERS = "dbadmin_parameters"
HINT = WRITE_HINT


def protect(address: Address) -> None:
    """From now on every engine that leads to `address` is read-only; pooled connections are opened again."""
    global _installed
    with _lock:
        _protected.append(address)
        if not _installed:
            _install()
            _installed = True


def release(address: Address) -> None:
    """Take one `protect` of this address back; engines may write again when nobody protects it any more."""
    with _lock:
        if address in _protected:
            _protected.remove(address)


def let_write(dialect: Any) -> None:
    """Let the one engine of this SQLAlchemy dialect write, whatever is protected: its user asked for that."""
    _writers.add(dialect)


def end_writing(dialect: Any) -> None:
    """Take `let_write` back."""
    _writers.discard(dialect)


def let_read(dialect: Any) -> None:
    """Keep the one engine of this SQLAlchemy dialect read-only, wherever it leads: of a `creator` no URL tells that."""
    _readers[dialect] = _readers.get(dialect, 0) + 1


def end_reading(dialect: Any) -> None:
    """Take `let_read` back."""
    _readers[dialect] = _readers.get(dialect, 0) - 1
    if _readers[dialect] <= 0:
        del _readers[dialect]


@contextmanager
def opening_sandbox(judge: "Callable[..., None]") -> Iterator[None]:
    """A connection that is opened within takes writes, and `judge(statement, connection)` sees each of its statements.

    It stays so until `leave_sandbox` gives it up: whatever else is opened is read-only.
    """
    token = _opening.set(judge)
    try:
        yield
    finally:
        _opening.reset(token)


def leave_sandbox(connection: "Connection") -> None:
    """Close the connection of a sandbox, so that nobody ever gets it from the pool."""
    if not connection.invalidated:
        connection.info.pop(_SANDBOX, None)
        connection.invalidate()
    with suppress(Exception):  # its transaction is over, and SQLAlchemy would roll it back
        connection.close()


def protects_any() -> bool:
    """Whether anything is read-only at all."""
    return bool(_protected)


def is_protected(address: Address) -> bool:
    """Whether engines that lead there are read-only."""
    return any(known.same_as(address) for known in _protected)


def connect_with(dialect: Any, arguments: Sequence[Any]) -> None:
    """Let the engine of this SQLAlchemy dialect connect with other positional arguments than it was made with.

    For a database file whose relative path was made absolute. Here, because it must happen before the address is
    judged, and SQLAlchemy ignores `insert=True` for do_connect: listeners run in the order they were added.
    """
    global _installed
    with _lock:
        _arguments[dialect] = tuple(arguments)
        if not _installed:
            _install()
            _installed = True


def _install() -> None:
    from sqlalchemy import Engine, Pool, event

    event.listen(Engine, "do_connect", _on_do_connect)
    event.listen(Pool, "connect", _on_connect)
    event.listen(Pool, "checkout", _on_checkout)
    event.listen(Engine, "begin", _on_begin)
    event.listen(Engine, "prepare_twophase", _on_prepare)
    event.listen(Engine, "before_cursor_execute", _on_execute)
    event.listen(Engine, "commit", _on_commit)


def _dialect(dialect: Any) -> Dialect | None:
    """Our dialect for one of SQLAlchemy's, where we know the engine."""
    name = getattr(dialect, "name", None)
    return named(name) if name in PACKAGES else None


def _on_do_connect(dialect: Any, record: Any, cargs: list[Any], cparams: dict[str, Any]) -> None:
    ours = _dialect(dialect)
    if ours is None:
        return
    if dialect in _arguments:
        cargs[:] = _arguments[dialect]
    before = (list(cargs), dict(cparams))
    address = ours.address.of_parameters(dialect.driver, cargs, cparams)
    read_only = dialect not in _writers and _opening.get() is None and (dialect in _readers or is_protected(address))
    if read_only:
        ours.session.read_only_parameters(dialect.driver, cargs, cparams)
        ours.session.keep_engine_read_only(dialect)
    elif _opening.get() is not None:
        ours.sandbox.watchable(dialect.driver, cparams)
    if record is not None:
        record.info[_ADDRESS] = address
        record.info[_READ_ONLY] = read_only
        record.info[_PARAMETERS] = (cargs, cparams, *before)


def _on_connect(dbapi_connection: Any, record: Any) -> None:
    _put_back(record.info)
    if record.info.get(_READ_ONLY):
        _named_by(record.info).session.make_read_only(dbapi_connection)


def _put_back(info: dict[str, Any]) -> None:
    """Undo the change of connect parameters: SQLAlchemy 2.0 uses one list and dict for every connect."""
    cargs, cparams, cargs_before, cparams_before = info.pop(_PARAMETERS, ([], {}, [], {}))
    cargs[:] = cargs_before
    cparams.clear()
    cparams.update(cparams_before)


def _named_by(info: dict[str, Any]) -> Dialect:
    return named(info[_ADDRESS].engine)


def _on_checkout(dbapi_connection: Any, record: Any, proxy: Any) -> None:
    """Make sure that a pooled connection is what it has to be now, by opening it again where that helps."""
    from sqlalchemy.exc import DisconnectionError

    ours = _dialect(proxy._pool._dialect)
    if ours is None:
        return
    judge = _opening.get()
    theirs = proxy._pool._dialect
    writes = judge is not None or theirs in _writers
    wanted = not writes and _must_be_read_only(ours, theirs, record.info, dbapi_connection)
    if wanted == record.info.get(_READ_ONLY, False):
        record.record_info.pop(_REOPENED, None)
        if wanted:
            ours.session.keep_read_only(dbapi_connection)
        if judge is not None and not record.info.get(_SANDBOX):
            record.info[_SANDBOX] = judge
            ours.sandbox.watch(dbapi_connection, judge)
    elif _in_memory(record.info) or record.record_info.pop(_REOPENED, False):
        if wanted:
            _make(ours, record.info, dbapi_connection)
    else:
        record.record_info[_REOPENED] = True
        raise DisconnectionError("opened again, because what dbadmin protects has changed")


def _must_be_read_only(ours: Dialect, theirs: Any, info: dict[str, Any], dbapi_connection: Any) -> bool:
    """Whether a connection leads to a protected database; where nobody knows, any protected one counts."""
    if _ADDRESS not in info:  # opened before the listeners stood, or by `creator=`
        info[_ADDRESS] = ours.address.of_connection(dbapi_connection)
    address = info[_ADDRESS]
    if theirs in _readers:
        return True
    if address is None:
        return any(known.engine == ours.name for known in _protected)
    return is_protected(address)


def _in_memory(info: dict[str, Any]) -> bool:
    """Opening it again would lose what it holds."""
    address = info[_ADDRESS]
    return address is not None and address.server[0] == "memory"


def _make(ours: Dialect, info: dict[str, Any], dbapi_connection: Any) -> None:
    ours.session.make_read_only(dbapi_connection)
    info[_READ_ONLY] = True


def _guarded(connection: "Connection") -> Dialect | None:
    """The dialect where this connection must be read-only (made so if need be), else None."""
    ours = _dialect(connection.dialect) if _protected else None
    if ours is None or connection.dialect in _writers:
        return None
    proxy = connection.connection
    if _SANDBOX in proxy.info:
        return None
    if not _must_be_read_only(ours, connection.dialect, proxy.info, proxy.dbapi_connection):
        return None
    if not proxy.info.get(_READ_ONLY):
        _make(ours, proxy.info, proxy.dbapi_connection)
        if connection.in_transaction():
            ours.session.begin_read_only(connection)
    return ours


def _on_begin(connection: "Connection", *_: Any) -> None:
    ours = _guarded(connection)
    if ours is not None:
        ours.session.begin_read_only(connection)


def _on_prepare(connection: "Connection", *_: Any) -> None:
    if _guarded(connection) is not None or (_protected and _SANDBOX in connection.connection.info):
        raise WriteRefused("refused in a read-only session: a prepared transaction stays behind", hint=HINT)


def _on_commit(connection: "Connection") -> None:
    if _protected and _SANDBOX in connection.connection.info:
        raise WriteRefused("refused in a sandbox: it is never committed", hint=HINT)


def _on_execute(connection: "Connection", cursor: Any, statement: str, *_: Any) -> None:
    if _protected and _SANDBOX in connection.connection.info:
        connection.connection.info[_SANDBOX](statement, connection)
    ours = _guarded(connection)
    if ours is not None:
        ours.session.judge(statement)
