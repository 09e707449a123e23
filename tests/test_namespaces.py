"""What the kernel closes around a process, and that nothing is claimed where it closes nothing."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbadmin.dialects import namespaces
from dbadmin.dialects.namespaces import MOUNTS, NETWORK

NOBODY = 65534
_PR_SET_DUMPABLE, _PR_SET_PDEATHSIG, _PR_GET_PDEATHSIG = 4, 1, 2

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")


def in_a_fork(asked: Callable[[], Any]) -> Any:
    """What a function says in a process of its own, which may give up what it likes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = asked()
        except BaseException as error:
            said = repr(error)
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = json.load(pipe)
    os.waitpid(child, 0)
    return said


def as_plain_user() -> None:
    """Be a user as one who logged in is."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        tempfile.tempdir = "/tmp"  # the one of the tests is not its own


def without_namespaces() -> None:
    """Be where the kernel gives no more namespaces: the limits of a user namespace are its own."""
    ctypes.CDLL(None).unshare(namespaces._CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text("0 0 1" if os.getuid() == NOBODY else f"0 {os.getuid()} 1")
    for kind in ("user", "net", "mnt"):
        Path(f"/proc/sys/user/max_{kind}_namespaces").write_text("0")


@pytest.fixture
def hidden(temporary_directory: Path, tmp_path: Path) -> tuple[str, str]:
    """A file with content, and a socket that somebody listens on."""
    directory = temporary_directory / tmp_path.name[-20:]
    directory.mkdir(mode=0o755)
    (directory / "file").write_text("content")
    (directory / "file").chmod(0o666)
    return str(directory / "file"), str(directory / "socket")


def test_a_plain_user_without_rights_leaves_the_network_and_meets_no_hidden_path(hidden: tuple[str, str]) -> None:
    file, path = hidden
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        Path(path).chmod(0o777)
        listening.listen()
        assert path in namespaces.listening_sockets() and path not in namespaces.listening_sockets([path])

        def asked() -> list[Any]:
            as_plain_user()
            libc, signal_set = ctypes.CDLL(None), ctypes.c_int()
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            held = namespaces.enter(network=True, hidden=hidden)
            libc.prctl(_PR_GET_PDEATHSIG, ctypes.byref(signal_set))
            with socket.socket(socket.AF_UNIX) as one:
                connected = one.connect_ex(path)
            interfaces = [name for _, name in socket.if_nameindex()]
            writable = os.access(file, os.W_OK)
            return [held, interfaces, connected, Path(file).read_text()[:7], writable, signal_set.value]

        held, *found = in_a_fork(asked)
        if held == []:
            pytest.skip("this kernel gives a plain user no namespaces")
        assert held == [NETWORK, MOUNTS]
        interfaces, connected, content, writable, signal_set = found
        assert interfaces == ["lo"]
        assert connected != 0
        assert (content, writable) == ("dbadmin", False)
        assert signal_set == signal.SIGKILL, "it would outlive its parent"
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(path)  # for everybody else nothing has changed
    assert Path(file).read_text() == "content"


def test_where_the_kernel_gives_no_namespace_nothing_is_claimed_and_nothing_hidden(hidden: tuple[str, str]) -> None:
    def asked() -> list[Any]:
        try:
            without_namespaces()
        except OSError:
            return ["here already"]
        held = namespaces.enter(network=True, hidden=hidden)
        return [held, Path(hidden[0]).read_text()]

    assert in_a_fork(asked) in (["here already"], [[], "content"])


def test_a_server_that_kept_the_network_is_told_of_and_one_without_is_not() -> None:
    with subprocess.Popen([*namespaces.launcher(), "/bin/sh", "-c", "echo; read end"], stdin=-1, stdout=-1) as apart:
        assert apart.stdout is not None and apart.stdout.readline() == b"\n"
        held, said = namespaces.apart(apart.pid), namespaces.reach(apart.pid)
    (told,) = namespaces.reach(os.getpid())
    assert "the kernel left it the network" in told
    assert said == (() if NETWORK in held else (told,))
    assert (NETWORK in held) == (NETWORK in in_a_fork(lambda: namespaces.enter(network=True)))
