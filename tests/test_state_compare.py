"""Comparing snapshots is pure: what differs is told once, what is equal never."""

import json

from hypothesis import given
from hypothesis import strategies as st

from dbadmin.dialects import ColumnPrint, ObjectKey, TableData, TableName
from dbadmin.dialects.names import TABLE_KINDS, join, split, table_of
from dbadmin.state import Difference, Snapshot, compare, decode, encode

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
words = st.sampled_from(["a", "b", "a.b", 'we"ird', "x, y", " "])
tables = st.builds(TableName, st.one_of(st.none(), words), words)
prints = st.builds(ColumnPrint, st.sampled_from("12"), st.sampled_from("12"))
contents = st.builds(
    TableData,
    rows=st.integers(0, 3),
    columns=st.dictionaries(words, prints, max_size=3),
    key=st.sampled_from([(), ("a",)]),
    not_compared=st.sampled_from([{}, {"a": "sampled"}, {"": "no right to read it"}]),
    row=st.sampled_from([None, "1", "2"]),
    method=st.sampled_from(["image", "text"]),
)
keys = st.one_of(
    st.builds(ObjectKey, st.sampled_from(["enum", "view", "sequence", "schema"]), words.map(lambda w: join([w]))),
    st.builds(
        lambda kind, table, last: ObjectKey(kind, join([*table, *[last] * TABLE_KINDS[kind]])),
        st.sampled_from(sorted(TABLE_KINDS)), tables, words,
    ),
)  # fmt: skip
schemas = st.dictionaries(keys, st.sampled_from(["x", "y", "a, b"]), max_size=8)
snapshots = st.builds(
    Snapshot, schemas, st.dictionaries(tables, contents, max_size=4), st.frozensets(tables), st.booleans()
)
T = TableName(None, "t")


def schema(**definitions: str) -> Snapshot:
    return Snapshot({ObjectKey(*key.split("__")): text for key, text in definitions.items()}, {})


def of_table(**fields: object) -> Snapshot:
    return Snapshot({}, {T: TableData(**{"rows": 2, "columns": {}, **fields})})  # type: ignore[arg-type]


@given(st.lists(names, min_size=1, max_size=3), st.sampled_from([".", ", "]))
def test_joined_names_split_again(parts: list[str], separator: str) -> None:
    assert list(split(join(parts, separator))) == parts


@given(tables, words)
def test_an_object_knows_its_table(table: TableName, last: str) -> None:
    for kind, number in TABLE_KINDS.items():
        assert table_of(ObjectKey(kind, join([*table, *[last] * number]))) == table


@given(snapshots)
def test_a_snapshot_does_not_differ_from_itself(one: Snapshot) -> None:
    assert compare(one, one) == ()


@given(snapshots, snapshots)
def test_the_other_way_round_missing_is_added(one: Snapshot, other: Snapshot) -> None:
    turned = {"missing": "added", "added": "missing", "changed": "changed"}
    there = {(d.scope, turned[d.change], d.key, d.table, d.column) for d in compare(one, other)}
    back = {(d.scope, d.change, d.key, d.table, d.column) for d in compare(other, one)}
    # a constraint that got a name is one difference, one that lost it two
    assert {d for d in there if not _constraint(d)} == {d for d in back if not _constraint(d)}


def _constraint(difference: tuple[object, ...]) -> bool:
    key = difference[2]
    return isinstance(key, ObjectKey) and key.kind.startswith("constraint")


@given(snapshots, snapshots)
def test_different_tables_always_differ_unless_they_could_not_be_read(one: Snapshot, other: Snapshot) -> None:
    found = {d.table for d in compare(one, other) if d.scope != "schema"}
    for name in one.data.keys() | other.data.keys():
        old, new = one.data.get(name), other.data.get(name)
        if old is None or new is None or (not (old.unreadable or new.unreadable) and old.columns != new.columns):
            assert name in found


@given(snapshots, snapshots)
def test_a_snapshot_comes_through_a_pipe(one: Snapshot, other: Snapshot) -> None:
    assert decode(json.loads(json.dumps(encode(one)))) == one
    assert decode(json.loads(json.dumps(encode(other, one))), one) == other


def test_what_has_not_changed_is_not_sent() -> None:
    big = schema(table__t="TABLE", column__t_a="x" * 10_000)
    assert len(json.dumps(encode(big, big))) < 200


def test_what_goes_with_its_table_is_not_told_again() -> None:
    before = schema(**{"table__t": "TABLE", "column__t.a": "x", "index__t.i": "x", "grant__t.me": "SELECT",
                       "sequence-position__s": "1", "sequence__s": "x", "function-grant__f().PUBLIC": "EXECUTE",
                       "function__f()": "x"})  # fmt: skip
    assert [(d.change, d.key) for d in compare(before, schema())] == [
        ("missing", ObjectKey("function", "f()")), ("missing", ObjectKey("sequence", "s")),
        ("missing", ObjectKey("table", "t")),
    ]  # fmt: skip


def test_a_column_gone_does_not_make_another_order() -> None:
    def order(text: str) -> Snapshot:
        return schema(**{"column-order__t": text})

    assert compare(order("a, b, c"), order("a, c")) == ()
    assert [d.key for d in compare(order("a, b, c"), order("a, c, b"))] == [ObjectKey("column-order", "t")]


def test_a_constraint_that_got_a_name_is_told_by_its_name_alone() -> None:
    rule = "UNIQUE (a)"
    old, new, again = (ObjectKey("constraint", join(["t", name])) for name in (rule, "t_a_key", "t_a_key2"))
    made = ObjectKey("constraint-name", old.name)
    before, named = Snapshot({old: rule, made: "t_a"}, {}), Snapshot({new: rule}, {})
    assert compare(before, named) == (Difference("schema", "changed", made, T, None, "t_a", "t_a_key"),)
    both = compare(before, Snapshot({new: rule, again: rule}, {}))  # only one of two can be the former one
    assert [(d.change, d.key) for d in both] == [("added", again), ("changed", made)]


def test_a_column_is_told_with_its_values_and_its_nulls() -> None:
    before = of_table(columns={"a": ColumnPrint("1", "1"), "b": ColumnPrint("1", "1"), "gone": ColumnPrint("1", "1")})
    after = of_table(columns={"a": ColumnPrint("2", "1"), "b": ColumnPrint("2", "2")})
    assert [(d.scope, d.change, d.column) for d in compare(before, after)] == [
        ("values", "missing", "gone"), ("values", "changed", "a"), ("values", "changed", "b"),
        ("nulls", "changed", "b"),
    ]  # fmt: skip


def test_rows_are_told_with_their_numbers() -> None:
    assert compare(of_table(rows=2), of_table(rows=3)) == (Difference("rows", "changed", table=T, before=2, after=3),)


def test_rows_that_exchanged_values_are_told_without_a_column() -> None:
    columns = {"a": ColumnPrint("1", "0")}
    before, after = of_table(columns=columns, row="1"), of_table(columns=columns, row="2")
    assert [(d.scope, d.column) for d in compare(before, after)] == [("values", None)]


def test_fingerprints_bound_to_another_key_are_not_compared_column_by_column() -> None:
    before = of_table(columns={"a": ColumnPrint("1", "0")}, key=("a",), method="image")
    after = of_table(columns={"a": ColumnPrint("2", "0")}, key=(), method="image")
    (found,) = compare(before, after)
    assert (found.scope, found.column, found.before, found.after) == ("values", None, "a (image)", "no key (image)")


def test_a_table_that_could_not_be_read_is_listed_and_not_compared() -> None:
    unread = of_table(rows=0, not_compared={"": "permission denied"})
    assert compare(of_table(rows=5), unread) == ()
    assert unread.not_compared == {T: "permission denied"}
