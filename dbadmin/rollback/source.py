"""What is rehearsed: the project with its source, the copy made of it, and the witness that the source stayed."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dbadmin.copies import Copy, open_copy
from dbadmin.copies.make import open_from_command, open_in_place, open_restored
from dbadmin.database import Database
from dbadmin.dialects import PACKAGES, Address, Backup, FileProof, Identity, Progress, TableName, of, of_url
from dbadmin.errors import ConfigError, UsageError
from dbadmin.migrations.project import Project
from dbadmin.migrations.protocol import WalkRequest
from dbadmin.migrations.scripts import Direction
from dbadmin.migrations.status import applied_revisions
from dbadmin.protected import protecting
from dbadmin.results import DatabaseInfo
from dbadmin.results import Source as SourceInfo
from dbadmin.rollback.options import Options
from dbadmin.rollback.origin import Origin, in_place_refused, refuse_in_place
from dbadmin.state import schema

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection


class Stand(NamedTuple):
    """Where a database stands: its revisions (None: no version table), and whether it has other tables."""

    current: tuple[str, ...] | None
    has_tables: bool


@dataclass(frozen=True)
class Rehearsed:
    """The migrations to be rehearsed, and the database they belong to, read-only.

    `database` is the one to be copied; the copy itself, in place; None for a backup. `configured` is the URL that
    env.py would use by itself, where it is another; whatever it leads to is kept out of reach all the same, and so
    are `others`, further URLs by which the application may mean its database. `protected` are the configuration's
    patterns. `environment` is what a plain `alembic` would have. `by_function`: env.py connects by a function of its
    own, and no URL says where to.
    """

    database: Database | None
    project: Project
    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    configured: "URL | None" = field(default=None, repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    others: "tuple[URL, ...]" = field(default=(), repr=False)
    protected: tuple[str, ...] = ()
    by_function: bool = False

    @property
    def version_name(self) -> TableName:
        """The version table."""
        return TableName(self.version_table_schema, self.version_table)

    @cached_property
    def address(self) -> Address | None:
        """Where env.py would connect by itself, and must not; None where it would connect to nothing."""
        url = self.configured or (self.database.whole_url if self.database else None)
        return None if url is None else of_url(url).address.of_url(url)

    @property
    def files(self) -> tuple[Path, ...]:
        """The source's files, where it is made of files."""
        if self.address is None:
            return ()
        kind, path = self.address.server
        return (Path(self.address.database),) if kind == "file" and self.address.database and path else ()

    def alone(self, copy: Copy) -> "Rehearsed":
        """Without its database, which is the copy: no source is left to be looked at, or led away from."""
        url = self.configured
        is_copy = url is None or of_url(url).address.of_url(url).same_as(copy.dialect.address.of_url(copy.url))
        return replace(self, database=None, configured=None if is_copy else url)

    def request(
        self, copy: "URL", identity: Identity, direction: Direction, destination: str, options: Options, **looks: Any
    ) -> WalkRequest:
        """What the guarded process is asked to do on a copy; `looks` are WalkRequest's own words for looking at it."""
        return WalkRequest(
            project=self.project,
            copy_url=copy,
            source=self.address,
            copy_identity=identity,
            direction=direction,
            destination=destination,
            source_files=self.files,
            version_table=self.version_table,
            version_table_schema=self.version_table_schema,
            timeout=options.timeout,
            allow=options.allow_connect,
            environment=self.environment,
            **looks,
        )

    def stand(self, connection: "Connection") -> Stand:
        """Where the database at `connection` (the source or a copy) stands."""
        names = of(connection).catalog.table_names(connection)
        return Stand(self.read_current(connection), any(table.name != self.version_table for table in names))

    def read_current(self, connection: "Connection") -> tuple[str, ...] | None:
        """The revisions in the version table of the database at `connection`."""
        return applied_revisions(connection, self.version_table, self.version_table_schema)


@dataclass(frozen=True)
class Opened:
    """A copy with what is told of its source. `source` has no database where none was there to be connected to."""

    source: Rehearsed
    copy: Copy
    told: SourceInfo
    database: DatabaseInfo
    backup: Backup | None = None

    @property
    def incomplete(self) -> str | None:
        """Why nobody can say whether the data is whole; None where it is."""
        return None if self.backup is None else self.backup.incomplete


@contextmanager
def open_source(source: Rehearsed, options: Options, *, progress: Progress) -> Iterator[Opened]:
    """Make the copy that the options ask for, or take it, and tell where it comes from; it is dropped at the end."""
    origin = options.origin
    if origin.backup is not None:
        from dbadmin.copies.backups import open_backup

        with (
            open_backup(origin.backup, progress=progress) as backup,
            _restored(source, backup, options, progress) as copy,
        ):
            yield Opened(source, _of_another_engine(source, copy), *_told_of_backup(backup), backup)
        return
    database = named_database(source)
    told = told_of(database, origin.kind)
    if origin.in_place:
        refuse_in_place_of(source, database, origin)
        with open_in_place(database) as copy:
            yield Opened(source.alone(copy), copy, told, database.info)
        return
    with _copied(source, database, options, progress) as copy:
        yield Opened(source, copy, told, database.info)


def _of_another_engine(source: Rehearsed, copy: Copy) -> Copy:
    """The copy, and the remark that what is proven on it holds for its engine alone, where another is configured."""
    url = source.configured or (source.database and source.database.url)
    if not url or url.get_backend_name() not in PACKAGES or of_url(url).name == copy.dialect.name:
        return copy
    remark = f"the configured database is on {of_url(url).name}, and the backup holds one of {copy.dialect.name}"
    return replace(copy, not_covered=(*copy.not_covered, f"{remark}: what was seen holds for {copy.dialect.name}"))


def _copied(
    source: Rehearsed, database: Database, options: Options, progress: Progress
) -> AbstractContextManager[Copy]:
    origin = options.origin
    if origin.copy_command is not None:
        environment = source.environment
        return open_from_command(
            database, origin.copy_command, origin.drop_command, environment=environment, progress=progress
        )
    refuse_protected_place(source, origin.scratch)
    return open_copy(
        database, progress=progress, keep=options.keep, max_bytes=options.max_copy, scratch=origin.scratch,
        copies=options.copies,
    )  # fmt: skip


def _restored(source: Rehearsed, backup: Backup, options: Options, progress: Progress) -> AbstractContextManager[Copy]:
    scratch = options.origin.scratch
    refuse_protected_place(source, scratch)
    assert not isinstance(scratch, str)
    return open_restored(
        backup, progress=progress, keep=options.keep, max_bytes=options.max_copy, scratch=scratch,
        copies=options.copies, trusted=options.origin.trusted,
    )  # fmt: skip


def refuse_in_place_of(source: Rehearsed, database: Database, origin: Origin) -> None:
    """Raise UsageError where this database may not be its own copy; see `refuse_in_place`."""
    urls = [url for url in (source.configured, *source.others) if url is not None]
    if origin.named is None and database.has_creator:
        raise in_place_refused(database, "is the configured database")
    refuse_in_place(database, configured=urls, protected=source.protected, named=origin.named)
    if origin.named is None and source.by_function:
        raise in_place_refused(database, "may be the configured database: env.py connects by a function of its own")


def refuse_protected_place(source: Rehearsed, scratch: "URL | str | None") -> None:
    """Raise UsageError where copies would be made on a protected server."""
    if scratch is None:
        return
    url = named_database(source).place if isinstance(scratch, str) else scratch
    reason = protecting(url, source.protected, host_only=True)
    if reason is not None:
        raise UsageError(f"--scratch: the server {reason}", hint="name another server, or leave out --scratch")


def named_database(source: Rehearsed) -> Database:
    """The database to be copied; ConfigError where there is none."""
    if source.database is None:
        raise ConfigError("no database is named to be copied", hint="give --url, or --backup")
    return source.database


def told_of(database: Database, kind: Any) -> SourceInfo:
    """What a report says of a database."""
    info = database.info
    return SourceInfo(kind, info.url, info.engine, info.version, info.name, database.identity.shown)


def _told_of_backup(backup: Backup) -> tuple[SourceInfo, DatabaseInfo]:
    name = backup.database or backup.path.name
    path, version = str(backup.path), backup.server_version
    told = SourceInfo("backup", None, backup.engine, version, name, None)
    return told, DatabaseInfo(path, backup.engine, version or "", name)


class Witness:
    """Sees the source before and after: its files where it is made of files, its catalog and version table.

    Where no source is to be seen (a backup; in place) it sees nothing, and says so.
    """

    def __init__(self, source: Rehearsed, options: Options) -> None:
        self._source = source
        self._database = source.database if options.origin.kind in ("database", "copy-command") else None
        self._catalog = self._read_catalog()
        self._file = self._proof()

    def __enter__(self) -> "Witness":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def unchanged(self) -> bool | None:
        """Whether the source is as it was; rows that others wrote meanwhile do not count. None: nobody looked."""
        if self._database is None:
            return None
        with closing(self._proof()) as later:
            before, after = self._file(), later()
        if before is not None and before == after:
            return True
        return bool(self._catalog == self._read_catalog())

    def _proof(self) -> FileProof:
        if self._database is None:
            return FileProof()
        return self._database.dialect.copying.file_proof(self._database.whole_url)

    def _read_catalog(self) -> Any:
        def read(connection: "Connection") -> Any:
            objects = {k: v for k, v in schema.read(connection).items() if k.kind != "sequence-position"}
            return objects, self._source.read_current(connection)

        return None if self._database is None else self._database.run(read)
