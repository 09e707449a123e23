"""Questions about rows, tables and models: every answer is a DataFrame."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbadmin.admin.listed import frame_of
from dbadmin.admin.opened import Opened
from dbadmin.dialects import Progress
from dbadmin.errors import ConfigError

if TYPE_CHECKING:
    import os

    import pandas as pd
    from sqlalchemy import Executable
    from sqlalchemy.orm import Session

    from dbadmin.frames.building import Backend, Numerics
    from dbadmin.queries import Query


class Frames(Opened):
    """The helpers, without a limit unless one is given; the statement is in `attrs["sql"]`."""

    # Questions about rows.

    def counts(self, *tables: Any, where: Any = None, estimate: bool = False) -> "pd.DataFrame":
        """Row counts: `table`, `rows`, `exact`; every table unless some are named (models or names)."""
        return frame_of(self.answers.counts(*tables, where=where, estimate=estimate))

    def count(self, table: Any, *, by: Any = None, where: Any = None) -> "int | pd.DataFrame":
        """The number of rows of a table; with `by`, a DataFrame with one count per value."""
        if by is not None:
            return self._helped(self.answers.count_by_query(table, by, where=where))
        return self.answers.count(table, where=where)

    def recent(self, table: Any, **options: Any) -> "pd.DataFrame":
        """The newest rows, newest first; options as `dbadmin.queries.recent` (days, limit, columns, where …)."""
        return self._helped(self.answers.recent_query(table, **options))

    def group(self, table: Any, *, by: Any, **options: Any) -> "pd.DataFrame":
        """Aggregates per parent, value or period; options as `dbadmin.queries.group`.

        `db.group(BlogPost, by=BlogPost.author, posts="count", latest="max(created_at)")`
        """
        return self._helped(self.answers.group_query(table, by=by, **options))

    def join(self, *tables: Any, **options: Any) -> "pd.DataFrame":
        """Rows of tables joined along their foreign keys; options as `dbadmin.queries.join`."""
        return self._helped(self.answers.join_query(*tables, **options))

    def _helped(self, query: "Query") -> "pd.DataFrame":
        """A helper's statement as a DataFrame; what was left out is in `attrs["withheld"]` and `attrs["missing"]`."""
        from dbadmin.frames import frame

        return frame(self.database, query)

    def sql(self, statement: str, /, **parameters: Any) -> "pd.DataFrame":
        """Rows of any SQL with `:name` parameters: `db.sql("select … where id = :id", id=3)`."""
        frame: pd.DataFrame = self.frame(statement, parameters)
        return frame

    def frame(
        self,
        statement: "Executable | Query | str",
        parameters: Mapping[str, Any] | None = None,
        *,
        chunks: int | None = None,
        numeric: "Numerics" = "decimal",
        dtype_backend: "Backend" = "numpy_nullable",
        progress: Progress | None = None,
    ) -> Any:
        """Any statement (SQLAlchemy's, or SQL text) as a typed DataFrame; options as `dbadmin.frames.frame`.

        With `chunks`, an iterator of frames of so many rows, in constant memory.
        """
        from dbadmin.frames import frame

        given: dict[str, Any] = {"numeric": numeric, "dtype_backend": dtype_backend, "progress": progress}
        return frame(self.database, statement, params=parameters, chunks=chunks, **given)

    def export(
        self,
        statement: "Executable | Query | str",
        path: "str | os.PathLike[str]",
        parameters: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        numeric: "Numerics" = "decimal",
        progress: Progress | None = None,
    ) -> int:
        """Write the rows of a query (all, or `limit`) to a file, and give their number.

        The suffix decides: .parquet in constant memory, types as in `dbadmin.frames.arrow`; .csv .json .md .html as
        the command line writes them. `statement` is SQLAlchemy's, SQL text, or what `dbadmin.queries` makes.
        """
        from dbadmin.frames import export

        given: dict[str, Any] = {"limit": limit, "numeric": numeric, "progress": progress}
        return export(self.database, statement, path, params=parameters, **given)

    @contextmanager
    def session(self) -> "Iterator[Session]":
        """A session of the application's own factory, closed afterwards; an AsyncSession cannot be had here."""
        if self.database.is_async:
            raise ConfigError(
                "this application is asynchronous: its sessions are awaited",
                hint="async with db.async_session() as session: …",
            )
        with self.application.make_session() as session:
            yield session

    def async_session(self) -> Any:
        """An AsyncSession of the application's own factory, to be used with `async with`."""
        if not self.database.is_async:
            raise ConfigError("this application is synchronous", hint="with db.session() as session: …")
        return self.application.make_session()

    # Questions about the database.

    def tables(self, *, exact: bool = False) -> "pd.DataFrame":
        """Every table with rows (from statistics unless `exact`), sizes, columns, indexes and its model."""
        return frame_of(self.answers.tables(exact=exact))

    def describe(self, table: Any) -> "pd.DataFrame":
        """The columns of a table; `attrs` has its indexes, constraints, relations, rows and sizes.

        `answers.describe(table)` gives all of it as one result.
        """
        return frame_of(self.answers.describe(table))

    def models(self) -> "pd.DataFrame":
        """Every mapped class with its table, columns, relationships, and whether Alembic sees it."""
        return frame_of(self.answers.models())
