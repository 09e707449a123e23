"""Which way a rehearsal goes: what is pending up and back, else down from the head, and never by a guess."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from apps import Rev, Revisions, make_app
from hypothesis import given
from hypothesis import strategies as st

from dbadmin.errors import EmptyPlan, UsageError
from dbadmin.migrations.scripts import Scripts, open_scripts
from dbadmin.rollback.plan import Route, make_route

GRAPHS: dict[str, Revisions] = {
    "linear": {"a1aa": (None, "", ""), "b2bb": ("a1aa", "", ""), "c3cc": ("b2bb", "", "")},
    "fork": {"a1": (None, "", ""), "b2": ("a1", "", ""), "b3": ("a1", "", "")},
    "merge": {"a1": (None, "", ""), "b2": ("a1", "", ""), "b3": ("a1", "", ""), "m4": (("b2", "b3"), "", "")},
    "after a merge": {
        "a1": (None, "", ""), "b2": ("a1", "", ""), "b3": ("a1", "", ""), "m4": (("b2", "b3"), "", ""),
        "e5": ("m4", "", ""),
    },
    "branches": {
        "a1": Rev(None, labels=("shop",)), "a2": Rev("a1"), "w1": Rev(None, labels=("store",)), "w2": Rev("w1"),
    },
    "depends": {
        "a1": Rev(None, labels=("shop",)), "a2": Rev("a1"), "w1": Rev(None, labels=("store",)),
        "w2": Rev("w1", depends_on=("a2",)),
    },
    "nothing": {},
}  # fmt: skip


@cache
def scripts(graph: str) -> Scripts:
    """The scripts of a graph, read once; the files may go."""
    with tempfile.TemporaryDirectory() as directory:
        return open_scripts(make_app(Path(directory), revisions=GRAPHS[graph], url="sqlite:///app.db").project)


@dataclass(frozen=True)
class Way:
    """A route that is expected. `start` and the rest are names, separated by spaces."""

    graph: str
    start: str
    kind: str
    upgrade: str
    downgrade: str
    target: str
    down: str
    options: dict[str, Any] = field(default_factory=dict)
    default: bool = True


L = "linear"
WAYS = [
    Way(L, "", "pending", "a1aa b2bb c3cc", "c3cc b2bb a1aa", "", "base"),
    Way(L, "a1aa", "pending", "b2bb c3cc", "c3cc b2bb", "a1aa", "a1aa"),
    Way(L, "c3cc", "head", "", "c3cc", "b2bb", "-1"),
    Way(L, "c3cc", "head", "", "c3cc b2bb", "a1aa", "-2", {"steps": 2}, False),
    Way(L, "c3cc", "head", "", "c3cc b2bb", "a1aa", "-2", {"to": "-2"}, False),
    Way(L, "c3cc", "head", "", "c3cc b2bb", "a1aa", "a1aa", {"to": "a1aa"}, False),
    Way(L, "c3cc", "head", "", "c3cc b2bb a1aa", "", "base", {"to": "base"}, False),
    # the target that is asked for is where it stood, so this is the pending plan all the same
    Way(L, "b2bb", "pending", "c3cc", "c3cc", "b2bb", "b2bb", {"to": "b2bb"}, False),
    Way(L, "b2bb", "pending", "c3cc", "c3cc", "b2bb", "b2bb", {"steps": 1}, False),
    # further down, or not as far, from the head that the upgrade reaches
    Way(L, "b2bb", "head", "c3cc", "c3cc b2bb", "a1aa", "a1aa", {"to": "a1aa"}, False),
    Way(L, "", "head", "a1aa b2bb c3cc", "c3cc", "b2bb", "-1", {"steps": 1}, False),
    Way(L, "", "pending", "a1aa b2bb", "b2bb a1aa", "", "base", {"upgrade_to": "b2bb"}),
    Way(L, "a1aa", "pending", "b2bb", "b2bb", "a1aa", "a1aa", {"upgrade_to": "+1"}),
    Way(L, "c3cc", "head", "", "c3cc", "b2bb", "-1", {"upgrade_to": "b2bb"}),
    Way("fork", "b2 b3", "head", "", "b2", "b3", "b2@-1", {"to": "b2@-1"}, False),
    Way("fork", "b2 b3", "head", "", "b2 b3", "a1", "a1", {"to": "a1"}, False),
    Way("fork", "a1", "pending", "b3 b2", "b2 b3", "a1", "a1"),
    Way("merge", "b2 b3", "pending", "m4", "m4", "b2 b3", "b2"),
    Way("merge", "m4", "head", "", "m4", "b2 b3", "b2", {"to": "b2"}, False),
    Way("merge", "m4", "head", "", "m4 b2 b3", "a1", "a1", {"to": "a1"}, False),
    Way("merge", "a1", "pending", "b3 b2 m4", "m4 b2 b3", "a1", "a1"),
    Way("after a merge", "e5", "head", "", "e5", "m4", "-1"),
    Way("branches", "a1 w2", "pending", "a2", "a2", "a1 w2", "a1"),
    Way("branches", "a1", "pending", "a2", "a2", "a1", "a1", {"upgrade_to": "shop@head"}),
    Way("branches", "a2 w2", "head", "", "a2", "a1 w2", "shop@-1", {"to": "shop@-1"}, False),
    Way("branches", "a2 w2", "head", "", "w2 w1", "a2", "store@base", {"to": "store@base"}, False),
    Way("depends", "w2", "head", "", "w2", "a2 w1", "w1", {"to": "w1"}, False),
    Way("depends", "w2", "head", "", "w2 w1", "a2", "store@base", {"to": "store@base"}, False),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.graph} at {way.start or 'base'} {way.options or ''}")
def test_the_way_up_and_down(way: Way) -> None:
    route = make_route(scripts(way.graph), way.start.split(), **way.options)
    plan = route.plan
    assert (plan.kind, plan.default) == (way.kind, way.default)
    assert (" ".join(plan.upgrade), " ".join(plan.downgrade)) == (way.upgrade, way.downgrade)
    assert (" ".join(plan.start), " ".join(plan.target), route.down) == (way.start, way.target, way.down)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.graph} at {way.start or 'base'} {way.options or ''}")
def test_alembic_s_own_arithmetic_ends_where_the_plan_says(way: Way) -> None:
    graph = scripts(way.graph)
    route = make_route(graph, way.start.split(), **way.options)
    walked(graph, route)


@pytest.mark.parametrize(
    ("graph", "start", "options", "upgrade_to"),
    [
        (L, "a1aa", {}, "head"),
        (L, "a1aa", {"upgrade_to": "+1"}, "+1"),
        (L, "c3cc", {}, None),
        ("fork", "a1", {}, "heads"),
        ("branches", "a1 w2", {}, "heads"),
        ("branches", "a1", {"upgrade_to": "shop@head"}, "shop@head"),
    ],
)
def test_the_plan_has_what_alembic_upgrade_takes(
    graph: str, start: str, options: dict[str, str], upgrade_to: str | None
) -> None:
    """`head` is refused where there are several, and more than was rehearsed is no next step."""
    assert make_route(scripts(graph), start.split(), **options).plan.upgrade_to == upgrade_to


def walked(graph: Scripts, route: Route) -> None:
    """Follow the destinations: up, down and up again end where the plan says, over the revisions that it names."""
    at = route.plan.start
    if route.up is not None:
        up = graph.plan("upgrade", route.up, at)
        assert up.revisions == route.plan.upgrade
        at = up.end
    assert tuple(sorted(at)) == tuple(sorted(route.top))
    down = graph.plan("downgrade", route.down, at)
    assert (down.revisions, sorted(down.end)) == (route.plan.downgrade, sorted(route.plan.target))
    again = graph.plan("upgrade", route.up_again, down.end)
    assert sorted(again.end) == sorted(route.top)
    assert sorted(again.revisions) == sorted(route.plan.downgrade)


def refusals() -> Iterator[Any]:
    table: list[tuple[str, str, dict[str, Any], type[UsageError], str, str]] = [
        (L, "c3cc", {"to": "a1aa", "steps": 1}, UsageError, "--to and --steps exclude each other", "one of them"),
        (L, "c3cc", {"steps": 0}, UsageError, "at least one revision", "--steps 1"),
        (L, "c3cc", {"steps": -1}, UsageError, "at least one revision", "--steps 1"),
        (L, "c3cc", {"to": "c3cc"}, EmptyPlan, "going down to c3cc would run nothing", "older revision"),
        (L, "b2bb", {"to": "head"}, EmptyPlan, "stands at c3cc, and going down to head would run nothing", "--to"),
        (L, "", {"upgrade_to": "base"}, EmptyPlan, "stands at base and there is no revision", "dbadmin status"),
        ("nothing", "", {}, EmptyPlan, "stands at base and there is no revision", "dbadmin status"),
        (L, "c3cc", {"to": "b2bx"}, UsageError, "no revision 'b2bx'; did you mean 'b2bb'", ""),
        (L, "c3cc", {"to": "b2@-1", "upgrade_to": "zz"}, UsageError, "no revision 'zz'", ""),
        ("fork", "", {"to": "b2@-1", "upgrade_to": "b3"}, UsageError, "cannot tell where b2@-1 leads", "by its id"),
        (L, "a1aa", {"upgrade_to": "zz99"}, UsageError, "no revision 'zz99'", "known: a1aa, b2bb, c3cc"),
        (L, "c3cc", {"steps": 9}, UsageError, "-9 didn't produce 9 migrations", "--history"),
        (L, "c3cc", {"to": "shop@-1"}, UsageError, "no revision 'shop'", ""),
        (L, "c3cc", {"to": "-1x"}, UsageError, "no revision '-1x'", "known: "),
        (L, "c3cc", {"to": "b2@-1.5"}, UsageError, "no revision 'b2@-1.5'", "known: "),
        ("fork", "b2 b3", {}, UsageError, "several heads (b2, b3)", "--to b2@-1"),
        ("fork", "b2 b3", {"steps": 1}, UsageError, "several heads (b2, b3)", "--to b2@-1"),
        ("fork", "b2 b3", {"to": "-1"}, UsageError, "several heads (b2, b3)", "--to b2@-1"),
        ("fork", "a1", {"steps": 1}, UsageError, "several heads (b2, b3)", "--to b2@-1"),
        ("branches", "a2 w2", {}, UsageError, "several heads (a2, w2)", "--to a2@-1"),
        ("merge", "m4", {}, UsageError, "m4 merges b2, b3", "--to REVISION"),
        ("fork", "b2", {}, UsageError, "no single downgrade leads back to b2", "--upgrade-to BRANCH@head"),
        ("branches", "a1 w1", {}, UsageError, "no single downgrade leads back to a1, w1", "--upgrade-to BRANCH@head"),
    ]
    for case in table:
        yield pytest.param(*case, id=f"{case[0]} at {case[1] or 'base'} {case[2] or ''}")


@pytest.mark.parametrize(("graph", "start", "options", "kind", "message", "hint"), list(refusals()))
def test_what_cannot_be_walked_is_exit_2_and_says_what_to_type(
    graph: str, start: str, options: dict[str, Any], kind: type[UsageError], message: str, hint: str
) -> None:
    with pytest.raises(kind) as error:
        make_route(scripts(graph), start.split(), **options)
    assert error.value.exit_code == 2
    assert message in error.value.message
    assert hint in (error.value.hint or "")


def test_a_partial_id_and_a_branch_s_relative_one_are_taken_as_alembic_takes_them(tmp_path: Path) -> None:
    revisions: Revisions = {"ae1027a6acf": (None, "", ""), "27c6a30d7c24": ("ae1027a6acf", "", "")}
    graph = open_scripts(make_app(tmp_path, revisions=revisions, url="sqlite:///app.db").project)
    route = make_route(graph, ["27c6a30d7c24"], to="ae10")
    assert (route.plan.target, route.down) == (("ae1027a6acf",), "ae10")
    assert make_route(graph, ["27c6a30d7c24"], to="27c6a@-1").plan.target == ("ae1027a6acf",)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Scripts, tuple[str, ...], dict[str, Any]]:
    graph = scripts(draw(st.sampled_from([name for name in GRAPHS if GRAPHS[name]])))
    names = [revision.revision for revision in graph.revisions]
    up = draw(st.sampled_from(["base", "heads", *names]))
    start = graph.plan("upgrade", up, ()).end if up != "base" else ()
    to = draw(st.one_of(st.none(), st.sampled_from(["base", "-1", "-2", *names, *(f"{n}@-1" for n in names)])))
    return graph, start, {"to": to, "upgrade_to": draw(st.sampled_from(["heads", *names]))}


@given(questions())
def test_any_question_is_answered_by_a_way_that_alembic_goes_or_by_exit_2(
    question: tuple[Scripts, tuple[str, ...], dict[str, Any]],
) -> None:
    graph, start, options = question
    try:
        route = make_route(graph, start, **options)
    except UsageError as refused:
        assert refused.exit_code == 2
        return
    assert route.plan.downgrade
    walked(graph, route)
