"""What the kernel can do for a child process: end with its parent, leave no core file, reach no TCP port."""

import ctypes
import os
import signal
import struct
from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
_LANDLOCK_RULE_NET_PORT = 2
_LANDLOCK_ACCESS_NET_CONNECT_TCP = 2
_FIRST_VERSION_WITH_NET = 4


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends, however it ends (Linux); end now where it has already."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def restrict_tcp(ports: Iterable[int]) -> bool:
    """Keep this process and all that it starts from TCP connections, but to `ports`.

    Gives whether the kernel enforces it (Linux 6.7 and later). Sockets in the file system, where the copy's server
    is, are not concerned.
    """
    libc = _libc()
    if libc is None:
        return False
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    if version < _FIRST_VERSION_WITH_NET:
        return False
    attributes = struct.pack("QQ", 0, _LANDLOCK_ACCESS_NET_CONNECT_TCP)
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for port in ports:
            rule = struct.pack("QQ", _LANDLOCK_ACCESS_NET_CONNECT_TCP, port)
            if libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_NET_PORT, rule, 0):
                return False
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0):
            return False
    finally:
        os.close(ruleset)
    return True


def _libc() -> ctypes.CDLL | None:
    """The C library of a Linux system, else None."""
    if os.uname().sysname != "Linux":
        return None
    return ctypes.CDLL(None, use_errno=True)
