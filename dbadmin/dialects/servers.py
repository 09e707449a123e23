"""What private servers have in common, whatever their engine: a directory, its record, and one process.

Each lives in a directory that only its account can enter, with `server.json` (who started it) and `server.log` (what
it says), and leaves nothing behind. A killed dbadmin leaves the server; `found` finds it, `stop` ends it.
"""

import atexit
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self, TypeVar

from dbadmin.dialects import processes, stamped
from dbadmin.dialects.places import last_lines, searched_directories
from dbadmin.dialects.record import Record
from dbadmin.errors import NoScratchServer
from dbadmin.interrupts import held_back

LOG = "server.log"
_SECONDS_TO_START = 60.0  # recovery after a crash counts
SECONDS_TO_STOP = 30.0


class PrivateServer(ABC):
    """One private server. As a context manager it is stopped at the end, unless it is durable or kept.

    `directory` holds everything. `called` is what messages call it, `hint` what to do where it cannot be started.
    """

    called: ClassVar[str]
    hint: ClassVar[str]

    def __init__(self, directory: Path, record: Record) -> None:
        self.directory = directory
        self.record = record
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, None where it does not run."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid  # known even if somebody removed the directory
        return self._pid_told()

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self.directory / LOG

    def keep(self) -> None:
        """Let a disposable server outlive this process; `stop` still ends and removes it."""
        self.record = replace(self.record, kept=True)
        self.record.write(self.directory)
        atexit.unregister(self._stop_at_exit)
        self._disown()

    def stop(self) -> None:
        """End the server and wait for it; a disposable one's directory goes too. May be called again.

        Raises NoScratchServer where it does not end, NotFinished where the machine refuses to end or remove it.
        """
        with held_back():
            atexit.unregister(self._stop_at_exit)
            try:
                self._stop()
            except OSError as error:
                name = None if self.record.durable else self.directory.name
                raise stamped.not_removed(f"{self.called} in {self.directory}", error, name) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not (self.record.durable or self.record.kept):
            self.stop()

    @abstractmethod
    def _stop(self) -> None:
        """End it and remove what is disposable, signals being held back."""

    @abstractmethod
    def _pid_told(self) -> int | None:
        """The id of the process that runs on this directory's data, told by its files and believed only if it does."""

    @abstractmethod
    def _is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        """Whether this process takes connections."""

    def _wait_until_ready(self) -> None:
        process = self._process
        assert process is not None
        until = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < until and process.poll() is None:
            if self._is_ready(process):
                return
            time.sleep(0.005)
        said = last_lines(self.log.read_text(errors="replace")) or "it said nothing"
        how = "did not get ready" if process.poll() is None else "ended at once"
        raise NoScratchServer(f"{self.called} in {self.directory} {how}: {said}", hint=self.hint)

    def _end_with(self, *steps: signal.Signals) -> None:
        """Send the process one signal after the other until it is gone; NoScratchServer where none helps."""
        if not any(self._ends_with(step) for step in steps):
            raise NoScratchServer(
                f"{self.called} in {self.directory} (pid {self.pid}) does not end", hint=f"see {self.log}"
            )

    def _ends_with(self, step: signal.Signals) -> bool:
        pid = self.pid
        if pid is None:
            return True
        known = processes.identity(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, step)
        until = time.monotonic() + SECONDS_TO_STOP
        while processes.is_alive(pid, known):
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        if self._process is not None:
            self._process.wait()  # so that no zombie stays
        else:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return True

    def _disown(self) -> None:
        # It outlives this object on purpose; subprocess would warn that it still runs.
        if self._process is not None and self._process.poll() is None:
            self._process.returncode = 0
        self._process = None

    def _stop_at_exit(self) -> None:
        if self.record.owner_pid == os.getpid():  # and not in a forked child, which ends before its parent
            self.stop()


S = TypeVar("S", bound=PrivateServer)


def found(kind: type[S], prefix: str) -> Iterator[S]:
    """Every server of this kind in the temporary directories, running or not, whoever owns it."""
    for base in searched_directories():
        yield from inside(kind, base, f"{prefix}*")


def inside(kind: type[S], base: Path, pattern: str) -> Iterator[S]:
    """The servers whose directories stand in `base` under a name of this pattern."""
    for directory in sorted(base.glob(pattern)):
        record = Record.read(directory)
        if record is not None:
            yield kind(directory, record)
