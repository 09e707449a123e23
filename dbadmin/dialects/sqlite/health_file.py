"""What SQLite tells of its file: damage, orphans, free pages, settings of the application's own connections."""

from typing import TYPE_CHECKING

from dbadmin.dialects.facts import Advice, Bloat, Damage, Sequence, TextColumn
from dbadmin.dialects.health import Quote, spelled
from dbadmin.dialects.sqlite import health_sql as sql
from dbadmin.dialects.sqlite.health_sql import affinity
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_DAMAGE = 20
LARGEST = 2**63 - 1


class SqliteFile:
    """Facts of the file and of the connection."""

    def sequences(self, connection: "Connection") -> tuple[Sequence, ...]:
        """sqlite_sequence: the largest rowid of every AUTOINCREMENT table."""
        if not connection.exec_driver_sql(sql.HAS.format(name="sqlite_sequence")).scalar():
            return ()
        rows = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence WHERE typeof(seq) = 'integer'")
        return tuple(
            Sequence(row.name, TableName(None, row.name), None, "integer", int(row.seq), LARGEST) for row in rows
        )

    def bloat(self, connection: "Connection") -> tuple[Bloat, ...]:
        """Pages of the freelist."""
        size, pages, free = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
            for name in ("page_size", "page_count", "freelist_count")
        )
        remedy = "VACUUM writes the file anew; it needs twice its space, and nobody can write meanwhile"
        return (Bloat("the database file", pages * size, free * size, True, remedy, ("VACUUM",)),)

    def integrity(self, connection: "Connection") -> tuple[Damage, ...]:
        """PRAGMA integrity_check: pages, indexes against their tables, NOT NULL, CHECK and UNIQUE."""
        from sqlalchemy.exc import DatabaseError

        try:
            rows = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST_DAMAGE})").scalars().all()
        except DatabaseError as error:
            if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_CORRUPT":
                raise
            return (Damage("the database file", f"it cannot even be checked: {error.orig}"),)
        found = [str(row) for row in rows if str(row).lower() != "ok"]
        return tuple(
            Damage("the database file", line, ("REINDEX",) if "index" in line and "missing" in line else ())
            for line in found
        )

    def orphans(self, connection: "Connection") -> tuple[Damage, ...]:
        """PRAGMA foreign_key_check, counted for each foreign key."""
        columns: dict[tuple[str, int], list[str]] = {}
        for row in connection.exec_driver_sql(sql.FOREIGN_KEYS):
            columns.setdefault((row.table_name, row.id), []).append(row.column_name)
        found = []
        for row in connection.exec_driver_sql(sql.ORPHANS):
            names = ",".join(columns.get((row.table_name, row.fkid), ["?"]))
            number = f"{row.number} row{'' if row.number == 1 else 's'}"
            found.append(Damage(f"{row.table_name}.{names}", f"{number} without a parent in {row.parent}"))
        return tuple(found)

    def settings(self, connection: "Connection") -> tuple[Advice, ...]:
        """PRAGMAs of this connection, which was opened as the application opens its own."""
        value = {
            name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar()).lower()
            for name in ("foreign_keys", "journal_mode", "synchronous")
        }
        keys = connection.exec_driver_sql(sql.FOREIGN_KEYS).first() is not None
        found = []
        if value["foreign_keys"] == "0" and keys:
            detail = "foreign keys are not enforced: rows without a parent can be written"
            remedy = 'execute "PRAGMA foreign_keys = ON" whenever the application connects (event "connect")'
            found.append(Advice("foreign_keys", "off", "warning", detail, remedy))
        if value["synchronous"] == "0":
            detail = "a crash of the machine may destroy the file"
            remedy = 'execute "PRAGMA synchronous = NORMAL" whenever the application connects'
            found.append(Advice("synchronous", "off", "error", detail, remedy))
        if value["journal_mode"] in ("delete", "truncate", "persist"):
            detail = "who writes keeps every reader out, and the other way round"
            wal, back = "PRAGMA journal_mode = WAL", f"PRAGMA journal_mode = {value['journal_mode'].upper()}"
            found.append(Advice("journal_mode", value["journal_mode"], "note", detail, "use WAL", (wal,), (back,)))
        return tuple(found)

    def text_columns(self, connection: "Connection") -> tuple[TextColumn, ...]:
        """Columns of TEXT affinity."""
        quote: Quote = connection.dialect.identifier_preparer.quote
        found = []
        for row in connection.exec_driver_sql(sql.COLUMNS):
            if affinity(row.type or "") == "TEXT":
                table, column = TableName(None, row.table_name), quote(row.name)
                sample = (
                    f"SELECT substr({column}, 1, 200) AS v FROM {spelled(quote, table)} WHERE {column} <> '' LIMIT 50"
                )
                found.append(TextColumn(table, row.name, sample))
        return tuple(found)
