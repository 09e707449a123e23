"""Processes of this machine, told apart even where a number is used again for another one."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dbadmin.interrupts import held_back

PROC = Path("/proc")

_SECONDS_TO_END = 10.0
_SECONDS_TO_SHOW = 0.1


def identity(pid: int) -> str | None:
    """What no other process shares: boot and start time (Linux), else the start time that ps shows.

    None where no such process lives. A process that ended but was not collected by its parent is not alive.

    >>> identity(os.getpid()) == identity(os.getpid()) is not None
    True
    """
    if pid <= 0:
        return None
    if (PROC / "self" / "stat").exists():
        return _identity_from_proc(pid)
    shown = _ps(pid, "state=,lstart=")
    return None if not shown or shown.startswith("Z") else shown.split(None, 1)[-1]


def is_alive(pid: int, known_identity: str | None = None) -> bool:
    """Whether the process lives and, where an identity is given, still is that process."""
    now = identity(pid)
    return now is not None and known_identity in (None, now)


def arguments(pid: int) -> tuple[str, ...]:
    """The command line of a process, empty where it cannot be told (split at blanks where only ps tells)."""
    if (PROC / "self" / "stat").exists():
        try:
            raw = (PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return ()
        return tuple(os.fsdecode(part) for part in raw.rstrip(b"\0").split(b"\0"))
    return tuple(_ps(pid, "command=").split())


def user_of(pid: int) -> int | None:
    """The user id a process runs as, None where no such process lives."""
    if (PROC / "self" / "stat").exists():
        try:
            return (PROC / str(pid)).stat().st_uid
        except OSError:
            return None
    shown = _ps(pid, "uid=")
    return int(shown) if shown else None


@contextmanager
def running(command: Sequence[str | Path], *, ask: bool = False, **options: Any) -> "Iterator[subprocess.Popen[bytes]]":
    """A program, started in a session of its own, that has ended when the block has: Ctrl-C does not lose it.

    `ask`: it is told to end (SIGTERM) before it is killed. `options` are those of subprocess.Popen.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with held_back():
            process = subprocess.Popen([str(part) for part in command], start_new_session=True, **options)
        yield process
    finally:
        if process is not None:
            with held_back():
                _end(process, ask=ask)


def _end(process: "subprocess.Popen[bytes]", *, ask: bool) -> None:
    if process.poll() is None and ask:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_END)
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()


def end_those_in(*paths: Path, within: float = 5.0) -> None:
    """Kill what dbadmin's tools and servers are that a killed run left at work in these directories or on these files.

    Ours are those that lead a session of their own, as every program that dbadmin starts does, belong to this user or
    to the owner of the path, and name it in their command line; the name of such a path is random. Their groups go
    with them. Waits until they have ended, for `within` seconds at most.
    """
    found = {pid: identity(pid) for path in paths for pid in _at_work_in(path)}
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    until = time.monotonic() + within
    while any(is_alive(pid, known) for pid, known in found.items()) and time.monotonic() < until:
        time.sleep(0.005)


def _at_work_in(path: Path) -> list[int]:
    users = {os.geteuid()}
    with suppress(OSError):
        users.add(path.stat().st_uid)
    return [
        pid for pid in _every() if pid != os.getpid() and _leads(pid) and _names(pid, path) and user_of(pid) in users
    ]


def _every() -> list[int]:
    if (PROC / "self" / "stat").exists():
        return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    shown = subprocess.run(["ps", "-axo", "pid="], capture_output=True, text=True, check=False)
    return [int(line) for line in shown.stdout.split()]


def _leads(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except (ProcessLookupError, PermissionError):
        return False


def _names(pid: int, path: Path) -> bool:
    """Whether the path, or one below it, is in the process's command line: as a word, or after an equals sign."""
    words = [word.partition("=")[2] if word.startswith("-") and "=" in word else word for word in _started_with(pid)]
    return any(word == str(path) or word.startswith(f"{path}{os.sep}") for word in words)


def _started_with(pid: int) -> tuple[str, ...]:
    """The command line of a process that may have been started just now: Linux shows none while a program takes the
    place of the one that started it (execve(2)), which is waited for.
    """
    until = time.monotonic() + _SECONDS_TO_SHOW
    while not any(found := arguments(pid)) and is_alive(pid) and time.monotonic() < until:
        time.sleep(0.001)
    return found


def _identity_from_proc(pid: int) -> str | None:
    # proc_pid_stat(5): the name in parentheses may hold anything, so fields are counted after the last one:
    # the state comes first, the start time in clock ticks since boot is the twentieth.
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{fields[19]}"


def _ps(pid: int, columns: str) -> str:
    done = subprocess.run(["ps", "-o", columns, "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()
