"""Plan P judged: the state before the first step against the state after the downgrade. Pure."""

from collections.abc import Sequence

from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import (
    Culprit,
    Facet,
    Leg,
    first_appearance,
    first_change,
    not_brought_back,
    was_dropped,
)
from dbadmin.rollback.facts import Evidence
from dbadmin.rollback.findings import (
    Scripts,
    dropped_rows,
    dropped_values,
    empty_downgrades,
    evidence_findings,
    finding,
    not_repeatable,
    schema_findings,
    sequence_findings,
)
from dbadmin.state import Difference, Snapshot


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

    found = schema_findings(differences, blame, scripts)
    found += sequence_findings(differences, blame, scripts)
    found += _dropped(up, down, evidence, scripts)
    after = down.after.data
    both = [(table, held, after[table]) for table, held in up.before.data.items() if table in after]
    found += evidence_findings(both, evidence, blame, scripts)
    found += empty_downgrades(found, scripts)
    if up_again is not None and not any(f.severity == "error" for f in found):
        found += _not_repeatable(repeated, up_again, scripts)
    return found + _at_risk(up, down, scripts)


def _dropped(up: Leg, down: Leg, evidence: Evidence, scripts: Scripts) -> list[RollbackFinding]:
    """Tables and columns with something in them that did not come back."""
    found = []
    for table, data in up.before.data.items():
        if table not in down.after.data:
            facet = Facet(table=table)
            culprit = not_brought_back(up, down, facet)
            if data.rows:
                by_design = was_dropped(up, culprit.revision, facet)
                found.append(dropped_rows(table, data.rows, culprit, scripts, by_design=by_design))
            continue
        for column in data.columns:
            held = evidence.held.get((table, column), 0)
            if held:
                facet = Facet(table=table, column=column)
                culprit = not_brought_back(up, down, facet)
                by_design = was_dropped(up, culprit.revision, facet)
                found.append(dropped_values(table, column, held, culprit, scripts, by_design=by_design))
    return found


def _not_repeatable(repeated: Sequence[Difference], up_again: Leg, scripts: Scripts) -> list[RollbackFinding]:
    facets = dict.fromkeys(
        Facet(key=d.key) if d.scope == "schema" else Facet(table=d.table, column=d.column)
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


def _at_risk(up: Leg, down: Leg, scripts: Scripts) -> list[RollbackFinding]:
    """Tables and columns that the upgrade makes and the downgrade drops: what is written there later is lost."""
    made = _made(up.before, up.after)
    found = []
    for facet in made:
        if _there(down.after, facet):
            continue
        name = ".".join(filter(None, (str(facet.table), facet.column)))
        culprit = Culprit(first_change(up, facet).revision, "downgrade")
        detail = f"what the new version will have written to {name} is dropped by the downgrade"
        found.append(finding("data-at-risk", name, detail, culprit, scripts, severity="note", by_design=True))
    return found


def _made(before: Snapshot, after: Snapshot) -> list[Facet]:
    tables = [Facet(table=table) for table in after.data if table not in before.data]
    columns = [
        Facet(table=table, column=column)
        for table, data in after.data.items()
        if table in before.data
        for column in data.columns
        if column not in before.data[table].columns
    ]
    return tables + columns


def _there(snapshot: Snapshot, facet: Facet) -> bool:
    assert facet.table is not None
    data = snapshot.data.get(facet.table)
    return data is not None and (facet.column is None or facet.column in data.columns)
