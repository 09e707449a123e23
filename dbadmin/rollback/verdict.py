"""From findings to a verdict: one table, and pure functions over it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from dbadmin.errors import UsageError
from dbadmin.results import RollbackFinding, Verdict

VERDICTS: tuple[Verdict, ...] = ("safe", "unproven", "residue", "irreversible", "lossy", "broken")
"""Best to worst."""

LEADS_TO: dict[str, Verdict] = {
    "not-compared": "unproven",
    "no-reference": "unproven",
    "escaped-connection": "unproven",
    "source-changed": "unproven",
    "schema-left-behind": "residue",
    "schema-missing": "residue",
    "schema-changed": "residue",
    "rows-added": "residue",
    "downgrade-empty": "residue",
    "leftover": "residue",
    "sequence-changed": "residue",
    "not-implemented": "irreversible",
    "rows-lost": "lossy",
    "values-lost": "lossy",
    "values-changed": "lossy",
    "upgrade-failed": "broken",
    "downgrade-failed": "broken",
    "reupgrade-failed": "broken",
    "step-timeout": "broken",
}
"""Finding code → the verdict that it leads to. A finding of severity note has no effect, whatever its code."""

NO_EFFECT = (
    "order-changed",
    "name-changed",
    "not-repeatable",
    "data-at-risk",
    "blocked-by-new-data",
    "lock-held",
    "table-rewritten",
    "outside-connection",
    "already-exists",
    "acceptance-unused",
)
CODES = (*LEADS_TO, *NO_EFFECT)


def is_code(pattern: str) -> bool:
    """Whether a pattern (a code, or globs) fits any finding code."""
    return bool(pattern) and any(fnmatchcase(code, pattern) for code in CODES)


def known_code(pattern: str, where: str) -> str:
    """The pattern, if it fits any finding code; UsageError otherwise."""
    if not is_code(pattern):
        raise UsageError(f"{where}: no such finding code", hint=f"codes: {', '.join(CODES)}")
    return pattern


@dataclass(frozen=True)
class Acceptance:
    """A pattern of findings that are accepted; `written` is what the user typed.

    >>> Acceptance.parse("ae10*:values-lost:users.*").revision
    'ae10*'
    >>> Acceptance.parse("values-lost").object
    '*'
    """

    revision: str
    code: str
    object: str
    written: str
    reason: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Acceptance":
        """Read `[REV:]CODE[:OBJECT]`; every part may hold globs."""
        first, _, rest = text.partition(":")
        second, colon, further = rest.partition(":")
        if _begins_with_code(first, second, bool(colon)):
            revision, code, obj = "*", first, rest
        else:
            revision, code, obj = first, second, further
        return cls(revision, known_code(code, f"--accept {text}"), obj or "*", text)

    @classmethod
    def read(cls, written: "str | Mapping[str, str]") -> "Acceptance":
        """Read what `--accept` or the configuration's `accept = [{revision, code, object, reason}]` says."""
        if isinstance(written, str):
            return cls.parse(written)
        unknown = set(written) - {"revision", "code", "object", "reason"}
        if unknown or "code" not in written:
            raise UsageError(
                f"accept: {dict(written)} is no acceptance",
                hint='accept = [{revision = "…", code = "…", object = "…", reason = "…"}]',
            )
        return cls(
            written.get("revision", "*"),
            known_code(written["code"], "accept"),
            written.get("object", "*"),
            ":".join(written[key] for key in ("revision", "code", "object") if key in written),
            written.get("reason"),
        )

    def matches(self, finding: RollbackFinding) -> bool:
        """Whether this finding is accepted."""
        return (
            fnmatchcase(finding.revision or "", self.revision)
            and fnmatchcase(finding.code, self.code)
            and fnmatchcase(finding.object, self.object)
        )


def _begins_with_code(first: str, second: str, third: bool) -> bool:
    """Whether CODE[:OBJECT] is meant and not REV:CODE[:OBJECT], where globs leave both open."""
    if first in CODES or not is_code(second):
        return True
    if second in CODES or third:
        return False
    return first != "*" and is_code(first)  # `rows-*:*` is about rows, `*:rows-*` about any revision


@dataclass(frozen=True)
class Judgement:
    """The verdict, the findings marked, and whether the run passes."""

    verdict: Verdict
    findings: tuple[RollbackFinding, ...]
    passed: bool


def effect(finding: RollbackFinding) -> Verdict:
    """The verdict that one finding leads to by itself."""
    return "safe" if finding.severity == "note" else LEADS_TO.get(finding.code, "safe")


def judge(
    findings: Iterable[RollbackFinding], accept: Sequence[Acceptance] = (), fail_on: Sequence[str] = ()
) -> Judgement:
    """The worst effect is the verdict; it passes if every finding with an effect is accepted.

    `fail_on` names codes (globs) that fail besides, whatever their effect. An acceptance that matched nothing
    is a warning of its own.
    """
    for pattern in fail_on:
        known_code(pattern, f"--fail-on {pattern}")
    marked = tuple(_mark(finding, accept) for finding in findings)
    effects: list[Verdict] = [effect(finding) for finding in marked]
    verdict: Verdict = max(effects, key=VERDICTS.index, default="safe")
    told = marked + _unused(marked, accept)
    passed = not any(
        finding.blocks_verdict or any(fnmatchcase(finding.code, pattern) for pattern in fail_on)
        for finding in told
        if not finding.accepted
    )
    return Judgement(verdict, told, passed)


def _mark(finding: RollbackFinding, accept: Sequence[Acceptance]) -> RollbackFinding:
    accepted = any(acceptance.matches(finding) for acceptance in accept)
    return replace(finding, accepted=accepted, blocks_verdict=effect(finding) != "safe")


def _unused(findings: Sequence[RollbackFinding], accept: Sequence[Acceptance]) -> tuple[RollbackFinding, ...]:
    return tuple(
        RollbackFinding(
            code="acceptance-unused", severity="warning", phase=None, revision=None, object=acceptance.written,
            rows=None, by_design=None, accepted=False, blocks_verdict=False,
            detail=f"--accept {acceptance.written} matched no finding",
            remedy="remove it: what it accepted is gone, or its name has changed",
        )
        for acceptance in accept
        if not any(acceptance.matches(finding) for finding in findings)
    )  # fmt: skip
