"""`dbadmin verify-rollback --dry-run`: what would be walked, and whether the copies fit."""

from dbadmin.render.document import Block, Callout, Document, KeyValues
from dbadmin.render.values import plural, size
from dbadmin.results import Plan, RollbackPlan

UNKNOWN = "unknown"
LOOK_THERE = "free space on the server that holds the copies is unknown: look whether {} fit there"


def lay_out_plan(result: RollbackPlan, *, detail: bool = False) -> Document:
    """What a rehearsal would do, and whether its copies fit."""
    plan = result.plan
    walk: tuple[tuple[str, object], ...] = (("plan", "known once the backup is restored"),)
    if plan is not None:
        walk = (
            ("plan", plan_line(plan)),
            ("upgrade", ", ".join(plan.upgrade) or None),
            ("downgrade", ", ".join(plan.downgrade)),
        )
    there = (
        () if result.needed_there is None else (("needed there", size(result.needed_there)), ("free there", UNKNOWN))
    )
    pairs = (
        ("database" if plan else "backup", result.database.url),
        *walk,
        ("copy", result.method),
        ("size", size(result.size)),
        ("needed", size(result.needed)),
        ("free", size(result.free)),
        *there,
    )
    verdict = Callout("FITS", "nothing was copied", "good")
    if result.largest is not None and result.size is not None and result.size > result.largest:
        verdict = Callout("TOO LARGE", f"--max-copy allows {size(result.largest)}", "bad")
    elif not result.ok:
        verdict = Callout("TOO LARGE", "the copies do not fit: set TMPDIR to a directory with more room", "bad")
    blocks: tuple[Block, ...] = (verdict, KeyValues(pairs))
    asides = (LOOK_THERE.format(size(result.needed_there)),) if there else ()
    return Document(f"Plan for {result.database.name}", blocks, asides=asides)


def plan_line(plan: Plan) -> str:
    """`1 step: d4 → c3 (default), and up again`, or `2 pending: b2 → d4, back to b2, up again`."""
    chosen = " (default)" if plan.default and plan.kind == "head" else ""
    start, target = ends(plan.start), ends(plan.target)
    if plan.kind == "head":
        return f"{plural(len(plan.downgrade), 'step')}: {start} → {target}{chosen}, and up again"
    top = ends(plan.downgrade[:1] or plan.upgrade[-1:])
    return f"{len(plan.upgrade)} pending: {start} → {top}, back to {target}, up again"


def ends(revisions: tuple[str, ...]) -> str:
    """Where a walk stands; nothing applied is base."""
    return ", ".join(revisions) or "base"
