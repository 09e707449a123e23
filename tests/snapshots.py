"""Snapshots, legs and scripts made by hand, for what judges them without a database."""

from collections.abc import Mapping
from typing import Any

from dbadmin.dialects import ColumnPrint, ObjectKey, TableData, TableName
from dbadmin.results import Phase
from dbadmin.rollback.blame import Leg, Moment
from dbadmin.rollback.facts import Script
from dbadmin.state import Snapshot

T = TableName(None, "t")


def key(kind: str, name: str) -> ObjectKey:
    return ObjectKey(kind, name)


def table(rows: int = 3, *, keyed: bool = True, row: str | None = None, method: str = "m", **columns: str) -> TableData:
    """A table whose columns have these fingerprints; the key is `id` unless it has none."""
    prints = {name: ColumnPrint(text, f"nulls of {text}") for name, text in columns.items()}
    if keyed:
        prints = {"id": ColumnPrint(f"{rows} keys", "no nulls"), **prints}
    return TableData(rows, prints, ("id",) if keyed else (), row=row, method=method)


def snap(schema: Mapping[ObjectKey, str] | None = None, **tables: TableData) -> Snapshot:
    """A snapshot of schema objects and tables."""
    return Snapshot(dict(schema or {}), {TableName(None, name): data for name, data in tables.items()})


def leg(phase: Phase, before: Snapshot, *moments: tuple[str, Snapshot | None], after: Snapshot | None = None) -> Leg:
    """A leg: what stood before it and after each revision; its end is the last of these unless given."""
    seen = tuple(Moment(revision, snapshot) for revision, snapshot in moments)
    end = after if after is not None else seen[-1].snapshot if seen else before
    assert end is not None
    return Leg(phase, before, seen, end)


def scripts(**more: Any) -> dict[str, Script]:
    """Facts about the scripts b2 and c3; keyword arguments are their texts or reasons (`b2="empty"`)."""
    return {
        name: Script(name, f"revision {name}", f"{name}.py", more.get(name), more.get(f"{name}_text", ""))
        for name in ("b2", "c3", "d4")
    }
