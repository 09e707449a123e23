"""From differences to findings: pure functions, one for each kind of fact.

Which differences matter is the judges' business (`pending.py` for plan P, `head.py` for plan H); here is what a
difference is called, how bad it is, and what to do about it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dbadmin.dialects import ObjectKey, Schema
from dbadmin.dialects.names import split
from dbadmin.results import Phase, RollbackFinding, Severity
from dbadmin.rollback.blame import Culprit, Facet
from dbadmin.rollback.facts import Script
from dbadmin.state import Difference

Blame = Callable[[Facet], Culprit]
Scripts = Mapping[str, Script]

NAME_KINDS = frozenset({"not-null-name", "constraint-name"})
"""Kinds of objects that are nothing but names which the engine made."""
LEFTOVER = "_alembic_tmp_"
_CHANGES = {"missing": "schema-missing", "added": "schema-left-behind", "changed": "schema-changed"}
_REMEDIES = {
    "schema-missing": "let the downgrade create {object} again",
    "schema-left-behind": "let the downgrade drop {object}",
    "schema-changed": "let the downgrade give {object} its former definition",
    "leftover": "drop {object}: a batch operation left it behind, and the next one will fail on it",
    "rows-lost": "keep the rows: move them to a table of their own in the upgrade, and back in the downgrade",
    "rows-added": "let the downgrade delete the rows that the upgrade added",
    "values-lost": "keep the values: save them in the upgrade, and restore them in the downgrade",
    "values-changed": "let the downgrade restore the former values; where they cannot be told, save them first",
    "downgrade-empty": "write the downgrade, or raise NotImplementedError there to say that there is none",
    "sequence-changed": "let the downgrade give {object} its former definition, past the largest value in use",
}
_DOWNWARD = re.compile(r"\bINCREMENT BY -")


def finding(
    code: str,
    obj: str,
    detail: str,
    culprit: Culprit,
    scripts: Scripts,
    *,
    severity: Severity = "error",
    rows: int | None = None,
    by_design: bool | None = None,
    sample: tuple[Any, ...] | None = None,
    remedy: str | None = None,
    line: int | None = None,
    query: str | None = None,
) -> RollbackFinding:
    """A finding with its script's file; `accepted` and `blocks_verdict` are the verdict's to say."""
    script = scripts.get(culprit.revision or "")
    known = _REMEDIES.get(code) if severity != "note" else None
    return RollbackFinding(
        code=code,
        severity=severity,
        phase=culprit.phase,
        revision=culprit.revision,
        object=obj,
        rows=rows,
        by_design=by_design,
        accepted=False,
        blocks_verdict=False,
        detail=detail,
        sample=sample,
        remedy=remedy or (known.format(object=obj) if known else None),
        file=script.file if script else None,
        line=line,
        query=query,
    )


def schema_findings(differences: Iterable[Difference], blame: Blame, scripts: Scripts) -> list[RollbackFinding]:
    """Findings for schema differences, but for how far sequences came."""
    return [
        _schema_finding(d, d.key, blame, scripts)
        for d in differences
        if d.scope == "schema" and d.key is not None and d.key.kind != "sequence-position"
    ]


def _schema_finding(difference: Difference, key: ObjectKey, blame: Blame, scripts: Scripts) -> RollbackFinding:
    culprit = blame(Facet(key=key))
    if key.kind == "column-order":
        detail = "the columns stand in another order"
        return finding("order-changed", key.name, detail, culprit, scripts, severity="note")
    if key.kind in NAME_KINDS and not _is_mentioned(difference.before, scripts):
        detail = "a name that the database made itself is another one"
        return finding("name-changed", key.name, detail, culprit, scripts, severity="note")
    code = _CHANGES[difference.change]
    if key.kind == "sequence" and difference.change == "changed":
        code = "sequence-changed"  # its owner, its increment, its type …
    if code == "schema-left-behind" and split(key.name)[-1].startswith(LEFTOVER):
        code = "leftover"
    return finding(code, _shown(key), _schema_detail(difference, key), culprit, scripts)


def _is_mentioned(name: Any, scripts: Scripts) -> bool:
    """Whether a revision refers to an object by this name, and will not find it under another one."""
    if name is None:
        return False
    word = re.compile(rf"(?<!\w){re.escape(str(name))}(?!\w)")
    return any(word.search(script.text) for script in scripts.values())


def _schema_detail(difference: Difference, key: ObjectKey) -> str:
    kind = key.kind.replace("-", " ")
    what = kind if _shown(key) == kind else f"{kind} {key.name}"
    if difference.change != "changed":
        gone = difference.change == "missing"
        definition = difference.before if gone else difference.after
        says_more = definition and definition != key.kind.upper()  # a plain table is only called one
        return f"{what} is {'gone' if gone else 'left'}" + (f": {_short(definition)}" if says_more else "")
    return f"{what} was {_short(difference.before)}, is {_short(difference.after)}"


def _shown(key: ObjectKey) -> str:
    """An object's name; its kind where there is but one of it, without a name (large objects)."""
    return key.name if any(split(key.name)) else key.kind.replace("-", " ")


def _short(definition: Any, most: int = 160) -> str:
    text = " ".join(str(definition).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def position(definition: str | int | None) -> int | None:
    """How far a sequence has come, from its definition in the schema map (`10`, or `10, not called`).

    >>> position("10"), position("1, not called"), position(None)
    (10, 0, None)
    """
    if definition is None:
        return None
    number, _, called = str(definition).partition(",")
    try:
        return int(number) - (1 if called.strip() else 0)
    except ValueError:
        return None


def sequence_findings(
    differences: Iterable[Difference], blame: Blame, scripts: Scripts, schema: Schema
) -> list[RollbackFinding]:
    """A sequence ahead of where it was is a note; one that fell back will give numbers that are in use.

    `schema` is the one after: it tells which sequences run downward.
    """
    found = []
    for d in differences:
        if d.key is None or d.key.kind != "sequence-position" or d.change == "added":
            continue  # one that was not used before and is now has moved ahead
        before, after = position(d.before), position(d.after)
        if before == after:
            continue  # `2` and `3, not called` give the same number next
        downward = bool(_DOWNWARD.search(schema.get(ObjectKey("sequence", d.key.name), "")))
        ahead = before is not None and after is not None and (after < before if downward else after > before)
        detail = f"the sequence {d.key.name} stood at {d.before}, and stands at {d.after or 'its start'}"
        if not ahead:
            detail += ": numbers given before will be given again"
        severity: Severity = "note" if ahead else "error"
        found.append(
            finding("sequence-changed", d.key.name, detail, blame(Facet(key=d.key)), scripts, severity=severity)
        )
    return found


def not_repeatable(name: str, culprit: Culprit, scripts: Scripts, what: str) -> RollbackFinding:
    """The upgrade does not give the same twice: now(), random(), a server default."""
    detail = f"{what} differ from one upgrade to the next (a clock, a random value, a sequence or a server default)"
    return finding("not-repeatable", name, detail, culprit, scripts, severity="note")


def empty_downgrades(found: Iterable[RollbackFinding], scripts: Scripts) -> list[RollbackFinding]:
    """Revisions to blame for something whose downgrade does nothing at all."""
    blamed = dict.fromkeys(f.revision for f in found if f.severity != "note" and f.revision)
    return [
        finding(
            "downgrade-empty", revision, f"the downgrade of {revision} does nothing; its upgrade does",
            Culprit(revision, "downgrade"), scripts,
        )
        for revision in blamed
        if revision and (script := scripts.get(revision)) is not None and script.downgrade_is_empty
    ]  # fmt: skip


def failure_finding(
    phase: Phase, revision: str | None, message: str, scripts: Scripts, *,
    refuses: bool, timed_out: bool, line: int | None,
) -> RollbackFinding:  # fmt: skip
    """A step that raised, refused by design, or ran longer than its limit."""
    culprit = Culprit(revision, phase)
    name = revision or "env.py"
    if timed_out:
        return finding("step-timeout", name, message, culprit, scripts, line=line,
                       remedy="raise --timeout, or make the step faster")  # fmt: skip
    if refuses and phase == "downgrade":
        return finding("not-implemented", name, message, culprit, scripts, line=line,
                       remedy="accept it with --accept not-implemented if there is no way back by design")  # fmt: skip
    return finding(f"{phase}-failed", name, message, culprit, scripts, line=line,
                   remedy=f"mend the {'downgrade' if phase == 'downgrade' else 'upgrade'} of {name}")  # fmt: skip
