"""Levels of findings, and from which of them on findings are bad news."""

from collections.abc import Iterable

from dbadmin.errors import UsageError
from dbadmin.results.base import Finding, Severity

LEVELS: tuple[Severity, ...] = ("error", "warning", "note")
"""From worst to best."""


def level_named(name: str) -> Severity:
    """The level of this name; UsageError where there is none.

    >>> level_named("warning")
    'warning'
    """
    for level in LEVELS:
        if level == name:
            return level
    raise UsageError(f"fail_on={name!r} is no level", hint=f"one of {', '.join(LEVELS)}")


def bad_news(findings: Iterable[Finding], fail_on: str | None) -> bool:
    """Whether one of these is at `fail_on` or worse; None: none is bad news, a level that is unknown: all are.

    >>> found = [Finding("no-key", "warning", "t", "has no primary key")]
    >>> bad_news(found, "error"), bad_news(found, "note"), bad_news(found, None)
    (False, True, False)
    """
    if fail_on is None:
        return False
    bad = LEVELS[: LEVELS.index(fail_on) + 1] if fail_on in LEVELS else LEVELS
    return any(finding.severity in bad for finding in findings)
