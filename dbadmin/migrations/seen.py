"""What comes from the process that runs env.py, gathered and judged by what the version table holds."""

import signal
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.costs import Rewrite
from dbadmin.errors import ChildFailed
from dbadmin.migrations.protocol import (
    StepError,
    StepSeen,
    WalkRequest,
    WalkResult,
    decode_error,
    decode_tables,
)
from dbadmin.migrations.watching import Watching
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from dbadmin.dialects import TableName
    from dbadmin.state import Snapshot

OnEvent = Callable[[dict[str, Any]], None]


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
        self.sandbox: tuple[str, ...] = ()
        self.touched_after: frozenset[TableName] | None = None
        self.fault: dict[str, Any] | None = None
        self.outside: list[str] = []
        self.watching = Watching(request.copy_url)

    def take(self, event: dict[str, Any]) -> None:
        """One event from the child."""
        if self.watching.take(event):
            return
        match event["event"]:
            case "plan":
                self.plan = event
            case "begin":
                self.current = event
                self.watching.begin(event)
            case "applied":
                self._applied(event)
            case "failed":
                self._failed(event)
            case "redirected":
                self.redirected += 1
            case "refused":
                self.refused.append(event["target"])
            case "outside":
                self.outside.append(event["target"])
            case "fault":
                self.fault = event
            case "sandbox":
                self.sandbox = tuple(event["protections"])
            case "rest":
                self.touched_after = decode_tables(event["touched"])
            case "end":
                self.ended = True
        self._on_event(event)

    def _applied(self, event: dict[str, Any]) -> None:
        begun = self.current or {"message": "", "file": None}
        if event.get("snapshot") is not None:
            from dbadmin.state import decode

            self.snapshot = decode(event["snapshot"], self.snapshot)
        rewrites, algorithms = event.get("rewrites"), event.get("algorithms")
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
                rewrites=None if rewrites is None else tuple(Rewrite(**rewrite) for rewrite in rewrites),
                bytes_before=event.get("bytes_before"),
                bytes_after=event.get("bytes_after"),
                algorithms=None if algorithms is None else tuple(map(mask, algorithms)),
                stands=tuple(event["stands"]),
            )
        )
        self.last, self.current = event["revision"], None

    def _failed(self, event: dict[str, Any]) -> None:
        error = decode_error(event["error"])
        assert error is not None
        committed = event.get("committed")
        self.fail(
            error,
            event.get("seconds"),
            event.get("statements"),
            None if committed is None else tuple(map(mask, committed)),
        )

    def fail(
        self,
        error: StepError,
        seconds: float | None = None,
        statements: int | None = None,
        committed: tuple[str, ...] | None = None,
    ) -> None:
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
                    error=error, failed_statement=error.statement, committed=committed,
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
            raise ChildFailed(
                f"dbadmin itself failed in the walk{where}: {mask(self.fault['message'])}",
                hint="this is a fault in dbadmin: please report it, with what --debug shows",
            )
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
        locks = self.watching.locks(table, schema)
        if locks is not None:
            self.steps = [replace(step, locks=locks.get(step.revision, ())) for step in self.steps]
        planned = tuple(self.plan["revisions"]) if self.plan else ()
        return WalkResult(
            "failed" if self.error else "ok", tuple(self.steps), revisions, self.error, self.redirected,
            tuple(dict.fromkeys(self.refused)), output, planned, table, schema, self.touched_after,
            self.sandbox, tuple(dict.fromkeys(self.outside)),
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
