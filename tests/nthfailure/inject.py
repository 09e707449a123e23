"""`python -m tests.nthfailure.inject LOG KIND STEP -- …`: dbadmin's command line, with one of its outside acts broken.

An outside act is a program started, a file written, renamed or removed, a signal sent, a connection, a statement. Each
is named by its line in dbadmin's code, a hash of all its callers and of the statement's shape, and how often it came
there: `mkdir dialects/private.py:34 1f0a9c3e#2`. With the KIND "count" they are all written to LOG; with another one
this happens where STEP would be done, and LOG says so:

    error       it fails, as the operating system or the driver would say
    SIGINT …    the signal comes just before it
    late        SIGINT comes just after it, before anybody has its result
    twice       SIGINT comes before it, and again before the next
"""

import errno
import json
import os
import re
import signal
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import dbadmin
from dbadmin.cli import main

HOME = os.path.dirname(dbadmin.__file__) + os.sep  # noqa: PTH120  a path would be an outside act of its own kind
DEVICE = re.compile("/dev/(?!shm/)")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
AUDITED = {
    "subprocess.Popen": "start", "os.fork": "fork", "os.exec": "exec", "os.posix_spawn": "start",
    "os.rename": "rename", "os.remove": "remove", "os.rmdir": "rmdir", "os.mkdir": "mkdir", "os.link": "link",
    "os.symlink": "symlink", "os.chmod": "chmod", "os.chown": "chown", "os.truncate": "truncate", "os.kill": "kill",
    "os.killpg": "kill", "socket.connect": "connect", "sqlite3.connect": "connect", "open": "write",
}  # fmt: skip
"""What Python's audit events are called here."""
VALUES = re.compile(r"'[^']*'|\bdbadmin\\?_(?:\w|\\_)+|\d+|\s+")
SHOWN = 120
"""So much of an act is told."""
LOST = (2013, "Lost connection to MySQL server during query")


class Steps:
    """Counts the acts of this process, and breaks the one that is meant."""

    def __init__(self, log: int, kind: str, step: str) -> None:
        self.log, self.kind, self.step = log, kind, step
        self.process = os.getpid()
        self.counts: Counter[str] = Counter()
        self.fired = False
        self.busy = threading.local()

    def meet(self, act: str, what: str, error: Callable[[], BaseException]) -> None:
        """An act is about to be done."""
        if os.getpid() != self.process or getattr(self.busy, "now", False):
            return
        self.busy.now = True
        try:
            stack = list(frames(sys._getframe(2)))
            if not stack:
                return  # Python's own, at its end
            whole = zlib.crc32("\n".join((act, shape(act, what), *stack)).encode())
            key = f"{act} {stack[0]} {whole:08x}"
            self.counts[key] += 1
            name = f"{key}#{self.counts[key]}"
            if self.kind == "count":
                self.tell(step=name, what=what[:SHOWN], stack=stack)
            elif self.fired and self.kind == "twice":
                self.kind = "done"
                os.kill(self.process, signal.SIGINT)
            elif name == self.step and not self.fired:
                self.fired = True
                self.tell(fired=name, what=what[:SHOWN])
                self.fire(error)
        finally:
            self.busy.now = False

    def fire(self, error: Callable[[], BaseException]) -> None:
        """Break it."""
        if self.kind == "error":
            raise error()
        if self.kind == "late" and threading.current_thread() is threading.main_thread():
            sys.setprofile(self.afterwards)
            return
        number = signal.SIGINT if self.kind in ("late", "twice") else signal.Signals[self.kind]
        os.kill(self.process, number)

    def afterwards(self, frame: FrameType, event: str, argument: Any) -> None:
        """Whatever Python does next outside of this module; of a program, when it was started."""
        started = event == "c_return" and getattr(argument, "__name__", "") == "fork_exec"
        if frame.f_code.co_filename != __file__ and (started or not self.step.startswith("start ")):
            sys.setprofile(None)
            self.busy.now = True
            try:
                os.kill(self.process, signal.SIGINT)
            finally:
                self.busy.now = False

    def tell(self, **line: Any) -> None:
        os.write(self.log, json.dumps(line).encode() + b"\n")

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        act = AUDITED.get(event)
        if act is None:
            return
        if event == "open" and not written(arguments):
            return
        what = " ".join(str(one) for one in arguments[:2])
        self.meet(act, what, lambda: failure(event, arguments))


def shape(act: str, what: str) -> str:
    """A statement without what differs from run to run: values, numbers, names of copies; nothing of other acts."""
    return VALUES.sub(" ", what[:SHOWN])[:60].strip() if act.startswith("sql") else ""


def written(arguments: tuple[Any, ...]) -> bool:
    """Whether a file is opened to be written: not a descriptor, not a device."""
    path, _, flags = arguments
    return isinstance(path, str | bytes | os.PathLike) and bool(flags & WRITING) and not DEVICE.match(str(path))


def failure(event: str, arguments: tuple[Any, ...]) -> BaseException:
    """What the operating system would say."""
    if event == "sqlite3.connect":
        import sqlite3

        return sqlite3.OperationalError("unable to open database file")
    if event == "socket.connect":
        return ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    if event in ("os.kill", "os.killpg"):
        return PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    named = next((one for one in arguments if isinstance(one, str)), None)
    return OSError(errno.EIO, os.strerror(errno.EIO), named)


def frames(frame: FrameType | None) -> "list[str]":
    """Where in dbadmin's code this is, innermost first: file:line function."""
    found = []
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(HOME):
            found.append(f"{code.co_filename.removeprefix(HOME)}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return found


def watch_statements(steps: Steps) -> None:
    """Statements and connections of SQLAlchemy, and those that go to a driver by hand."""
    from sqlalchemy import Engine, event

    def failed(dialect: Any) -> Callable[[], BaseException]:
        words = LOST if dialect.driver == "pymysql" else ("the connection is lost",)
        made: Callable[[], BaseException] = lambda: dialect.loaded_dbapi.OperationalError(*words)  # noqa: E731
        return made

    for name in ("do_execute", "do_executemany"):
        event.listen(Engine, name, lambda c, s, p, x: steps.meet("sql", s, failed(x.dialect)))
    event.listen(Engine, "do_execute_no_params", lambda c, s, x: steps.meet("sql", s, failed(x.dialect)))
    event.listen(Engine, "do_connect", lambda d, r, a, p: connecting(steps, d, failed(d)))
    event.listen(Engine, "commit", lambda c: steps.meet("sql", "COMMIT", failed(c.dialect)))
    with suppress(ImportError):
        import psycopg

        lost: Callable[[], BaseException] = lambda: psycopg.OperationalError("the connection is lost")  # noqa: E731
        by_hand(psycopg.Cursor, "execute", lambda query: steps.meet("sql by hand", str(query), lost))
        by_hand(psycopg.Cursor, "copy", lambda query: steps.meet("sql by hand", str(query), lost))
    with suppress(ImportError):
        import pymysql

        gone: Callable[[], BaseException] = lambda: pymysql.err.OperationalError(*LOST)  # noqa: E731
        by_hand(pymysql.cursors.Cursor, "execute", lambda query: steps.meet("sql by hand", str(query), gone))


def connecting(steps: Steps, dialect: Any, error: Callable[[], BaseException]) -> None:
    """libpq connects without Python's knowledge; other drivers open sockets or files, and are met there."""
    if dialect.driver == "psycopg":
        steps.meet("connect", dialect.name, error)


def is_inside(*packages: str) -> bool:
    """Whether one of these packages calls a driver's method, or dbadmin's own cursor on its behalf."""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(3):
        if frame is None:
            return False
        if any(f"{os.sep}{package}{os.sep}" in frame.f_code.co_filename for package in packages):
            return True
        frame = frame.f_back
    return False


def by_hand(owner: Any, name: str, meet: Callable[[Any], None]) -> None:
    """Have a driver's method met, unless SQLAlchemy calls it, which is met already."""
    method = getattr(owner, name)

    def met(self: Any, query: Any, *more: Any, **options: Any) -> Any:
        if not is_inside("sqlalchemy", "psycopg"):
            meet(query)
        return method(self, query, *more, **options)

    setattr(owner, name, met)


def run() -> None:
    """Run the command line after `--`."""
    log, kind, step, _, *arguments = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    steps = Steps(descriptor, kind, step)
    watch_statements(steps)
    sys.addaudithook(steps.audit)
    sys.argv = ["dbadmin", *arguments]
    main()


if __name__ == "__main__":
    run()
