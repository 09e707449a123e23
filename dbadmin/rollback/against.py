"""Plan H judged against the scripts: the schema after the downgrade, and what the target revision makes. Pure."""

import re
from collections.abc import Iterable, Sequence

from dbadmin.dialects import ObjectKey, Schema
from dbadmin.dialects.names import split
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import Culprit, Facet, Leg, first_change, not_brought_back
from dbadmin.rollback.findings import Scripts, empty_downgrades, finding, schema_findings
from dbadmin.rollback.reference import Reference
from dbadmin.state import Difference

NO_REFERENCE = "nothing to mend in the scripts; rehearse on a backup that is behind, so that plan P applies"


def judge_reference(down: Leg, reference: Reference, scripts: Scripts) -> list[RollbackFinding]:
    """Findings for the schema after the downgrade, against what the target revision itself makes.

    What differed at the head already is drift, and no finding.
    """
    known = {(d.key, d.change) for d in reference.drift}
    positions = {d.key for d in reference.differences if d.key and d.key.kind == "sequence-position"}
    # How far sequences came in an empty database says nothing about one with data.
    new = [d for d in reference.differences if (d.key, d.change) not in known and d.key not in positions]

    def blame(facet: Facet) -> Culprit:
        return _blame(down, reference, facet)

    found = schema_findings(new, blame, scripts)
    return found + empty_downgrades(found, scripts) + _tables_not_made(down, reference, scripts)


def without_healed(differences: Sequence[Difference], drift: Iterable[Difference]) -> tuple[Difference, ...]:
    """Differences between the two heads, but for what was missing and the scripts have made again."""
    missing = {d.key: d.before for d in drift if d.change == "missing"}
    return tuple(d for d in differences if not (d.change == "added" and d.key in missing and missing[d.key] == d.after))


def _blame(down: Leg, reference: Reference, facet: Facet) -> Culprit:
    """The revision after whose downgrade the object is not what the scripts make of it there."""
    for leg in reference.legs:
        if set(down.revisions) <= set(leg.revisions):
            culprit = not_brought_back(leg, down, facet)
            if culprit.revision is not None:
                return Culprit(culprit.revision, down.phase)
    left = reference.maker(facet)
    return Culprit(left, down.phase) if left in down.revisions else first_change(down, facet)


def _tables_not_made(down: Leg, reference: Reference, scripts: Scripts) -> list[RollbackFinding]:
    """Tables that the walked revisions speak of and that the scripts do not make: compared with nothing."""
    made = _tables(reference.head.schema) | _tables(reference.target.schema)
    found = []
    for key in sorted(_tables(down.before.schema) - made):
        word = re.compile(rf"(?<!\w){re.escape(split(key.name)[-1])}(?!\w)")
        speaking = [r for r in down.revisions if r in scripts and word.search(scripts[r].text)]
        if speaking:
            detail = f"no script makes the table {key.name}: its schema after the downgrade was compared with nothing"
            culprit = Culprit(speaking[0], down.phase)
            found.append(finding("no-reference", key.name, detail, culprit, scripts, remedy=NO_REFERENCE))
    return found


def _tables(schema: Schema) -> set[ObjectKey]:
    return {key for key in schema if key.kind == "table"}
