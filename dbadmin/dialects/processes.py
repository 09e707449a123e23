"""Processes of this machine, told apart even where a number is used again for another one."""

import os
import subprocess
from pathlib import Path

PROC = Path("/proc")


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
