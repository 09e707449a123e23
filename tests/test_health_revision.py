"""`dbadmin inspect --write-revision`: what it writes mends the database, and verify-rollback calls it safe."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from apps import Rev, make_app
from demos import demo as copied
from servers import TestDatabase

from dbadmin.dialects.health import Mend
from dbadmin.example.make import make
from dbadmin.health.check import Found
from dbadmin.health.revision import body, lasting
from dbadmin.health.run import every_check
from dbadmin.results import HealthFinding

ILLS = {
    "sqlite": ("CREATE INDEX ix_twice ON blog_posts (author_id)",),
    "postgresql": (
        "CREATE INDEX ix_twice ON blog_posts (author_id)",
        'CREATE TABLE "Odd ""name: x" (id integer PRIMARY KEY, post_id integer REFERENCES blog_posts (id))',
        "ALTER TABLE plans ADD CONSTRAINT named CHECK (name <> ' :x') NOT VALID",
        "CREATE TABLE log (at timestamp)",
    ),
    "mariadb": ("CREATE INDEX ix_twice ON blog_posts (author_id)", "CREATE TABLE log (at timestamp)"),
}
CODES = {
    "sqlite": {"duplicate-index"},
    "postgresql": {"duplicate-index", "fk-without-index", "not-validated", "no-primary-key"},
    "mariadb": {"duplicate-index", "no-primary-key"},
}


def finding(check: str, object: str, mend: Mend, **more: Any) -> HealthFinding:
    return replace(every_check()[check].named(Found(object, "", mend=mend)), **more)


@pytest.fixture
def demo(database: TestDatabase, tmp_path: Path) -> Path:
    """The reference application with everything applied, and then made ill."""
    if database.kind == "sqlite":
        return copied(tmp_path / "demo", users=30, posts=120).directory
    url = database.url.render_as_string(hide_password=False)
    return make(tmp_path / "demo", url=url, users=30, posts=120).directory


def ill(database: TestDatabase, demo: Path) -> TestDatabase:
    if database.kind == "sqlite":
        database = TestDatabase("sqlite", database.url.set(database=str(demo / "app.db")), "app.db")
    database.execute(*ILLS[database.kind])
    return database


@pytest.mark.rehearsal
def test_the_revision_mends_what_was_found_and_is_called_safe(database: TestDatabase, demo: Path, run: Any) -> None:
    refused = run("inspect", "--write-revision", cwd=demo)
    assert (refused.code, "1 revision is pending" in refused.stderr) == (2, True)
    assert "alembic upgrade head first" in refused.stderr
    upgrade(demo)
    sick = ill(database, demo)
    before = list((demo / "alembic" / "versions").glob("*.py"))
    report = run("inspect", "--write-revision", "--format", "json", cwd=demo).json()
    codes = {f["code"] for f in report["findings"] if f["lasting"] and f["severity"] != "note"}
    assert codes >= CODES[sick.kind]
    (made,) = set((demo / "alembic" / "versions").glob("*.py")) - set(before)
    assert report["revision"] == str(made)
    safe = run("verify-rollback", "--format", "json", cwd=demo, timeout=170).json()
    assert (safe["verdict"], safe["plan"]["kind"]) == ("safe", "pending"), safe["findings"]
    upgrade(demo)
    again = run("inspect", *sorted(CODES[sick.kind]), "--format", "json", cwd=demo).json()
    assert [f["key"] for f in again["findings"] if f["severity"] != "note"] == []
    nothing = run("inspect", "--write-revision", "duplicate-index", "--format", "json", cwd=demo).json()
    assert (nothing["revision"], "none was written" in nothing["notes"][0]) == (None, True)


def test_where_there_are_several_heads_all_of_them_are_applied_first(tmp_path: Path, run: Any) -> None:
    branches = {"a1": Rev(None, labels=("shop",)), "w1": Rev(None, labels=("store",))}
    app = make_app(tmp_path, url=f"sqlite:///{tmp_path}/app.db", revisions=branches)
    app.alembic("upgrade", "a1")
    refused = run("inspect", "--write-revision", cwd=app.directory)
    assert (refused.code, "alembic upgrade heads first" in refused.stderr) == (2, True), refused.stderr


def upgrade(demo: Path) -> None:
    """`alembic upgrade head` in the demo, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"], cwd=demo, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_names_from_the_database_cannot_become_code() -> None:
    name = "x\n    import os\r'''\"\"\" \u2028 :y"
    up, undo = f"CREATE INDEX {name}", f"DROP INDEX {name}"
    mends = [Mend((up,), (undo,), outside=outside) for outside in (True, False)]
    forward, back = body([finding("duplicate-index", name, mend) for mend in mends])
    tree = ast.parse(f"def upgrade():\n    {forward}\ndef downgrade():\n    {back}\n")
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "op.execute"]
    assert {ast.literal_eval(call.args[0]).replace("\\:", ":") for call in calls} == {up, undo}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def test_what_is_done_once_by_hand_and_notes_that_nobody_named_stay_out() -> None:
    mend = Mend(("A",), ("B",))
    found = (
        finding("model-index", "t.a", mend),
        finding("fk-without-index", "t.a", Mend(("C",), ("D",))),
        finding("unused-index", "t.b", mend),
        finding("dead-rows", "t", Mend(("VACUUM t",), lasting=False)),
        finding("overlapping-index", "t.c", Mend(("E",), ("F",))),
        finding("duplicate-index", "t.d", Mend(("G",), ("H",)), ignored="kept"),
    )
    assert [one.code for one in lasting(found, ())] == ["model-index"]
    assert [one.code for one in lasting(found, ("overlapping-index",))] == ["model-index", "overlapping-index"]
