"""From findings to a verdict: the worst effect decides, acceptance decides whether the run passes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbadmin.errors import UsageError
from dbadmin.results import RollbackFinding
from dbadmin.rollback.verdict import (
    CODES,
    LEADS_TO,
    NO_EFFECT,
    VERDICTS,
    Acceptance,
    Judgement,
    effect,
    judge,
)


def found(
    code: str, obj: str = "users.mood", revision: str | None = "ae1027a", severity: str = "error"
) -> RollbackFinding:
    return RollbackFinding(
        code=code, severity=severity, phase="downgrade", revision=revision, object=obj, rows=None, by_design=None,
        accepted=False, blocks_verdict=False, detail="",
    )  # fmt: skip


def judged(*findings: RollbackFinding, accept: Sequence[str] = (), fail_on: Sequence[str] = ()) -> Judgement:
    return judge(findings, [Acceptance.parse(text) for text in accept], fail_on)


FINDINGS = st.lists(st.builds(found, st.sampled_from(CODES), severity=st.sampled_from(["error", "warning", "note"])))


def test_the_order_is_the_contract_s() -> None:
    assert VERDICTS == ("safe", "unproven", "residue", "irreversible", "lossy", "broken")


@pytest.mark.parametrize(("code", "verdict"), LEADS_TO.items())
def test_one_finding_alone_leads_to_its_verdict(code: str, verdict: str) -> None:
    judgement = judged(found(code))
    assert (judgement.verdict, judgement.passed) == (verdict, False)
    assert [f.blocks_verdict for f in judgement.findings] == [True]


@pytest.mark.parametrize("code", NO_EFFECT)
def test_some_findings_have_no_effect_whatever_their_severity(code: str) -> None:
    assert (judged(found(code)).verdict, judged(found(code)).passed) == ("safe", True)


@pytest.mark.parametrize("code", LEADS_TO)
def test_a_note_has_no_effect_whatever_its_code(code: str) -> None:
    judgement = judged(found(code, severity="note"))
    assert (judgement.verdict, judgement.passed, judgement.findings[0].blocks_verdict) == ("safe", True, False)


@given(FINDINGS)
def test_the_verdict_is_the_worst_effect_and_nothing_is_safe_alone(findings: list[RollbackFinding]) -> None:
    worst = max((VERDICTS.index(effect(f)) for f in findings), default=0)
    judgement = judge(findings)
    assert judgement.verdict == VERDICTS[worst]
    assert judgement.passed == (judgement.verdict == "safe")


@given(FINDINGS, FINDINGS)
def test_more_findings_never_make_it_better(some: list[RollbackFinding], more: list[RollbackFinding]) -> None:
    assert VERDICTS.index(judge(some + more).verdict) >= VERDICTS.index(judge(some).verdict)


@given(FINDINGS)
def test_accepting_everything_passes_and_changes_no_verdict(findings: list[RollbackFinding]) -> None:
    judgement = judge(findings, [Acceptance.parse("*")])
    assert (judgement.verdict, judgement.passed) == (judge(findings).verdict, True)


def test_one_finding_that_is_not_accepted_is_enough_to_fail() -> None:
    lost, changed = found("values-lost"), found("values-changed")
    assert not judged(lost, changed, accept=["values-lost"]).passed
    assert judged(lost, changed, accept=["values-lost", "values-changed"]).passed
    assert [f.accepted for f in judged(lost, changed, accept=["values-lost"]).findings] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "values-lost",
        "values-*",
        "*-lost",
        "values-lost:users.mood",
        "values-lost:users.*",
        "ae1027a:values-lost",
        "ae1*:values-lost",
        "ae1*:values-*",
        "*:values-lost",
        "*:values-*",
        "values-*:users.*",
        "values-*:*",
        "*:users.mood",
        "ae1027a:values-lost:users.mood",
        "ae1*:values-*:*.mood",
        "*:*:*",
        "values-lost:",
        "*",
    ],
)
def test_an_acceptance_that_fits(text: str) -> None:
    assert judged(found("values-lost"), accept=[text]).passed


@pytest.mark.parametrize(
    "text",
    [
        "rows-lost",
        "rows-*",
        "rows-*:*",
        "values-lost:users",
        "values-lost:mood",
        "ae1:values-lost",
        "b2*:values-lost",
        "ae1027a:rows-lost",
        "b2:*-lost:users.mood",
        "*:plans.*",
    ],
)
def test_an_acceptance_that_does_not_fit_is_a_warning_of_its_own(text: str) -> None:
    judgement = judged(found("values-lost"), accept=[text])
    assert not judgement.passed
    (unused,) = [f for f in judgement.findings if f.code == "acceptance-unused"]
    assert (unused.object, unused.severity, unused.blocks_verdict) == (text, "warning", False)
    assert text in unused.detail


def test_an_object_with_colons_can_be_accepted() -> None:
    odd = found("schema-missing", "t.CHECK (x::text = 'a')")
    assert judged(odd, accept=["schema-missing:t.CHECK (x::text = 'a')"]).passed
    assert judged(odd, accept=["ae1*:schema-missing:t.CHECK*::text*"]).passed


def test_case_matters_as_it_does_in_names() -> None:
    assert not judged(found("values-lost", "users.mood"), accept=["values-lost:users.Mood"]).passed


def test_a_finding_without_a_revision_is_accepted_by_no_revision_s_name() -> None:
    nobody = found("no-reference", "schema", revision=None)
    assert judged(nobody, accept=["no-reference"]).passed
    assert judged(nobody, accept=["*:no-reference"]).passed
    assert not judged(nobody, accept=["ae1*:no-reference"]).passed


@pytest.mark.parametrize("text", ["", "valuse-lost", "b2", "b2:", "b2:valuse-lost", ":", "a:b:c"])
def test_a_code_that_does_not_exist_is_refused_with_the_list(text: str) -> None:
    with pytest.raises(UsageError, match="no such finding code") as error:
        Acceptance.parse(text)
    assert error.value.hint and "values-lost" in error.value.hint


def test_the_configuration_may_say_the_parts_by_name() -> None:
    one = Acceptance.read({"revision": "ae1*", "code": "values-lost", "object": "users.*", "reason": "by agreement"})
    assert judge([found("values-lost")], [one]).passed
    assert not judge([found("values-lost", revision="b2")], [one]).passed
    assert one.reason == "by agreement"
    assert judge([], [one]).findings[0].object == "ae1*:values-lost:users.*"
    assert Acceptance.read("ae1*:values-lost:users.*") == Acceptance.parse("ae1*:values-lost:users.*")


@pytest.mark.parametrize("written", [{}, {"revision": "b2"}, {"code": "values-lost", "objekt": "x"}, {"code": "no"}])
def test_a_configured_acceptance_that_is_none_is_refused(written: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Acceptance.read(written)


def test_a_code_to_fail_on_fails_a_safe_run_and_keeps_its_verdict() -> None:
    note = found("data-at-risk", severity="note")
    judgement = judged(note, fail_on=["data-at-risk"])
    assert (judgement.verdict, judgement.passed) == ("safe", False)
    assert not judged(note, fail_on=["data-*"]).passed
    assert judged(note, fail_on=["lock-held"]).passed


def test_what_is_accepted_does_not_fail_by_being_asked_for() -> None:
    assert judged(found("lock-held"), accept=["lock-held"], fail_on=["lock-held"]).passed


def test_unused_acceptances_can_be_made_to_fail() -> None:
    assert judged(accept=["rows-lost"]).passed
    assert not judged(accept=["rows-lost"], fail_on=["acceptance-unused"]).passed


def test_a_code_to_fail_on_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="--fail-on data-at-rsk"):
        judged(fail_on=["data-at-rsk"])


def test_marks_of_the_caller_do_not_count() -> None:
    claimed = replace(found("rows-lost"), accepted=True, blocks_verdict=False)
    assert not judge([claimed]).passed
