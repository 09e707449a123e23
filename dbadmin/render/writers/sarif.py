r"""SARIF 2.1.0: findings for code scanning, each with its rule, its file and line, and a key that stays the same.

The form is https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; dbadmin's severities are its levels.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote

from dbadmin.render.values import visible
from dbadmin.render.writers.json import dumps
from dbadmin.results import Finding, ReviewFinding
from dbadmin.version import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(command: str, findings: Sequence[Finding]) -> str:
    """One run of `dbadmin <command>`. What is ignored or accepted is there, suppressed, with the reason given."""
    codes = list(dict.fromkeys(finding.code for finding in findings))
    driver = {"name": f"dbadmin {command}", "version": __version__, "rules": [rule(code, findings) for code in codes]}
    results = [one(finding, codes.index(finding.code)) for finding in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def rule(code: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """A rule, with its reason where its findings give one."""
    why = next((reason for f in findings if f.code == code and (reason := getattr(f, "why", ""))), None)
    return {"id": code} if why is None else {"id": code, "fullDescription": {"text": visible(why)}}


def one(finding: Finding, rule: int) -> dict[str, Any]:
    """A finding as a result."""
    said = [f"{finding.object}: {finding.detail}", finding.remedy, *(f"{sql};" for sql in getattr(finding, "sql", ()))]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": "\n".join(visible(line) for line in said if line)},
        "locations": [location(finding)],
        "partialFingerprints": {"dbadmin/v1": getattr(finding, "key", "") or f"{finding.code}:{finding.object}"},
    }
    reason = getattr(finding, "ignored", None)
    if reason is not None:
        kind = "inSource" if isinstance(finding, ReviewFinding) else "external"
        result["suppressions"] = [{"kind": kind, "justification": visible(str(reason))}]
    return result


def location(finding: Finding) -> dict[str, Any]:
    """The object, and file and line where there are some."""
    found: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": visible(finding.object)}]}
    if finding.file is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": uri(below(finding.file))}}
        if finding.line is not None:
            physical["region"] = {"startLine": finding.line}
        found["physicalLocation"] = physical
    return found


def below(path: str) -> str:
    """A path from the working directory where it lies below it: services look for it in a checkout's top."""
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path


def uri(path: str) -> str:
    r"""A path as a URI reference.

    >>> uri("app/a b.py"), uri("/srv/app.py"), uri("app\\models.py")
    ('app/a%20b.py', 'file:///srv/app.py', 'app/models.py')
    """
    posix = PureWindowsPath(path).as_posix()
    return f"file://{quote(posix)}" if PurePosixPath(posix).is_absolute() else quote(posix)
