"""What differs in a schema, told without a database: objects, names that engines make, and sequences."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshots import key, leg, scripts, snap

from dbadmin.dialects import ObjectKey
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import Culprit, Leg
from dbadmin.rollback.facts import Evidence
from dbadmin.rollback.findings import position, schema_findings, sequence_findings
from dbadmin.rollback.pending import judge_pending
from dbadmin.state import compare

INDEX = key("index", "t.ix")
NOBODY = Culprit(None, None)


def of_schema(before: Mapping[ObjectKey, str], after: Mapping[ObjectKey, str], **texts: Any) -> list[RollbackFinding]:
    up = leg("upgrade", snap(before), ("b2", snap(after)))
    down: Leg = leg("downgrade", snap(after), ("b2", snap(after)))
    return judge_pending(up, down, None, compare(snap(before), snap(after)), (), Evidence(), scripts(**texts))


TABLE = {key("table", "t"): "TABLE"}


@pytest.mark.parametrize(
    ("before", "after", "code", "detail"),
    [
        ({}, {INDEX: "(x)"}, "schema-left-behind", "index t.ix is left: (x)"),
        ({INDEX: "(x)"}, {}, "schema-missing", "index t.ix is gone: (x)"),
        ({INDEX: "(x)"}, {INDEX: "(y)"}, "schema-changed", "index t.ix was (x), is (y)"),
        ({}, TABLE, "schema-left-behind", "table t is left"),
        ({}, {key("table", "_alembic_tmp_t"): "TABLE"}, "leftover", "table _alembic_tmp_t is left"),
        (
            {key("sequence", "s"): "INCREMENT BY 1"},
            {key("sequence", "s"): "INCREMENT BY 5"},
            "sequence-changed",
            "sequence s was INCREMENT BY 1, is INCREMENT BY 5",
        ),
        ({key("sequence", "s"): "INCREMENT BY 1"}, {}, "schema-missing", "sequence s is gone: INCREMENT BY 1"),
    ],
)
def test_a_schema_that_is_not_what_it_was(
    before: dict[ObjectKey, str], after: dict[ObjectKey, str], code: str, detail: str
) -> None:
    (found,) = of_schema(before, after)
    assert (found.code, found.detail, found.severity) == (code, detail, "error")
    assert (found.phase, found.revision) == ("downgrade", "b2")
    assert found.remedy and found.object in found.remedy


def test_the_order_of_columns_is_a_note() -> None:
    order = key("column-order", "t")
    (found,) = of_schema({**TABLE, order: "a, b"}, {**TABLE, order: "b, a"})
    assert (found.code, found.severity, found.remedy) == ("order-changed", "note", None)


def test_a_name_that_the_engine_made_is_a_note_unless_a_revision_refers_to_it() -> None:
    name = key("not-null-name", "t.x")
    before, after = {**TABLE, name: "t_x_not_null"}, {**TABLE, name: "t_y_not_null"}
    (found,) = of_schema(before, after, c3_text="op.drop_constraint('some_t_x_not_null_2')")
    assert (found.code, found.severity) == ("name-changed", "note")
    (found,) = of_schema(before, after, c3_text="op.drop_constraint('t_x_not_null')")
    assert (found.code, found.severity) == ("schema-changed", "error")


def test_a_downgrade_that_does_nothing_is_named_where_it_is_to_blame_and_nowhere_else() -> None:
    found = of_schema({}, {INDEX: "(x)"}, b2="downgrade() is empty", c3="downgrade() is empty")
    assert [(f.code, f.object, f.revision) for f in found] == [
        ("schema-left-behind", "t.ix", "b2"),
        ("downgrade-empty", "b2", "b2"),
    ]
    assert [f.code for f in of_schema({}, {}, b2="downgrade() is empty")] == []


SEQUENCE = key("sequence-position", "s")


@pytest.mark.parametrize(
    ("before", "after", "severity"),
    [
        ("10", "12", "note"),
        ("10", "9", "error"),
        ("10", "1, not called", "error"),
        ("10", None, "error"),
        ("10", "11, not called", None),
        ("1, not called", "1", "note"),
        (None, "5", None),
        ("10", "strange", "error"),
    ],
)
def test_a_sequence_may_move_ahead_and_not_back(before: str | None, after: str | None, severity: str | None) -> None:
    states = [
        snap({key("sequence", "s"): "INCREMENT BY 1", **({SEQUENCE: at} if at else {})}) for at in (before, after)
    ]
    found = sequence_findings(compare(*states), lambda facet: NOBODY, scripts(), states[1].schema)
    assert [(f.code, f.severity) for f in found] == ([("sequence-changed", severity)] if severity else [])
    assert schema_findings(compare(*states), lambda facet: NOBODY, scripts()) == []


def test_a_sequence_that_runs_downward_is_ahead_when_it_is_lower() -> None:
    definition = {key("sequence", "s"): "AS bigint INCREMENT BY -1"}
    for after, severity in (("-7", "note"), ("-2", "error")):
        pair = compare(snap({**definition, SEQUENCE: "-5"}), snap({**definition, SEQUENCE: after}))
        (found,) = sequence_findings(pair, lambda facet: NOBODY, scripts(), definition)
        assert found.severity == severity


@given(st.integers(-(2**62), 2**62), st.booleans())
def test_the_position_of_a_sequence_is_the_last_number_given(number: int, called: bool) -> None:
    assert position(f"{number}{'' if called else ', not called'}") == number - (not called)
