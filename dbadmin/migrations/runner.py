"""Runs one upgrade or downgrade on a copy, in a process of its own, and tells what really happened.

The process may print, hang, exit or be killed: what counts is the version table of the copy afterwards.
"""

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from dbadmin.errors import ChildFailed
from dbadmin.migrations.environment import child_environment
from dbadmin.migrations.project import Project
from dbadmin.migrations.protocol import (
    StepError,
    StepSeen,
    WalkRequest,
    WalkResult,
    decode_error,
    decode_tables,
    encode_request,
)
from dbadmin.results import Lock
from dbadmin.secrets import mask, remember

if TYPE_CHECKING:
    from dbadmin.state import Snapshot

OnEvent = Callable[[dict[str, Any]], None]
OUTPUT_KEPT = 64 * 1024
"""Bytes of what user code prints that are kept: the last ones."""

_GRACE = 5.0


def walk(request: WalkRequest, *, on_event: OnEvent | None = None) -> WalkResult:
    """Upgrade or downgrade the copy as `alembic` would, and say what was seen.

    `on_event` is told each event as it comes (`event` is "plan", "begin", "applied", "failed", "redirected"
    or "refused"). A migration that fails, exits, hangs or is refused gives a result with `state` "failed";
    ChildFailed is raised only where no process can be started, or dbadmin's own look at a revision fails.
    Nothing of the process is left afterwards, also on Ctrl-C.
    """
    remember(request.copy_url.password)
    seen = Seen(request, on_event or (lambda event: None))
    with Child(request) as child:
        output, exit_status = child.run(seen, request.timeout)
    return seen.result(output, exit_status)


class Seen:
    """Events, gathered into a WalkResult."""

    def __init__(self, request: WalkRequest, on_event: OnEvent) -> None:
        self._request, self._on_event = request, on_event
        self.steps: list[StepSeen] = []
        self.current: dict[str, Any] | None = None
        self.last: str | None = None
        self.snapshot: Snapshot | None = request.before
        self.plan: dict[str, Any] | None = None
        self.error: StepError | None = None
        self.ended = False
        self.redirected = 0
        self.refused: list[str] = []
        self.sandbox = "none"
        self.fault: dict[str, Any] | None = None

    def take(self, event: dict[str, Any]) -> None:
        """One event from the child."""
        match event["event"]:
            case "plan":
                self.plan = event
            case "begin":
                self.current = event
            case "applied":
                self._applied(event)
            case "failed":
                self._failed(event)
            case "redirected":
                self.redirected += 1
            case "refused":
                self.refused.append(event["target"])
            case "fault":
                self.fault = event
            case "sandbox":
                self.sandbox = event["kind"]
            case "end":
                self.ended = True
        self._on_event(event)

    def _applied(self, event: dict[str, Any]) -> None:
        begun = self.current or {"message": "", "file": None}
        if event.get("snapshot") is not None:
            from dbadmin.state import decode

            self.snapshot = decode(event["snapshot"], self.snapshot)
        locks = event["locks"]
        self.steps.append(
            StepSeen(
                revision=event["revision"],
                message=begun["message"],
                file=begun["file"],
                state="ok",
                seconds=event["seconds"],
                statements=event["statements"],
                rows_changed=event["rows_changed"],
                touched=decode_tables(event["touched"]),
                snapshot=self.snapshot if event.get("snapshot") is not None else None,
                locks=None if locks is None else tuple(Lock(**lock) for lock in locks),
            )
        )
        self.last, self.current = event["revision"], None

    def _failed(self, event: dict[str, Any]) -> None:
        error = decode_error(event["error"])
        assert error is not None
        self.fail(error, event.get("seconds"), event.get("statements"))

    def fail(self, error: StepError, seconds: float | None = None, statements: int | None = None) -> None:
        """The walk has failed; the step that ran, if one did, is the one that failed."""
        if self.error is not None:
            return
        self.error = error
        if self.current is None and self.steps and error.at_commit:
            self.steps[-1] = replace(self.steps[-1], state="failed", error=error)
        if self.current is not None:
            begun, self.current = self.current, None
            self.steps.append(
                StepSeen(
                    begun["revision"], begun["message"], begun["file"], "failed", seconds, statements,
                    error=error, failed_statement=error.statement,
                )
            )  # fmt: skip

    def stopped(self, message: str, kind: str, *, timed_out: bool = False, seconds: float | None = None) -> None:
        """The process ended or was ended while something ran."""
        begun = self.current or {}
        self.fail(
            StepError(kind, message, file=begun.get("file"), revision=begun.get("revision"), timed_out=timed_out),
            seconds,
        )

    def result(self, output: str, exit_status: int | None) -> WalkResult:
        """Everything together, judged by what the version table holds."""
        if self.fault is not None:
            where = f" at revision {self.fault['revision']}" if self.fault["revision"] else ""
            raise ChildFailed(f"dbadmin itself failed in the walk{where}: {mask(self.fault['message'])}")
        table, schema = self._request.version_table, self._request.version_table_schema
        if self.plan is not None:
            table, schema = self.plan["version_table"], self.plan["version_table_schema"]
        if not self.ended and self.error is None:
            what = f"revision {self.current['revision']} ran" if self.current else "env.py ran"
            self.stopped(f"the process ended by itself ({_how(exit_status)}) while {what}", "ProcessEnded")
        if self.refused and self.error is None:
            self.fail(StepError("Refused", f"user code was kept from {', '.join(dict.fromkeys(self.refused))}"))
        # Without a schema of its own the table is where env.py's search path begins.
        default = self.plan["default_schema"] if self.plan is not None else None
        revisions = _revisions(self._request, table, schema or default)
        if self.error is None and self.plan is not None and set(revisions) != set(self.plan["end"]):
            self.fail(self._wrong_revision(table, revisions))
        planned = tuple(self.plan["revisions"]) if self.plan else ()
        return WalkResult(
            "failed" if self.error else "ok", tuple(self.steps), revisions, self.error, self.redirected,
            tuple(dict.fromkeys(self.refused)), output, planned, table, schema, self.sandbox,
        )  # fmt: skip

    def _wrong_revision(self, table: str, revisions: tuple[str, ...]) -> StepError:
        assert self.plan is not None
        holds, wanted = " and ".join(revisions) or "nothing", " and ".join(self.plan["end"]) or "nothing"
        return StepError(
            "WrongRevision",
            f"every step ran without an error, but {table} holds {holds} in place of {wanted}: "
            "env.py did not commit, or a revision ended Alembic's transaction (op.get_bind().commit())",
            revision=self.last,
        )


class Child:
    """The process, from its start to its certain end."""

    def __init__(self, request: WalkRequest) -> None:
        self._request = request
        self._tail = bytearray()

    def __enter__(self) -> "Child":
        request = self._request
        environment, hidden = child_environment(request.environment, copy=request.copy_url, source=request.source)
        data = encode_request(request, hidden)
        request_read, request_write = os.pipe()
        events_read, events_write = os.pipe()
        try:
            self._process = _start(request.project, environment, request_read, events_write)
        except OSError as error:
            os.close(request_write)
            os.close(events_read)
            raise ChildFailed(f"cannot start Python in {request.project.directory}: {error.strerror}") from error
        finally:
            os.close(request_read)
            os.close(events_write)
        self._events = events_read
        threading.Thread(target=_write, args=(request_write, data), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        os.close(self._events)

    def kill(self) -> None:
        """End the whole process group, also where its leader has ended and others live on."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def run(self, seen: Seen, timeout: float | None) -> tuple[str, int | None]:
        """Feed events to `seen` until the process ends; `timeout` in seconds for each revision, and before
        the first.

        Gives the end of what it printed, and its exit status.
        """
        lines = _Lines(self._events)
        stdout: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        os.set_blocking(stdout.fileno(), False)
        started = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ)
            selector.register(stdout, selectors.EVENT_READ)
            while self._process.poll() is None and not seen.ended:
                for key, _ in selector.select(0.05):
                    if key.fileobj is stdout:
                        if not self._read_output(stdout):
                            selector.unregister(stdout)
                        continue
                    events, open_ = lines.read()
                    for event in events:
                        seen.take(event)
                        if event["event"] in ("begin", "applied"):
                            started = time.monotonic()
                        elif event["event"] == "ran":
                            started = math.inf  # our own look counts for no limit
                    if not open_:
                        selector.unregister(self._events)
                passed = time.monotonic() - started
                if timeout is not None and passed > timeout and not seen.ended:
                    self._stop_at_limit(seen, timeout, passed)
                    break
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        self.kill()
        for event in lines.read()[0]:
            seen.take(event)
        while self._read_output(stdout):
            pass
        return mask(self._tail.decode(errors="replace")), self._process.returncode

    def _stop_at_limit(self, seen: Seen, timeout: float, passed: float) -> None:
        self.kill()
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


class _Lines:
    """JSON lines from a descriptor, as they come."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._rest = b""

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """The events that are complete by now, and whether more can come."""
        open_ = True
        while True:
            try:
                data = os.read(self._descriptor, 1 << 20)
            except BlockingIOError:
                break
            if not data:
                open_ = False
                break
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines if line], open_


def _start(
    project: Project, environment: dict[str, str], request_read: int, events_write: int
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        # -P: a module of the project's that is called like one of Python's must not take its place.
        [
            sys.executable, "-P", "-m", "dbadmin.migrations.child",
            str(request_read), str(events_write), str(os.getpid()),
        ],
        cwd=project.directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(request_read, events_write),
        start_new_session=True,
    )  # fmt: skip


def _write(descriptor: int, data: bytes) -> None:
    """Write the request; a child that has ended already is the reader's business."""
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
        pipe.write(data)


def _how(status: int | None) -> str:
    if status is None:
        return "status unknown"
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _revisions(request: WalkRequest, table: str, schema: str | None) -> tuple[str, ...]:
    """What the copy's version table holds, read on a connection of our own."""
    from sqlalchemy import NullPool, create_engine

    from dbadmin.migrations.status import applied_revisions

    engine = create_engine(request.copy_url, poolclass=NullPool)
    with engine.connect() as connection:
        return applied_revisions(connection, table, schema) or ()


__all__ = ["StepError", "StepSeen", "WalkRequest", "WalkResult", "walk"]
