"""Plan H judged: down from the head and up again, column by column and row by row. Pure.

in D (after the downgrade)   H′ against H   finding
absent                       equal          none (rebuilt)
absent                       differs        values-lost / rows-lost, by design
same as H                    differs        not-repeatable, a note
differs from H               equal          none
differs from H               differs        values-changed / rows-lost, by mistake
"""

from collections.abc import Iterable, Sequence

from dbadmin.dialects import RowDifferences, TableData, TableName
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import Culprit, Facet, Leg, first_appearance, first_change, remover, value
from dbadmin.rollback.facts import Evidence, comparable
from dbadmin.rollback.findings import (
    Scripts,
    dropped_rows,
    dropped_values,
    empty_downgrades,
    not_repeatable,
    row_findings,
    schema_findings,
    sequence_findings,
    unexplained,
    value_findings,
)
from dbadmin.rollback.reference import Reference
from dbadmin.state import Difference, Snapshot


def judge_head(
    down: Leg, up: Leg, differences: Sequence[Difference], evidence: Evidence, scripts: Scripts
) -> list[RollbackFinding]:
    """Findings of down, up again, but for the schema in between (see `judge_reference`).

    `differences` are those between the head before and after, without what is only spelled otherwise;
    `evidence` belongs to the same pair.
    """

    def blame(facet: Facet) -> Culprit:
        return _blame(down, up, facet)

    found = schema_findings(differences, blame, scripts)
    found += [f for f in sequence_findings(differences, blame, scripts) if not _sequence_was_gone(f, down.after)]
    for table, data in down.before.data.items():
        after = up.after.data.get(table)
        if after is None:
            if data.rows:
                found.append(dropped_rows(table, data.rows, blame(Facet(table=table)), scripts, by_design=False))
        elif data != after and not data.unreadable:
            found += _table(table, down, up, evidence, scripts)
    return found + empty_downgrades(found, scripts)


def judge_reference(
    down: Leg, reference: Reference, differences: Sequence[Difference], drift: Iterable[Difference],
    scripts: Scripts,
) -> list[RollbackFinding]:  # fmt: skip
    """Findings for the schema after the downgrade, against what the target revision itself makes.

    `differences` are those of the target's own schema against the copy's, `drift` those that were there at the
    head already.
    """
    known = {(d.key, d.change) for d in drift}
    new = [d for d in differences if (d.key, d.change) not in known and d.key not in _positions(differences)]

    def blame(facet: Facet) -> Culprit:
        left = reference.maker(facet)
        if left in down.revisions:
            return Culprit(left, "downgrade")
        return first_change(down, facet)

    found = schema_findings(new, blame, scripts)
    return found + empty_downgrades(found, scripts)


def _positions(differences: Iterable[Difference]) -> set[object]:
    # How far sequences came in an empty database says nothing about one with data.
    return {d.key for d in differences if d.key is not None and d.key.kind == "sequence-position"}


def _blame(down: Leg, up: Leg, facet: Facet) -> Culprit:
    """The revision whose way down removed the facet, else changed it first, else the one whose way up did."""
    removed = remover(down, facet) if value(down.after, facet) is None else None
    if removed is not None:
        return Culprit(removed, down.phase)
    changed = first_change(down, facet)
    return changed if changed.revision is not None else first_change(up, facet)


def _table(table: TableName, down: Leg, up: Leg, evidence: Evidence, scripts: Scripts) -> list[RollbackFinding]:
    differences = evidence.rows.get(table)
    between = down.after.data.get(table)
    if differences is None:
        return []  # only columns came or went, which is the schema's finding
    if between is None:
        culprit = _blame(down, up, Facet(table=table))
        return _rows_gone(table, differences, down.before.data[table], culprit, scripts)
    found = _rows(table, differences, between, down, up, scripts)
    for column in down.before.data[table].columns:
        found += _column(table, column, evidence, between, down, up, scripts)
    if not found and comparable(down.before.data[table], up.after.data[table]):
        found = [unexplained(table, lambda facet: _blame(down, up, facet), scripts)]
    return found


def _rows_gone(
    table: TableName, differences: RowDifferences, before: TableData, culprit: Culprit, scripts: Scripts
) -> list[RollbackFinding]:
    """A table that the downgrade dropped, and the upgrade did not fill as it was."""
    number = differences.lost or before.rows
    return [dropped_rows(table, number, culprit, scripts, by_design=True)]


def _rows(
    table: TableName, differences: RowDifferences, between: TableData, down: Leg, up: Leg, scripts: Scripts
) -> list[RollbackFinding]:
    if not (differences.lost or differences.added):
        return []
    if between.rows == down.before.data[table].rows:
        culprit = Culprit(first_appearance(up, Facet(table=table)), "reupgrade")
        return [not_repeatable(str(table), culprit, scripts, "rows")]
    return row_findings(table, differences, lambda facet: _blame(down, up, facet), scripts)


def _column(
    table: TableName, column: str, evidence: Evidence, between: TableData, down: Leg, up: Leg, scripts: Scripts
) -> list[RollbackFinding]:
    differences = evidence.rows[table]
    lost = differences.values_lost.get(column, 0)
    number = lost + differences.values_changed.get(column, 0)
    if not number:
        return []
    facet = Facet(table=table, column=column)
    if column not in between.columns:
        culprit = _blame(down, up, facet)
        return [dropped_values(table, column, number, culprit, scripts, by_design=True)]
    before, after = down.before.data[table], up.after.data[table]
    again = not_repeatable(f"{table}.{column}", Culprit(first_appearance(up, facet), "reupgrade"), scripts, "values")
    if comparable(between, before) and between.columns[column] == before.columns[column]:
        return [again]
    mistaken = evidence.changed_by_downgrade(table, column) if comparable(before, after) else None
    if mistaken is None:
        return value_findings(table, column, differences, _blame(down, up, facet), scripts)
    found = value_findings(table, column, mistaken, _blame(down, up, facet), scripts)
    return found if sum(f.rows or 0 for f in found) == number else [*found, again]


def _sequence_was_gone(found: RollbackFinding, between: Snapshot) -> bool:
    """A sequence that went with its table starts anew with it: the rows are the finding."""
    return not any(key.kind == "sequence-position" and key.name == found.object for key in between.schema)
