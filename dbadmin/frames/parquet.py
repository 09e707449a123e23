"""A statement's rows into a Parquet file, batch by batch: memory does not grow with the rows."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from dbadmin.database import Database
from dbadmin.dialects import Progress
from dbadmin.dialects.columns import NotColumnar
from dbadmin.errors import MissingExtra, StatementFailed
from dbadmin.frames.columnar import Batches, columnar
from dbadmin.frames.statements import CLIENT_SIDE, Opened, Prepared, check_seen, is_client_side, opened
from dbadmin.interrupts import held_back

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 50_000
"""Rows of a row group, about."""
FULL = 64 * 2**20
"""Bytes after which a row group is written, however few rows it has."""


def to_parquet(
    database: Database | Connection,
    prepared: Prepared,
    path: Path,
    limit: int | None = None,
    *,
    numeric: str = "decimal",
    progress: Progress | None = None,
) -> int:
    """Write up to `limit` rows of a query; see `files.export`. Raises MissingExtra and StatementFailed."""
    if find_spec("pyarrow") is None:
        raise MissingExtra("pyarrow", "fast", "a Parquet file")

    def work(connection: Connection) -> int:
        return _write(connection, prepared, path, limit, numeric, progress)

    return work(database) if isinstance(database, Connection) else database.run(work)


def _write(
    connection: Connection, prepared: Prepared, path: Path, limit: int | None, numeric: str, progress: Progress | None
) -> int:
    with held_back():
        import pyarrow.parquet as pq

        from dbadmin.frames.arrow import arrow_type

    with ExitStack() as stack:
        running, batches = _read(stack, connection, prepared)
        wanted = [arrow_type(type_, numeric) for type_ in running.types]
        groups, rows = None, 0
        for count, values in batches:
            table = _table(running, wanted, values, count)
            if limit is not None:
                table = table.slice(0, limit - rows)
            if groups is None:
                groups = RowGroups(stack.enter_context(pq.ParquetWriter(path, table.schema)))
                wanted = [field.type for field in table.schema]
            groups.add(table)
            rows += len(table)
            if progress is not None:
                progress("rows", rows, None)
            if rows == limit:
                break
        if groups is None:
            table = _table(running, wanted, [[]] * len(wanted), 0)
            stack.enter_context(pq.ParquetWriter(path, table.schema)).write_table(table)
        else:
            groups.write()
    if not rows:
        check_seen(connection, prepared)
    return rows


class RowGroups:
    """Batches of rows, gathered until they are worth a row group: many small ones are slow to read."""

    def __init__(self, writer: Any) -> None:
        self.writer = writer
        self._tables: list[pa.Table] = []
        self._rows = self._bytes = 0

    def add(self, table: "pa.Table") -> None:
        """One more batch."""
        self._tables.append(table)
        self._rows += len(table)
        self._bytes += table.nbytes
        if self._rows >= BATCH or self._bytes >= FULL:
            self.write()

    def write(self) -> None:
        """Write what has been gathered."""
        import pyarrow as pa

        if self._tables:
            self.writer.write_table(pa.concat_tables(self._tables), row_group_size=max(self._rows, 1))
        self._tables, self._rows, self._bytes = [], 0, 0


def _read(
    stack: ExitStack, connection: Connection, prepared: Prepared
) -> "tuple[Batches | Opened, Iterator[tuple[int, Sequence[Any]]]]":
    """The running statement and its batches, by columns where that is possible."""
    try:
        running = stack.enter_context(columnar(connection, prepared, BATCH))
        return running, running.batches
    except NotColumnar:
        rows = stack.enter_context(opened(connection, prepared, BATCH, lenient=True))
        return rows, ((len(part), list(zip(*part, strict=True))) for part in rows.result.partitions(BATCH))


def _table(running: "Batches | Opened", wanted: list[Any], values: Sequence[Any], count: int) -> "pa.Table":
    import pyarrow as pa

    from dbadmin.frames.arrow import UNFIT, to_arrow

    arrays = []
    for name, type_, into, column in zip(running.names, running.types, wanted, values, strict=True):
        try:
            array = to_arrow(column, type_, into)
        except (*UNFIT, *CLIENT_SIDE) as error:
            if isinstance(error, CLIENT_SIDE) and not is_client_side(error):
                raise
            raise StatementFailed(
                f"a value of {name} does not fit {into or 'one type'}", hint=f"CAST({name} AS text) takes any value"
            ) from error
        arrays.append(array.cast(pa.large_string()) if pa.types.is_null(array.type) else array)
    return pa.Table.from_arrays(arrays, names=_distinct(running.names))


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that occur once; Parquet's readers want them so.

    >>> _distinct(["id", "id", "name"])
    ['id', 'id_1', 'name']
    """
    found: list[str] = []
    for name in names:
        number, distinct = 0, name
        while distinct in found:
            number += 1
            distinct = f"{name}_{number}"
        found.append(distinct)
    return found
