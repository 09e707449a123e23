"""What SQLite makes of changes: one writer at a time, and a copy of the table for most of ALTER TABLE."""

from dbadmin.dialects.changes import Change, Changes, ColumnText, Effect

WHOLE = "the database's write lock"


class SqliteChanges(Changes):
    """There is one lock, the whole database's, and readers go on beside it."""

    def effect(self, change: Change) -> Effect | None:
        """Every statement keeps other writers out; batch mode copies the table meanwhile."""
        match change.kind:
            case "create_index":
                return Effect(WHOLE, "writes", "index")
            case "add_column" if not change.batch:
                return Effect(WHOLE, "writes")
            case "drop_column" | "alter_column" | "add_constraint" | "drop_constraint":
                return Effect(WHOLE, "writes", "rewrite")
            case "update" | "delete":
                return Effect(WHOLE, "writes", "rewrite")
            case "drop_table" | "rename_table" | "rename_column" | "drop_index" | "add_column":
                return Effect(WHOLE, "writes")
        return None

    def rewrites(self, old: ColumnText | None, new: ColumnText) -> bool | None:
        """Batch mode always does."""
        return True
