"""A process without a network, and without the paths that lead to a database: namespaces of the Linux kernel.

They hold for C libraries and for every program that the process starts. Root needs nothing for them; another user
needs user namespaces, which some systems and most containers forbid: then less is in force, and `enter` says so.

Private servers are started through this file as a script (`launcher`), so it takes nothing but the standard library.
"""

import ctypes
import errno
import fcntl
import os
import socket
import stat
import struct
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

NETWORK = "network namespace"
MOUNTS = "mount namespace"

NAME_SERVICES = ("/run/nscd/", "/var/run/nscd/", "/var/lib/sss/", "/run/systemd/")
"""Where the C library asks for users and hosts: these sockets lead to no database, and programs fail without."""

SHIELD = b"dbadmin keeps user code from this file: it is the database that the copy was made from.\n" * 2
"""What stands in the place of a hidden file: no SQLite library takes it for a database, or for an empty one."""

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MOUNT_SETATTR, _AT_FDCWD, _MOUNT_ATTR_RDONLY = 442, -100, 1
_LISTENING = 0x10000  # __SO_ACCEPTCON in include/linux/net.h
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def enter(*, network: bool, hidden: Collection[str] = ()) -> tuple[str, ...]:
    """Leave the machine's network if `network`, and hide the files and sockets in `hidden`; what of it is in force.

    For this process, which must have one thread only, and for all that it starts. A hidden socket refuses
    connections, a hidden file is another one, which cannot be written.
    """
    wanted = (_CLONE_NEWNET if network else 0) | (_CLONE_NEWNS if hidden else 0)
    if sys.platform != "linux" or not wanted:
        return ()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(wanted) and not (_works(lambda: _as_plain_user(libc, wanted)) and _as_plain_user(libc, wanted)):
        return ()
    if network:
        _loopback_up()
    hides = bool(hidden) and _hide(libc, hidden)
    return (*([NETWORK] if network else []), *([MOUNTS] if hides else []))


def listening_sockets(besides: Iterable[str] = ()) -> tuple[str, ...]:
    """Sockets in the file system that somebody on this machine listens on, without `besides` and NAME_SERVICES.

    From /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path (proc_pid_net(5)).
    """
    try:
        lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return ()
    rows = [line.split(None, 7) for line in lines]
    found = {row[7] for row in rows if len(row) == 8 and row[7].startswith("/") and int(row[3], 16) & _LISTENING}
    kept = {os.path.realpath(path) for path in besides}
    return tuple(sorted(p for p in found if os.path.realpath(p) not in kept and not p.startswith(NAME_SERVICES)))


def launcher(user: int | None = None, group: int | None = None) -> list[str]:
    """The beginning of a command line that starts a program without network and without any socket that is there.

    With `user` and `group`, the program runs as these, without other groups. Where the kernel forbids namespaces it
    is started all the same: `reach` tells.
    """
    who = ["-", "-"] if user is None else [str(user), str(group)]
    return [sys.executable, "-I", "-S", __file__, *who]


def apart(pid: int) -> tuple[str, ...]:
    """Which namespaces a process has to itself, seen from this one."""
    found = []
    for name, kind in ((NETWORK, "net"), (MOUNTS, "mnt")):
        with suppress(OSError):
            if Path(f"/proc/{pid}/ns/{kind}").readlink() != Path(f"/proc/self/ns/{kind}").readlink():
                found.append(name)
    return tuple(found)


def reach(pid: int | None) -> tuple[str, ...]:
    """What a report has to say of a private server that the kernel did not take the network from; else nothing."""
    if pid is None or NETWORK in apart(pid):
        return ()
    return ("what the copy's own server connects to (foreign tables, programs): the kernel left it the network",)


def _as_plain_user(libc: Any, wanted: int) -> bool:
    """The same inside a user namespace, in which we stay who we are."""
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | wanted):
        return False
    own = Path("/proc/self")
    try:
        (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(f"{user} {user} 1")
        (own / "gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return False
    return True


def _works(attempt: Callable[[], bool]) -> bool:
    """Whether an attempt succeeds, tried in a child: half of a user namespace could not be left again."""
    child = os.fork()
    if child == 0:
        worked = False
        with suppress(BaseException):
            worked = attempt()
        os._exit(0 if worked else 1)
    return os.waitpid(child, 0)[1] == 0


def _loopback_up() -> None:
    """Servers may listen on 127.0.0.1 again, in a network of their own (PostgreSQL before 15 needs it)."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))


def _hide(libc: Any, hidden: Collection[str]) -> bool:
    # Everything mounted here must stay here: a shared mount would hide production's socket from production.
    if libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None):
        return False
    if "shared:" in Path("/proc/self/mountinfo").read_text(errors="replace"):
        return False
    kinds: dict[str, int] = {}
    for path in hidden:
        with suppress(OSError):  # nobody is there, or not for us
            kinds[os.path.realpath(path)] = Path(path).stat().st_mode
    sockets = [path for path, kind in kinds.items() if stat.S_ISSOCK(kind)]
    files = [path for path, kind in kinds.items() if stat.S_ISREG(kind)]
    done = [_cover(libc, path, "/dev/null") for path in sockets]
    if files:
        done.append(_shield(libc, files))
    return all(done)


def _shield(libc: Any, files: Collection[str]) -> bool:
    try:
        with tempfile.NamedTemporaryFile(prefix="dbadmin-shield-") as shield:  # what is mounted stays
            shield.write(SHIELD)
            shield.flush()
            done = [_cover(libc, path, shield.name) and _read_only(libc, path) for path in files]
    except OSError:  # no temporary file can be made
        return False
    return all(done)


def _cover(libc: Any, path: str, by: str) -> bool:
    covered = not libc.mount(os.fsencode(by), os.fsencode(path), None, _MS_BIND, None)
    return covered or ctypes.get_errno() == errno.ENOENT  # it has gone meanwhile


def _read_only(libc: Any, path: str) -> bool:
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    return not libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), 0, attributes, len(attributes))


def _launch(user: str, group: str, *command: str) -> None:
    enter(network=True, hidden=listening_sockets())
    if user != "-":
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    os.execv(command[0], command)


if __name__ == "__main__":
    _launch(*sys.argv[1:])
