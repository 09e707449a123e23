"""What the tables look like before a revision, told from the scripts before it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dbadmin.dialects.changes import Change, ColumnText

_RENAMED_TYPE = re.compile(r"ALTER TYPE \S+ RENAME TO (\S+)$", re.IGNORECASE)


@dataclass
class TableState:
    """A table as the scripts have made it so far: columns by name, what is indexed (in order), what leads elsewhere."""

    columns: dict[str, ColumnText] = field(default_factory=dict)
    indexed: dict[tuple[str, ...], str | None] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)

    def covers(self, columns: tuple[str, ...]) -> bool:
        """Whether an index begins with these columns, in any order."""
        return any(set(names[: len(columns)]) == set(columns) for names in self.indexed if len(names) >= len(columns))


class History:
    """Tables by full name, and types that were made by themselves; `apply` carries them over one change."""

    def __init__(self) -> None:
        self.tables: dict[str, TableState] = {}
        self.types: set[str] = set()

    def copy(self) -> "History":
        """Another one that stands where this one does."""
        made = History()
        made.tables = {
            name: TableState(dict(t.columns), dict(t.indexed), set(t.foreign)) for name, t in self.tables.items()
        }
        made.types = set(self.types)
        return made

    def after(self, changes: Iterable[Change]) -> "History":
        """The tables after these changes; this one stays as it is."""
        made = self.copy()
        for change in changes:
            made.apply(change)
        return made

    def column(self, table: str | None, name: str | None) -> ColumnText | None:
        """A column as it stands, None where the scripts do not tell."""
        state = self.tables.get(table or "")
        return state.columns.get(name or "") if state is not None else None

    def apply(self, change: Change) -> None:
        """Carry the tables over a change."""
        renamed = _RENAMED_TYPE.match(change.sql or "")
        if change.kind in ("create_type", "drop_type") or renamed:
            name = renamed[1].strip('"') if renamed else change.name
            self.types = self.types - {name or ""} if change.kind == "drop_type" else self.types | {name or ""}
        table = change.full_table
        if table is None:
            return
        if change.kind == "drop_table":
            self.tables.pop(table, None)
            return
        if change.kind == "rename_table":
            if change.name is not None:
                new = f"{change.schema}.{change.name}" if change.schema else change.name
                self.tables[new] = self.tables.pop(table, TableState())
            return
        self._in(self.tables.setdefault(table, TableState()), change)

    def _in(self, state: TableState, change: Change) -> None:
        names = change.names
        match change.kind:
            case "create_table" | "add_column":
                for column in change.columns:
                    _add(state, column)
            case "drop_column":
                for name in names:
                    state.columns.pop(name, None)
                    state.foreign.discard(name)
                    state.indexed = {key: value for key, value in state.indexed.items() if name not in key}
            case "rename_column":
                _rename(state, names[0] if names else None, change.name)
            case "alter_column":
                _alter(state, change)
            case "create_index":
                if names and len(names) == len(change.columns) and not change.where:
                    state.indexed[names] = change.name
            case "drop_index" | "drop_constraint":
                state.indexed = {k: v for k, v in state.indexed.items() if v is None or v != change.name}
            case "add_constraint" if change.constraint in ("unique", "primary"):
                state.indexed[names] = change.name
            case "add_constraint" if change.constraint == "foreign":
                state.foreign |= set(names)


def _add(state: TableState, column: ColumnText) -> None:
    if column.name is None:
        return
    state.columns[column.name] = column
    if column.primary_key or column.unique or column.index:
        key: tuple[str, ...] = (column.name,)
        if column.primary_key and any(other.primary_key for other in state.columns.values() if other is not column):
            key = tuple(name for name, other in state.columns.items() if other.primary_key)
        state.indexed[key] = None
    if column.references:
        state.foreign.add(column.name)


def _rename(state: TableState, old: str | None, new: str | None) -> None:
    if old is None or new is None:
        return
    if old in state.columns:
        state.columns[new] = replace(state.columns.pop(old), name=new)
    state.indexed = {tuple(new if n == old else n for n in key): value for key, value in state.indexed.items()}
    if old in state.foreign:
        state.foreign = (state.foreign - {old}) | {new}


def _alter(state: TableState, change: Change) -> None:
    for new in change.columns:
        before = state.columns.get(new.name or "")
        if before is None or new.name is None:
            continue
        if "type" in change.given:
            before = replace(before, type=new.type, arguments=new.arguments, options=new.options)
        if "nullable" in change.given:
            before = replace(before, nullable=new.nullable)
        if "default" in change.given:
            before = replace(before, default=new.default)
        state.columns[new.name] = before
