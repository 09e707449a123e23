"""The helpers as the command line asks them: models and names in, results out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dbadmin.app.load import Application
from dbadmin.app.reflect import not_a_table, reflect
from dbadmin.database import Database
from dbadmin.dialects import TableName
from dbadmin.errors import TimedOut, UnknownName, UsageError
from dbadmin.results import (
    Counts,
    ModelInfo,
    Models,
    Rows,
    RowSets,
    TableCount,
    TableDescription,
    Tables,
)
from dbadmin.secrets import SENSITIVE_WORDS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dbadmin.queries import Entities, Entity, Query


class Answers:
    """Questions about rows, tables and models, each answered by one result."""

    def __init__(self, application: Application, database: Database) -> None:
        self.application = application
        self.database = database
        self._entities: Entities | None = None
        self._reflected = False

    @property
    def entities(self) -> "Entities":
        """Models and tables by name; read from the database where there is no code."""
        from dbadmin.queries import Entities

        if self._entities is None:
            metadata = self.application.metadata
            self._entities = Entities.of(self.application.models, metadata) if metadata else self._with_database()
        return self._entities

    def known(self, *names: Any) -> "Entities":
        """Entities that hold all of these, from the database where the application does not declare one."""
        try:
            for name in names:
                self.entities.find(name)
        except UnknownName:
            if not self._reflected:
                self._entities = self._with_database()
            for name in names:
                self._must_exist(name)
        return self.entities

    def _must_exist(self, name: Any) -> None:
        """Raises UnknownName with the nearest names, or UsageError where it is a view that is named."""
        try:
            self.entities.find(name)
        except UnknownName:
            if error := self.database.run(partial(not_a_table, name=str(name))):
                raise error from None
            raise

    def find(self, name: Any) -> "Entity":
        """The entity that a model or a name means."""
        return self.known(name).find(name)

    def _with_database(self) -> "Entities":
        from dbadmin.queries import Entities

        self._reflected = True
        reflected = self.database.run(reflect)
        return Entities.of(self.application.models, (*self.application.metadata, reflected))

    @property
    def _sensitive(self) -> tuple[str, ...]:
        return tuple(self.application.settings.get("sensitive", SENSITIVE_WORDS))

    # Rows.

    def counts(self, *tables: Any, by: str | None = None, where: Any = None, estimate: bool = False) -> "Counts | Rows":
        """Row counts of some tables or all; with `by`, one count for each value of a column of one table."""
        if by is not None:
            if len(tables) != 1:
                raise UsageError("--by counts within one table", hint="dbadmin count TABLE --by COLUMN")
            return self._rows(self.count_by_query(tables[0], by, where=where), None)
        if where and len(tables) != 1:
            raise UsageError("--where filters one table", hint="dbadmin count TABLE --where FILTER")
        if not tables or estimate:
            return self._catalog_counts(tables, exact=not estimate)
        return self._exact_counts(tables, where)

    def _catalog_counts(self, tables: Sequence[Any], *, exact: bool) -> Counts:
        if tables and not exact:
            return Counts(tuple(self._estimate(self.find(table)) for table in tables))
        counts, run = self.database.dialect.catalog.counts, self.database.run
        try:
            found = run(lambda c: counts(c, exact=exact))
        except TimedOut:
            if not exact:
                raise
            estimated = run(lambda c: counts(c, exact=False))
            found = tuple(self._if_in_time(one, partial(counts, exact=True, among={one.table})) for one in estimated)
        names = self._model_names()
        return Counts(tuple(replace(one, model=names.get(one.table)) for one in found))

    def _if_in_time(self, estimated: TableCount, count: "Callable[[Connection], Sequence[TableCount]]") -> TableCount:
        """The count of one table, or the estimate where counting it takes too long."""
        try:
            return next(iter(self.database.run(count)), estimated)
        except TimedOut:
            return estimated

    def _estimate(self, entity: "Entity") -> TableCount:
        rows = self.database.run(lambda c: self.database.dialect.catalog.estimate(c, entity.name))
        return TableCount(str(entity.name), rows, False, model_name(entity))

    def _exact_counts(self, tables: Sequence[Any], where: Any) -> Counts:
        from dbadmin.queries import Query, counts

        found = [self.known(*tables).find(table) for table in tables]
        query = self._query(lambda entities: Query(counts(found, where=where or None, entities=entities)), *tables)
        try:
            rows = self._rows(query, None).rows
        except TimedOut:
            if where:
                raise
            return Counts(tuple(self._count_or_estimate(entity) for entity in found), str(query.select))
        counted = (TableCount(r[0], r[1], True, model_name(e)) for r, e in zip(rows, found, strict=True))
        return Counts(tuple(counted), str(query.select))

    def _count_or_estimate(self, entity: "Entity") -> TableCount:
        from dbadmin.queries import count

        def counted(connection: "Connection") -> list[TableCount]:
            rows = connection.scalar(count(entity, entities=self.entities))
            return [TableCount(str(entity.name), rows, True, model_name(entity))]

        return self._if_in_time(self._estimate(entity), counted)

    def count(self, table: Any, *, where: Any = None) -> int:
        """The rows of one table, counted."""
        from dbadmin.queries import Query, count

        query = self._query(lambda entities: Query(count(table, where=where, entities=entities)), table)
        return int(self._rows(query, None).rows[0][0])

    def count_by_query(self, table: Any, by: Any, *, where: Any = None) -> "Query":
        """The statement of `count` with `by`."""
        from dbadmin.queries import count_by_query

        return self._query(partial(count_by_query, table, by, where=where), table)

    def recent_query(self, table: Any, **options: Any) -> "Query":
        """The statement of `recent`."""
        from dbadmin.queries import recent_query

        options.setdefault("timezone", self.application.settings.get("timezone", "UTC"))
        return self._query(partial(recent_query, table, sensitive=self._sensitive, **options), table)

    def _query(self, make: "Callable[..., Query]", *tables: Any) -> "Query":
        from dbadmin.queries import remade

        return remade(lambda entities: make(entities=entities), self.known(*tables))

    def recent(self, table: Any, *, limit: int | None = None, **options: Any) -> Rows:
        """The newest rows of a table, newest first; rows without a time are left out and counted."""
        return self._rows(self.recent_query(table, **options), limit)

    def group_query(self, table: Any, *, by: Any, agg: Mapping[str, str] | None = None, **options: Any) -> "Query":
        """The statement of `group`."""
        from dbadmin.queries import group_query

        if agg:
            options["aggregates"] = agg
        return self._query(partial(group_query, table, by=by, sensitive=self._sensitive, **options), table)

    def group(
        self, table: Any, *, by: Any, agg: Mapping[str, str] | None = None, limit: int | None = None, **options: Any
    ) -> Rows:
        """Aggregates per parent, value or period, largest first."""
        others = bool(options.get("others"))
        query = self.group_query(table, by=by, agg=agg, limit=limit if others else None, **options)
        return self._rows(query, None if others else limit)

    def join_query(self, *tables: Any, **options: Any) -> "Query":
        """The statement of `join`."""
        from dbadmin.queries import join_query

        return self._query(partial(join_query, *tables, sensitive=self._sensitive, **options), *tables)

    def join(self, tables: Sequence[Any], *, limit: int | None = None, **options: Any) -> Rows:
        """Rows of tables joined along their foreign keys."""
        return self._rows(self.join_query(*tables, **options), limit)

    def sql(
        self,
        text: str,
        *,
        params: Mapping[str, Any] | None = None,
        limit: int | None = None,
        write: bool = False,
        all_rows: bool = False,
    ) -> "Rows | RowSets":
        """Rows of SQL with `:name` parameters; several statements give one result each, in one transaction."""
        from dbadmin.frames import split_statements, statement_rows, without_where

        statements = split_statements(text)
        if not statements:
            raise UsageError("there is no statement to run", hint='dbadmin sql "SELECT …"')
        bare = [s for s in statements if write and not all_rows and without_where(s)]
        if bare:
            raise UsageError(
                f"this would change every row: {' '.join(bare[0].split())[:80]}",
                hint="add a WHERE, or say --all-rows",
            )
        found = statement_rows(self.database, statements, params or {}, limit=limit)
        return found[0] if len(found) == 1 else RowSets(tuple(found))

    def _rows(self, query: "Query", limit: int | None) -> Rows:
        from dbadmin.frames import rows

        return rows(self.database, query, limit=limit)

    # Tables and models.

    def tables(self, *, exact: bool = False) -> Tables:
        """Every table of the database, with its model where it has one."""
        found = self.database.run(lambda c: self.database.dialect.catalog.tables(c, exact=exact))
        names = self._model_names()
        return Tables(tuple(replace(table, model=names.get(table.table)) for table in found))

    def describe(self, table: Any) -> TableDescription:
        """All there is to know about one table, from the catalog; rows are counted where no statistics tell."""
        entity = self.find(table)

        def ask(connection: Any) -> TableDescription:
            return self.database.dialect.catalog.describe(connection, entity.name)

        found = self.database.run(ask)
        if found.rows is None:
            (counted,) = self._exact_counts([entity], None).tables
            found = replace(found, rows=counted.rows, exact=True)
        return replace(found, model=model_name(entity))

    def models(self) -> Models:
        """Every mapped class, and whether Alembic's metadata has its table."""
        captured = self.application.captured
        seen = set(captured.tables) if captured is not None and captured.tables else None
        from sqlalchemy.orm import class_mapper

        found = []
        for model in self.application.models:
            mapper: Any = class_mapper(model)
            table = str(TableName(mapper.local_table.schema, mapper.local_table.name))
            relations = tuple(f"{r.key} → {r.mapper.class_.__name__}" for r in mapper.relationships)
            in_alembic = None if seen is None else table in seen
            found.append(ModelInfo(model.__name__, table, model.__module__, len(mapper.columns), relations, in_alembic))
        return Models(tuple(sorted(found, key=lambda m: (m.table, m.model))))

    def _model_names(self) -> dict[str, str]:
        if not self.application.models:
            return {}
        return {str(e.name): e.model.__name__ for e in self.entities.tables() if e.model is not None}


def model_name(entity: "Entity") -> str | None:
    """The name of an entity's model, None where it has none."""
    return entity.model.__name__ if entity.model is not None else None
