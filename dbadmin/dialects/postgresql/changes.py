"""What PostgreSQL makes of changes: its lock modes, and which of them read or write every row.

From the pages ALTER TABLE (notes) and 13.3 Explicit Locking of the manual.
"""

import re

from dbadmin.dialects.changes import Change, Changes, ColumnText, Effect, same_enum

EXCLUSIVE, BOTH = "ACCESS EXCLUSIVE", "reads and writes"
_VOLATILE = re.compile(
    r"\b(random|clock_timestamp|timeofday|gen_random_uuid|uuid_generate_v\w+|uuidv[47]|nextval)\b", re.IGNORECASE
)
_LOCKS = {
    "access exclusive": BOTH, "exclusive": "writes", "share row exclusive": "writes", "share": "writes",
    "share update exclusive": "schema changes",
}  # fmt: skip
"""Modes of LOCK TABLE that keep others from something."""
_TEXTS = {"String", "VARCHAR", "Text", "TEXT", "Unicode", "UnicodeText", "character varying"}


class PostgresqlChanges(Changes):
    """Locks of PostgreSQL 12 and later."""

    longest_name = 63
    cuts_names = True
    linter = "squawk"

    def effect(self, change: Change) -> Effect | None:
        """The lock that the statement takes, and the work under it."""
        match change.kind:
            case "create_index":
                if change.concurrently:
                    return Effect("SHARE UPDATE EXCLUSIVE", None, "index")
                return Effect("SHARE", "writes", "index")
            case "drop_index" if change.concurrently:
                return Effect("SHARE UPDATE EXCLUSIVE", None)
            case "add_constraint":
                return self._constraint(change)
            case "add_column":
                slow = any(column.generated or _is_volatile(column) for column in change.columns)
                return Effect(EXCLUSIVE, BOTH, "rewrite" if slow else None)
            case "alter_column":
                return self._alteration(change)
            case "drop_table" | "rename_table" | "drop_column" | "rename_column" | "drop_index" | "drop_constraint":
                return Effect(EXCLUSIVE, BOTH)
            case "truncate":
                return Effect(EXCLUSIVE, BOTH)
            case "rewrite_table":
                return Effect(EXCLUSIVE, BOTH, "rewrite")
            case "lock_table":
                mode = change.what or "access exclusive"
                return Effect(mode.upper(), _LOCKS.get(mode))
            case "update" | "delete":
                return Effect("ROW EXCLUSIVE", "writes", "rewrite")
        return None

    def _constraint(self, change: Change) -> Effect:
        if change.constraint == "foreign":
            # ADD COLUMN … REFERENCES reads no row where each of them has NULL.
            empty = change.inner and all(column.default is None for column in change.columns)
            return Effect("SHARE ROW EXCLUSIVE", "writes", None if change.not_valid or empty else "scan")
        if change.constraint == "check":
            return Effect(EXCLUSIVE, BOTH, None if change.not_valid else "scan")
        return Effect(EXCLUSIVE, BOTH, None if change.not_valid else "index")

    def _alteration(self, change: Change) -> Effect:
        new = change.columns[0] if change.columns else None
        if "type" in change.given and new is not None and self.rewrites(change.old, new) is not False:
            return Effect(EXCLUSIVE, BOTH, "rewrite")
        if "nullable" in change.given and new is not None and not new.nullable:
            return Effect(EXCLUSIVE, BOTH, "scan")
        return Effect(EXCLUSIVE, BOTH)

    def rewrites(self, old: ColumnText | None, new: ColumnText) -> bool | None:
        """Only a text that gets longer, or unlimited, and an enum of the same name keep their rows as they are.

        >>> rewrites = PostgresqlChanges().rewrites
        >>> string = lambda *length: ColumnText("c", "String", length)
        >>> rewrites(string(50), string(200)), rewrites(string(50), ColumnText("c", "Text"))
        (False, False)
        >>> rewrites(string(200), string(50)), rewrites(None, string(50))
        (True, None)
        """
        if old is None or old.type is None or new.type is None:
            return None
        if same_enum(old, new):
            return False
        if old.type in _TEXTS and new.type in _TEXTS:
            longest, before = _length(new), _length(old)
            return longest is not None and (before is None or longest < before)
        return not (old.type == new.type and old.arguments == new.arguments and dict(old.options) == dict(new.options))


def _length(column: ColumnText) -> int | None:
    if column.type in ("Text", "TEXT", "UnicodeText"):
        return None
    length = column.arguments[0] if column.arguments else column.options.get("length")
    return length if isinstance(length, int) else None


def _is_volatile(column: ColumnText) -> bool:
    return column.default is not None and _VOLATILE.search(column.default) is not None
