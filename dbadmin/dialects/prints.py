"""A table's fingerprints from aggregates that its server computes: the part that no engine changes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from dbadmin.dialects.values import ColumnPrint, TableData

C = TypeVar("C")


def fingerprint(
    columns: Mapping[str, C],
    key: tuple[str, ...],
    *,
    aggregates: Callable[[C], tuple[str, str]],
    row_hash: str | None,
    ask: Callable[[str], Sequence[Any]],
    at_once: int,
    method: str,
) -> TableData:
    """One query per `at_once` columns, the first of them also for whole rows where there is a `row_hash`.

    `aggregates` gives a column's two expressions, for its values and for its NULLs; `ask` runs a list of expressions
    and gives its one row. More columns than `at_once` would not fit into one result.
    """
    found: dict[str, ColumnPrint] = {}
    names, count, row = list(columns), 0, None
    for start in range(0, max(1, len(names)), at_once):
        some = names[start : start + at_once]
        wanted = ["count(*)", *(expression for name in some for expression in aggregates(columns[name]))]
        whole = row_hash is not None and start == 0
        if whole:
            wanted.append(f"sum({row_hash})")
        count, *values = ask(", ".join(wanted))
        if whole:
            row = _word(values.pop())
        for i, name in enumerate(some):
            found[name] = ColumnPrint(_word(values[2 * i]), _word(values[2 * i + 1]))
    return TableData(int(count), found, key, row=row, method=method)


def unreadable(reason: str) -> TableData:
    """A table that could not be read, and why."""
    return TableData(0, {}, not_compared={"": reason})


def _word(value: Any) -> str:
    return "" if value is None else str(value)
