"""Programs that are read from and watched: one that makes no progress is ended, as it may spin for ever."""

import os
import select
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

from dbadmin.dialects import processes
from dbadmin.errors import DbadminError, NotFinished

QUIET = 120.0
"""Seconds without a byte after which a program is taken to hang (a truncated tar keeps pg_restore busy for ever)."""
STILL = 10.0
"""Seconds without a byte after which we look whether a program that writes waits for somebody."""
_PIECE = 1 << 18
_LOOK_EVERY = 0.05

Explain = Callable[[int, str], DbadminError]
"""Turns an exit status and what a program said on stderr into an error."""


class Output:
    """What a program writes to its stdout; `read` gives pieces, b"" at the end."""

    def __init__(self, process: "subprocess.Popen[bytes]", quiet: float) -> None:
        assert process.stdout is not None
        self._process = process
        self._descriptor = process.stdout.fileno()
        self._quiet = quiet
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._descriptor, selectors.EVENT_READ)
        self.bytes = 0

    def read(self, size: int = _PIECE) -> bytes:
        """The next piece; NotFinished where none comes for too long."""
        if not self._ready.select(self._quiet):
            raise NotFinished(
                f"{Path(str(self._process.args[0])).name} made no progress for {self._quiet:g} s",  # type: ignore[index]
                hint="the file is probably damaged: make the backup again",
            )
        piece = os.read(self._descriptor, size)
        self.bytes += len(piece)
        return piece

    def close(self) -> None:
        """Stop waiting for more."""
        self._ready.close()


@contextmanager
def output(
    command: Sequence[str | Path], environment: Mapping[str, str], explain: Explain, *, quiet: float | None = None
) -> Iterator[Output]:
    """Run a program and read what it writes; `explain` tells why where it fails. Nothing of it is left running.

    `quiet` seconds without output end it (QUIET, if not given).
    """
    with (
        TemporaryFile() as said,
        processes.running(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=dict(environment), umask=0o077
        ) as process,
    ):
        stream = Output(process, QUIET if quiet is None else quiet)
        try:
            yield stream
            if stream.read(1):
                raise NotFinished("a program wrote more than was read")  # pragma: no cover  readers read to the end
            process.wait()
        except BaseException:
            # A reader that finds nonsense may have met the end of a program that failed: its words say more.
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
            if process.poll() not in (None, 0, -signal.SIGPIPE):
                raise explain(process.returncode, _words(said)) from None
            raise
        finally:
            stream.close()
        if process.returncode != 0:
            raise explain(process.returncode, _words(said))


Look = Callable[[], DbadminError | None]
"""Tells why something does not get on, None as long as it does."""


class Sink(Protocol):
    """Where a program's output goes: straight into an open file, or through `write` where it has no descriptor."""

    descriptor: int | None

    def write(self, piece: bytes, /) -> object: ...


def into(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    explain: Explain,
    sink: Sink,
    told: Callable[[int], None],
    look: Look,
) -> None:
    """Run a program whose output goes into `sink`; `told` hears how many bytes have come.

    Where none came for a while, `look` tells why, and a reason ends it. `explain` tells why where it fails.
    """
    output = subprocess.PIPE if sink.descriptor is None else sink.descriptor
    with TemporaryFile() as said:
        with processes.running(
            command, stdin=subprocess.DEVNULL, stderr=said, env=dict(environment), stdout=output, umask=0o077
        ) as process:
            _carry(process, sink, told, look)
        if process.returncode != 0:
            raise explain(process.returncode, _words(said))


def _carry(process: "subprocess.Popen[bytes]", sink: Sink, told: Callable[[int], None], look: Look) -> None:
    done, quiet = 0, time.monotonic()
    while True:
        before = done
        if process.stdout is not None:
            ready, _, _ = select.select([process.stdout], [], [], _LOOK_EVERY)
            if ready:
                piece = os.read(process.stdout.fileno(), _PIECE)
                if not piece:
                    process.wait()
                    return
                sink.write(piece)
                done += len(piece)
        else:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY)
                return
            assert sink.descriptor is not None
            done = os.fstat(sink.descriptor).st_size
        told(done)
        if done != before:
            quiet = time.monotonic()
        elif time.monotonic() - quiet > STILL:
            reason, quiet = look(), time.monotonic()
            if reason is not None:
                raise reason


@contextmanager
def beside(looking: Callable[[], AbstractContextManager[Look]], stop: Callable[[], None]) -> Iterator[None]:
    """Look again and again, in a thread, at what runs in the block; where it does not get on, `stop` it, and raise why.

    `looking` opens what the look needs, in that thread. A look that fails itself ends the looking, not the work.
    """
    over, found = threading.Event(), []

    def watch() -> None:
        with suppress(Exception), looking() as look:
            while not over.wait(min(1.0, QUIET / 4)):
                reason = look()
                if reason is not None:
                    found.append(reason)
                    stop()
                    return

    watcher = threading.Thread(target=watch, name="dbadmin watchdog", daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        if found:
            raise found[0] from None
        raise
    finally:
        over.set()
        watcher.join()
    if found:  # what was stopped took it for its end
        raise found[0]


def _words(said: object) -> str:
    said.seek(0)  # type: ignore[attr-defined]
    return said.read().decode(errors="replace")  # type: ignore[attr-defined, no-any-return]
