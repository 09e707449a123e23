"""Walks the revisions inside the child and looks at each, on the migration's own connection, before it is
committed.

Alembic offers the place: the function given to EnvironmentContext yields the steps, so each can be wrapped,
and callbacks run after the version table was written and before the commit. env.py keeps its own transaction
shape.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import Dialect, TableName, named
from dbadmin.migrations.explain import came_from_commit, explain, is_denied
from dbadmin.migrations.guard import Guard
from dbadmin.migrations.project import Project
from dbadmin.migrations.protocol import EventWriter, encode_tables
from dbadmin.migrations.statements import Counted, Statements
from dbadmin.migrations.step_costs import StepCosts

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import Script, ScriptDirectory
    from sqlalchemy import Connection

    from dbadmin.state import Snapshot


class WalkStopped(Exception):
    """env.py did what a walk cannot be made of."""


class LookFailed(BaseException):
    """dbadmin itself failed while it looked at a revision. Not an Exception: user code may not swallow it."""


class Walker:
    """One upgrade or downgrade: what Alembic's command of that name would run, observed."""

    def __init__(
        self,
        guard: Guard,
        send: EventWriter,
        project: Project,
        *,
        direction: str,
        destination: str,
        look: bool,
        look_at_last: bool,
        exclude: frozenset[TableName],
        before: "Snapshot | None",
    ) -> None:
        self.guard, self.send, self.project = guard, send, project
        self.direction, self.destination = direction, destination
        self.look, self.exclude, self.snapshot = look, exclude, before
        self.look_at_last = look_at_last
        self._final: str | None = None
        self.statements = Statements(send)
        self._costs = StepCosts(send, self.statements)
        self.statements.ending = self._at_end_of_transaction
        self.statements.ended = self._costs.tell_end
        self.current: Script | None = None
        self.last: Script | None = None
        self.ran = False
        self._mark: Any = None
        self._marked = False
        self._early: frozenset[TableName] | None = frozenset()  # written by env.py before the first revision
        self._seconds: float | None = None
        self._directory: ScriptDirectory | None = None

    def use(self, directory: "ScriptDirectory") -> Callable[[Any, "MigrationContext"], Iterator[Any]]:
        """The function that EnvironmentContext takes, for the scripts of this directory."""
        self._directory = directory
        return self.steps

    def steps(self, heads: tuple[str, ...], context: "MigrationContext") -> Iterator[Any]:
        """Called by Alembic inside env.py's `context.run_migrations()`: yields the steps to run."""
        if self.ran:
            raise WalkStopped("env.py runs its migrations more than once (several databases?); dbadmin rehearses one")
        self.ran = True
        connection = context.connection
        if connection is None or context.as_sql:
            raise WalkStopped("env.py opened no connection: it only writes SQL (offline mode)")
        if not self.guard.is_checked(connection):
            self.guard.check(connection)
        own = TableName(context.version_table_schema, context.version_table)
        default = TableName(connection.dialect.default_schema_name, context.version_table)
        self.exclude |= {own} if own.schema else {own, default}
        context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, self._applied)
        steps = self._plan(heads, context)
        for step in steps:
            self._begin(step, context)
            yield step

    def _plan(self, heads: tuple[str, ...], context: "MigrationContext") -> list[Any]:
        from dbadmin.migrations.graph import Heads

        connection = context.connection
        assert self._directory is not None and connection is not None
        walk: Callable[[str, Any], list[Any]] = getattr(self._directory, f"_{self.direction}_revs")
        self._fill_missing_functions()
        steps = walk(self.destination, heads)
        self._final = steps[-1].revision.revision if steps else None
        for step in steps:
            if isinstance(step.migration_fn, Missing):
                self.current = step.revision
                step.migration_fn()
        end = Heads(heads)
        for step in steps:
            end.update_to_step(step)
        self.send(
            "plan",
            heads=sorted(heads),
            revisions=[step.revision.revision for step in steps],
            end=sorted(end.heads),
            version_table=context.version_table,
            version_table_schema=context.version_table_schema,
            default_schema=connection.dialect.default_schema_name,
        )
        return steps

    def _fill_missing_functions(self) -> None:
        """Alembic makes all steps first, and where a script has no downgrade() it ends with an
        AttributeError.
        """
        assert self._directory is not None
        for script in self._directory.walk_revisions():
            if not hasattr(script.module, self.direction):
                setattr(script.module, self.direction, Missing(self.direction, script.revision))

    def _begin(self, step: Any, context: "MigrationContext") -> None:
        """Wrap the step's function; it is called next."""
        run, script = step.migration_fn, step.revision
        connection = context.connection
        assert connection is not None
        dialect = named(connection.dialect.name)

        @functools.wraps(run)  # Alembic's log shows the function's name
        def observed(**arguments: Any) -> None:
            self.current, self.statements.counted, self._seconds = script, Counted(), None
            self._costs.tell_taken(dialect)
            self.send("begin", revision=script.revision, message=script.doc, file=script.path, at=time.monotonic())
            if not self._costs.started:
                self._looking(lambda: self._costs.start(dialect, connection))
                dialect.costs.algorithms()
            if not self._marked:  # later marks are set at the looks, so that nothing falls in between
                self._early = dialect.observe.written_here(dialect.observe.beginning)
                self._mark, self._marked = self._looking(lambda: dialect.observe.mark(connection)), True
            started, self.statements.counting = time.monotonic(), True
            try:
                run(**arguments)
            finally:
                self._seconds, self.statements.counting = time.monotonic() - started, False
            self.send("ran", revision=script.revision)

        step.migration_fn = observed

    def _applied(self, ctx: "MigrationContext", heads: Iterable[str], **_: Any) -> None:
        """The version table says so, nothing is committed yet: look from inside."""
        script, connection = self.current, ctx.connection
        assert script is not None and connection is not None
        counted = self.statements.counted
        seen = self._looking(lambda: self._see(named(connection.dialect.name), connection))
        self.send(
            "applied",
            revision=script.revision,
            stands=sorted(heads),
            seconds=self._seconds,
            statements=counted.statements,
            rows_changed=dict(counted.rows),
            **seen,
        )
        self.current, self.last = None, script

    def _see(self, dialect: Dialect, connection: "Connection") -> dict[str, Any]:
        self._costs.tell_locks(connection)
        seen = self._costs.storage(dialect, connection)
        touched = dialect.observe.touched(connection, self._mark)
        self._mark = dialect.observe.mark(connection)
        if touched is not None:
            touched -= self.exclude
        seen["touched"] = encode_tables(touched)
        if self.look and (self.look_at_last or self.current is None or self.current.revision != self._final):
            seen["snapshot"] = self._snapshot(connection, touched)
        return seen

    def _at_end_of_transaction(self, connection: "Connection") -> None:
        """The last moment to ask for the locks of this transaction."""
        dialect = named(connection.dialect.name)
        dialect.costs.ending(connection)
        if not self.ran or dialect.observe.is_committed(connection, ""):
            return
        if self.current is not None:
            with suppress(Exception):  # a transaction that has failed takes no question; a watcher looks as well
                self._costs.tell_locks(connection)
        self._costs.tell_end(connection)

    def _snapshot(self, connection: "Connection", touched: frozenset[TableName] | None) -> Any:
        from dbadmin import state

        before = self.snapshot
        if before is None:
            self.snapshot = state.snapshot(connection, exclude=self.exclude)
        else:
            self.snapshot = state.update(connection, before, self._with_early(touched), exclude=self.exclude)
        return state.encode(self.snapshot, before)

    def _looking(self, work: Callable[[], Any]) -> Any:
        """Do work of ours; what goes wrong in it is not the revision's fault, and ends the walk as such."""
        began = time.monotonic()
        try:
            return work()
        except Exception as error:
            raise LookFailed(f"{type(error).__name__}: {error}") from error
        finally:
            self.send("pause", began=began, ended=time.monotonic())

    def rest(self) -> None:
        """Tell what was written since the last look: in env.py itself, at the commit, or in a step that failed."""
        dialect = self.guard.of_copy()
        self._costs.tell_taken(dialect)
        observe = dialect.observe
        since = self._mark if self._marked else observe.beginning
        self.send("rest", touched=encode_tables(self._with_early(observe.written_here(since))))

    def _with_early(self, touched: frozenset[TableName] | None) -> frozenset[TableName] | None:
        return None if touched is None or self._early is None else touched | self._early

    def describe(self, error: BaseException) -> dict[str, Any]:
        """What went wrong, as an event's data; the step is named where one ran."""
        error = _refusal_behind(error)
        at_commit = self.current is None and self.last is not None and came_from_commit(error)
        script = self.last if at_commit else self.current
        described = explain(
            error,
            direction=self.direction,
            directory=self.project.directory,
            script=Path(script.path) if script is not None else None,
            env_py=self.project.env_py,
            revision=script.revision if script is not None else None,
        )
        described["at_commit"] = at_commit
        described["denied"] = is_denied(error, self.guard.of_copy())
        counted = self.statements.counted
        described["statement"] = described["statement"] or (counted.failed if script is not None else None)
        return {
            "error": described,
            "seconds": self._seconds,
            "statements": counted.statements,
            "committed": list(counted.committed) if not at_commit else None,
        }


def _refusal_behind(error: BaseException) -> BaseException:
    """The refusal that an error only follows from: SQLAlchemy gives a connection up on one, and then complains."""
    from dbadmin.migrations.guard import Refused

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, Refused):
            return seen
        seen = seen.__context__
    return error


class Missing:
    """Stands where a script has no upgrade() or downgrade()."""

    def __init__(self, direction: str, revision: str) -> None:
        self._text = f"revision {revision} has no {direction}()"

    def __call__(self, **_: Any) -> None:
        raise NotImplementedError(self._text)
