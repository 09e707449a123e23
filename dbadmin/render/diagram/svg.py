"""A diagram drawn: boxes for tables, lines with crow's feet for relations. One file, without script, style or font."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dbadmin.render.diagram.boxes import BOX_GAP, FONT_SIZE, Box, Colours, boxes_of, text_at
from dbadmin.render.diagram.chosen import NO_GROUP, chosen, grouped, title
from dbadmin.render.diagram.layered import ASPECT, Link, Point, Size, place, shelves
from dbadmin.render.values import visible
from dbadmin.results import Diagram, DiagramRelation

MARGIN = 24.0
FRAME = 18.0
"""Room between the frame of a group and its tables; its title stands in it."""
FRAMED_FROM = 13
"""With so many tables each group has a frame of its own, and relations between groups stand in the rows."""
LOOP = 34.0
"""How far a relation of a table to itself goes out."""
STUB = 20.0
"""The straight piece at an end, in which the signs stand."""
LINE = "#57606a"
PAPER = "#ffffff"
LEGEND = "PK primary key · FK foreign key · UQ unique · ? may be NULL · crow's foot: many"


@dataclass(frozen=True)
class Part:
    """Tables that are laid out together, under one title where there are several parts."""

    title: str | None
    boxes: Sequence[Box]
    relations: Sequence[DiagramRelation]


@dataclass(frozen=True)
class Drawn:
    """A part with its places; a relation of a table to itself has no points."""

    part: Part
    places: Mapping[str, Point]
    lines: Sequence[tuple[DiagramRelation, Sequence[Point]]]
    size: Size


def svg(diagram: Diagram) -> str:
    """The drawing, with a white ground so that it can be read anywhere."""
    drawn = [lay_out(part) for part in parts_of(diagram)]
    framed = len(drawn) > 1
    sizes = [frame_size(one.size) if framed else one.size for one in drawn]
    area = sum((size.width + BOX_GAP) * (size.height + BOX_GAP) for size in sizes)
    places, whole = shelves(sizes, max([(area * ASPECT) ** 0.5, *(s.width for s in sizes)]), BOX_GAP)
    caption = title(diagram)
    remarks = [LEGEND, "→ relations into other groups stand in the rows"] if framed else [LEGEND]
    width = max(whole.width, max(len(line) for line in (caption, *remarks)) * FONT_SIZE * 0.6) + 2 * MARGIN
    top = MARGIN + 2 * FONT_SIZE
    height = top + whole.height + MARGIN + len(remarks) * 1.5 * FONT_SIZE
    body = [text_at(MARGIN, MARGIN + FONT_SIZE / 2, caption, weight="bold", size=FONT_SIZE + 2)]
    for one, (x, y), size in zip(drawn, places, sizes, strict=True):
        body += part_lines(one, (MARGIN + x, top + y), size if framed else None)
    for number, remark in enumerate(remarks):
        body.append(text_at(MARGIN, top + whole.height + MARGIN + number * 1.5 * FONT_SIZE, remark, fill=LINE))
    return page(width, height, caption, body)


def page(width: float, height: float, caption: str, body: Sequence[str]) -> str:
    """The file around the drawing."""
    said = html.escape(visible(caption))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{said}" '
        f'font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="{FONT_SIZE}" '
        'style="max-width: 100%; height: auto">'
    )
    ground = f'<rect width="{width:.0f}" height="{height:.0f}" fill="{PAPER}"/>'
    return "\n".join([head, f"<title>{said}</title>", ground, *body, "</svg>"]) + "\n"


def parts_of(diagram: Diagram) -> list[Part]:
    """One part, or where there are many tables in groups one for each."""
    colours = Colours.of(diagram)
    groups = grouped(diagram)
    framed = len(groups) > 1 and len(diagram.tables) >= FRAMED_FROM
    home = {table.table: table.group if framed else None for table in diagram.tables}
    shown = chosen(diagram)
    boxes = boxes_of(diagram, shown, colours, home)
    if not framed:
        return [Part(None, list(boxes.values()), diagram.relations)]
    return [
        Part(
            group or NO_GROUP,
            [boxes[table.table] for table in tables],
            [r for r in diagram.relations if home[r.table] == group and home[r.referred_table] == group],
        )
        for group, tables in groups.items()
    ]


def lay_out(part: Part) -> Drawn:
    """Tables that hang together in layers; what hangs together in rows."""
    pieces = list(connected(part))
    laid = [place({box.name: box.size for box in piece.boxes}, links_of(piece)) for piece in pieces]
    sizes = [with_loops(placed.size, piece) for placed, piece in zip(laid, pieces, strict=True)]
    area = sum((size.width + BOX_GAP) * (size.height + BOX_GAP) for size in sizes)
    corners, whole = shelves(sizes, max([(area * ASPECT) ** 0.5, *(size.width for size in sizes)]), BOX_GAP)
    places: dict[str, Point] = {}
    lines: list[tuple[DiagramRelation, Sequence[Point]]] = []
    for piece, placed, (x, y) in zip(pieces, laid, corners, strict=True):
        places |= {name: (x + left, y + top) for name, (left, top) in placed.boxes.items()}
        for relation, points in zip(piece.relations, placed.lines, strict=True):
            lines.append((relation, [(x + px, y + py) for px, py in points]))
    return Drawn(part, places, lines, whole)


def connected(part: Part) -> Iterator[Part]:
    """The tables of a part that relations lead between, each lot with its relations."""
    relations: dict[str, list[DiagramRelation]] = {box.name: [] for box in part.boxes}
    for relation in part.relations:
        for name in {relation.table, relation.referred_table}:
            relations[name].append(relation)
    seen: set[str] = set()
    for box in part.boxes:
        waiting, found = [box.name], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                found.add(name)
                waiting += [end for r in relations[name] for end in (r.table, r.referred_table)]
        if found:
            boxes = [one for one in part.boxes if one.name in found]
            yield Part(None, boxes, [r for r in part.relations if r.table in found])


def links_of(part: Part) -> list[Link]:
    """The relations of a part as lines between heights of its boxes."""
    boxes = {box.name: box for box in part.boxes}
    return [
        Link(
            r.referred_table,
            r.table,
            boxes[r.referred_table].port(r.referred_columns),
            boxes[r.table].port(r.columns),
        )
        for r in part.relations
    ]


def with_loops(size: Size, part: Part) -> Size:
    """The size with room for relations of a table to itself."""
    loops = any(r.table == r.referred_table for r in part.relations)
    return Size(size.width + LOOP, size.height) if loops else size


def frame_size(size: Size) -> Size:
    """A part with its frame."""
    return Size(size.width + 2 * FRAME, size.height + 3 * FRAME)


def part_lines(drawn: Drawn, at: Point, frame: Size | None) -> Iterator[str]:
    """A part, its frame first, then lines, then boxes."""
    x, y = at
    if frame is not None:
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}" rx="8" '
            'fill="#f6f8fa" stroke="#d1d9e0"/>'
        )
        yield text_at(x + FRAME, y + FRAME, drawn.part.title or "", weight="bold", fill=LINE)
        x, y = x + FRAME, y + 2 * FRAME
    boxes = {box.name: box for box in drawn.part.boxes}
    yield f'<g fill="none" stroke="{LINE}" stroke-width="1.3">'
    for relation, points in drawn.lines:
        if points:
            yield relation_path(relation, [(x + px, y + py) for px, py in points])
        else:
            left, top = drawn.places[relation.table]
            yield loop_path(relation, boxes[relation.table], (x + left, y + top))
    yield "</g>"
    for box in drawn.part.boxes:
        left, top = drawn.places[box.name]
        yield from box.lines(x + left, y + top)


def relation_path(relation: DiagramRelation, points: Sequence[Point]) -> str:
    """A line from parent to child, straight within layers and at its ends, and swung between layers."""
    rightwards = points[-1][0] > points[0][0]
    way = 1 if rightwards else -1
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for number, ((x, y), (to_x, to_y)) in enumerate(pairwise(points)):
        if number % 2 == 0 or y == to_y:
            path.append(f"H{to_x:.1f}")
            continue
        x += way * STUB if number == 1 else 0
        end = to_x - way * STUB if number == len(points) - 3 else to_x
        middle = (x + end) / 2
        path.append(f"H{x:.1f} C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {end:.1f} {to_y:.1f} H{to_x:.1f}")
    ends = one_end(points[0], way, optional=relation.optional) + child_end(relation, points[-1], -way)
    return element(relation, " ".join(path) + ends)


def loop_path(relation: DiagramRelation, box: Box, at: Point) -> str:
    """A line from a table back to itself, at its right side."""
    x = at[0] + box.size.width
    start, end = at[1] + box.port(relation.referred_columns), at[1] + box.port(relation.columns)
    end += 10 if start == end else 0
    out = x + LOOP
    path = f"M{x:.1f} {start:.1f} C{out:.1f} {start:.1f} {out:.1f} {end:.1f} {x:.1f} {end:.1f}"
    return element(
        relation, path + one_end((x, start), 1, optional=relation.optional) + child_end(relation, (x, end), 1)
    )


def element(relation: DiagramRelation, path: str) -> str:
    """The line with what it says when pointed at."""
    said = (
        f"{relation.table} ({', '.join(relation.columns)}) → "
        f"{relation.referred_table} ({', '.join(relation.referred_columns)})"
    )
    if relation.names:
        said += f": {', '.join(relation.names)}"
    return f'<path d="{path}"><title>{html.escape(visible(said))}</title></path>'


def one_end(at: Point, way: int, *, optional: bool) -> str:
    """One row at this end: a bar, with a second one, or with a circle where there may be none."""
    x, y = at
    bar = f" M{x + way * 7:.1f} {y - 5:.1f} v10"
    return bar + (circle(x + way * 14, y) if optional else f" M{x + way * 11:.1f} {y - 5:.1f} v10")


def child_end(relation: DiagramRelation, at: Point, way: int) -> str:
    """None or many rows at this end: a circle and a crow's foot; none or one: a circle and a bar."""
    x, y = at
    if not relation.many:
        return one_end(at, way, optional=True)
    foot = f" M{x:.1f} {y - 6:.1f} L{x + way * 11:.1f} {y:.1f} L{x:.1f} {y + 6:.1f}"
    return foot + circle(x + way * 15, y)


def circle(x: float, y: float) -> str:
    """A small circle."""
    return f" M{x - 3.5:.1f} {y:.1f} a3.5 3.5 0 1 0 7 0 a3.5 3.5 0 1 0 -7 0"
