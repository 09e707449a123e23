"""The graph of a history: one line per revision, a mark in each, and no line that leads nowhere."""

from hypothesis import given
from hypothesis import strategies as st

from dbadmin.render.layouts.graph import MOST_LANES, graph
from dbadmin.results import Revision

FROM_ABOVE = "│┼┤├╯╰┴"
LEFT = set("─┼┤╯╮┴┬")
RIGHT = set("─┼├╰╭┴┬")


@st.composite
def histories(draw: st.DrawFn) -> list[Revision]:
    """Revisions newest first, each following some that come later in the list."""
    size = draw(st.integers(1, 14))
    found = []
    for number in range(size):
        later = [str(n) for n in range(number + 1, size)]
        downs = draw(st.lists(st.sampled_from(later), max_size=3, unique=True)) if later else []
        applied = draw(st.sampled_from([True, False, None]))
        found.append(Revision(str(number), tuple(downs), "", None, "", applied=applied))
    return found


@given(histories())
def test_every_revision_has_one_line_with_one_mark(history: list[Revision]) -> None:
    lines, rails = graph(history)
    assert len(lines) == len(rails) == len(history)
    for line in lines:
        assert len(line) <= 2 * MOST_LANES
        assert line.endswith("…") or sum(letter in "●○*" for letter in line) == 1


@given(histories())
def test_lines_are_joined_sideways_and_downwards(history: list[Revision]) -> None:
    lines, rails = graph(history)
    if any(line.endswith("…") for line in lines):
        return
    for number, line in enumerate(lines):
        for at, letter in enumerate(line):
            if letter in RIGHT:
                assert line[at + 1 : at + 2] in LEFT | set("●○*"), (line, at)
            if letter in "│┼┤├╮╭┬":  # goes on below
                below = lines[number + 1][at : at + 1] if number + 1 < len(lines) else ""
                assert below in set("│┼┤├╯╰┴●○*"), lines
            if letter in "│┼┤├╯╰┴":  # comes from above
                above = lines[number - 1][at : at + 1] if number else ""
                assert above in set("│┼┤├╮╭┬●○*") and above, lines
        for at, letter in enumerate(lines[number + 1] if number + 1 < len(lines) else ""):
            beside = rails[number][at : at + 1]
            assert beside == "│" if letter in FROM_ABOVE else beside != "│" or letter in "●○*", (lines, rails)
        if history[number].down_revisions:
            node = next(at for at, letter in enumerate(line) if letter in "●○*")
            assert lines[number + 1][node : node + 1] in set("│┼┤├╯╰┴●○*"), lines
