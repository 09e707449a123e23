"""Runs one upgrade or downgrade on a copy, in a process of its own, and tells what really happened.

The process may print, hang, exit or be killed: what counts is the version table of the copy afterwards.
"""

import math
import os
import selectors
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO, Any

from dbadmin.migrations.environment import child_environment
from dbadmin.migrations.process import started
from dbadmin.migrations.protocol import (
    EventReader,
    StepError,
    StepSeen,
    WalkRequest,
    WalkResult,
    encode_request,
)
from dbadmin.migrations.seen import OnEvent, Seen
from dbadmin.secrets import mask, remember

OUTPUT_KEPT = 64 * 1024
"""Bytes of what user code prints that are kept: the last ones."""

_GRACE = 5.0


def walk(request: WalkRequest, *, on_event: OnEvent | None = None, child: "Child | None" = None) -> WalkResult:
    """Upgrade or downgrade the copy as `alembic` would, and say what was seen.

    `on_event` is told each event as it comes (`event` is "plan", "begin", "applied", "failed", "redirected"
    or "refused"). A migration that fails, exits, hangs or is refused gives a result with `state` "failed";
    ChildFailed is raised only where no process can be started, or dbadmin's own look at a revision fails.
    Nothing of the process is left afterwards, also on Ctrl-C. `child` is a process that was started before, for a
    request with the same project, environment, copy and source.
    """
    remember(request.copy_url.password)
    seen = Seen(request, on_event or (lambda event: None))
    child = child or Child(request)
    with child, seen.watching:
        child.ask(request)
        output, exit_status = child.run(seen, request.timeout)
    return seen.result(output, exit_status)


class Child:
    """The process, from its start to its certain end.

    It starts at once, imports what is not the user's, and waits until it is asked: so one can get ready while
    another one walks.
    """

    def __init__(self, request: WalkRequest) -> None:
        self._tail = bytearray()
        environment, self._hidden = child_environment(request.environment, copy=request.copy_url, source=request.source)
        self._request_to: int | None
        self._process, self._request_to, self._events = started(
            "dbadmin.migrations.child", request.project.directory, environment
        )

    def ask(self, request: WalkRequest) -> None:
        """Send the request, once."""
        assert self._request_to is not None
        arguments = (self._request_to, encode_request(request, self._hidden))
        self._request_to = None
        threading.Thread(target=_write, args=arguments, daemon=True).start()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._request_to is not None:
            os.close(self._request_to)
        self._process.close()
        self._process.stdout.close()
        os.close(self._events)

    def run(self, seen: Seen, timeout: float | None) -> tuple[str, int | None]:
        """Feed events to `seen` until the process ends; `timeout` in seconds for each revision, and before
        the first.

        Gives the end of what it printed, and its exit status.
        """
        coming = _Events(self._events)
        stdout = self._process.stdout
        os.set_blocking(stdout.fileno(), False)
        started = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ)
            selector.register(stdout, selectors.EVENT_READ)
            while self._process.poll() is None and not seen.ended:
                for key, _ in selector.select(seen.watching.wait()):
                    if key.fileobj is stdout:
                        if not self._read_output(stdout):
                            selector.unregister(stdout)
                        continue
                    events, open_ = coming.read()
                    for event in events:
                        seen.take(event)
                        if event["event"] in ("sandbox", "begin", "applied"):
                            started = time.monotonic()
                        elif event["event"] == "ran":
                            started = math.inf  # our own look counts for no limit
                    if not open_:
                        selector.unregister(self._events)
                seen.watching.look()
                passed = time.monotonic() - started
                if timeout is not None and passed > timeout and not seen.ended:
                    self._stop_at_limit(seen, timeout, passed)
                    break
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        self._process.kill()
        for event in coming.read()[0]:
            seen.take(event)
        while self._read_output(stdout):
            pass
        return mask(self._tail.decode(errors="replace")), self._process.returncode

    def _stop_at_limit(self, seen: Seen, timeout: float, passed: float) -> None:
        self._process.kill()
        what = f"revision {seen.current['revision']}" if seen.current else "env.py"
        seen.stopped(f"{what} ran longer than {timeout:g} s", "Timeout", timed_out=True, seconds=passed)

    def _read_output(self, stdout: IO[bytes]) -> bool:
        """Read what is there; False where there is no more now."""
        try:
            data = os.read(stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return False
        self._tail += data
        del self._tail[:-OUTPUT_KEPT]
        return bool(data)


class _Events:
    """Events from a descriptor, as they come."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._reader = EventReader()

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """The events that are complete by now, and whether more can come."""
        events: list[dict[str, Any]] = []
        open_ = True
        while True:
            try:
                data = os.read(self._descriptor, 1 << 20)
            except BlockingIOError:
                break
            if not data:
                open_ = False
                break
            events += self._reader.feed(data)
        return events, open_


def _write(descriptor: int, data: bytes) -> None:
    """Write the request; a child that has ended already is the reader's business."""
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
        pipe.write(data)


__all__ = ["StepError", "StepSeen", "WalkRequest", "WalkResult", "walk"]
