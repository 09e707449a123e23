"""All findings of a walk, in one list: what the judges of the plan say, and what kept them from saying more."""

from collections.abc import Sequence
from dataclasses import replace

from dbadmin.copies import Copy
from dbadmin.copies.make import connect
from dbadmin.migrations.protocol import StepError, WalkResult
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import Phase, RollbackFinding
from dbadmin.rollback import evidence
from dbadmin.rollback.blame import Culprit
from dbadmin.rollback.facts import Script
from dbadmin.rollback.findings import Scripts as ScriptFacts
from dbadmin.rollback.findings import failure_finding, finding
from dbadmin.rollback.head import judge_head, judge_reference
from dbadmin.rollback.options import Options
from dbadmin.rollback.pending import judge_pending
from dbadmin.rollback.plan import Route
from dbadmin.rollback.reference import Reference
from dbadmin.rollback.report import touched_tables, what_was_compared
from dbadmin.rollback.verdict import VERDICTS, effect
from dbadmin.rollback.walk import Walk
from dbadmin.state import compare

NOBODY = Culprit(None, None)


def judge_walk(
    route: Route,
    scripts: Scripts,
    walk: Walk,
    reference: Reference | str | None,
    options: Options,
    *,
    source_unchanged: bool,
) -> tuple[RollbackFinding, ...]:
    """Every finding, worst first. `reference` is None where none is needed, a reason where there is none."""
    facts = script_facts(scripts)
    found: list[RollbackFinding] = []
    legs = walk.legs
    if route.plan.kind == "pending":
        if "downgrade" in legs:
            found += judge_pending(
                legs["upgrade"], legs["downgrade"], legs.get("reupgrade"), walk.differences, walk.repeated,
                walk.evidence, facts,
            )  # fmt: skip
    elif "reupgrade" in legs:
        found += judge_head(legs["downgrade"], legs["reupgrade"], walk.differences, walk.evidence, facts)
    if reference is not None and "downgrade" in legs:
        found += _against(reference, walk, facts)
    found += _failures(walk, facts) + _not_compared(walk, options, facts)
    if not source_unchanged:
        detail = "the source's schema or version table is not what it was before the rehearsal"
        found.append(finding("source-changed", "source", detail, NOBODY, facts))
    return tuple(sorted(_once(found), key=lambda f: -VERDICTS.index(effect(f))))


def script_facts(scripts: Scripts) -> dict[str, Script]:
    """What each script says of itself, by revision."""
    return {r.revision: Script(r.revision, r.message, r.file, r.irreversible) for r in scripts.revisions}


def compared_with_reference(copy: Copy, walk: Walk, reference: Reference | str | None) -> Reference | str | None:
    """Leave out of the reference what only spells the same otherwise, using the copy's own tables."""
    if not isinstance(reference, Reference) or "downgrade" not in walk.legs:
        return reference
    after = walk.legs["downgrade"].after
    with connect(copy.url) as connection:
        differences = evidence.without_spelling(connection, compare(reference.target, after))
        drift = evidence.without_spelling(connection, compare(reference.head, walk.legs["downgrade"].before))
    return replace(
        reference,
        differences=tuple(d for d in differences if d.scope == "schema"),
        drift=tuple(d for d in drift if d.scope == "schema"),
    )


def _against(reference: Reference | str, walk: Walk, facts: ScriptFacts) -> list[RollbackFinding]:
    if isinstance(reference, str):
        detail = f"the schema after the downgrade was compared with nothing: {reference}"
        remedy = "nothing to mend in the scripts; rehearse on a backup that is behind, so that plan P applies"
        return [finding("no-reference", "schema", detail, Culprit(None, "downgrade"), facts, remedy=remedy)]
    leg = walk.legs["downgrade"]
    return judge_reference(leg, reference, reference.differences, reference.drift, facts)


def _failures(walk: Walk, facts: ScriptFacts) -> list[RollbackFinding]:
    found = []
    for phase, result in walk.results.items():
        for target in dict.fromkeys(result.refused):
            detail = f"user code tried to reach {target} and was kept from it"
            remedy = f"--allow-connect {target} if the migrations need it and it is not the source"
            where = Culprit(result.error.revision if result.error else None, phase)
            found.append(finding("escaped-connection", target, detail, where, facts, remedy=remedy))
        if walk.failed == phase and not result.refused:
            found.append(_failure(phase, result, facts))
    return found


def _failure(phase: Phase, result: WalkResult, facts: ScriptFacts) -> RollbackFinding:
    stands = ", ".join(result.revisions) or "base"
    error = result.error or StepError("", f"the walk ended without an error, but the database stands at {stands}")
    where = f" ({' '.join(error.statement.split())})" if error.statement else ""
    return failure_finding(
        phase, error.revision, f"{error.message}{where}", facts,
        refuses=error.not_implemented, timed_out=error.timed_out, line=error.line,
    )  # fmt: skip


def _not_compared(walk: Walk, options: Options, facts: ScriptFacts) -> list[RollbackFinding]:
    """A finding for each thing that was left out and could have mattered."""
    touched = touched_tables(walk)
    return [
        finding("not-compared", left.object, f"{left.object} was not compared: {left.reason}", NOBODY, facts,
                severity="warning")
        for left in what_was_compared(walk, options).excluded
        if left.affects_verdict or left.object in touched
    ]  # fmt: skip


def _once(findings: Sequence[RollbackFinding]) -> list[RollbackFinding]:
    """The same fact told by two judges is told once."""
    return list({(f.code, f.revision, f.phase, f.object): f for f in reversed(findings)}.values())[::-1]
