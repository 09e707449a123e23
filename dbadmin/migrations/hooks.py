"""Audit hooks: what user code opens, connects to and starts outside of SQLAlchemy."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import named

if TYPE_CHECKING:
    from dbadmin.migrations.guard import Guard

HARMLESS_PROGRAMS = {"cc", "file", "gcc", "getconf", "ld", "ldconfig", "lsb_release", "objdump", "uname"}
"""Programs that the standard library starts by itself (ctypes.util.find_library, platform)."""

READING_GIT = {"describe", "log", "rev-parse", "show", "status"}
"""git's commands by which applications find their own version."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_APPEND | os.O_CREAT


class Hooks:
    """Judges audit events. An event that this class does not name costs one dictionary look-up."""

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard
        self._sockets: set[Any] = set()
        if guard.rules.copy_url is not None:
            self._sockets |= guard.of_copy().isolation.sockets(guard.rules.copy_url)
        self._allowed = _resolved(guard.rules.allow)
        self._source_files = {_inode(path) for path in guard.rules.source_files} - {None}
        self._judges: Mapping[str, Callable[..., None]] = {
            "sqlite3.connect": self._sqlite,
            "socket.connect": self._socket,
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
                "os.rename": lambda old, new, *_: self._changed(old, new),
                "os.remove": lambda path, *_: self._changed(path),
                "os.truncate": lambda path, *_: self._changed(path),
                "os.link": lambda old, new, *_: self._changed(old, new),
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

    def _sqlite(self, database: Any) -> None:
        address = named("sqlite").address.of_parameters("pysqlite", [database], {})
        copy = self._guard.copy
        if address.server[0] == "memory" or (copy is not None and address.same_as(copy)):
            return
        if self._guard.is_allowed(address.shown):
            self._guard.report("outside", target=address.shown)
            return
        raise self._guard.refuse(address.shown, "this SQLite file is not the copy")

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
        raise self._guard.refuse(
            shown, f"user code may reach nothing but the copy; if this is no danger: --allow-connect {allow}"
        )

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

    def _changed(self, *paths: Any) -> None:
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike) and _inode(path) in self._source_files:
                raise self._guard.refuse(os.fsdecode(path), "the source may not be changed")


def _inode(path: Any) -> tuple[int, int] | None:
    try:
        status = Path(os.fsdecode(path)).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _resolved(allow: tuple[str, ...]) -> set[tuple[str, int | None]]:
    """The numeric addresses of what `--allow-connect` names."""
    found: set[tuple[str, int | None]] = set()
    for entry in allow:
        host, _, port = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        try:
            known = socket.getaddrinfo(host, None)
        except OSError:
            continue
        found |= {(str(address[4][0]), int(port) if port.isdigit() else None) for address in known}
    return found
