"""Audit hooks: what user code opens, connects to and starts outside of SQLAlchemy."""

import _posixsubprocess
import functools
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import named
from dbadmin.migrations.guard import inodes

if TYPE_CHECKING:
    from dbadmin.migrations.guard import Guard

HARMLESS_PROGRAMS = {"cc", "file", "gcc", "getconf", "ld", "ldconfig", "lsb_release", "objdump", "uname"}
"""Programs that the standard library starts by itself (ctypes.util.find_library, platform)."""

READING_GIT = {"describe", "log", "rev-parse", "show", "status"}
"""git's commands by which applications find their own version."""

_NOTHING_BUT_THE_COPY = "user code may reach nothing but the copy; if this is no danger: --allow-connect {}"
_HERE = -1
"""What audit events call the current directory."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_APPEND | os.O_CREAT


class Hooks:
    """Judges audit events. An event that this class does not name costs one dictionary look-up."""

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard
        self._sockets: set[Any] = set()
        if guard.rules.copy_url is not None:
            self._sockets |= guard.of_copy().isolation.sockets(guard.rules.copy_url)
        self._hosts = [place for place in self._sockets if isinstance(place, tuple)]
        self._allowed = _resolved(guard.rules.allow)
        self._source_files = guard.source_inodes | inodes(guard.rules.source_files)
        self._above = inodes(
            above for file in guard.rules.source_files for above in Path(os.path.realpath(file)).parents
        )
        self._judges: Mapping[str, Callable[..., None]] = {
            "sqlite3.connect": self._sqlite,
            "socket.connect": self._socket,
            "socket.getaddrinfo": lambda host, port, *_: self._name(host, port),
            "subprocess.Popen": lambda program, argv, *_: self._program(program, argv),
            "os.system": lambda command: self._program(None, command),
            "os.exec": lambda program, argv, _: self._program(program, argv),
            "os.posix_spawn": lambda program, argv, _: self._program(program, argv),
            "os.spawn": lambda _, program, argv, *__: self._program(program, argv),
            "pty.spawn": lambda argv: self._program(None, argv),
        }
        if self._source_files:
            files: dict[str, Callable[..., None]] = {
                "open": self._open,
                "os.rename": self._moved,
                "os.remove": self._changed,
                "os.truncate": lambda path, *_: self._changed(path),
                "os.link": self._moved,
                "os.chmod": lambda path, _, at=_HERE: self._changed(path, at),
                "os.chown": lambda path, _, __, at=_HERE: self._changed(path, at),
            }
            self._judges = {**self._judges, **files}

    def install(self) -> None:
        """Add the hook to the interpreter; it stays for its life."""
        judges = self._judges

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            judge = judges.get(event)
            if judge is not None:
                judge(*arguments)

        sys.addaudithook(hook)
        self._watch_multiprocessing()
        if self._source_files:
            self._watch_directories()

    def _watch_multiprocessing(self) -> None:
        """It starts Python by a function that raises no audit event, and that subprocess holds on to itself."""
        start = _posixsubprocess.fork_exec

        def fork_exec(arguments: Any, programs: Any, *rest: Any) -> int:
            if not _is_resource_tracker(arguments):
                self._program(programs[0], arguments)
            return start(arguments, programs, *rest)

        assert subprocess  # imported before: its own events tell more
        _posixsubprocess.fork_exec = fork_exec

    def _watch_directories(self) -> None:
        """The audit event of os.open does not tell in which directory a path is looked for."""
        open_in = os.open

        @functools.wraps(open_in)
        def opening(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if dir_fd is not None and flags & _WRITING:
                self._changed(path, dir_fd)
            return open_in(path, flags, mode, dir_fd=dir_fd)

        os.open = opening

    def _sqlite(self, database: Any) -> None:
        address = named("sqlite").address.of_parameters("pysqlite", [database], {})
        copy = self._guard.copy
        if address.server[0] == "memory" or (copy is not None and address.same_as(copy)):
            return
        if self._guard.is_allowed(address.shown):
            self._guard.report("outside", target=address.shown)
            return
        raise self._guard.refuse(address.shown, "this SQLite file is not the copy")

    def _name(self, host: Any, port: Any) -> None:
        """A name that is looked up with a port is about to be connected to: say it as the code did."""
        name = os.fsdecode(host) if isinstance(host, str | bytes) else ""
        if not port or name in ("", "localhost") or _is_numeric(name) or any(name == place[0] for place in self._hosts):
            return
        if not self._guard.is_allowed(name, port):
            raise self._guard.refuse(f"{name}:{port}", _NOTHING_BUT_THE_COPY.format(f"{name}:{port}"))

    def _socket(self, sock: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            host, port = str(address[0]), int(address[1])
            if (host, port) in self._sockets:
                return
            shown, allow = f"{host}:{port}", f"{host}:{port}"
            if self._guard.is_allowed(host, port) or {(host, port), (host, None)} & self._allowed:
                self._guard.report("outside", target=shown)
                return
        else:
            allow = os.fsdecode(address) if isinstance(address, str | bytes) else str(address)
            shown = f"the socket {allow}"
            if allow in self._sockets:
                return
            if self._guard.is_allowed(allow):
                self._guard.report("outside", target=allow)
                return
        raise self._guard.refuse(shown, _NOTHING_BUT_THE_COPY.format(allow))

    def _program(self, program: Any, argv: Any) -> None:
        if isinstance(argv, str | bytes):
            words = os.fsdecode(argv).split()
        else:
            words = [os.fsdecode(word) for word in argv or ()]
        name = Path(os.fsdecode(program) if program else (words or ["?"])[0]).name
        if name in HARMLESS_PROGRAMS or (name == "git" and set(words[1:3]) & READING_GIT):
            return
        raise self._guard.refuse(f"the program {name}", "user code may start none while it is rehearsed")

    def _open(self, path: Any, mode: str | None, flags: int) -> None:
        if flags & _WRITING and isinstance(path, str | bytes | os.PathLike):
            self._changed(path)

    def _moved(self, old: Any, new: Any, old_at: int = _HERE, new_at: int = _HERE) -> None:
        self._changed(old, old_at, self._above)
        self._changed(new, new_at)

    def _changed(self, path: Any, at: int = _HERE, besides: Collection[tuple[int, int]] = ()) -> None:
        """A path is about to be changed, which is looked for in the directory of the descriptor `at`."""
        status = None
        with suppress(OSError, ValueError, TypeError):
            status = os.stat(path, dir_fd=None if at == _HERE else at)
        if status is None:
            return
        file = (status.st_dev, status.st_ino)
        if file in self._source_files or file in besides:
            shown = f"descriptor {path}" if isinstance(path, int) else os.fsdecode(path)
            raise self._guard.refuse(shown, "the source may not be changed")


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0].strip("[]"))
    except ValueError:
        return False
    return True


def _is_resource_tracker(arguments: Any) -> bool:
    """multiprocessing's own process, which forgets shared memory and semaphores that nobody has any more."""
    words = [os.fsdecode(word) for word in arguments]
    return "-c" in words and words[-1].startswith("from multiprocessing.resource_tracker import main;main(")


def _resolved(allow: tuple[str, ...]) -> set[tuple[str, int | None]]:
    """The numeric addresses of what `--allow-connect` names."""
    found: set[tuple[str, int | None]] = set()
    for entry in allow:
        host, _, port = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        try:
            known = socket.getaddrinfo(host, None)
        except (OSError, UnicodeError):  # no such host, or no name of one
            continue
        found |= {(str(address[4][0]), int(port) if port.isdigit() else None) for address in known}
    return found
