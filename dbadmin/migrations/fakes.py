"""Stand-ins for connections: env.py runs against them and nothing is connected to."""

import os
import socket
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dbadmin.dialects.wrapping import on_import
from dbadmin.migrations import blame

if TYPE_CHECKING:
    from sqlalchemy import Engine


class ConnectRefused(BaseException):
    """User code opens a connection where none may open. Not an Exception: a retry loop would swallow that."""

    def __init__(self, target: str, line: blame.Line | None) -> None:
        super().__init__(f"{line or 'the application'} opens a connection ({target})")
        self.target = target
        self.line = line


class NetworkRefused(ConnectionRefusedError):
    """User code opens a socket. An ordinary refusal, so that what tolerates a missing service goes on."""


class Nothing:
    """Answers every question with nothing: calls, attributes, iteration, `with`, `await`."""

    def __call__(self, *_: Any, **__: Any) -> Self:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def __await__(self) -> Generator[Any, Any, Self]:
        yield from ()
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __int__(self) -> int:
        return 0

    def __index__(self) -> int:
        return 0


class FakeConnection(Nothing):
    """A connection of an engine that was never opened; `run_sync` calls its function with itself."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self.dialect = engine.dialect

    async def run_sync(self, function: Any, *arguments: Any, **options: Any) -> Any:
        return function(self, *arguments, **options)

    def connect(self, *_: Any, **__: Any) -> Self:
        return self


def install() -> None:
    """Replace what opens connections in this process: engines give fakes, drivers are not reached."""
    from sqlalchemy import Engine, event

    _give_fakes(Engine)
    # When env.py or the application imports them: they, and the ORM that comes with them, are half of what it takes.
    on_import([("sqlalchemy.ext.asyncio.engine", lambda module: _give_fakes(module.AsyncEngine))])
    event.listen(Engine, "do_connect", _refuse)
    sys.addaudithook(_audit)


def _give_fakes(engine_class: Any) -> None:
    def fake(self: Any, *_: Any, **__: Any) -> FakeConnection:
        return FakeConnection(getattr(self, "sync_engine", self))

    engine_class.connect = engine_class.begin = fake


def _refuse(dialect: Any, *_: Any) -> None:
    raise ConnectRefused(dialect.name, blame.of_stack(Path.cwd()))


def _audit(name: str, arguments: tuple[Any, ...]) -> None:
    if name == "sqlite3.connect":
        file = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | os.PathLike) else "a file"
        if file not in ("", ":memory:") and "mode=memory" not in file and not file.startswith("file::memory:"):
            raise ConnectRefused(file, blame.of_stack(Path.cwd()))
    elif name == "socket.connect":
        sock, target = arguments
        # Datagrams to the system's log are no connection.
        if not (sock.family == getattr(socket, "AF_UNIX", None) and sock.type == socket.SOCK_DGRAM):
            shown = f"{target[0]}:{target[1]}" if isinstance(target, tuple) else str(target)
            raise NetworkRefused(f"connections are refused while dbadmin reads the application: {shown}")
