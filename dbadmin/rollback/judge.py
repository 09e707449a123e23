"""All findings of a walk, in one list: what the judges of the plan say, and what kept them from saying more."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dbadmin.copies import Copy
from dbadmin.copies.make import connect
from dbadmin.dialects.costs import Costs
from dbadmin.dialects.rules import Rules
from dbadmin.migrations.guard import WHOLE_SERVER
from dbadmin.migrations.protocol import StepError, WalkResult
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import Phase, RollbackFinding
from dbadmin.rollback import evidence
from dbadmin.rollback.against import NO_REFERENCE, judge_reference, without_healed
from dbadmin.rollback.already import judge_existing
from dbadmin.rollback.blame import Culprit
from dbadmin.rollback.costs import cost_findings, outside_connections
from dbadmin.rollback.facts import Script
from dbadmin.rollback.findings import Scripts as ScriptFacts
from dbadmin.rollback.findings import failure_finding, finding
from dbadmin.rollback.head import judge_head
from dbadmin.rollback.options import Options
from dbadmin.rollback.origin import TRUST
from dbadmin.rollback.pending import judge_pending
from dbadmin.rollback.plan import Route
from dbadmin.rollback.reference import Reference
from dbadmin.rollback.relaxed import judge_failed, judge_relaxed
from dbadmin.rollback.report import touched_tables, what_was_compared
from dbadmin.rollback.reveal import with_samples
from dbadmin.rollback.risk import at_risk_from_head
from dbadmin.rollback.upgrade import judge_passing, judge_upgrade
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
    source_unchanged: bool | None,
    incomplete: str | None = None,
    rules: Rules,
    costs: Costs | None = None,
) -> tuple[RollbackFinding, ...]:
    """Every finding, worst first. `reference` is None where none is needed, a reason where there is none.

    `source_unchanged` is None where there was no source to look at, `incomplete` says why a backup may not be whole.
    `rules` are the engine's, and so are `costs`: without them nothing is said of locks and tables written anew.
    """
    facts = script_facts(scripts)
    found = _of_pending(walk, facts) if route.plan.kind == "pending" else _of_head(walk, reference, facts)
    if reference is not None and "downgrade" in walk.legs:
        found += _against(reference, walk, facts)
    found += failures(walk, facts, rules) + _not_compared(walk, options, facts)
    found += _blocked(walk, rules, facts)
    if costs is not None:
        found += cost_findings(walk, costs, options.lock_budget, facts)
    found += outside_connections(walk, facts)
    if incomplete is not None:
        detail = f"whether the backup is whole cannot be told: {incomplete}"
        found.append(finding("not-compared", "backup", detail, NOBODY, facts, severity="warning"))
    if source_unchanged is False:
        detail = "the source's schema or version table is not what it was before the rehearsal"
        found.append(finding("source-changed", "source", detail, NOBODY, facts))
    return worst_first(with_samples(_once(found), walk, options))


def worst_first(findings: Sequence[RollbackFinding]) -> tuple[RollbackFinding, ...]:
    """Findings in the order of the verdicts that they lead to; of equal ones, warnings before notes."""
    return tuple(sorted(findings, key=lambda f: (-VERDICTS.index(effect(f)), f.severity == "note")))


def _of_pending(walk: Walk, facts: ScriptFacts) -> list[RollbackFinding]:
    legs = walk.legs
    if "downgrade" in legs:
        return judge_pending(
            legs["upgrade"], legs["downgrade"], legs.get("reupgrade"), walk.differences, walk.repeated,
            walk.evidence, facts,
        )  # fmt: skip
    return judge_upgrade(legs["upgrade"], None, walk.held, facts) if "upgrade" in legs else []


def _of_head(walk: Walk, reference: Reference | str | None, facts: ScriptFacts) -> list[RollbackFinding]:
    legs = walk.legs
    found: list[RollbackFinding] = []
    if "upgrade" in legs and "downgrade" in legs:
        found += judge_passing(legs["upgrade"], legs["downgrade"], walk.held, facts)
    elif "upgrade" in legs:
        found += judge_upgrade(legs["upgrade"], None, walk.held, facts)
    if "reupgrade" in legs:
        drift = reference.drift if isinstance(reference, Reference) else ()
        differences = without_healed(walk.differences, drift)
        found += judge_head(legs["downgrade"], legs["reupgrade"], differences, walk.evidence, facts)
    if "downgrade" in legs:
        found += at_risk_from_head(legs["downgrade"], walk.dropped, found, facts, rebuilt="reupgrade" in legs)
    return found


def script_facts(scripts: Scripts) -> dict[str, Script]:
    """What each script says of itself, by revision."""
    return {r.revision: Script(r.revision, r.message, r.file, r.irreversible, _text(r.file)) for r in scripts.revisions}


def _text(file: str | None) -> str:
    """A script's source; empty where it cannot be read any more."""
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace") if file else ""
    except OSError:
        return ""


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
        culprit = Culprit(None, "downgrade")
        return [finding("no-reference", "schema", detail, culprit, facts, remedy=NO_REFERENCE)]
    return judge_reference(walk.legs["downgrade"], reference, facts)


def _blocked(walk: Walk, rules: Rules, facts: ScriptFacts) -> list[RollbackFinding]:
    if "downgrade" in walk.legs:
        return judge_relaxed(walk.legs["downgrade"], rules, facts)
    tried = walk.failed == "downgrade" and "upgrade" in walk.legs
    return judge_failed(walk.legs["upgrade"], rules, facts) if tried else []


def failures(walk: Walk, facts: ScriptFacts, rules: Rules | None) -> list[RollbackFinding]:
    """Phases that failed, why, and connections that were refused in any of them."""
    found = []
    for phase, result in walk.results.items():
        for target in dict.fromkeys(result.refused):
            detail = f"user code tried to reach {target} and was kept from it"
            remedy = f"--allow-connect {target} if the migrations need it and it is not the source"
            if target.startswith(WHOLE_SERVER):
                detail = f"user code tried to change {target}, which others use, and was kept from it"
                remedy = "rehearse on a private server, where this is no danger: leave out --scratch"
            where = Culprit(result.error.revision if result.error else None, phase)
            found.append(finding("escaped-connection", target, detail, where, facts, remedy=remedy))
        if walk.failed != phase:
            continue
        if result.refused and (result.error is None or result.error.type == "Refused"):
            found.append(_ended_early(phase, facts))
        elif walk.confined and result.error is not None and result.error.denied:
            found.append(_denied(phase, result.error, facts))
        else:
            found.append(_failure(phase, result, facts))
            if rules is not None and phase == "upgrade":
                found += judge_existing(walk.start.schema, result.error, rules, facts)
    return found


def _ended_early(phase: Phase, facts: ScriptFacts) -> RollbackFinding:
    """Accepting that user code was kept from an address does not accept what was not rehearsed for it."""
    detail = f"the walk ended with the {phase}, where a connection was refused: what comes after was not rehearsed"
    remedy = "let the migrations do without that connection, or allow it with --allow-connect"
    return finding("not-compared", phase, detail, Culprit(None, phase), facts, severity="warning", remedy=remedy)


def _denied(phase: Phase, error: StepError, facts: ScriptFacts) -> RollbackFinding:
    """A right that is missing here need not be missing in production: nothing is proven."""
    detail = f"the {phase} lacks a right here, so it and what comes after was not rehearsed: {error.message}"
    where = Culprit(error.revision, phase)
    return finding(
        "not-compared", error.revision or phase, detail, where, facts, severity="warning", line=error.line,
        remedy=TRUST,
    )  # fmt: skip


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
