"""Plan H judged: down from the head and up again, column by column and row by row. Pure.

in D (after the downgrade)   H′ against H   finding
absent                       equal          none (rebuilt)
absent                       differs        values-lost / rows-lost, by design
same as H                    differs        not-repeatable, a note
differs from H               equal          none
differs from H               differs        values-changed / rows-lost, by mistake
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbadmin.dialects import RowDifferences, TableData, TableName
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import (
    Culprit,
    Facet,
    Leg,
    changed_in,
    first_appearance,
    moved,
    not_brought_back,
    remover,
    value,
)
from dbadmin.rollback.contents import (
    View,
    dropped_rows,
    dropped_values,
    lost_history,
    lost_rows,
    other_columns,
    row_findings,
    table_findings,
    told_by_content,
    unexplained,
    value_findings,
)
from dbadmin.rollback.facts import Apart, Evidence, comparable, shown
from dbadmin.rollback.findings import Scripts, empty_downgrades, not_repeatable, schema_findings, sequence_findings
from dbadmin.state import Difference, Snapshot

ADDED_AGAIN = "these rows had been deleted since: let the upgrade not add them again, or accept that it does"


def judge_head(
    down: Leg, up: Leg, differences: Sequence[Difference], evidence: Evidence, scripts: Scripts
) -> list[RollbackFinding]:
    """Findings of down, up again, but for the schema in between (see `against.py`).

    `differences` are those between the head before and after, without what is only spelled otherwise;
    `evidence` belongs to the same pair.
    """
    head = _Head(down, up, evidence, scripts)
    found = schema_findings(differences, head.blame, scripts)
    sequences = sequence_findings(differences, head.blame, scripts, up.after.schema)
    found += [f for f in sequences if not _sequence_was_gone(f, down.after)]
    for table, data in down.before.data.items():
        after = up.after.data.get(table)
        if after is None:
            found += head.gone(table, data)
        elif data != after and not data.unreadable and not after.unreadable:
            found += head.held(table, data, after) + head.table(table, data, after)
    found += lost_history(evidence.history, (down, up), scripts)
    return found + empty_downgrades(found, scripts)


@dataclass(frozen=True)
class _Head:
    """The two ways of a walk from the head, and what is known of rows."""

    down: Leg
    up: Leg
    evidence: Evidence
    scripts: Scripts

    def blame(self, facet: Facet) -> Culprit:
        """The revision whose way down removed the facet, else the one whose way up does not restore it."""
        if value(self.down.after, facet) is None:
            removed = remover(self.down, facet)
            if removed is not None:
                return Culprit(removed, self.down.phase)
        culprit = not_brought_back(self.down, self.up, facet)
        if culprit.revision is None:
            return culprit
        changed = changed_in(self.down, culprit.revision, facet)
        return Culprit(culprit.revision, self.up.phase if changed is False else self.down.phase)

    @property
    def view(self) -> View:
        """What the downgrade drops goes by design; a column goes by itself where its table stays."""

        def dropped(facet: Facet) -> bool:
            stays = value(self.down.after, Facet(table=facet.table)) is not None
            return value(self.down.after, facet) is None and (facet.column is None or stays)

        return View(self.blame, dropped, self.scripts, ADDED_AGAIN)

    def again(self, facet: Facet) -> RollbackFinding:
        """The note that the upgrade does not make the same twice."""
        culprit = Culprit(first_appearance(self.up, facet), self.up.phase)
        name = ".".join(filter(None, (str(facet.table), facet.column)))
        return not_repeatable(name, culprit, self.scripts, "values" if facet.column else "rows")

    def gone(self, table: TableName, data: TableData) -> list[RollbackFinding]:
        """A table that the head does not have any more."""
        facet = Facet(table=table)
        if not data.rows or moved(self.down.before, self.up.after, facet):
            return []
        by_design = self.view.dropped(facet)
        return [dropped_rows(table, data.rows, self.blame(facet), self.scripts, by_design=by_design)]

    def held(self, table: TableName, before: TableData, after: TableData) -> list[RollbackFinding]:
        """Columns that the head does not have any more, with values in them."""
        facets = (Facet(table=table, column=column) for column in before.columns if column not in after.columns)
        return [
            dropped_values(
                table, facet.column, number, self.blame(facet), self.scripts, by_design=self.view.dropped(facet)
            )
            for facet in facets
            if facet.column and (number := self.evidence.held.get((table, facet.column), 0))
            if not moved(self.down.before, self.up.after, facet)
        ]

    def table(self, table: TableName, before: TableData, after: TableData) -> list[RollbackFinding]:
        """What differs in a table that both heads have."""
        differences = self.evidence.rows.get(table)
        between = self.down.after.data.get(table)
        if differences is None:
            return []  # only columns came or went
        if between is None:
            return table_findings(table, before, after, differences, self.view)
        if told_by_content(differences):
            return self._without_key(table, before, between, after, differences)
        found = self._rows(table, before, between, differences)
        for column in sorted({*differences.values_lost, *differences.values_changed}):
            found += self._column(Facet(table=table, column=column), before, between, differences)
        return found or unexplained(table, before, after, self.view)

    def _without_key(
        self, table: TableName, before: TableData, between: TableData, after: TableData, differences: RowDifferences
    ) -> list[RollbackFinding]:
        if comparable(before, between) and before.row == between.row:
            return [self.again(Facet(table=table))]
        columns = other_columns(before, after)
        same = [c for c in columns if comparable(before, between) and between.columns.get(c) == before.columns[c]]
        found = table_findings(table, before, after, differences, self.view)
        if columns and columns == same and differences.lost == differences.added:
            return [self.again(Facet(table=table, column=column)) for column in columns]
        return found

    def _rows(
        self, table: TableName, before: TableData, between: TableData, differences: RowDifferences
    ) -> list[RollbackFinding]:
        if not (differences.lost or differences.added):
            return []
        facet = Facet(table=table)
        same = comparable(before, between) and value(self.down.before, facet) == value(self.down.after, facet)
        apart = self.evidence.apart(table, None)
        found: list[RollbackFinding] = []
        if differences.lost and apart is not None:
            found += self._lost_apart(table, apart)
        elif differences.lost and not same:
            by_design = between.rows < before.rows
            found.append(lost_rows(table, differences.lost, differences, self.view, by_design=by_design))
        if not same:
            found += row_findings(table, replace(differences, lost=0), self.view)
        return found if found or not same else [self.again(facet)]

    def _lost_apart(self, table: TableName, apart: Apart) -> list[RollbackFinding]:
        """Rows that the downgrade deleted are lost by design, rows that it changed are not."""
        found = []
        for keys, by_design in ((apart.deleted, True), (apart.changed, False)):
            if keys:
                sample = _sampled("lost", shown(keys))
                found.append(lost_rows(table, len(keys), sample, self.view, by_design=by_design))
        return [*found, self.again(Facet(table=table))] if apart.alone else found

    def _column(
        self, facet: Facet, before: TableData, between: TableData, differences: RowDifferences
    ) -> list[RollbackFinding]:
        table, column = facet.table, facet.column
        assert table is not None and column is not None
        if column not in between.columns:
            return value_findings(table, column, differences, self.view)
        if comparable(between, before) and between.columns[column] == before.columns[column]:
            return [self.again(facet)]
        apart = self.evidence.apart(table, column)
        if apart is None:
            return value_findings(table, column, differences, self.view)
        found = []
        if apart.deleted:
            by_design = replace(self.view, dropped=lambda lost: lost.column is None)
            found += value_findings(table, column, _of_keys(column, apart.deleted), by_design)
        if apart.changed:
            found += value_findings(table, column, _of_keys(column, apart.changed), self.view)
        return [*found, self.again(facet)] if apart.alone else found


def _of_keys(column: str, keys: Mapping[Any, bool]) -> RowDifferences:
    lost = sum(keys.values())
    return RowDifferences(0, 0, {column: lost}, {column: len(keys) - lost}, {column: shown(keys)})


def _sampled(heading: str, keys: tuple[Any, ...]) -> RowDifferences:
    return RowDifferences(0, 0, {}, {}, {heading: keys})


def _sequence_was_gone(found: RollbackFinding, between: Snapshot) -> bool:
    """A sequence that went with its table starts anew with it: the rows are the finding."""
    return not any(key.kind == "sequence-position" and key.name == found.object for key in between.schema)
