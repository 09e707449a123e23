"""What MariaDB and MySQL make of changes: what is done in place, and what copies the table and keeps writers out.

From "Online DDL Operations" of MySQL's manual and "InnoDB Online DDL" of MariaDB's.
"""

from dbadmin.dialects.changes import Change, Changes, ColumnText, Effect

COPIES = Effect("SHARED (ALGORITHM=COPY)", "writes", "rewrite")
IN_PLACE = Effect("NONE (in place)", None, "rewrite")
METADATA = Effect("metadata lock", "reads and writes")
_TEXTS = {"String", "VARCHAR", "Unicode"}


class MysqlChanges(Changes):
    """InnoDB of MariaDB 10.4 and MySQL 8.0, and later."""

    longest_name = 64
    indexes_foreign_keys = True

    def effect(self, change: Change) -> Effect | None:
        """The way in which the statement is carried out by default."""
        match change.kind:
            case "create_index":
                return Effect("NONE (in place)", None, "index")
            case "add_constraint" if change.constraint == "check" and change.inner:
                return METADATA  # ADD COLUMN … CHECK is tried on no row that is there
            case "add_constraint":
                return Effect("NONE (in place)", None, "index") if change.constraint == "unique" else COPIES
            case "alter_column":
                new = change.columns[0] if change.columns else None
                if "type" in change.given and new is not None and self.rewrites(change.old, new) is not False:
                    return COPIES
                return IN_PLACE if "nullable" in change.given else METADATA
            case "add_column":
                return COPIES if any(column.generated for column in change.columns) else METADATA
            case "drop_table" | "rename_table" | "drop_column" | "rename_column" | "drop_index" | "drop_constraint":
                return METADATA
            case "lock_table":
                return Effect("READ", "writes") if change.what == "read" else Effect("WRITE", "reads and writes")
            case "truncate":
                return METADATA
            case "rewrite_table":
                return COPIES if "CHARACTER SET" in (change.sql or "").upper() else IN_PLACE
            case "update" | "delete":
                return Effect("a lock on each row", "writes", "rewrite")
        return None

    def rewrites(self, old: ColumnText | None, new: ColumnText) -> bool | None:
        """A VARCHAR that gets longer on the same side of 255 bytes stays as it is; all else is copied.

        >>> string = lambda length: ColumnText("c", "String", (length,))
        >>> MysqlChanges().rewrites(string(20), string(60)), MysqlChanges().rewrites(string(20), string(200))
        (False, True)
        """
        if old is None or old.type is None or new.type is None:
            return None
        if old.type in _TEXTS and new.type in _TEXTS and old.arguments and new.arguments:
            before, after = old.arguments[0], new.arguments[0]
            if isinstance(before, int) and isinstance(after, int):
                # utf8mb4: up to four bytes a character, and the length takes one byte more from 256 bytes on.
                return after < before or (before * 4 <= 255) != (after * 4 <= 255)
        return not (old.type == new.type and old.arguments == new.arguments and dict(old.options) == dict(new.options))
