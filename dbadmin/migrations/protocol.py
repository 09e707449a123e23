"""What crosses the pipe between dbadmin and the process that runs env.py: one request down, events up.

Plain JSON both ways. URLs carry passwords, so a request travels through a pipe, never by argument or file.
"""

import json
import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dbadmin.dialects import Address, Identity, TableName
from dbadmin.dialects.costs import Rewrite
from dbadmin.migrations.project import Project
from dbadmin.results import Lock
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.state import Snapshot

Event = dict[str, Any]


@dataclass(frozen=True)
class WalkRequest:
    """One upgrade or downgrade to run on a copy.

    `source` is the address of the database that env.py means (the configured one, also where the copy was
    made from a backup): connections to it are led to the copy. `timeout` is in seconds for each revision,
    None for none. `allow` lists HOST or HOST:PORT that user code may reach. `environment` is the environment
    that a plain `alembic` would have. With `look`, the state after each revision is read from inside,
    without the tables in `exclude`; `before` is the state at the start. Without `look_at_last` the last revision is
    left out: the caller looks at what it committed. With `script`, this file is run on the copy instead of env.py
    (`migrations/script.py`).
    """

    project: Project
    copy_url: "URL" = field(repr=False)
    source: Address | None
    copy_identity: Identity
    direction: Literal["upgrade", "downgrade"]
    destination: str
    source_files: tuple[Path, ...] = ()
    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    timeout: float | None = None
    allow: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    look: bool = False
    look_at_last: bool = True
    exclude: tuple[TableName, ...] = ()
    before: "Snapshot | None" = field(default=None, repr=False)
    script: Path | None = None


@dataclass(frozen=True)
class StepError:
    """Why a walk failed. `file` and `line` are inside the revision script (or env.py) where the error came
    from.

    `not_implemented`: the script refuses by design. `timed_out`: the step ran longer than the limit. `at_commit`:
    the commit failed, so `revision` is the last one of perhaps several in that transaction. `denied`: the database
    said that the role lacks a right.
    """

    type: str
    message: str
    file: str | None = None
    line: int | None = None
    revision: str | None = None
    statement: str | None = None
    not_implemented: bool = False
    timed_out: bool = False
    at_commit: bool = False
    denied: bool = False


@dataclass(frozen=True)
class StepSeen:
    """One revision as it was seen from inside, before it was committed.

    `rows_changed` counts the rows that its own INSERT, UPDATE and DELETE statements reported, by table;
    `touched` are the tables whose rows may have changed (None: not known, any); `stands` is what the version
    table held after it. `committed` are the changing statements of a failed step that went through and stayed.
    `locks` are those that it was the first to take, `rewrites` what it wrote anew, `bytes_before` and `bytes_after`
    the size of all tables and indexes, `algorithms` how each change of a table was carried out.
    """

    revision: str
    message: str
    file: str | None
    state: Literal["ok", "failed"]
    seconds: float | None = None
    statements: int | None = None
    rows_changed: Mapping[str, int] | None = None
    touched: frozenset[TableName] | None = None
    snapshot: "Snapshot | None" = None
    locks: tuple[Lock, ...] | None = None
    error: StepError | None = None
    failed_statement: str | None = None
    stands: tuple[str, ...] = ()
    committed: tuple[str, ...] | None = None
    rewrites: tuple[Rewrite, ...] | None = None
    bytes_before: int | None = None
    bytes_after: int | None = None
    algorithms: tuple[str, ...] | None = None


@dataclass(frozen=True)
class WalkResult:
    """What a walk did. `revisions` is what the version table of the copy holds now, whatever the steps said.

    `planned` are the revisions that were to run, in order; `redirected` counts connections to the source
    that were led to the copy, `refused` lists the targets that user code was kept from (any makes the walk
    fail); `output` is the end of what user code printed; `version_table` and its schema are what env.py
    configured; `touched_after` are the tables that the process wrote after its last look (at the commit, in
    env.py itself, or in a step that failed; None: any); `sandbox` names the protections of the kernel's
    that were in force; `outside` lists what user code was allowed to connect to besides the copy.
    """

    state: Literal["ok", "failed"]
    steps: tuple[StepSeen, ...]
    revisions: tuple[str, ...]
    error: StepError | None = None
    redirected: int = 0
    refused: tuple[str, ...] = ()
    output: str = ""
    planned: tuple[str, ...] = ()
    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    touched_after: frozenset[TableName] | None = frozenset()
    sandbox: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


def encode_request(request: WalkRequest, original: Mapping[str, str]) -> bytes:
    """The request as the child reads it; `original` are values that the child's environment hides from
    drivers.
    """
    project = request.project
    data = {
        "project": {
            "ini": str(project.ini) if project.ini else None,
            "section": project.section,
            "script_location": str(project.script_location),
            "directory": str(project.directory),
            "options": dict(project.options),
            "x": list(project.x),
        },
        "copy_url": request.copy_url.render_as_string(hide_password=False),
        "source": encode_address(request.source),
        "source_files": [str(path) for path in request.source_files],
        "copy_identity": vars(request.copy_identity) if request.copy_identity else None,
        "direction": request.direction,
        "destination": request.destination,
        "allow": list(request.allow),
        "look": request.look,
        "look_at_last": request.look_at_last,
        "exclude": [list(table) for table in request.exclude],
        "before": _encode_snapshot(request.before),
        "script": str(request.script) if request.script else None,
        "original": dict(original),
    }
    return json.dumps(data).encode()


def _encode_snapshot(snapshot: "Snapshot | None") -> Any:
    if snapshot is None:
        return None
    from dbadmin.state import encode

    return encode(snapshot)


def encode_address(address: Address | None) -> dict[str, Any] | None:
    """An address as JSON takes it."""
    return None if address is None else {**vars(address), "server": list(address.server)}


def decode_project(data: Mapping[str, Any]) -> Project:
    """The inverse of what `encode_request` does with a project."""
    ini = Path(data["ini"]) if data["ini"] else None
    location, directory = Path(data["script_location"]), Path(data["directory"])
    return Project(ini, data["section"], location, directory, data["options"], tuple(data["x"]))


def decode_address(data: Mapping[str, Any] | None) -> Address | None:
    """The inverse of `encode_address`."""
    if data is None:
        return None
    host, port = data["server"]
    return Address(data["engine"], (host, port), data["database"], data["shown"])


def decode_identity(data: Mapping[str, Any] | None) -> Identity | None:
    """An identity from JSON."""
    return None if data is None else Identity(data["engine"], data["name"], tuple(data["key"]), data["shown"])


def encode_tables(tables: Iterable[TableName] | None) -> list[list[str | None]] | None:
    """Table names as JSON takes them, sorted."""
    return (
        None if tables is None else sorted(([t.schema, t.name] for t in tables), key=lambda t: (t[0] or "", t[1] or ""))
    )


def decode_tables(data: list[list[str]] | None) -> frozenset[TableName] | None:
    """The inverse of `encode_tables`."""
    return None if data is None else frozenset(TableName(schema, name) for schema, name in data)


def decode_error(data: Mapping[str, Any] | None) -> StepError | None:
    """A StepError from JSON; its texts are masked."""
    if data is None:
        return None
    fields = dict(data)
    fields["message"] = mask(fields["message"])
    if fields.get("statement"):
        fields["statement"] = mask(fields["statement"])
    return StepError(**fields)


class ChannelLost(BaseException):
    """User code closed or replaced the descriptor that events are written to. Not an Exception: see Refused."""


class EventWriter:
    """Writes events on a descriptor of its own; of a process that user code forked, only what the guard says.

    An event takes one line or several, `PID+PART` and at last `PID.PART`. Each is written at once (PIPE_BUF), so
    the lines of several processes do not mix.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pipe = _what(descriptor)
        self._owner = os.getpid()
        self._lock = threading.RLock()

    def __call__(self, event: str, **data: Any) -> None:
        """Send one event. Raises ChannelLost where the descriptor is another one by now."""
        text = json.dumps({"event": event, **data}, default=str).encode()
        if os.getpid() == self._owner:
            with self._lock:
                self._write(text)
        elif event in _OF_THE_GUARD:
            self._write(text)  # the lock may be held for ever, by a thread that was not forked

    def _write(self, text: bytes) -> None:
        if _what(self._descriptor) != self._pipe:
            raise ChannelLost("user code closed or replaced a descriptor that is not its own")
        for start in range(0, len(text), _PART):
            mark = b"+" if start + _PART < len(text) else b"."
            os.write(self._descriptor, b"%d%b%b\n" % (os.getpid(), mark, text[start : start + _PART]))


class EventReader:
    """Puts the lines of EventWriters together again."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete with these bytes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = []
        for line in lines:
            found = _LINE.fullmatch(line)
            if found is None:
                continue  # user code wrote on this descriptor
            process, mark, part = found.groups()
            whole = self._begun.pop(process, b"") + part
            if mark == b"+":
                self._begun[process] = whole
            else:
                events.append(json.loads(whole))
        return events


_PART = 3800
_LINE = re.compile(rb"(\d+)([+.])(.*)")
_OF_THE_GUARD = ("refused", "redirected", "outside")


def _what(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
