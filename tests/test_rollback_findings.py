"""From states to findings, without a database: each row of the tables that say what is lost and what is not."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshots import T, key, leg, scripts, snap, table

from dbadmin.dialects import ColumnPrint, RowDifferences, TableData, TableName
from dbadmin.dialects.merge import RowComparison, merged
from dbadmin.results import Phase, RollbackFinding
from dbadmin.rollback.blame import Culprit
from dbadmin.rollback.facts import Evidence
from dbadmin.rollback.findings import empty_downgrades, failure_finding, finding, schema_findings, sequence_findings
from dbadmin.rollback.head import judge_head
from dbadmin.rollback.pending import judge_pending
from dbadmin.rollback.upgrade import judge_passing, judge_upgrade
from dbadmin.state import Difference, Snapshot, compare
from dbadmin.state.compare import Change

Rows = Mapping[int, str | None]
Short = tuple[str, str, int | None, bool | None]
INDEX = key("index", "t.ix")


# --- tables as plain dictionaries: key → value of the column x ---------------------------------------------------


def held(rows: Rows) -> TableData:
    """A table with the key id and a column x, as a fingerprint that is equal exactly where they are."""
    values, nulls = (repr(sorted(part)) for part in (rows.items(), [k for k, v in rows.items() if v is None]))
    prints = {"id": ColumnPrint(repr(sorted(rows)), ""), "x": ColumnPrint(values, nulls)}
    return TableData(len(rows), prints, ("id",), method="m")


def differences(before: Rows, after: Rows) -> RowDifferences:
    """What the engines' own comparison row by row makes of them."""
    comparison = RowComparison(["x"])
    streams = (((k, (v,)) for k, v in sorted(rows.items())) for rows in (before, after))
    for old, new in merged(*streams):
        comparison.add((old or new)[0], old and old[1], new and new[1])  # type: ignore[index]
    return comparison.result()


def evidence(before: Rows, after: Rows, between: Rows | None = None) -> Evidence:
    """The evidence of a deciding pair, and of what the downgrade had done."""
    rows = {T: differences(before, after)} if before != after else {}
    return Evidence(rows, {}, {T: differences(before, between)} if between is not None and between != before else {})


def of_head(head: Rows, down: Rows | None, again: Rows) -> list[RollbackFinding]:
    """The findings of plan H for one table; `down` None: the downgrade drops it."""
    low = snap(t=held(down)) if down is not None else snap()
    high, end = snap(t=held(head)), snap(t=held(again))
    there, back = leg("downgrade", high, ("b2", low)), leg("reupgrade", low, ("b2", end))
    return judge_head(there, back, (), evidence(head, again, down), scripts())


def of_pending(start: Rows, top: Snapshot, end: Rows) -> list[RollbackFinding]:
    """The findings of plan P for one table."""
    low, back = snap(t=held(start)), snap(t=held(end))
    up, down = leg("upgrade", low, ("b2", top)), leg("downgrade", top, ("b2", back))
    return judge_pending(up, down, None, compare(low, back), (), evidence(start, end), scripts())


def short(found: list[RollbackFinding]) -> set[Short]:
    return {(f.code, f.object, f.rows, f.by_design) for f in found if f.severity != "note"}


def notes(found: list[RollbackFinding]) -> set[tuple[str, str]]:
    return {(f.code, f.object) for f in found if f.severity == "note"}


# --- plan H, row by row of the contract's table ------------------------------------------------------------------

HEAD: Rows = {1: "a", 2: "b", 3: None}
LOST: dict[str, tuple[Rows | None, Rows, set[Short], set[tuple[str, str]]]] = {
    "table dropped, rebuilt as it was": (None, HEAD, set(), set()),
    "table dropped, empty afterwards": (None, {}, {("rows-lost", "t", 3, True)}, set()),
    "table dropped, one row back": (None, {1: "a"}, {("rows-lost", "t", 2, True)}, set()),
    "table dropped, a new default in place of a value": (
        None, {1: "a", 2: "new", 3: None}, {("values-lost", "t.x", 1, True)}, set()),
    "table dropped, filled with what was deleted since": (
        None, {**HEAD, 4: "seed"}, {("rows-added", "t", 1, None)}, set()),
    "row deleted, back as it was": ({1: "a", 2: "b"}, HEAD, set(), set()),
    "row deleted, not back": ({1: "a", 2: "b"}, {1: "a", 2: "b"}, {("rows-lost", "t", 1, True)}, set()),
    "row deleted, back with another value": (
        {2: "b", 3: None}, {1: "z", 2: "b", 3: None}, {("values-lost", "t.x", 1, True)}, set()),
    "left alone, other values every time": (
        HEAD, {1: "c", 2: "b", 3: None}, set(), {("not-repeatable", "t.x")}),
    "left alone, a row more every time": (HEAD, {**HEAD, 9: "n"}, set(), {("not-repeatable", "t")}),
    "changed, and restored": ({1: "A", 2: "B", 3: None}, HEAD, set(), set()),
    "changed, and not restored": (
        {1: "A", 2: "b", 3: None}, {1: "A", 2: "b", 3: None}, {("values-changed", "t.x", 1, False)}, set()),
    "emptied, and not restored": (
        {1: None, 2: None, 3: None}, {1: None, 2: None, 3: None}, {("values-lost", "t.x", 2, False)}, set()),
    "one row for others, as many as there were": (
        {1: "a", 2: "b", 8: "o"}, {1: "a", 2: "b", 8: "o"},
        {("rows-lost", "t", 1, True), ("rows-added", "t", 1, None)}, set()),
    "one changed, another one new every time": (
        {1: "A", 2: "b", 3: None}, {1: "A", 2: "z", 3: None},
        {("values-changed", "t.x", 1, False)}, {("not-repeatable", "t.x")}),
    "one deleted, another one changed": (
        {2: "B", 3: None}, {1: "z", 2: "B", 3: None},
        {("values-lost", "t.x", 1, True), ("values-changed", "t.x", 1, False)}, set()),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
def test_plan_h_judges_rows_and_values(name: str) -> None:
    down, again, expected, noted = LOST[name]
    found = of_head(HEAD, down, again)
    assert (short(found), notes(found)) == (expected, noted)


ROWS = st.dictionaries(st.integers(1, 4), st.sampled_from([None, "a", "b"]), max_size=4)


@given(ROWS, st.one_of(st.none(), ROWS), ROWS)
def test_plan_h_agrees_with_the_contract_s_table_on_any_three_states(
    head: Rows, down: Rows | None, again: Rows
) -> None:
    found = of_head(head, down, again)
    lost = [f for f in found if f.severity != "note"]
    expected = {verdict_of(row, head, down, again) for row in head} - {None}
    told = {"by design" if f.by_design else "mistake" for f in lost if f.code != "rows-added"}
    told |= {"note" for f in found if f.severity == "note" and not set(again) - set(head)}
    if set(again) - set(head):  # they are rows-added or, where the downgrade left all alone, a note
        expected, told = expected - {"note"}, told - {"note"}
    assert told == expected
    assert sum(f.rows or 0 for f in lost if f.code != "rows-added") == sum(
        verdict_of(row, head, down, again) in ("by design", "mistake") for row in head
    )


def verdict_of(row: int, head: Rows, down: Rows | None, again: Rows) -> str | None:
    """The contract's table, for one row of H."""
    if row in again and again[row] == head[row]:
        return None
    if down is None or row not in down:
        return "by design"
    return "note" if down[row] == head[row] else "mistake"


def test_a_loss_by_design_says_so_and_blames_the_downgrade() -> None:
    (found,) = of_head(HEAD, None, {})
    assert (found.phase, found.revision, found.file) == ("downgrade", "b2", "b2.py")
    assert found.detail == "t was dropped, and 3 of its rows do not come back"
    assert found.remedy and "accept that a rollback loses them" in found.remedy


def test_a_column_that_goes_by_the_downgrade_is_lost_by_design_even_if_a_default_fills_it() -> None:
    high, low = snap(t=table(x="values")), snap(t=table())
    for end, differing in ((snap(t=table(x="default")), {"x": 2}), (high, {})):
        seen = Evidence({T: RowDifferences(0, 0, {}, differing, {"x": (1,)})} if differing else {})
        there, back = leg("downgrade", high, ("b2", low)), leg("reupgrade", low, ("b2", end))
        expected = {("values-lost", "t.x", 2, True)} if differing else set()
        assert short(judge_head(there, back, (), seen, scripts())) == expected


def test_a_column_that_the_scripts_do_not_know_is_lost_with_its_values() -> None:
    high, low = snap({key("column", "t.x"): "int"}, t=table(x="values")), snap({}, t=table())
    there, back = leg("downgrade", high, ("b2", low)), leg("reupgrade", low, ("b2", low))
    found = judge_head(there, back, compare(high, low), Evidence({}, {(T, "x"): 2}), scripts())
    assert short(found) == {("values-lost", "t.x", 2, True), ("schema-missing", "t.x", None, None)}


def test_a_table_without_a_key_is_judged_by_its_contents() -> None:
    high, same, low, end = (
        snap(t=table(4, keyed=False, row=row, x=x))
        for row, x in (("1", "a"), ("1", "a"), ("2", "b"), ("3", "c"))
    )  # fmt: skip
    seen = Evidence({T: RowDifferences(2, 2, {}, {}, {})})
    mangled = judge_head(leg("downgrade", high, ("b2", low)), leg("reupgrade", low, ("b2", end)), (), seen, scripts())
    assert short(mangled) == {("values-changed", "t.x", 2, False)}
    alone = judge_head(leg("downgrade", high, ("b2", same)), leg("reupgrade", same, ("b2", end)), (), seen, scripts())
    assert (short(alone), notes(alone)) == (set(), {("not-repeatable", "t")})


def test_the_deeper_of_two_revisions_is_blamed_where_the_upper_one_undoes_itself() -> None:
    states = [snap(t=held({1: text})) for text in ("a!", "a", "A", "A", "A!")]
    there = leg("downgrade", states[0], ("c3", states[1]), ("b2", states[2]))
    back = leg("reupgrade", states[2], ("b2", states[3]), ("c3", states[4]))
    (found,) = judge_head(there, back, (), evidence({1: "a!"}, {1: "A!"}, {1: "A"}), scripts())
    assert (found.revision, found.phase, found.code) == ("b2", "downgrade", "values-changed")


# --- plan P ------------------------------------------------------------------------------------------------------

START: Rows = {1: "a", 2: "b", 3: None}
PENDING: dict[str, tuple[Snapshot, Rows, set[Short]]] = {
    "nothing": (snap(t=held(START)), START, set()),
    "changed and restored": (snap(t=held({1: "A", 2: "B", 3: None})), START, set()),
    "dropped and restored": (snap(t=table()), START, set()),
    "table dropped and restored": (snap(), START, set()),
    "a value changed": (snap(t=held({1: "A"})), {1: "A", 2: "b", 3: None}, {("values-changed", "t.x", 1, False)}),
    "a value for none": (snap(t=held({1: "A"})), {1: "a", 2: "b", 3: "c"}, {("values-changed", "t.x", 1, False)}),
    "a value lost": (snap(t=held({1: "A"})), {1: None, 2: "b", 3: None}, {("values-lost", "t.x", 1, False)}),
    "a row deleted": (snap(t=held({1: "a"})), {1: "a", 2: "b"}, {("rows-lost", "t", 1, False)}),
    "a row added": (snap(t=held({1: "a"})), {**START, 4: "d"}, {("rows-added", "t", 1, None)}),
    "a column dropped": (
        snap(t=TableData(3, {"id": held(START).columns["id"]}, ("id",), method="m")),
        {1: None, 2: "default", 3: None}, {("values-lost", "t.x", 2, True)}),
    "a table dropped": (snap(), {}, {("rows-lost", "t", 3, True)}),
    "a table dropped, some rows back": (
        snap(), {1: "a", 2: "z"}, {("rows-lost", "t", 1, True), ("values-lost", "t.x", 1, True)}),
}  # fmt: skip


@pytest.mark.parametrize("name", PENDING)
def test_plan_p_judges_rows_and_values(name: str) -> None:
    top, end, expected = PENDING[name]
    assert short(of_pending(START, top, end)) == expected


@given(ROWS, ROWS, ROWS)
def test_plan_p_finds_exactly_what_differs_whatever_the_upgrade_did(start: Rows, top: Rows, end: Rows) -> None:
    found = of_pending(start, snap(t=held(top)), end)
    counted = {code: sum(f.rows or 0 for f in found if f.code == code) for code in {f.code for f in found}}
    both = start.keys() & end.keys()
    expected = {
        "rows-lost": len(start.keys() - end.keys()),
        "rows-added": len(end.keys() - start.keys()),
        "values-lost": sum(start[k] is not None and end[k] is None for k in both),
        "values-changed": sum(start[k] != end[k] and end[k] is not None for k in both),
    }
    assert counted == {code: number for code, number in expected.items() if number}


def test_a_dropped_column_is_the_upgrade_s_loss_and_asks_to_save_the_values() -> None:
    top, end, _ = PENDING["a column dropped"]
    (found,) = of_pending(START, top, end)
    assert (found.phase, found.revision) == ("upgrade", "b2")
    assert found.sample == (1, 2)
    assert found.remedy and found.remedy.startswith("keep the values")


def test_a_column_left_in_a_table_without_a_key_is_no_loss() -> None:
    start = snap({}, t=table(keyed=False, row="1", x="a"))
    end = snap({key("column", "t.y"): "int"}, t=table(keyed=False, row="2", x="a", y="b"))
    up, down = leg("upgrade", start, ("b2", end)), leg("downgrade", end, ("b2", end))
    seen = Evidence({T: RowDifferences(0, 0, {}, {}, {})})
    found = judge_pending(up, down, None, compare(start, end), (), seen, scripts())
    assert short(found) == {("schema-left-behind", "t.y", None, None)}


def test_contents_that_differ_without_a_row_that_does_are_never_silent() -> None:
    start, end = snap(t=table(x="a")), snap(t=table(x="b"))
    up, down = leg("upgrade", start, ("b2", end)), leg("downgrade", end, ("b2", end))
    seen = Evidence({T: RowDifferences(0, 0, {}, {}, {})})
    assert short(judge_pending(up, down, None, (), (), seen, scripts())) == {("values-changed", "t", None, False)}


def test_what_was_renamed_and_left_so_is_not_lost() -> None:
    start, end = snap(t=table(x="a"), u=table(y="b")), snap(t=table(z="a"), v=table(y="b"))
    up, down = leg("upgrade", start, ("b2", end)), leg("downgrade", end, ("b2", end))
    seen = Evidence({}, {(T, "x"): 3})
    assert short(judge_pending(up, down, None, (), (), seen, scripts())) == set()


def test_upgraded_states_that_differ_are_a_note_only_where_the_way_back_is_clean() -> None:
    start, one, other = snap(t=held({1: "a"})), snap(t=held({1: "x"})), snap(t=held({1: "y"}))
    up, down, again = leg("upgrade", start, ("b2", one)), leg("downgrade", one, ("b2", start)), None
    again = leg("reupgrade", start, ("b2", other))
    repeated = compare(one, other)
    found = judge_pending(up, down, again, (), repeated, Evidence(), scripts())
    assert (short(found), notes(found)) == (set(), {("not-repeatable", "t.x")})
    down = leg("downgrade", one, ("b2", one))
    found = judge_pending(up, down, again, (), repeated, evidence({1: "a"}, {1: "x"}), scripts())
    assert (short(found), notes(found)) == ({("values-changed", "t.x", 1, False)}, set())


def test_rows_with_other_keys_every_time_are_one_note_and_not_one_for_each_column() -> None:
    start, one, other = snap(t=held({})), snap(t=held({1: "x"})), snap(t=held({2: "x"}))
    up, down = leg("upgrade", start, ("b2", one)), leg("downgrade", one, ("b2", start))
    again = leg("reupgrade", start, ("b2", other))
    found = judge_pending(up, down, again, (), compare(one, other), Evidence(), scripts())
    assert notes(found) == {("not-repeatable", "t")}


def test_what_the_new_version_will_write_into_what_the_downgrade_drops_is_at_risk() -> None:
    start, top = snap(t=table()), snap(t=table(x="a"), u=table())
    up, down = leg("upgrade", start, ("b2", top)), leg("downgrade", top, ("b2", start))
    found = judge_pending(up, down, None, (), (), Evidence(), scripts())
    assert notes(found) == {("data-at-risk", "t.x"), ("data-at-risk", "u")}
    assert {(f.phase, f.revision, f.by_design) for f in found} == {("downgrade", "b2", True)}


def test_a_rename_there_and_back_puts_nothing_at_risk() -> None:
    start, top = snap(t=table(x="a"), u=table(y="b")), snap(t=table(z="a"), v=table(y="b"))
    up, down = leg("upgrade", start, ("b2", top)), leg("downgrade", top, ("b2", start))
    assert judge_pending(up, down, None, (), (), Evidence(), scripts()) == []


# --- what an upgrade took away where the deciding pair does not tell ---------------------------------------------


def test_an_upgrade_s_losses_are_told_where_the_downgrade_failed() -> None:
    up = leg("upgrade", snap(t=table(x="a"), u=table()), ("b2", snap(t=table())))
    found = judge_upgrade(up, None, {(T, "x"): 2}, scripts())
    assert short(found) == {("values-lost", "t.x", 2, True), ("rows-lost", "u", 3, True)}
    assert {(f.phase, f.revision) for f in found} == {("upgrade", "b2")}


def test_a_rename_in_the_upgrade_is_no_loss_where_the_downgrade_failed() -> None:
    up = leg("upgrade", snap(t=table(x="a"), u=table(y="b")), ("b2", snap(t=table(z="a"), v=table(y="b"))))
    assert judge_upgrade(up, None, {(T, "x"): 3}, scripts()) == []


@pytest.mark.parametrize(
    ("at_start", "expected"),
    [
        (snap(t=held(START)), set()),
        (snap(t=held({1: "A", 2: "b", 3: None})), {("values-changed", "t.x", None, False)}),
        (snap(t=held({1: "a"})), {("rows-lost", "t", 2, False)}),
        (snap(t=held({**START, 4: "d"})), {("rows-added", "t", 1, None)}),
        (snap(t=held({1: "a", 2: "b", 4: "d"})), {("values-changed", "t", None, False)}),
    ],
)
def test_a_walk_that_passes_its_start_is_judged_there(at_start: Snapshot, expected: set[Short]) -> None:
    up = leg("upgrade", snap(t=held(START)), ("c3", snap(t=held({1: "A"}))))
    down = leg("downgrade", up.after, ("c3", at_start), ("b2", snap()))
    found = judge_passing(up, down, {}, scripts())
    assert short(found) == expected
    assert {f.revision for f in found} <= {"c3"}


def test_excluded_tables_take_no_part() -> None:
    start = snap(t=table(x="a"))
    unreadable = snap(t=TableData(0, {}, not_compared={"": "no such function"}))
    up, down = leg("upgrade", start, ("b2", start)), leg("downgrade", start, ("b2", unreadable))
    assert judge_pending(up, down, None, compare(start, unreadable), (), Evidence(), scripts()) == []
    assert TableName(None, "t") in unreadable.not_compared


# --- schema, sequences, failures: what a difference is called ------------------------------------------------------


def told(*parts: Difference, **texts: str) -> list[tuple[str, str, str, str]]:
    """Code, severity, object and detail of the findings for schema differences."""
    found = schema_findings(parts, lambda facet: Culprit("b2", "downgrade"), scripts(**texts))
    assert all((f.revision, f.phase, f.file) == ("b2", "downgrade", "b2.py") for f in found)
    return [(f.code, f.severity, f.object, f.detail) for f in found]


def schema(change: Change, kind: str, name: str, before: str | None = None, after: str | None = None) -> Difference:
    return Difference("schema", change, key(kind, name), None, None, before, after)


def test_each_schema_difference_has_its_name_and_says_what_was() -> None:
    long = f"CHECK (x IN ({'1, ' * 100}))"
    assert told(
        schema("missing", "view", "v", "SELECT  1"),
        schema("added", "table", "u", None, "TABLE"),
        schema("added", "table", "_alembic_tmp_t", None, "TABLE"),
        schema("changed", "column", "t.x", "TEXT", "INTEGER"),
        schema("changed", "sequence", "s", "INCREMENT BY 1", "INCREMENT BY 2"),
        schema("missing", "constraint", "t.c", long),
        schema("missing", "large-objects", "", "2"),
        schema("changed", "sequence-position", "s", "1", "2"),
    ) == [
        ("schema-missing", "error", "v", "view v is gone: SELECT 1"),
        ("schema-left-behind", "error", "u", "table u is left"),
        ("leftover", "error", "_alembic_tmp_t", "table _alembic_tmp_t is left"),
        ("schema-changed", "error", "t.x", "column t.x was TEXT, is INTEGER"),
        ("sequence-changed", "error", "s", "sequence s was INCREMENT BY 1, is INCREMENT BY 2"),
        ("schema-missing", "error", "t.c", f"constraint t.c is gone: {long[:159]}…"),
        ("schema-missing", "error", "large objects", "large objects is gone: 2"),
    ]


def test_another_order_of_columns_is_a_note() -> None:
    assert told(schema("changed", "column-order", "t", "a, b", "b, a")) == [
        ("order-changed", "note", "t", "the columns stand in another order")
    ]


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("t_x_key", "", "name-changed"),
        (None, "op.drop_constraint(None)", "name-changed"),
        ("t_x_key", 'op.drop_constraint("t_x_key2", "t")', "name-changed"),
        ("t_x_key", 'op.drop_constraint("t_x_key", "t")', "schema-changed"),
    ],
)
def test_a_name_that_the_engine_made_counts_where_a_script_says_it(name: str | None, text: str, code: str) -> None:
    ((found, severity, _, _),) = told(schema("changed", "constraint-name", "t.c", name, "t_x_key1"), c3_text=text)
    assert (found, severity) == (code, "note" if code == "name-changed" else "error")


@pytest.mark.parametrize(
    ("change", "before", "after", "definition", "expected"),
    [
        ("changed", "10", "12", "INCREMENT BY 1", "note"),
        ("changed", "12", "10", "INCREMENT BY 1", "error"),
        ("changed", "10", "12", "INCREMENT BY -1", "error"),
        ("changed", "12", "10", "INCREMENT BY -1", "note"),
        ("changed", "2", "3, not called", "", None),
        ("changed", "2", "unknown", "", "error"),
        ("missing", "2", None, "", "error"),
        ("added", None, "2", "", None),
    ],
)
def test_a_sequence_that_gives_numbers_again_is_an_error_and_one_ahead_a_note(
    change: Change, before: str | None, after: str | None, definition: str, expected: str | None
) -> None:
    differences = [schema(change, "sequence-position", "s", before, after), schema("missing", "view", "v", "x")]
    found = sequence_findings(differences, lambda facet: Culprit(None, None), {}, {key("sequence", "s"): definition})
    assert [(f.code, f.object, f.severity) for f in found] == (
        [("sequence-changed", "s", expected)] if expected else []
    )
    assert all(f.detail.endswith("given again") is (f.severity == "error") for f in found)
    assert all("stands at its start" in f.detail for f in found if after is None)


def test_an_empty_downgrade_is_told_once_where_its_revision_is_to_blame() -> None:
    texts = scripts(b2="empty", d4="empty")
    losses = [
        finding("rows-lost", "t", "", Culprit(name, "downgrade"), texts) for name in ("b2", "b2", "c3", None, "x")
    ]
    noted = [finding("rows-lost", "t", "", Culprit("d4", "downgrade"), texts, severity="note")]
    (found,) = empty_downgrades([*losses, *noted], texts)
    assert (found.code, found.object, found.phase) == ("downgrade-empty", "b2", "downgrade")
    assert found.remedy and found.remedy.startswith("write the downgrade")


@pytest.mark.parametrize(
    ("phase", "refuses", "timed_out", "code", "remedy"),
    [
        ("downgrade", False, False, "downgrade-failed", "mend the downgrade of b2"),
        ("reupgrade", False, False, "reupgrade-failed", "mend the upgrade of b2"),
        ("upgrade", True, False, "upgrade-failed", "mend the upgrade of b2"),
        ("downgrade", True, False, "not-implemented", "--accept not-implemented"),
        ("downgrade", True, True, "step-timeout", "raise --timeout"),
    ],
)
def test_a_step_that_failed_says_how_and_what_to_do(
    phase: Phase, refuses: bool, timed_out: bool, code: str, remedy: str
) -> None:
    found = failure_finding(phase, "b2", "said", scripts(), refuses=refuses, timed_out=timed_out, line=7)
    assert (found.code, found.object, found.file, found.line, found.detail) == (code, "b2", "b2.py", 7, "said")
    assert found.remedy and remedy in found.remedy


def test_a_failure_outside_of_every_revision_is_env_py_s() -> None:
    found = failure_finding("upgrade", None, "said", scripts(), refuses=False, timed_out=False, line=None)
    assert (found.object, found.revision, found.file) == ("env.py", None, None)
