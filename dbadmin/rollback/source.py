"""What is rehearsed: the source with its project, and the witness that it stayed as it was."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.database import Database
from dbadmin.dialects import Address, FileProof, TableName
from dbadmin.migrations.project import Project
from dbadmin.migrations.status import applied_revisions
from dbadmin.state import schema

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection


@dataclass(frozen=True)
class Rehearsed:
    """A source to be rehearsed, read-only, and the migrations that belong to it.

    `configured` is the URL that env.py would use by itself, where it is another than the source's; whatever
    it leads to is kept out of reach all the same. `environment` is what a plain `alembic` would have.
    """

    database: Database
    project: Project
    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    configured: "URL | None" = field(default=None, repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    @property
    def version_name(self) -> TableName:
        """The version table."""
        return TableName(self.version_table_schema, self.version_table)

    @cached_property
    def address(self) -> Address:
        """Where env.py would connect by itself, and must not."""
        return self.database.dialect.address.of_url(self.configured or self.database.url)

    @property
    def files(self) -> tuple[Path, ...]:
        """The source's files, where it is made of files."""
        kind, path = self.address.server
        return (Path(self.address.database),) if kind == "file" and self.address.database and path else ()

    def current(self) -> tuple[str, ...] | None:
        """The revisions in the source's version table, None where it has none."""
        return self.database.run(self.read_current)

    def read_current(self, connection: "Connection") -> tuple[str, ...] | None:
        """The revisions in the version table of the database at `connection` (the source's or a copy's)."""
        return applied_revisions(connection, self.version_table, self.version_table_schema)

    def has_tables(self, connection: "Connection") -> bool:
        """Whether there are tables besides the version table."""
        names = self.database.dialect.catalog.table_names(connection)
        return any(table.name != self.version_table for table in names)


class Witness:
    """Sees the source before and after: its files where it is made of files, its catalog and version table."""

    def __init__(self, source: Rehearsed) -> None:
        self._source = source
        self._catalog = self._read_catalog()
        self._file = self._proof()

    def __enter__(self) -> "Witness":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def unchanged(self) -> bool:
        """Whether the source is as it was; rows that others wrote meanwhile do not count."""
        with closing(self._proof()) as later:
            before, after = self._file(), later()
        if before is not None and before == after:
            return True
        return bool(self._catalog == self._read_catalog())

    def _proof(self) -> FileProof:
        return self._source.database.dialect.copying.file_proof(self._source.database.url)

    def _read_catalog(self) -> Any:
        def read(connection: "Connection") -> Any:
            objects = {k: v for k, v in schema.read(connection).items() if k.kind != "sequence-position"}
            return objects, self._source.read_current(connection)

        return self._source.database.run(read)
