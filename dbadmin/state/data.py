"""What tables hold, as fingerprints."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbadmin.dialects import TableData, TableName, of

if TYPE_CHECKING:
    from sqlalchemy import Connection


def names(connection: "Connection") -> tuple[TableName, ...]:
    """Every table that holds rows of its own."""
    return of(connection).fingerprint.table_names(connection)


def read(connection: "Connection", tables: Iterable[TableName]) -> dict[TableName, TableData]:
    """Fingerprint these tables, each scanned once; one that cannot be read has a reason in `unreadable`."""
    return dict(of(connection).fingerprint.tables(connection, list(tables)))
