"""The revision that made a difference is blamed, whatever others did around it."""

from dataclasses import dataclass

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from snapshots import T, key, leg, snap, table

from dbadmin.rollback.blame import (
    Culprit,
    Facet,
    Leg,
    Value,
    changed_in,
    first_appearance,
    first_change,
    moved,
    not_brought_back,
    remover,
    value,
    was_dropped,
)
from dbadmin.state import Snapshot

INDEX = key("index", "t.ix")
OF_INDEX = Facet(key=INDEX)
COLUMN = Facet(table=T, column="x")
ROWS = Facet(table=T)
State = dict[str, str]

FACETS = ("ix_a", "ix_b", "ix_c")
CHANGES = st.dictionaries(st.sampled_from(FACETS), st.sampled_from([None, "1", "2", "3"]), max_size=3)


@dataclass(frozen=True)
class Walked:
    """Up and down again; `guilty` is the only revision whose downgrade does not undo what its upgrade did."""

    up: Leg
    down: Leg
    guilty: str


def changed(state: State, changes: dict[str, str | None]) -> State:
    return {name: text for name, text in {**state, **changes}.items() if text is not None}


def snapshot_of(state: State) -> Snapshot:
    return snap({key("index", name): text for name, text in state.items()})


@st.composite
def walks(draw: st.DrawFn) -> Walked:
    start: State = {name: text for name, text in draw(CHANGES).items() if text is not None}
    changes = draw(st.lists(CHANGES, min_size=1, max_size=6))
    names = [f"r{number}" for number in range(len(changes))]
    guilty = draw(st.sampled_from(names))
    states = [start]
    for one in changes:
        states.append(changed(states[-1], one))
    now, back = states[-1], []
    for number in reversed(range(len(changes))):
        if names[number] != guilty:  # what it changed is put back; nothing else is touched
            now = changed(now, {name: states[number].get(name) for name in changes[number]})
        back.append((names[number], snapshot_of(now)))
    up = leg("upgrade", snapshot_of(start), *((n, snapshot_of(s)) for n, s in zip(names, states[1:], strict=True)))
    return Walked(up, leg("downgrade", snapshot_of(states[-1]), *back), guilty)


FACETS_OF_A_WALK = [Facet(key=key("index", name)) for name in FACETS]


@given(walks())
def test_the_only_revision_that_misbehaves_is_blamed_and_nobody_for_what_is_back(walked: Walked) -> None:
    for facet in FACETS_OF_A_WALK:
        is_back = value(walked.up.before, facet) == value(walked.down.after, facet)
        expected = Culprit(None, None) if is_back else Culprit(walked.guilty, "downgrade")
        assert not_brought_back(walked.up, walked.down, facet) == expected


def test_walks_with_a_culprit_are_among_those_tried() -> None:
    find(walks(), lambda walked: _left(walked) and len(walked.up.moments) > 2 and walked.guilty == "r1")


def _left(walked: Walked) -> bool:
    return any(value(walked.up.before, f) != value(walked.down.after, f) for f in FACETS_OF_A_WALK)


@given(walks())
def test_the_first_change_is_the_first_state_that_differs(walked: Walked) -> None:
    for facet in FACETS_OF_A_WALK:
        start = value(walked.up.before, facet)
        differing = [m.revision for m in walked.up.moments if m.snapshot and value(m.snapshot, facet) != start]
        if differing:
            assert first_change(walked.up, facet) == Culprit(differing[0], "upgrade")


@given(walks())
def test_the_remover_is_the_last_revision_that_took_it_away(walked: Walked) -> None:
    for facet in FACETS_OF_A_WALK:
        removed = [
            revision
            for revision in walked.up.revisions
            if _of(walked, revision, facet)[0] is not None and _of(walked, revision, facet)[1] is None
        ]
        assert remover(walked.up, facet) == (removed[-1] if removed else None)


@given(walks())
def test_the_first_appearance_is_the_last_change(walked: Walked) -> None:
    for facet in FACETS_OF_A_WALK:
        pairs = {revision: _of(walked, revision, facet) for revision in walked.up.revisions}
        changed_it = [revision for revision, (before, after) in pairs.items() if before != after]
        assert first_appearance(walked.up, facet) == (changed_it[-1] if changed_it else None)
        assert [r for r in walked.up.revisions if changed_in(walked.up, r, facet)] == changed_it


def _of(walked: Walked, revision: str, facet: Facet) -> tuple[Value, Value]:
    before, after = walked.up.around(revision)
    assert before is not None and after is not None
    return value(before, facet), value(after, facet)


def test_dropped_values_are_the_upgrade_s_deed_and_dropped_objects_the_downgrade_s() -> None:
    start = snap({INDEX: "(x)"}, t=table(x="1"))
    without = snap({}, t=table())
    back = snap({}, t=table(x="nothing"))
    up, down = leg("upgrade", start, ("b2", without)), leg("downgrade", without, ("b2", back))
    assert not_brought_back(up, down, COLUMN) == Culprit("b2", "upgrade")
    assert not_brought_back(up, down, OF_INDEX) == Culprit("b2", "downgrade")


def test_a_later_revision_on_the_way_back_that_mends_it_takes_the_blame_away() -> None:
    old, new, other = (snap({INDEX: text}) for text in ("old", "new", "other"))
    up = leg("upgrade", old, ("b2", new), ("c3", other))
    down = leg("downgrade", other, ("c3", other), ("b2", old))
    assert not_brought_back(up, down, OF_INDEX) == Culprit(None, None)


def test_where_nobody_could_look_nobody_is_blamed_unless_there_is_but_one() -> None:
    old, new = snap({INDEX: "old"}), snap({})
    alone = leg("upgrade", old, ("b2", None), after=new), leg("downgrade", new, ("b2", None), after=new)
    assert not_brought_back(*alone, OF_INDEX) == Culprit("b2", "downgrade")
    two = (
        leg("upgrade", old, ("b2", None), ("c3", None), after=new),
        leg("downgrade", new, ("c3", None), ("b2", None), after=new),
    )
    assert not_brought_back(*two, OF_INDEX) == Culprit(None, "downgrade")


def test_rows_are_told_apart_by_their_keys_and_not_by_their_number() -> None:
    assert value(snap(t=table(3, x="1")), ROWS) == value(snap(t=table(3, x="2")), ROWS)
    keyless = [snap(t=table(3, keyed=False, row=text, x="1")) for text in ("one", "other")]
    assert value(keyless[0], ROWS) != value(keyless[1], ROWS)


@pytest.mark.parametrize("facet", [COLUMN, ROWS])
def test_what_was_never_there_was_not_dropped(facet: Facet) -> None:
    walked = leg("upgrade", snap(), ("b2", snap()))
    assert not was_dropped(walked, "b2", facet)
    assert not was_dropped(walked, None, facet)


def test_a_renamed_column_and_a_renamed_table_are_found_again() -> None:
    before = snap(t=table(x="values"))
    assert moved(before, snap(t=table(y="values")), COLUMN) == Facet(table=T, column="y")
    assert moved(before, snap(t=table(y="others")), COLUMN) is None
    assert moved(before, snap(u=table(x="values")), ROWS) == Facet(table=T._replace(name="u"))
    assert moved(before, snap(u=table(x="others")), ROWS) is None


def test_in_an_empty_table_every_column_looks_alike_and_none_is_a_renamed_one() -> None:
    assert moved(snap(t=table(0, x="")), snap(t=table(0, y="")), COLUMN) is None
