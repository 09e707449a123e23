"""Rules that the newer schema does not have and the downgrade restores: what the new version may write, and what a
rollback will then fail on. Pure.
"""

from collections.abc import Iterable, Mapping

from dbadmin.dialects import Schema
from dbadmin.dialects.names import join
from dbadmin.dialects.rules import Rule, Rules
from dbadmin.dialects.values import ObjectKey
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import Culprit, Facet, Leg, first_appearance, first_change
from dbadmin.rollback.contents import rows
from dbadmin.rollback.findings import Scripts, finding


def relaxed(rules: Rules, strict: Schema, loose: Schema) -> tuple[Rule, ...]:
    """Rules of the one schema that rows of the other need not keep, and whose query can be asked there.

    A rule that says more stands in for one that says less, whatever they are called. Nothing is said of columns
    and tables that the looser schema does not have: what it writes is not in them.
    """
    known = rules.of(loose)
    gone = (rule for rule in rules.of(strict) if not any(other.implies(rule) for other in known))
    types = (
        rules.narrowed(key, strict, loose)
        for key in strict
        if key.kind == "column" and key in loose and _is_table(key, loose)
    )
    found = [*gone, *(rule for rule in types if rule is not None)]
    return tuple({(rule.kind, rule.name, rule.content): rule for rule in found if rule.needs <= loose.keys()}.values())


def _is_table(column: ObjectKey, schema: Schema) -> bool:
    from dbadmin.dialects.rules import table_of_column

    return ObjectKey("table", join(table_of_column(column))) in schema


def judge_relaxed(
    down: Leg, rules: Rules, scripts: Scripts, counted: Mapping[str, int | None] | None = None
) -> list[RollbackFinding]:
    """A finding for each rule that stands after the downgrade and did not before it.

    `counted` has, by query, the rows that break a rule already: what the new version has written, where somebody
    counted.
    """
    found = relaxed(rules, down.after.schema, down.before.schema)
    return [_finding(rule, _restorer(down, rule), scripts, counted or {}) for rule in found]


def judge_failed(
    up: Leg, rules: Rules, scripts: Scripts, counted: Mapping[str, int | None] | None = None
) -> list[RollbackFinding]:
    """As `judge_relaxed`, where the downgrade failed: the rules that the upgrade relaxed, to be restored."""
    found = relaxed(rules, up.before.schema, up.after.schema)
    culprits = ((rule, first_change(up, Facet(key=rule.key)).revision) for rule in found)
    return [_finding(rule, Culprit(revision, "downgrade"), scripts, counted or {}) for rule, revision in culprits]


def _restorer(down: Leg, rule: Rule) -> Culprit:
    facets: Iterable[Facet] = (Facet(key=rule.key), *(Facet(key=key) for key in sorted(rule.needs)))
    for facet in facets:
        revision = first_appearance(down, facet)
        if revision is not None:
            return Culprit(revision, down.phase)
    return Culprit(down.revisions[0] if len(down.revisions) == 1 else None, down.phase)


def _finding(rule: Rule, culprit: Culprit, scripts: Scripts, counted: Mapping[str, int | None]) -> RollbackFinding:
    detail = f"the upgrade lifts a rule that the downgrade restores: {rule.shown} of {_of(rule)}"
    number = counted.get(rule.query)
    if number:
        detail += f"; {rows(number)} {'breaks' if number == 1 else 'break'} it"
    return finding(
        "blocked-by-new-data", rule.name, detail, culprit, scripts, severity="warning", rows=number, query=rule.query,
        remedy=f"before a rollback, count the rows that would block it: {rule.query}",
    )  # fmt: skip


def _of(rule: Rule) -> str:
    return str(rule.table) if rule.kind in ("unique", "check", "foreign-key") else rule.name
