"""The process that forks children: `python -m dbadmin.migrations.nursery CONTROL PARENT [captures]`.

It imports what each of them needs (with `captures`: each that asks env.py), runs nothing of the user's, and has one
thread. A child that has ended stays as it is (its process id is not given to another one) until the parent closes the
child's link.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from dbadmin.migrations import capture_child, sandbox

_DESCRIPTORS = 8


@dataclass
class _Ward:
    """A child and its link to the parent; `ended` is readable when it has ended."""

    pid: int
    link: socket.socket
    ended: int | None

    def tell(self) -> None:
        """Say how it ended, and let nobody else have its process id yet."""
        status = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        assert status is not None and self.ended is not None
        os.close(self.ended)
        self.ended = None
        code = status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
        with suppress(OSError):
            self.link.send(f"{code}\n".encode())

    def release(self) -> None:
        """End it and all of its group."""
        for kill in (os.kill, os.killpg):  # it may not lead a group yet
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.forget()

    def forget(self) -> None:
        """Close what this process has of it."""
        self.link.close()
        if self.ended is not None:
            os.close(self.ended)
            self.ended = None  # told in the same look as the link's end, it comes up once more


class _Nursery:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._wards: list[_Ward] = []

    def serve(self) -> str:
        """Fork on request until the parent is gone; comes back in each child, with the module that it is to run."""
        while True:
            for key, _ in self._selector.select():
                ward = key.data
                if ward is None:
                    module = self._fork()
                    if module is not None:
                        return module
                elif key.fd == ward.ended:
                    self._selector.unregister(ward.ended)
                    ward.tell()
                elif ward in self._wards:
                    self._release(ward)

    def _release(self, ward: _Ward) -> None:
        self._selector.unregister(ward.link)
        if ward.ended is not None:
            self._selector.unregister(ward.ended)
        self._wards.remove(ward)
        ward.release()

    def _fork(self) -> str | None:
        head, received, _, _ = socket.recv_fds(self._control, 4, _DESCRIPTORS)
        if len(head) < 4:
            os._exit(0)
        asked = json.loads(self._read(int.from_bytes(head, "big")))
        _import(asked["needs"])
        link, (output, *descriptors) = socket.socket(fileno=received[0]), received[1:]
        pid = os.fork()
        if pid == 0:
            self._leave()
            _become(asked, link, output, descriptors)
            module: str = asked["module"]
            return module
        for descriptor in (output, *descriptors):
            os.close(descriptor)
        ward = _Ward(pid, link, os.pidfd_open(pid))
        self._wards.append(ward)
        for readable in (link, ward.ended):
            self._selector.register(readable, selectors.EVENT_READ, ward)  # type: ignore[arg-type]
        return None

    def _read(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            data = self._control.recv(size - len(got))
            if not data:
                os._exit(0)
            got += data
        return got

    def _leave(self) -> None:
        """In a child: keep nothing of the others."""
        self._selector.close()
        self._control.close()
        for ward in self._wards:
            ward.forget()


def _import(libraries: list[str]) -> None:
    """Import what this child and those after it need."""
    gc.disable()
    for name in libraries:
        import_module(name)
    gc.freeze()
    gc.enable()


def _become(asked: dict[str, Any], link: socket.socket, output: int, descriptors: list[int]) -> None:
    """Be as a fresh process would be: own session, own environment, in the project's directory."""
    parent = os.getppid()
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    os.chdir(asked["directory"])
    sys.argv = [str(import_module(asked["module"]).__file__), *map(str, descriptors), str(parent)]
    link.send(f"{os.getpid()}\n".encode())
    link.close()


def main() -> None:
    """Get ready and serve."""
    control, parent = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    control.set_inheritable(False)
    sandbox.die_with_parent(parent)
    if sys.argv[3:] == ["captures"]:
        capture_child.get_ready_alone()
    else:
        from dbadmin.migrations import child

        child.get_ready()
        capture_child.get_ready()
        gc.collect()
        gc.freeze()  # so that collecting in a child does not copy these pages
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        os._exit(0)  # something of the environment's (a sitecustomize) runs threads: a fork would have half of them
    import_module(_Nursery(control).serve()).main()


if __name__ == "__main__":
    main()
