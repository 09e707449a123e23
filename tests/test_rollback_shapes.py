"""verify-rollback on histories and databases of unusual shape: each with the report that it must give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from apps import Rev, Revisions
from rehearsing import BASE, PEOPLE, Fact, build, execute, facts, rehearsed
from servers import TestDatabase

from dbadmin.errors import DbadminError, EmptyPlan, UsageError

pytestmark = pytest.mark.rehearsal


def index(name: str) -> tuple[str, str]:
    return f'op.create_index("{name}", "people", ["name", "id"])', f'op.drop_index("{name}", "people")'


def table(name: str) -> tuple[str, str]:
    columns = 'sa.Column("id", sa.Integer, primary_key=True)'
    return f'op.create_table("{name}", {columns})', f'op.drop_table("{name}")'


@dataclass(frozen=True)
class Shape:
    """Revisions, where the database stands, what somebody did to it by hand, and the report.

    `found` are all findings but `data-at-risk`, notes too; `plan` is kind, upgrade, downgrade, target.
    """

    name: str
    revisions: Revisions
    at: str
    verdict: str
    found: frozenset[Fact] = frozenset()
    plan: tuple[str, str, str, str] | None = None
    by_hand: Sequence[str] = ()
    stamp: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    configure: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    engines: tuple[str, ...] = ("sqlite",)


FORK: Revisions = {"a1": BASE, "b2": Rev("a1", *index("ix_b"), labels=("left",)), "b3": Rev("a1", *table("t3"))}
TWO = {
    "a1": Rev(None, *BASE[1:], labels=("shop",)),
    "a2": Rev("a1", *index("ix_a")),
    "w1": Rev(None, *table("stock"), labels=("store",)),
    "w2": Rev("w1", *index("ix_w"), depends_on=("a2",)),
}
TWICE = ("\n".join((table("t1")[0], table("t2")[0])), "\n".join((table("t2")[1], table("t1")[1])))
PEOPLE_BY_HAND = """
CREATE TABLE people (
    id integer PRIMARY KEY, name varchar(50) NOT NULL, mood varchar(20), CONSTRAINT ck_people_name CHECK (name <> '')
)
"""
SHAPES = [
    Shape("a revision that stopped half-way", {"a1": BASE, "b2": ("a1", *TWICE)}, "a1", "broken",
          frozenset({("upgrade-failed", "b2", "b2"), ("already-exists", "b2", "t1")}),
          by_hand=("CREATE TABLE t1 (id integer PRIMARY KEY)",), engines=("sqlite", "postgresql", "mariadb")),
    Shape("create_all() made what is pending, and nobody stamped", {"a1": BASE, "b2": ("a1", *index("ix_b"))}, "a1",
          "broken", frozenset({("upgrade-failed", "b2", "b2"), ("already-exists", "b2", "people.ix_b")}),
          by_hand=("CREATE INDEX ix_b ON people (name, id)",)),
    Shape("create_all() made a column, and nobody stamped",
          {"a1": BASE, "b2": ("a1", 'op.add_column("people", sa.Column("age", sa.Integer))', "pass")}, "a1", "broken",
          frozenset({("upgrade-failed", "b2", "b2"), ("already-exists", "b2", "people.age")}),
          by_hand=("ALTER TABLE people ADD COLUMN age integer",), engines=("sqlite", "postgresql")),
    Shape("create_all() and stamp, where the scripts make the tables too", {"a1": BASE, "b2": ("a1", *index("ix_b"))},
          "base", "safe", plan=("head", "", "b2", "a1"), stamp="head",
          by_hand=(PEOPLE_BY_HAND, "CREATE INDEX ix_people_name ON people (name)",
                   "CREATE INDEX ix_b ON people (name, id)", *PEOPLE)),
    Shape("create_all() and stamp, where no script makes a table", {"a1": (None, "pass", "pass"), "b2": ("a1", "", "")},
          "base", "unproven", frozenset({("no-reference", None, "schema")}), stamp="head",
          by_hand=("CREATE TABLE people (id integer PRIMARY KEY)",)),
    Shape("two revisions make the same table", {"a1": BASE, "b2": ("a1", *table("t")), "c3": ("b2", *table("t"))}, "a1",
          "broken", frozenset({("upgrade-failed", "c3", "c3")})),
    Shape("a version table of another name", {"a1": BASE, "b2": ("a1", *index("ix_b"))}, "a1", "safe",
          plan=("pending", "b2", "b2", "a1"), configure='version_table="shop_version"',
          source={"version_table": "shop_version"}),
    Shape("several version tables in one database", {"a1": BASE, "b2": ("a1", *index("ix_b"))}, "a1", "safe",
          plan=("pending", "b2", "b2", "a1"), configure='version_table="shop_version"',
          source={"version_table": "shop_version"},
          by_hand=("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
                   "INSERT INTO alembic_version VALUES ('other')")),
    Shape("a version table in a schema of its own", {"a1": BASE, "b2": ("a1", *index("ix_b"))}, "a1", "safe",
          plan=("pending", "b2", "b2", "a1"), configure='version_table_schema="meta"',
          source={"version_table_schema": "meta"}, engines=("postgresql",)),
    Shape("a merge is pending with both of its branches",
          {**FORK, "m4": Rev(("b2", "b3")), "e5": Rev("m4", *index("ix_e"))}, "a1", "safe",
          plan=("pending", "b2 b3 m4 e5", "e5 m4 b3 b2", "a1")),
    Shape("across a merge, to base", {**FORK, "m4": Rev(("b2", "b3"))}, "head", "lossy",
          frozenset({("rows-lost", "a1", "people")}), plan=("head", "", "m4 b3 b2 a1", ""), options={"to": "base"}),
    Shape("one labelled branch of two", FORK, "heads", "safe", plan=("head", "", "b2", "b3"),
          options={"to": "left@a1"}),
    Shape("a branch that depends on another", TWO, "a2", "safe",
          plan=("pending", "w1 w2", "w2 w1", "a2"), options={"upgrade_to": "store@head", "to": "store@base"}),
    Shape("several bases, squashed into one by a merge",
          {"a1": BASE, "z1": Rev(None, *table("z")), "m2": Rev(("a1", "z1")), "c3": Rev("m2", *index("ix_c"))}, "m2",
          "safe", plan=("pending", "c3", "c3", "m2")),
    Shape("no downgrade in the middle",
          {"a1": BASE, "b2": ("a1", *index("i2")), "c3": ("b2", index("i3")[0], None), "d4": ("c3", *index("i4"))},
          "a1", "irreversible", frozenset({("not-implemented", "c3", "c3")})),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_each_shape_has_its_report(shape: Shape, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    for engine in shape.engines:
        database: TestDatabase = request.getfixturevalue(engine)
        (tmp_path / engine).mkdir()
        if "version_table_schema" in shape.source:
            execute(database.url, "CREATE SCHEMA meta")
        app = build(tmp_path / engine, database.url, shape.revisions, at=shape.at, configure=shape.configure)
        execute(database.url, *shape.by_hand)
        if shape.stamp:
            app.alembic("stamp", shape.stamp)
        elif shape.at != "base":
            execute(database.url, *PEOPLE)
        report = rehearsed(app, source=shape.source, **shape.options)
        found = {one for one in facts(report, notes=True) if one[0] != "data-at-risk"}
        assert (report.verdict, found) == (shape.verdict, set(shape.found)), (engine, report.summary)
        if shape.plan is not None:
            plan = report.plan
            walked = (" ".join(plan.upgrade), " ".join(plan.downgrade), " ".join(plan.target))
            assert (plan.kind, *map(_sorted_branches, walked)) == tuple(map(_sorted_branches, shape.plan))


def _sorted_branches(revisions: str) -> str:
    """Two revisions that do not depend on each other may run in either order."""
    return " ".join(sorted(revisions.split()))


def test_what_is_there_already_is_mended_by_a_stamp(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", *TWICE)}, at="a1")
    execute(sqlite.url, "CREATE TABLE t1 (id integer PRIMARY KEY)")
    (note,) = [f for f in rehearsed(app).findings if f.code == "already-exists"]
    assert (note.severity, note.phase, note.blocks_verdict) == ("note", "upgrade", False)
    assert note.detail == "the table t1 was there before the upgrade that makes it"
    assert note.remedy is not None and "alembic stamp b2" in note.remedy and "drop t1" in note.remedy


REFUSED: list[tuple[str, Revisions, str, Sequence[str], type[DbadminError], str]] = [
    ("a history that was squashed away", {"s9": BASE}, "base",
     ("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)", "INSERT INTO alembic_version VALUES ('a1')",
      "CREATE TABLE people (id integer)"),
     EmptyPlan, "stands at a1, which no script in .* has"),
    ("the first revision stopped half-way", {"a1": BASE}, "base",
     ("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)", "CREATE TABLE people (id integer)"),
     EmptyPlan, "has tables, but no revision in alembic_version"),
    ("create_all() without a stamp", {"a1": BASE}, "base", ("CREATE TABLE people (id integer)",),
     EmptyPlan, "has tables, but no revision in alembic_version"),
    ("two heads that nobody merged", FORK | {"b4": Rev("a1", *table("t4"))}, "a1", (), EmptyPlan, "heads: b3, b4"),
    ("a merge to go down over", {**FORK, "m4": Rev(("b2", "b3"))}, "head", (), UsageError, "m4 merges b2, b3"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "revisions", "at", "by_hand", "kind", "message"), REFUSED, ids=[r[0] for r in REFUSED]
)
def test_what_cannot_be_rehearsed_is_exit_2(
    name: str, revisions: Revisions, at: str, by_hand: Sequence[str], kind: type[DbadminError], message: str,
    sqlite: TestDatabase, tmp_path: Path,
) -> None:  # fmt: skip
    app = build(tmp_path, sqlite.url, revisions, at=at, fill=by_hand)
    with pytest.raises(kind, match=message) as refused:
        rehearsed(app)
    assert refused.value.exit_code == 2 and refused.value.hint
