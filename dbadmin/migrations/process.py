"""Processes for user code: each a fresh one, or a fork of a nursery that has done the imports which are not the user's.

A process starts with nothing of the user's in it, in a session of its own, with stdin closed, and dies with its parent.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from dbadmin.errors import ChildFailed
from dbadmin.migrations.environment import anywhere, child_environment, same_for_all, without_urls

_PATIENCE = 60.0
"""Seconds for a nursery to get ready and fork; then a fresh process takes its place."""


class Process(Protocol):
    """A process of user code. `stdout` has what it prints, on both streams; it leads its own process group."""

    pid: int
    stdout: IO[bytes]

    @property
    def returncode(self) -> int | None:
        """The exit status, once `poll` or `wait` has learnt it."""

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; subprocess.TimeoutExpired after `timeout` seconds."""

    def kill(self) -> None:
        """End its whole process group, also where its leader has ended and others live on."""

    def close(self) -> None:
        """Kill and forget it: nothing of it is left, and `stdout` alone remains to be closed."""


def start(
    module: str,
    descriptors: Sequence[int],
    directory: Path,
    environment: Mapping[str, str],
    needs: Sequence[str] | None = None,
) -> Process:
    """Run `module`'s main() with these descriptors and its parent's process id as arguments.

    Forked by a nursery where one is open that was started with the same environment; else a fresh Python. One that does
    nothing but ask user code says which libraries it `needs`, which are imported before it is forked. OSError
    where none can be started in that directory.
    """
    for nursery in list(_nurseries):
        process = nursery.fork(module, descriptors, directory, environment, needs)
        if process is not None:
            return process
    return _Fresh(module, descriptors, directory, environment)


def started(
    module: str, directory: Path, environment: Mapping[str, str], needs: Sequence[str] | None = None
) -> tuple[Process, int, int]:
    """As `start`, with a pipe to the process and one from it: the process, and our ends of both.

    Raises ChildFailed where none can be started in that directory.
    """
    question, ours = os.pipe()
    answers, answer = os.pipe()
    try:
        return start(module, [question, answer], directory, environment, needs), ours, answers
    except OSError as error:
        os.close(ours)
        os.close(answers)
        raise ChildFailed(f"cannot start Python in {directory}: {error.strerror}", hint="dbadmin doctor") from error
    finally:
        os.close(question)
        os.close(answer)


class _Base:
    pid: int
    stdout: IO[bytes]

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


class _Fresh(_Base):
    def __init__(
        self, module: str, descriptors: Sequence[int], directory: Path, environment: Mapping[str, str]
    ) -> None:
        self._process = _python(module, [*descriptors], os.getpid(), environment, directory, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.pid, self.stdout = self._process.pid, self._process.stdout

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        return self._process.wait(timeout)

    def close(self) -> None:
        self.kill()
        self._process.wait()


def _python(
    module: str,
    descriptors: list[int],
    parent: int,
    environment: Mapping[str, str],
    directory: Path,
    stdout: int,
    more: Sequence[str] = (),
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        # -P: a module of the project's that is called like one of Python's must not take its place.
        [sys.executable, "-P", "-m", module, *map(str, descriptors), str(parent), *more],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        pass_fds=descriptors,
        start_new_session=True,
    )


class _Forked(_Base):
    """A fork of a nursery. `link` tells its exit status; its process id stays taken until the link is closed."""

    def __init__(self, pid: int, stdout: IO[bytes], link: socket.socket) -> None:
        self.pid, self.stdout, self._link = pid, stdout, link
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        return self._code

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            told = _line(self._link, timeout)
            if told is None:
                raise subprocess.TimeoutExpired("the guarded process", timeout or 0)
            # Nothing: the nursery was killed, and the kernel ended its children with it.
            self._code = int(told) if told else -signal.SIGKILL
        return self._code

    def close(self) -> None:
        self.kill()
        with self._link, suppress(OSError):
            self._link.shutdown(socket.SHUT_WR)
            while self._link.recv(4096):  # its end is closed once the process is gone
                pass


class Nursery:
    """A process that imports what every child needs and nothing of the user's, and forks a child for each request.

    Linux only. It ends with the thread that started it, and its children with it.
    """

    def __init__(self, environment: Mapping[str, str], *, captures: bool = False) -> None:
        variables = without_urls(child_environment(environment)[0])
        self._environment = same_for_all(variables)
        self._owner, self.captures = os.getpid(), captures
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = _python(
                "dbadmin.migrations.nursery", [theirs.fileno()], os.getpid(), variables, Path("/"),
                stdout=subprocess.DEVNULL, more=["captures"] if captures else [],
            )  # fmt: skip

    def serves(self, variables: Mapping[str, str]) -> bool:
        """Whether it is this process's own, was started with these variables, and still runs."""
        return self._owner == os.getpid() and variables == self._environment and self._process.poll() is None

    def fork(
        self,
        module: str,
        descriptors: Sequence[int],
        directory: Path,
        environment: Mapping[str, str],
        needs: Sequence[str] | None = None,
    ) -> Process | None:
        """A child; None where it or this environment asks for a Python of its own, or the nursery has ended."""
        if (self.captures and needs is None) or not self.serves(same_for_all(environment)):
            return None
        asked: dict[str, Any] = {"module": module, "directory": str(directory.absolute())}
        asked |= {"environment": dict(environment), "needs": list(needs or ())}
        link, theirs = socket.socketpair()
        from_child, to_parent = os.pipe()
        stdout = os.fdopen(from_child, "rb")
        try:
            try:
                self._ask(json.dumps(asked).encode(), [theirs.fileno(), to_parent, *descriptors])
            finally:
                theirs.close()
                os.close(to_parent)
            told = _line(link, _PATIENCE)
        except OSError:
            told = b""
        except BaseException:
            link.close()
            stdout.close()
            raise
        if not told:
            link.close()
            stdout.close()
            return None
        return _Forked(int(told), stdout, link)

    def _ask(self, asked: bytes, descriptors: list[int]) -> None:
        with self._lock:
            socket.send_fds(self._control, [len(asked).to_bytes(4, "big")], descriptors)
            self._control.sendall(asked)

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._process.kill()
        self._process.wait()


_nurseries: list[Nursery] = []


@contextmanager
def nursery(environment: Mapping[str, str], *, captures: bool = False) -> Iterator[None]:
    """While this lasts, processes with this environment are forked and not started.

    `environment` is what a plain `alembic` would have. With `captures`, it is for those alone that ask env.py or the
    application. Where it cannot be (no Linux, module paths that depend on the
    directory), every process is a fresh one.
    """
    variables = same_for_all(child_environment(environment)[0])
    known = any(one.serves(variables) and (captures or not one.captures) for one in list(_nurseries))
    if known or not hasattr(os, "pidfd_open") or not anywhere(variables):
        yield
        return
    try:
        made = Nursery(environment, captures=captures)
    except OSError:
        yield  # the processes themselves will say why none can be started
        return
    _nurseries.append(made)
    try:
        yield
    finally:
        _nurseries.remove(made)
        made.close()


def is_open(environment: Mapping[str, str]) -> bool:
    """Whether a process with this environment (see `nursery`) would be a fork."""
    variables = same_for_all(child_environment(environment)[0])
    return any(one.serves(variables) for one in list(_nurseries))


def _line(link: socket.socket, timeout: float | None) -> bytes | None:
    """A line; empty where the other side is gone, None where `timeout` seconds are over."""
    until = None if timeout is None else time.monotonic() + timeout
    got = b""
    while not got.endswith(b"\n"):
        left = None if until is None else max(0.0, until - time.monotonic())
        if not select.select([link], [], [], left)[0]:
            return None
        try:
            data: Any = link.recv(1)
        except ConnectionResetError:
            data = b""
        if not data:
            return b""
        got += data
    return got
