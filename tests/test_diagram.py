"""Diagrams: which tables and relations, what stands where in the drawing, and names that would be something else."""

import itertools
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from results_samples import HOSTILE_DIAGRAM
from servers import TestDatabase
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from test_render import same_as_golden

from dbadmin.errors import UnknownName
from dbadmin.example.make import write_application
from dbadmin.queries import Entities
from dbadmin.queries.diagram import diagram
from dbadmin.render import render
from dbadmin.render.diagram.layered import LANE, Link, Size, place
from dbadmin.render.diagram.mermaid import identifier
from dbadmin.results import Diagram

SVG = "{http://www.w3.org/2000/svg}"


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    mentor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("authors.id"))
    posts: Mapped[list["Post"]] = relationship(back_populates="author", foreign_keys="Post.author_id")


class Profile(Base):
    __tablename__ = "profiles"
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("authors.id"), primary_key=True)


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(sa.String(2), primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(80), unique=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("authors.id"))
    editor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="posts", foreign_keys=author_id)


class Comment(Base):
    __tablename__ = "comments"
    __table_args__ = (sa.ForeignKeyConstraint(["post_id", "post_language"], ["posts.id", "posts.language"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int]
    post_language: Mapped[str | None] = mapped_column(sa.String(2))


class Setting(Base):
    __tablename__ = "settings"
    name: Mapped[str] = mapped_column(sa.String(20), primary_key=True)


MODELS = Entities.of([Author, Profile, Post, Comment, Setting], [])


def tables(number: int, *, groups: int = 1, schema: bool = False) -> Entities:
    """So many tables, each referring to the first ones and to the one before."""
    metadata = sa.MetaData()
    for n in range(number):
        group = f"part{n % groups}" if groups > 1 else None
        table = sa.Table(
            f"t{n}" if schema or group is None else f"{group}_t{n}",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            *(sa.Column(f"c{i}", sa.String(10)) for i in range(n % 7)),
            schema=group if schema else None,
        )
        made = list(metadata.tables.values())
        for target in {made[0], made[n // 3], made[max(n - groups, 0)]} - {table}:
            key = sa.Column(f"{target.name}_id", sa.Integer, nullable=n % 2 == 0)
            table.append_column(key)
            table.append_constraint(sa.ForeignKeyConstraint([key], [target.c.id]))
    return Entities.of([], [metadata])


def test_relations_say_how_many_and_which_relationships_follow_them() -> None:
    found = {(r.table, r.columns): r for r in diagram(MODELS).relations}
    said = {key: (r.referred_table, r.referred_columns, r.many, r.optional, r.names) for key, r in found.items()}
    assert said == {
        ("authors", ("mentor_id",)): ("authors", ("id",), True, True, ()),
        ("profiles", ("author_id",)): ("authors", ("id",), False, False, ()),
        ("posts", ("author_id",)): ("authors", ("id",), True, False, ("Post.author", "Author.posts")),
        ("posts", ("editor_id",)): ("authors", ("id",), True, True, ()),
        ("comments", ("post_id", "post_language")): ("posts", ("id", "language"), True, True, ()),
    }


def test_columns_say_what_keys_they_are() -> None:
    posts = next(t for t in diagram(MODELS).tables if t.table == "posts")
    assert (posts.model, posts.group, posts.neighbours) == ("Post", None, 2)
    assert [(c.name, c.type, c.primary_key, c.unique, c.refers_to, c.nullable) for c in posts.columns] == [
        ("id", "INTEGER", True, False, None, False),
        ("language", "VARCHAR(2)", True, False, None, False),
        ("slug", "VARCHAR(80)", False, True, None, False),
        ("author_id", "INTEGER", False, False, "authors", False),
        ("editor_id", "INTEGER", False, False, "authors", True),
    ]


def test_around_a_table_stand_its_neighbours() -> None:
    near = diagram(MODELS, around=Post)
    assert [t.table for t in near.tables] == ["authors", "comments", "posts"]
    assert (near.around, near.hidden) == ("posts", 2)
    assert {r.table for r in near.relations} == {"authors", "posts", "comments"}
    assert diagram(MODELS, around="settings").relations == ()
    with pytest.raises(UnknownName, match="did you mean 'posts'"):
        diagram(MODELS, around="post s")


def test_groups_are_schemas_else_modules_else_beginnings_of_names() -> None:
    def groups(entities: Entities) -> set[str | None]:
        return {table.group for table in diagram(entities).tables}

    assert groups(tables(6, groups=3, schema=True)) == {"part0", "part1", "part2"}
    assert groups(tables(30, groups=3)) == {"part0", "part1", "part2"}
    assert groups(tables(9, groups=3)) == {None}
    assert groups(MODELS) == {None}


# -- the drawing ---------------------------------------------------------------------------------------------


def texts(drawing: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawing).iter(f"{SVG}text")]


def test_fifty_tables_show_their_keys_and_stand_in_groups() -> None:
    drawing = render(diagram(tables(50, groups=5)), "svg")
    shown = texts(drawing)
    assert {f"part{n % 5}_t{n}" for n in range(50)} <= set(shown)
    assert {"part0", "part1", "part2", "part3", "part4", "→ part0_t0", "+ 3 columns"} <= set(shown)
    assert "c1" not in shown
    frames = [r for r in boxes_in(drawing) if r[4] == "#f6f8fa"]
    assert len(frames) == 5
    assert not any(overlap(a, b) for a, b in itertools.combinations(frames, 2))


def test_lines_are_drawn_within_a_group_and_written_between_groups() -> None:
    made = diagram(tables(50, groups=5))
    home = {table.table: table.group for table in made.tables}
    within = [r for r in made.relations if home[r.table] == home[r.referred_table]]
    drawing = ElementTree.fromstring(render(made, "svg"))
    assert len(list(drawing.iter(f"{SVG}path"))) == len(within)
    written = [text for text in texts(render(made, "svg")) if text.startswith("→ part")]
    assert len(written) == len(made.relations) - len(within)


def boxes_in(drawing: str) -> list[tuple[float, float, float, float, str]]:
    """Left, top, right, bottom and ground of the boxes."""
    found = []
    for r in ElementTree.fromstring(drawing).iter(f"{SVG}rect"):
        if r.get("x") is not None:
            x, y, w, h = (float(str(r.get(name))) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + w, y + h, str(r.get("fill"))))
    return found


def overlap(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return bool(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


@pytest.mark.parametrize("entities", [MODELS, tables(50), tables(50, groups=5)], ids=["models", "plain", "groups"])
def test_no_box_lies_on_another(entities: Entities) -> None:
    boxes = [box for box in boxes_in(render(diagram(entities), "svg")) if box[4] == "#ffffff"]
    assert len(boxes) == len(entities.tables())
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes, 2))


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(20, 300), st.integers(20, 500)), min_size=1, max_size=14),
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=30),
)
def test_lines_cross_no_box_and_boxes_keep_apart(sizes: list[tuple[int, int]], pairs: list[tuple[int, int]]) -> None:
    boxes = {f"b{n}": Size(*size) for n, size in enumerate(sizes)}
    links = [Link(f"b{a % len(sizes)}", f"b{b % len(sizes)}", 10, 10) for a, b in pairs]
    placed = place(boxes, links)
    assert set(placed.boxes) == set(boxes)
    areas = {name: (x, y, x + boxes[name].width, y + boxes[name].height) for name, (x, y) in placed.boxes.items()}
    assert not any(overlap(a, b) for a, b in itertools.combinations(areas.values(), 2))
    assert all(x >= 0 and y >= -0.01 for x, y, _, _ in areas.values())
    for link, points in zip(links, placed.lines, strict=True):
        if link.parent == link.child:
            assert points == ()
            continue
        ends = (placed.boxes[link.parent], placed.boxes[link.child])
        assert (points[0][1], points[-1][1]) == pytest.approx((ends[0][1] + 10, ends[1][1] + 10))
        for (x, y), (to_x, to_y) in list(itertools.pairwise(points))[::2]:  # straight pieces; between layers is no box
            assert y == to_y
            way = (min(x, to_x) + 0.1, y - LANE / 4, max(x, to_x) - 0.1, y + LANE / 4)
            assert not any(overlap(way, area) for name, area in areas.items() if name not in (link.parent, link.child))
        for (x, _), (to_x, _) in list(itertools.pairwise(points))[1::2]:
            assert not any(min(x, to_x) < left < max(x, to_x) for left, _, _, _ in areas.values())


def test_a_chain_of_a_thousand_tables_is_drawn() -> None:
    metadata = sa.MetaData()
    for n in range(1_000):
        key = [sa.ForeignKey(f"t{n - 1}.id")] if n else []
        sa.Table(f"t{n}", metadata, sa.Column("id", sa.Integer, *key, primary_key=True))
    assert "t999" in texts(render(diagram(Entities.of([], [metadata])), "svg"))


# -- names that would be something else ----------------------------------------------------------------------


def test_names_cannot_become_markup_in_a_drawing() -> None:
    drawing = render(HOSTILE_DIAGRAM, "svg")
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(drawing).iter()}
    assert tags <= {"svg", "title", "rect", "g", "path", "text"}
    attributes = {name for element in ElementTree.fromstring(drawing).iter() for name in element.attrib}
    assert not any(name.startswith("on") or "href" in name for name in attributes)
    assert "\\x1b[31mred" in drawing


STATEMENT = re.compile(
    r"""erDiagram | \s+%%[ ][^\n{}]* | \s+\}
    | \s+[A-Za-z]\w*(\["[^"\n]*"\])?([ ]\{)?
    | \s+[A-Za-z_][\w()\[\]-]*[ ][A-Za-z_][\w()\[\]-]*([ ](PK|FK|UK)(,[ ](PK|FK|UK))*)?([ ]"[^"\n]*")?
    | \s+\w+[ ](\|\||\|o)--(o\{|o\|)[ ]\w+[ ]:[ ]"[^"\n]*" """,
    re.VERBOSE | re.ASCII,
)


@pytest.mark.parametrize("made", [HOSTILE_DIAGRAM, diagram(MODELS), diagram(tables(20, groups=2, schema=True))])
def test_each_line_of_mermaid_is_one_that_its_grammar_has(made: Diagram) -> None:
    for line in render(made, "mermaid").splitlines():
        assert STATEMENT.fullmatch(line), line
        assert not re.search(r"<|`|%%\{", line)


def test_mermaid_has_a_name_of_its_own_for_each_table() -> None:
    names = ["users", "Users!", "users!", "t1_users", "", "end", "日本", "a.b", "a_b"]
    assert len({identifier(name, number) for number, name in enumerate(names)}) == len(names)


def test_names_stay_within_quotes_and_labels_of_graphviz() -> None:
    written = render(HOSTILE_DIAGRAM, "dot")
    labels = re.findall("<(<TABLE.*?</TABLE>)>", written, re.DOTALL)
    assert len(labels) == 2
    assert {tag.strip("</") for label in labels for tag in re.findall(r"</?\w+", label)} <= {
        "TABLE",
        "TR",
        "TD",
        "B",
        "I",
    }
    for line in re.sub("<<TABLE.*?</TABLE>>", "", written, flags=re.DOTALL).splitlines():
        assert '"' not in re.sub(r'"(?:[^"\\]|\\.)*"', "", line)


# -- as typed ------------------------------------------------------------------------------------------------

BLOG = (
    "CREATE TABLE authors (id INTEGER PRIMARY KEY, email VARCHAR(80) NOT NULL UNIQUE)",
    """
    CREATE TABLE posts (
        id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL, FOREIGN KEY (author_id) REFERENCES authors (id)
    )
    """,
    "CREATE TABLE settings (name VARCHAR(20) PRIMARY KEY)",
)


def test_a_database_without_an_application_is_drawn(run: Any, database: TestDatabase, tmp_path: Path) -> None:
    database.execute(*BLOG)
    url = database.url.render_as_string(hide_password=False)
    svg, page = tmp_path / "blog.svg", tmp_path / "blog.html"
    files = [word for path in (svg, page) for word in ("--output", path)]
    finished = run("diagram", "--format", "json", *files, cwd=tmp_path, env={"DBADMIN_URL": url})
    assert finished.code == 0, finished.stderr
    answer = finished.json()
    assert [table["table"] for table in answer["tables"]] == ["authors", "posts", "settings"]
    (relation,) = answer["relations"]
    assert (relation["table"], relation["columns"], relation["referred_table"]) == ("posts", ["author_id"], "authors")
    assert (relation["many"], relation["optional"]) == (True, False)
    assert {"authors", "posts", "settings"} <= set(texts(svg.read_text()))
    assert "<svg" in page.read_text() and "many to one" in page.read_text()
    assert (svg.stat().st_mode & 0o777) == 0o600


def test_the_command_gives_mermaid_unless_told_otherwise(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    sqlite.execute(*BLOG)
    url = {"DBADMIN_URL": str(sqlite.url)}
    assert run("diagram", cwd=tmp_path, env=url).stdout.startswith("erDiagram\n")
    assert run("--format", "dot", "diagram", cwd=tmp_path, env=url).stdout.startswith("digraph {")
    markdown = run("diagram", "--around", "posts", "--format", "markdown", cwd=tmp_path, env=url).stdout
    assert "```mermaid\nerDiagram\n" in markdown and "settings" not in markdown
    table = run("diagram", "--format", "table", cwd=tmp_path, env=url).stdout
    assert "authors (id)" in table and "<svg" not in table
    unknown = run("diagram", "--around", "post", cwd=tmp_path, env=url)
    assert (unknown.code, "did you mean 'posts'?" in unknown.stderr) == (2, True)


def test_the_picture_in_the_documentation_is_the_demo(tmp_path: Path, run: Any) -> None:
    write_application(tmp_path / "demo", f"sqlite:///{tmp_path / 'none.db'}")
    finished = run("diagram", "--format", "svg", cwd=tmp_path / "demo")
    same_as_golden("../../docs/examples/diagram.svg", finished.stdout)
    assert not (tmp_path / "none.db").exists(), "no database is asked"
