"""The history as a graph of one line per revision, newest first. Pure."""

from collections.abc import Mapping, Sequence

from dbadmin.results import Revision

APPLIED, PENDING, UNASKED = "●", "○", "*"
MOST_LANES = 12
"""A graph is cut after so many branches side by side."""
MARKS: Mapping[bool | None, str] = {True: APPLIED, False: PENDING, None: UNASKED}


def graph(history: Sequence[Revision]) -> tuple[list[str], list[str]]:
    """Two texts per revision, in their order: its line, and what stands beside any further lines of its row.

    A mark says applied (●) or pending (○), and lines lead to what it follows.

    >>> def rev(name, *downs): return Revision(name, downs, "", None, "", applied=name != "m")
    >>> lines, rails = graph([rev("m", "b", "c"), rev("b", "a"), rev("c", "a"), rev("a")])
    >>> print("\\n".join(lines))
    ○─╮
    ● │
    │ ●
    ●─╯
    >>> rails
    ['│ │', '│ │', '│ │', '']
    """
    known = {revision.revision for revision in history}
    lanes: list[str | None] = []
    lines, rails = [], []
    for revision in history:
        lines.append(_row(revision, [down for down in revision.down_revisions if down in known], lanes))
        rails.append(_cut(" ".join("│" if waited else " " for waited in lanes)))
    return lines, rails


def _row(revision: Revision, downs: Sequence[str], lanes: list[str | None]) -> str:
    """The line of one revision; `lanes` are what each column waits for, and are brought up to date."""
    mine = [i for i, waited in enumerate(lanes) if waited == revision.revision] or [_free(lanes)]
    node, signs = mine[0], dict.fromkeys(mine[1:], "╯")
    before = list(lanes)
    for i in mine:
        lanes[i] = None
    if downs:
        lanes[node] = downs[0]
    for down in downs[1:]:
        if down in lanes:
            signs[lanes.index(down)] = "┤"
        else:
            at = _free(lanes)
            lanes[at] = down
            signs[at] = "┤" if at in signs else "╮"
    line = _drawn(node, MARKS[revision.applied], signs, [*before, *[None] * (len(lanes) - len(before))])
    while lanes and lanes[-1] is None:
        lanes.pop()
    return line


def _free(lanes: list[str | None]) -> int:
    if None not in lanes:
        lanes.append(None)
    return lanes.index(None)


_MIRRORED = {"╯": "╰", "╮": "╭", "┤": "├"}
_PASSED = {"╯": "┴", "╮": "┬", "┤": "┼"}


def _drawn(node: int, mark: str, signs: Mapping[int, str], lanes: Sequence[str | None]) -> str:
    first, last = min([node, *signs]), max([node, *signs])
    letters = []
    for i, waited in enumerate(lanes):
        inside = first < i < last
        if i == node:
            letter = mark
        elif i in signs:
            letter = _PASSED[signs[i]] if inside else signs[i] if i > node else _MIRRORED[signs[i]]
        elif waited is not None:
            letter = "┼" if inside else "│"
        else:
            letter = "─" if inside else " "
        letters += [letter, "─" if first <= i < last else " "]
    return _cut("".join(letters).rstrip())


def _cut(line: str) -> str:
    return line if len(line) < 2 * MOST_LANES else f"{line[: 2 * MOST_LANES - 1]}…"
