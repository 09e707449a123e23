"""Findings about what tables hold: rows and values that are gone, new or others. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbadmin.dialects import ObjectKey, RowDifferences, TableData, TableName
from dbadmin.dialects.names import join
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import Culprit, Facet, Leg, value
from dbadmin.rollback.facts import comparable
from dbadmin.rollback.findings import Blame, Scripts, finding


@dataclass(frozen=True)
class View:
    """How a judge looks at rows and values: whom it blames, and what it holds for dropped by design.

    `added` is the remedy for rows that were not there, where it is not the downgrade's to delete them.
    """

    blame: Blame
    dropped: Callable[[Facet], bool]
    scripts: Scripts
    added: str | None = None


def table_findings(
    table: TableName, before: TableData, after: TableData, differences: RowDifferences, view: View
) -> list[RollbackFinding]:
    """Findings for a table that both states have, from their comparison row by row."""
    if told_by_content(differences):
        return _without_key(table, before, after, differences, view)
    found = row_findings(table, differences, view)
    for column in sorted({*differences.values_lost, *differences.values_changed}):
        found += value_findings(table, column, differences, view)
    return found or unexplained(table, before, after, view)


def told_by_content(differences: RowDifferences) -> bool:
    """Whether whole rows were compared, as the table has no key: an altered row is one lost and one added."""
    return bool(differences.lost or differences.added) and not differences.sample


def row_findings(table: TableName, differences: RowDifferences, view: View) -> list[RollbackFinding]:
    """Rows that are gone or new, by key."""
    lost, added = differences.lost, differences.added
    facet, found = Facet(table=table), []
    if lost and view.dropped(facet):
        sample = differences.sample.get("lost")
        found.append(dropped_rows(table, lost, view.blame(facet), view.scripts, by_design=True, sample=sample))
    elif lost:
        found.append(lost_rows(table, lost, differences, view))
    if added:
        detail = f"{rows(added)} of {table} {'is' if added == 1 else 'are'} there that {was(added)} not"
        sample = differences.sample.get("added") or None
        found.append(
            finding(
                "rows-added", str(table), detail, view.blame(facet), view.scripts, rows=added, sample=sample,
                remedy=view.added,
            )
        )  # fmt: skip
    return found


def lost_rows(
    table: TableName, number: int, differences: RowDifferences, view: View, *, by_design: bool = False
) -> RollbackFinding:
    """Rows that were deleted."""
    detail = f"{rows(number)} of {table} {'is' if number == 1 else 'are'} gone"
    culprit = view.blame(Facet(table=table))
    return finding(
        "rows-lost", str(table), detail, culprit, view.scripts, rows=number, by_design=by_design,
        sample=differences.sample.get("lost") or None,
        remedy=_remedy_of_a_drop(culprit, f"the rows of {table}") if by_design else None,
    )  # fmt: skip


def value_findings(
    table: TableName, column: str, differences: RowDifferences, view: View
) -> list[RollbackFinding]:  # fmt: skip
    """Values of one column that are gone (NULL now) or others."""
    facet = Facet(table=table, column=column)
    culprit, sample = view.blame(facet), differences.sample.get(column) or None
    lost, changed = differences.values_lost.get(column, 0), differences.values_changed.get(column, 0)
    if lost + changed and view.dropped(facet):
        return [dropped_values(table, column, lost + changed, culprit, view.scripts, by_design=True, sample=sample)]
    if lost + changed and view.dropped(Facet(table=table)):
        return [values_of_dropped_rows(table, column, lost + changed, culprit, view.scripts, sample)]
    found = []
    for code, number, words in (
        ("values-lost", lost, "had a value and {have} none"),
        ("values-changed", changed, "{have} another value"),
    ):
        if number:
            words = words.format(have="has" if number == 1 else "have")
            found.append(
                finding(
                    code, f"{table}.{column}", f"{rows(number)} of {table}.{column} {words}", culprit, view.scripts,
                    rows=number, by_design=False, sample=sample,
                )
            )  # fmt: skip
    return found


def _without_key(
    table: TableName, before: TableData, after: TableData, differences: RowDifferences, view: View
) -> list[RollbackFinding]:
    """As many rows as are both lost and added have other contents; the columns' own fingerprints tell which."""
    number = min(differences.lost, differences.added)
    found = row_findings(
        table, replace(differences, lost=differences.lost - number, added=differences.added - number), view
    )
    if not number:
        return found
    columns = other_columns(before, after)
    for column in columns:
        facet = Facet(table=table, column=column)
        if view.dropped(facet):
            culprit = view.blame(facet)
            found.append(dropped_values(table, column, number, culprit, view.scripts, by_design=True))
        else:
            found.append(_other_contents(table, column, number, view))
    return found if columns else [*found, _other_contents(table, None, number, view)]


def other_columns(before: TableData, after: TableData) -> list[str]:
    """Columns that both have and that hold other values, as far as fingerprints of one kind tell."""
    if not comparable(before, after):
        return []
    return [name for name, held in before.columns.items() if after.columns.get(name, held) != held]


def _other_contents(table: TableName, column: str | None, number: int, view: View) -> RollbackFinding:
    name = f"{table}.{column}" if column else str(table)
    detail = f"{rows(number)} of {table} {'has' if number == 1 else 'have'} other contents"
    detail += f" in {column}" if column else ""
    detail += " (it has no key to tell them by)"
    culprit = view.blame(Facet(table=table, column=column))
    return finding("values-changed", name, detail, culprit, view.scripts, rows=number, by_design=False)


def dropped_values(
    table: TableName, column: str, number: int | None, culprit: Culprit, scripts: Scripts, *, by_design: bool,
    sample: tuple[Any, ...] | None = None,
) -> RollbackFinding:  # fmt: skip
    """A column was dropped, and so many of its values are not there any more; None where nobody counted."""
    name = f"{table}.{column}"
    many = "its values do" if number is None else f"{number:,} of its values {'does' if number == 1 else 'do'}"
    return finding(
        "values-lost", name, f"{name} was dropped, and {many} not come back", culprit, scripts, rows=number,
        by_design=by_design, sample=sample, remedy=_remedy_of_a_drop(culprit, f"the values of {name}"),
    )  # fmt: skip


def values_of_dropped_rows(
    table: TableName, column: str, number: int, culprit: Culprit, scripts: Scripts, sample: tuple[Any, ...] | None
) -> RollbackFinding:
    """Rows were deleted, or dropped with their table, and came back with other values."""
    name = f"{table}.{column}"
    detail = f"{rows(number)} of {table} went and came back without the former value of {column}"
    return finding(
        "values-lost", name, detail, culprit, scripts, rows=number, by_design=True, sample=sample,
        remedy=_remedy_of_a_drop(culprit, f"the values of {name}"),
    )  # fmt: skip


def dropped_rows(
    table: TableName, number: int, culprit: Culprit, scripts: Scripts, *, by_design: bool,
    sample: tuple[Any, ...] | None = None,
) -> RollbackFinding:  # fmt: skip
    """A table was dropped, and so many of its rows are not there any more."""
    detail = f"{table} was dropped, and {number:,} of its rows {'does' if number == 1 else 'do'} not come back"
    return finding(
        "rows-lost", str(table), detail, culprit, scripts, rows=number, by_design=by_design, sample=sample,
        remedy=_remedy_of_a_drop(culprit, f"the rows of {table}"),
    )  # fmt: skip


def lost_history(
    histories: Mapping[TableName, int], legs: Sequence[Leg], scripts: Scripts
) -> list[RollbackFinding]:  # fmt: skip
    """Rows that a table's own history has no longer, with the first revision that made another table of it."""
    found = []
    for table, number in histories.items():
        culprit = _first_other(legs, Facet(key=ObjectKey("table", join([table.schema, table.name]))))
        detail = f"{rows(number)} of the history of {table} {'is' if number == 1 else 'are'} gone"
        remedy = "keep the system versioning, or save the history first: nothing brings it back"
        found.append(
            finding("rows-lost", str(table), detail, culprit, scripts, rows=number, by_design=True, remedy=remedy)
        )
    return found


def _first_other(legs: Sequence[Leg], facet: Facet) -> Culprit:
    """The first revision after which the facet was not what it was before; the only one of a walk in any case."""
    for leg in legs:
        for moment in leg.moments:
            if moment.snapshot is not None and value(moment.snapshot, facet) != value(leg.before, facet):
                return Culprit(moment.revision, leg.phase)
    only = legs[0].revisions[0] if len(legs[0].revisions) == 1 else None
    return Culprit(only, legs[0].phase if only else None)


def _remedy_of_a_drop(culprit: Culprit, what: str) -> str | None:
    if culprit.phase != "downgrade":
        return None
    return f"let the downgrade save {what} before they go, or accept that a rollback loses them"


def unexplained(table: TableName, before: TableData, after: TableData, view: View) -> list[RollbackFinding]:
    """Fingerprints differ although no row seems to: never silent."""
    same_columns = before.columns.keys() == after.columns.keys()
    if not comparable(before, after) or not (other_columns(before, after) or (same_columns and before != after)):
        return []
    detail = f"the contents of {table} differ, and the rows concerned could not be told apart"
    culprit = view.blame(Facet(table=table))
    return [finding("values-changed", str(table), detail, culprit, view.scripts, by_design=False)]


def rows(number: int) -> str:
    """A number of rows in words.

    >>> rows(1), rows(1200)
    ('1 row', '1,200 rows')
    """
    return f"{number:,} row{'' if number == 1 else 's'}"


def was(number: int) -> str:
    """The verb to a number."""
    return "was" if number == 1 else "were"
