"""The Admin at the prompt: what people type at a session goes on to it, and what they ask sees its transaction."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from dbadmin.admin import Admin
from dbadmin.shell.session import inner, pending, typed_here
from dbadmin.shell.talk import tell

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from dbadmin.queries import Query

T = TypeVar("T")


class SessionAdmin(Admin):
    """The Admin at the prompt, which also hands on what people type at a session.

    In a session that writes, helpers see what it has not committed yet, and what SQL writes is its own to commit.
    With an asynchronous application `execute`, `scalars`, `scalar`, `get`, `commit` and `rollback` are
    awaited, as those of an AsyncSession are.
    """

    def __init__(self, admin: Admin, session: Any) -> None:
        super().__init__(admin.application, admin.database)
        self.__dict__.update(vars(admin))  # what it has found out already, it need not ask again
        self._session = session
        self._told: set[tuple[str, ...]] = {()}  # what was left out of whole rows is said once

    def __repr__(self) -> str:
        return f"<Admin of {self.database.shown_url} ({self.database.mode})>"

    def counts(self, *tables: Any, where: Any = None, estimate: bool = False) -> "pd.DataFrame":
        """See `Admin.counts`."""
        with self._beside_or_within(True):
            return super().counts(*tables, where=where, estimate=estimate)

    def count(self, table: Any, *, by: Any = None, where: Any = None) -> "int | pd.DataFrame":
        """See `Admin.count`."""
        with self._beside_or_within(True):
            return super().count(table, by=by, where=where)

    def frame(self, statement: Any, parameters: Any = None, **options: Any) -> Any:
        """See `Admin.frame`. With `chunks`, rows come over a connection of their own, whatever the session does."""
        from dbadmin.frames.statements import prepare

        if options.get("chunks") is not None:
            return super().frame(statement, parameters, **options)
        with self._beside_or_within(prepare(statement, parameters).streams):
            return super().frame(statement, parameters, **options)

    def export(self, statement: Any, path: Any, parameters: Any = None, **options: Any) -> int:
        """See `Admin.export`."""
        from dbadmin.frames.statements import prepare

        with self._beside_or_within(prepare(statement, parameters).streams):
            return super().export(statement, path, parameters, **options)

    def _beside_or_within(self, reads: bool) -> "AbstractContextManager[None]":
        """Where a statement runs: in the session's transaction where one is open or must be, else beside it."""
        session = inner(self._session)
        if self.database.mode != "write" or (reads and not (session.in_transaction() or pending(session))):
            return nullcontext()
        return self.database.joining(lambda work: self._within(work, undo=reads))

    def _within(self, work: "Callable[[Connection], T]", *, undo: bool) -> "T":
        """Call `work` with the session's connection; with `undo`, its failure leaves the transaction as it was."""

        def on_session(session: "Session") -> "T":
            if session.autoflush:
                session.flush()
            connection = session.connection()
            with connection.begin_nested() if undo else nullcontext():
                return work(connection)

        if not self.database.is_async or self.database.loop.is_here:
            return on_session(inner(self._session))
        found: T = self.database.loop.call(self._session.run_sync(on_session))
        return found

    def _helped(self, query: "Query") -> "pd.DataFrame":
        with self._beside_or_within(True):
            found = super()._helped(query)
        withheld, missing = tuple(found.attrs["withheld"]), found.attrs["missing"]
        if missing or withheld not in self._told:
            from dbadmin.render.layouts.rows import kept_back, left_out

            tell(typed_here(left_out(missing)) if missing else None)
            if withheld not in self._told:
                self._told.add(withheld)
                tell(kept_back(withheld))
        return found

    def query(self, *entities: Any) -> Any:
        """`Session.query`; on an AsyncSession that of the Session within, which works at the prompt."""
        return inner(self._session).query(*entities)

    def execute(self, statement: Any, *more: Any, **options: Any) -> Any:
        """`session.execute`."""
        return self._session.execute(statement, *more, **options)

    def scalars(self, statement: Any, *more: Any, **options: Any) -> Any:
        """`session.scalars`."""
        return self._session.scalars(statement, *more, **options)

    def scalar(self, statement: Any, *more: Any, **options: Any) -> Any:
        """`session.scalar`."""
        return self._session.scalar(statement, *more, **options)

    def get(self, entity: Any, ident: Any, **options: Any) -> Any:
        """`session.get`."""
        return self._session.get(entity, ident, **options)

    def add(self, instance: Any) -> None:
        """`session.add`."""
        self._session.add(instance)

    def commit(self) -> Any:
        """`session.commit`."""
        return self._session.commit()

    def rollback(self) -> Any:
        """`session.rollback`."""
        return self._session.rollback()
