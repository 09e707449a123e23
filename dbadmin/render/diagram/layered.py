"""Where boxes and lines go: layers from left to right, and lines that cross no box. Pure.

The method is Sugiyama's: layers by who is referred to, long lines led through every layer between, an order within
each layer with few crossings (barycentres), then places near those of the neighbours. Own code because the library
in Python (grandalf) has had no release since 2023, and the others are young and native; it has to run wherever
dbadmin does, and to give the same drawing everywhere.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 28.0
"""Between boxes above each other."""
LANE = 14.0
"""What a line takes where it passes through a layer."""
CHANNEL = 70.0
"""Between layers, at least; wider where many lines pass."""
ASPECT = 1.5
"""How much wider than high a drawing should be."""
ROUNDS = 12

Point = tuple[float, float]


@dataclass(frozen=True)
class Size:
    """A box."""

    width: float
    height: float


@dataclass(frozen=True)
class Link:
    """A line from the box that is referred to, to the one that refers, at heights within them."""

    parent: str
    child: str
    parent_at: float
    child_at: float


@dataclass(frozen=True)
class Placed:
    """The upper left corner of each box, the points of each line from parent to child, and the whole's size.

    From an even point to the next a line goes straight, from an odd one it swings over to the next layer.
    """

    boxes: Mapping[str, Point]
    lines: tuple[tuple[Point, ...], ...]
    size: Size


@dataclass
class Node:
    """A box, or the place where a line passes: the `at`-th of its layer.

    `left` and `right` are the ends of lines: (node, height there, height here).
    """

    height: float
    box: str | None = None
    y: float = 0.0
    at: int = 0
    left: "list[tuple[Node, float, float]]" = field(default_factory=list)
    right: "list[tuple[Node, float, float]]" = field(default_factory=list)

    @property
    def weight(self) -> float:
        """A line that passes pulls more than a box, so that long lines are straight."""
        return 1.0 if self.box is not None else 4.0


def place(boxes: Mapping[str, Size], links: Sequence[Link]) -> Placed:
    """Places for boxes that are linked, and lines between them; a link of a box to itself gets no points."""
    if not boxes:
        return Placed({}, tuple(() for _ in links), Size(0, 0))
    levels = levels_of(boxes, links)
    layers: list[list[Node]] = [[] for _ in range(max(levels.values()) + 1)]
    nodes = {name: Node(boxes[name].height, name) for name in levels}
    for name, node in nodes.items():
        layers[levels[name]].append(node)
    routes = [route(link, levels, nodes, layers) for link in links]
    arrange(layers)
    for _ in range(ROUNDS):
        for layer in layers[1:] or layers:
            settle(layer, leftwards=True)
        for layer in reversed(layers[:-1]):
            settle(layer, leftwards=False)
    return finished(boxes, links, levels, layers, nodes, routes)


def levels_of(boxes: Mapping[str, Size], links: Sequence[Link]) -> dict[str, int]:
    """The layer of each box: right of all that it refers to, circles aside, and no layer much too high."""
    parents, children = defaultdict(set), defaultdict(set)
    for link in links:
        if link.parent != link.child:
            children[link.parent].add(link.child)
    order, backward = depth_first(list(boxes), children)
    for parent, below in children.items():
        for child in below:
            if (parent, child) not in backward:
                parents[child].add(parent)
    total = sum(size.height + GAP for size in boxes.values())
    wide = max(size.width for size in boxes.values()) + CHANNEL
    count = max((ASPECT * total / wide) ** 0.5, 1.0)
    most = max(total / count, *(size.height + GAP for size in boxes.values()))
    filled: dict[int, float] = defaultdict(float)
    levels: dict[str, int] = {}
    for name in order:
        level = 1 + max((levels[parent] for parent in parents[name]), default=-1)
        while filled[level] and filled[level] + boxes[name].height > most:
            level += 1
        levels[name] = level
        filled[level] += boxes[name].height + GAP
    used = sorted(set(levels.values()))
    return {name: used.index(level) for name, level in levels.items()}


def depth_first(names: Sequence[str], children: Mapping[str, set[str]]) -> tuple[list[str], set[tuple[str, str]]]:
    """The boxes in an order in which parents stand before children, and the links that circles had to be cut at."""
    done: list[str] = []
    state: dict[str, bool] = {}
    backward: set[tuple[str, str]] = set()
    referred = {child for below in children.values() for child in below}
    for root in sorted(names, key=lambda name: (name in referred, -len(children.get(name, ())), name)):
        stack = [] if root in state else [(root, iter(sorted(children.get(root, ()))))]
        state.setdefault(root, True)
        while stack:
            name, rest = stack[-1]
            for child in rest:
                if child not in state:
                    state[child] = True
                    stack.append((child, iter(sorted(children.get(child, ())))))
                    break
                if state[child]:
                    backward.add((name, child))
            else:
                state[name] = False
                done.append(name)
                stack.pop()
    return done[::-1], backward


def route(
    link: Link, levels: Mapping[str, int], nodes: Mapping[str, Node], layers: Sequence[list[Node]]
) -> tuple[Node, ...]:
    """The nodes of a line from left to right, with one more in each layer that it passes."""
    ends = [
        (levels[link.parent], nodes[link.parent], link.parent_at),
        (levels[link.child], nodes[link.child], link.child_at),
    ]
    (first, start, start_at), (last, end, end_at) = sorted(ends, key=lambda one: one[0])
    if start is end:
        return ()
    path = [start]
    for level in range(first + 1, last):
        path.append(Node(LANE))
        layers[level].append(path[-1])
    path.append(end)
    heights = [start_at, *(LANE / 2 for _ in path[1:-1]), end_at]
    for (a, a_at), (b, b_at) in pairwise(zip(path, heights, strict=True)):
        a.right.append((b, b_at, a_at))
        b.left.append((a, a_at, b_at))
    return tuple(path)


def arrange(layers: list[list[Node]]) -> None:
    """Put each layer into an order with few crossings: by the middle of the neighbours, to and fro; the best stays."""
    for layer in layers:
        number(layer)
    best, fewest = [list(layer) for layer in layers], crossings(layers)
    for turn in range(ROUNDS):
        if not fewest:
            break
        for layer in layers[1:] if turn % 2 == 0 else layers[-2::-1]:
            layer.sort(key=leftward if turn % 2 == 0 else rightward)
            number(layer)
        now = crossings(layers)
        if now < fewest:
            best, fewest = [list(layer) for layer in layers], now
    layers[:] = best


def number(layer: Sequence[Node]) -> None:
    """Tell each node where it stands in its layer."""
    for at, node in enumerate(layer):
        node.at = at


def leftward(node: Node) -> float:
    """The middle of the neighbours to the left; a node without one stays."""
    return sum(other.at for other, _, _ in node.left) / len(node.left) if node.left else node.at


def rightward(node: Node) -> float:
    """The middle of the neighbours to the right; a node without one stays."""
    return sum(other.at for other, _, _ in node.right) / len(node.right) if node.right else node.at


def crossings(layers: Sequence[Sequence[Node]]) -> int:
    """How many lines cross between neighbouring layers."""
    found = 0
    for layer in layers:
        seen: list[tuple[int, float]] = []
        for node in layer:
            ends = sorted((other.at, height) for other, height, _ in node.right)
            found += sum(len(seen) - bisect_left(seen, (at, height + 0.5)) for at, height in ends)
            for end in ends:
                insort(seen, end)
    return found


def settle(layer: Sequence[Node], *, leftwards: bool) -> None:
    """Move each node of a layer as near as can be to where its neighbours would have it, in the order given.

    Least squares under "each stands below the one before": blocks that would overlap are put together at their mean.
    """
    offset, blocks = 0.0, list[tuple[float, float, int]]()  # sum of weight × wish, weight, number of nodes
    offsets = []
    for node in layer:
        near = (node.left if leftwards else node.right) or (node.right if leftwards else node.left)
        wish = sum(other.y + at - here for other, at, here in near) / len(near) if near else node.y
        offsets.append(offset)
        total, weight, count = (wish - offset) * node.weight, node.weight, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / weight:
            before = blocks.pop()
            total, weight, count = total + before[0], weight + before[1], count + before[2]
        blocks.append((total, weight, count))
        offset += node.height + (GAP if node.box is not None else LANE / 2)
    places = [total / weight for total, weight, count in blocks for _ in range(count)]
    for node, at, start in zip(layer, places, offsets, strict=True):
        node.y = at + start


def finished(
    boxes: Mapping[str, Size],
    links: Sequence[Link],
    levels: Mapping[str, int],
    layers: Sequence[Sequence[Node]],
    nodes: Mapping[str, Node],
    routes: Sequence[tuple[Node, ...]],
) -> Placed:
    """Coordinates from the upper left corner."""
    top = min(node.y for layer in layers for node in layer)
    lefts, widths = columns(boxes, layers)
    lines = []
    for link, path in zip(links, routes, strict=True):
        points: list[Point] = []
        at = min(levels[link.parent], levels[link.child])
        heights = [link.parent_at, link.child_at]
        if levels[link.child] < levels[link.parent]:
            heights.reverse()
        for number, node in enumerate(path):
            left, right = lefts[at + number], lefts[at + number] + widths[at + number]
            y = node.y - top + (heights[0] if number == 0 else heights[1] if number == len(path) - 1 else LANE / 2)
            if number == 0:
                points += [(left + boxes[str(node.box)].width, y), (right, y)]
            else:
                points += [(left, y), (right if number < len(path) - 1 else left, y)]
        lines.append(tuple(points if levels[link.parent] <= levels[link.child] else points[::-1]))
    bottom = max(node.y + node.height for layer in layers for node in layer)
    placed = {name: (lefts[levels[name]], node.y - top) for name, node in nodes.items()}
    return Placed(placed, tuple(lines), Size(lefts[-1] + widths[-1], bottom - top))


def columns(boxes: Mapping[str, Size], layers: Sequence[Sequence[Node]]) -> tuple[list[float], list[float]]:
    """The left side and the width of each layer."""
    lefts, widths, x = [], [], 0.0
    for layer in layers:
        width = max((boxes[node.box].width for node in layer if node.box is not None), default=0.0)
        lefts.append(x)
        widths.append(width)
        x += width + CHANNEL + 3.0 * sum(len(node.right) for node in layer)
    return lefts, widths


def shelves(sizes: Sequence[Size], width: float, gap: float) -> tuple[list[Point], Size]:
    """Places for boxes in rows, the highest first, none wider than `width` unless a box is; and the whole's size."""
    places: list[Point] = [(0.0, 0.0)] * len(sizes)
    x = y = row = widest = 0.0
    for number in sorted(range(len(sizes)), key=lambda n: -sizes[n].height):
        size = sizes[number]
        if x and x + size.width > width:
            x, y, row = 0.0, y + row + gap, 0.0
        places[number] = (x, y)
        x, row = x + size.width + gap, max(row, size.height)
        widest = max(widest, x - gap)
    return places, Size(widest, y + row)
