"""Plan P judged: the state before the first step against the state after the downgrade. Pure."""

from collections.abc import Sequence

from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import (
    Culprit,
    Facet,
    Leg,
    first_appearance,
    moved,
    not_brought_back,
    was_dropped,
)
from dbadmin.rollback.contents import View, dropped_rows, dropped_values, lost_history, table_findings
from dbadmin.rollback.facts import Evidence
from dbadmin.rollback.findings import (
    Scripts,
    empty_downgrades,
    not_repeatable,
    schema_findings,
    sequence_findings,
)
from dbadmin.rollback.risk import at_risk_of_new
from dbadmin.state import Difference


def judge_pending(
    up: Leg, down: Leg, up_again: Leg | None, differences: Sequence[Difference],
    repeated: Sequence[Difference], evidence: Evidence, scripts: Scripts,
) -> list[RollbackFinding]:  # fmt: skip
    """Findings of up, down, up.

    `differences` are those of the deciding pair (before the upgrade, after the downgrade), `repeated` those
    between the two upgraded states, both without what is only spelled otherwise; `evidence` belongs to the
    deciding pair.
    """

    def blame(facet: Facet) -> Culprit:
        return not_brought_back(up, down, facet)

    def dropped(facet: Facet) -> bool:
        """Whether the upgrade dropped it; a column by itself and not with its table."""
        culprit = blame(facet).revision
        with_table = facet.column is not None and was_dropped(up, culprit, Facet(table=facet.table))
        return was_dropped(up, culprit, facet) and not with_table

    view = View(blame, dropped, scripts)
    found = schema_findings(differences, blame, scripts)
    found += sequence_findings(differences, blame, scripts, down.after.schema)
    found += _gone(up, down, evidence, view) + lost_history(evidence.history, (up, down), scripts)
    after = down.after.data
    for table, held in up.before.data.items():
        if table in after and table in evidence.rows:
            found += table_findings(table, held, after[table], evidence.rows[table], view)
    found += empty_downgrades(found, scripts)
    if up_again is not None and not any(f.severity == "error" for f in found):
        found += _not_repeatable(repeated, up_again, scripts)
    return found + at_risk_of_new(up, down, scripts)


def _gone(up: Leg, down: Leg, evidence: Evidence, view: View) -> list[RollbackFinding]:
    """Tables and columns with something in them that did not come back, under whatever name."""
    found = []
    for table, data in up.before.data.items():
        facet = Facet(table=table)
        if table not in down.after.data:
            if data.rows and not moved(up.before, down.after, facet):
                culprit = view.blame(facet)
                by_design = view.dropped(facet)
                found.append(dropped_rows(table, data.rows, culprit, view.scripts, by_design=by_design))
            continue
        for column in data.columns:
            held, of_column = evidence.held.get((table, column), 0), Facet(table=table, column=column)
            if held and not moved(up.before, down.after, of_column):
                culprit, by_design = view.blame(of_column), view.dropped(of_column)
                found.append(dropped_values(table, column, held, culprit, view.scripts, by_design=by_design))
    return found


def _not_repeatable(repeated: Sequence[Difference], up_again: Leg, scripts: Scripts) -> list[RollbackFinding]:
    data = up_again.after.data
    other_rows = {
        d.table for d in repeated if d.table and d.table in data and (d.column or "") in ("", *data[d.table].key)
    }
    facets = dict.fromkeys(
        Facet(key=d.key)
        if d.scope == "schema"
        else Facet(table=d.table, column=None if d.table in other_rows else d.column)
        for d in repeated
        if not (d.key and d.key.kind in ("sequence-position", "column-order"))
    )
    found = []
    for facet in facets:
        name = facet.key.name if facet.key else ".".join(filter(None, (str(facet.table), facet.column)))
        what = "values" if facet.column else "definitions" if facet.key else "rows"
        culprit = Culprit(first_appearance(up_again, facet), "reupgrade")
        found.append(not_repeatable(name, culprit, scripts, what))
    return found
