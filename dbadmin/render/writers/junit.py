"""JUnit XML of a rehearsal: one test case per revision and phase, and one for the verdict."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from dbadmin.render.document import value_of
from dbadmin.render.layouts.rollback import finding_cells
from dbadmin.render.values import text, visible
from dbadmin.results import RollbackFinding, RollbackReport, Step


def write(report: RollbackReport) -> str:
    """A failure where the verdict rests on a finding; accepted is skipped, unproven is an error."""
    suite = Element("testsuite", name="dbadmin verify-rollback")
    suite.set("timestamp", report.started_at.isoformat())
    suite.set("time", f"{report.timings.total:.3f}")
    told: list[RollbackFinding] = []
    for step in report.steps:
        found = [f for f in report.findings if (f.phase, f.revision) == (step.phase, step.revision)]
        told += found
        step_case(suite, step, found, report)
    rest = [finding for finding in report.findings if finding not in told]
    case = SubElement(suite, "testcase", classname="verdict", name=visible(report.verdict))
    judge(case, rest, report)
    if not len(case) and not report.passed and not told:
        SubElement(case, "error" if report.verdict == "unproven" else "failure", message=visible(report.summary))
    if report.copy.left is not None:
        case = SubElement(suite, "testcase", classname="copy", name="removed")
        SubElement(case, "error", message=visible(report.copy.left))
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def step_case(suite: Element, step: Step, found: list[RollbackFinding], report: RollbackReport) -> None:
    """One revision in one phase."""
    name = visible(f"{step.revision} {step.message}".strip())
    case = SubElement(suite, "testcase", classname=step.phase, name=name)
    if step.seconds is not None:
        case.set("time", f"{step.seconds:.3f}")
    judge(case, found, report)
    if not len(case) and step.state == "skipped":
        SubElement(case, "skipped", message="an earlier step failed")
    if not len(case) and step.state == "failed":
        SubElement(case, "failure", message=visible(step.error or "failed"))


def judge(case: Element, found: list[RollbackFinding], report: RollbackReport) -> None:
    """The worst of these findings as the result of a test case; the others stand in its text."""
    against = [finding for finding in found if finding.blocks_verdict]
    if not against:
        return
    open_ones = [finding for finding in against if not finding.accepted]
    tag = "skipped" if not open_ones else "error" if report.verdict == "unproven" else "failure"
    first = (open_ones or against)[0]
    element = SubElement(case, tag, message=visible(f"{first.code}: {first.object}: {first.detail}"))
    if tag != "skipped":
        element.set("type", first.code)
    element.text = "\n".join(visible(" · ".join(text(value_of(c)) for c in finding_cells(f))) for f in against)
