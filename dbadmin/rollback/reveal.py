"""Samples of findings: keys of the rows concerned, and with `--reveal` their values before and after."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import RowDifferences, TableName
from dbadmin.results import RollbackFinding
from dbadmin.rollback.options import Options
from dbadmin.secrets import is_sensitive
from dbadmin.state import Snapshot

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from dbadmin.rollback.walk import Walk

MOST_READ = 50
Values = Mapping[tuple[str, Any], tuple[Any, Any]]
"""(what a finding calls the column or table, key) → its value before and after; whole rows for a table."""


def read_values(
    pristine: "Connection", now: "Connection", rows: Mapping[TableName, RowDifferences], before: Snapshot,
    after: Snapshot,
) -> Values:  # fmt: skip
    """Values of some of the rows that differ between two states, read from both databases."""
    found: dict[tuple[str, Any], tuple[Any, Any]] = {}
    for table, differences in rows.items():
        key = before.data[table].key
        if not key or key != after.data[table].key:
            continue
        for heading, keys in _wanted(differences).items():
            whole = heading in ("lost", "added") and heading not in before.data[table].columns
            columns = None if whole else heading
            for one in keys:
                old = None if heading == "added" and whole else _value(pristine, table, key, one, columns)
                new = None if heading == "lost" and whole else _value(now, table, key, one, columns)
                found[str(table) if whole else f"{table}.{heading}", one] = (old, new)
    return found


def _wanted(differences: RowDifferences) -> dict[str, list[Any]]:
    wanted: dict[str, list[Any]] = {heading: list(keys) for heading, keys in differences.sample.items()}
    further: list[tuple[str, Iterable[Any]]] = [*differences.keys.items(), ("lost", differences.lost_keys or ())]
    for heading, more in further:
        wanted[heading] = list(dict.fromkeys([*wanted.get(heading, ()), *islice(more, MOST_READ)]))
    return wanted


def _value(
    connection: "Connection", table: TableName, key: Sequence[str], value: Any, column: str | None
) -> Any:  # fmt: skip
    """One value, or with `column` None the whole row by its columns' names."""
    row = connection.execute(_query(table, key, value, column)).mappings().first()
    if row is None:
        return None
    return _plain(row[column]) if column is not None else {name: _plain(held) for name, held in row.items()}


def _query(table: TableName, key: Sequence[str], value: Any, column: str | None) -> "Select[Any]":
    from sqlalchemy import Text, cast, select, text
    from sqlalchemy import column as named
    from sqlalchemy import table as of_name

    parts = value if len(key) > 1 else (value,)
    wanted: Any = text("*") if column is None else named(column)
    query = select(wanted).select_from(of_name(table.name, schema=table.schema))
    for name, part in zip(key, parts, strict=True):
        # Keys come as the text of a uuid, a date … where the engine compared them as text.
        query = query.where((cast(named(name), Text) if isinstance(part, str) else named(name)) == part)
    return query


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


def with_samples(
    findings: Iterable[RollbackFinding], walk: "Walk", options: Options
) -> list[RollbackFinding]:  # fmt: skip
    """Findings whose samples hold what may be shown.

    With `--reveal` each item is `{key, before, after}`, as far as values were read. Without, keys alone, and not
    those of columns that look like credentials.
    """
    return [replace(one, sample=_sample(one, walk, options)) if one.sample else one for one in findings]


def _sample(finding: RollbackFinding, walk: "Walk", options: Options) -> tuple[Any, ...] | None:
    assert finding.sample is not None
    if options.reveal:
        known = walk.values
        return tuple(
            {"key": key, "before": known[finding.object, key][0], "after": known[finding.object, key][1]}
            if (finding.object, key) in known
            else {"key": key}
            for key in finding.sample
        )
    for table, data in walk.compared_with.data.items():
        of_table = finding.object == str(table) or finding.object.startswith(f"{table}.")
        if of_table and any(is_sensitive(name, options.sensitive) for name in data.key):
            return None
    return finding.sample
