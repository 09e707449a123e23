"""status: where a database stands. It only looks: nothing is written, no migration runs."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from apps import App, Rev, make_app
from rehearsing import execute
from servers import TestDatabase
from sqlalchemy import NullPool, create_engine, inspect

import dbadmin
from dbadmin.database import Database
from dbadmin.migrations.scripts import open_scripts
from dbadmin.migrations.status import status
from dbadmin.render import render
from dbadmin.results import Status

BASE = (None, 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("t")')
LINE = {"a1": BASE, "b2": ("a1", "print('up')", "print('down')"), "c3": ("b2", "print('up')", "pass")}


def look(app: App, **options: Any) -> Status:
    database = Database(create_engine(app.url, poolclass=NullPool))
    try:
        return status(database, open_scripts(app.project), **options)
    finally:
        database.close()


def tables(app: App) -> set[str]:
    return set(inspect(create_engine(app.url, poolclass=NullPool)).get_table_names())


def test_an_empty_database_is_empty_and_stays_so(database: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=database.url, revisions=LINE)
    if database.kind == "sqlite":
        Path(database.url.database or "").touch()
    found = look(app)
    assert (found.state, found.current, found.heads, found.applied, found.total) == ("empty", (), ("c3",), 0, 3)
    assert [r.revision for r in found.pending] == ["a1", "b2", "c3"]
    assert tables(app) == set()


def test_a_session_that_lives_on_sees_the_revision_that_was_just_written(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=sqlite.url, revisions=LINE)
    Path(sqlite.url.database or "").touch()
    with dbadmin.connect(app=app.directory) as db:
        assert db.status().heads == ("c3",)
        app.add({"d4": ("c3", "pass", "pass")})
        assert db.status().heads == ("d4",)


def test_tables_without_a_version_are_unmanaged(database: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=database.url, revisions=LINE)
    execute(database.url, "CREATE TABLE t (id integer)")
    assert look(app).state == "unmanaged"
    assert tables(app) == {"t"}


def test_behind_lists_what_is_pending_in_the_order_it_would_run(database: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=database.url, revisions=LINE)
    app.alembic("upgrade", "a1")
    found = look(app, checked=True)
    assert (found.state, found.current, found.applied) == ("behind", ("a1",), 1)
    assert [r.revision for r in found.pending] == ["b2", "c3"]
    assert [(r.revision, r.applied) for r in found.history] == [("c3", False), ("b2", False), ("a1", True)]
    assert not found.ok
    assert found.pending[1].irreversible == "downgrade() is empty"
    assert found.point_of_no_return == "c3"


def test_up_to_date_is_good_news(database: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=database.url, revisions=LINE)
    app.alembic("upgrade", "head")
    found = look(app, checked=True)
    assert (found.state, found.pending, found.ok) == ("up-to-date", (), True)
    assert found.database.engine == database.kind


def test_a_revision_that_no_script_has_is_told_with_its_nearest(database: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=database.url, revisions={"abc123": BASE})
    app.alembic("upgrade", "head")
    execute(database.url, "UPDATE alembic_version SET version_num = 'abc124'")
    found = look(app)
    assert found.state == "unknown-revision"
    assert [(u.revision, u.nearest, u.found_in) for u in found.unknown] == [("abc124", ("abc123",), None)]


def test_what_is_pending_is_not_known_above_a_revision_that_no_script_has(sqlite: TestDatabase, tmp_path: Path) -> None:
    branches = {"a1": Rev(BASE[0], BASE[1], labels=("shop",)), "a2": Rev("a1"), "w1": Rev(None, labels=("store",))}
    app = make_app(tmp_path, url=sqlite.url, revisions=branches)
    app.alembic("upgrade", "heads")
    execute(sqlite.url, "UPDATE alembic_version SET version_num = 'a3' WHERE version_num = 'a2'")
    found = look(app)
    assert (found.pending, found.applied, found.total) == ((), 1, 3)
    assert {r.revision: r.applied for r in found.history} == {"w1": True, "a1": None, "a2": None}
    execute(sqlite.url, "DELETE FROM alembic_version WHERE version_num = 'w1'")
    found = look(app)
    assert (found.pending, found.applied, {r.applied for r in found.history}) == ((), None, {None})


def test_git_is_asked_for_the_script_that_is_missing(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=sqlite.url, revisions={"a1": BASE})

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        subprocess.run(["git", "-C", app.directory, *identity, *arguments], check=True, capture_output=True)

    def found_in() -> str | None:
        return look(app).unknown[0].found_in

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "first")
    git("switch", "-qc", "feature/tags")
    app.add({"b2": Rev("a1", message="tags é")})
    app.alembic("upgrade", "head")
    git("add", "-A")
    git("commit", "-qm", "tags")
    git("switch", "-q", "main")
    assert found_in() == "feature/tags:migrations/versions/b2_tags_é.py"
    git("merge", "-q", "--ff-only", "feature/tags")
    git("rm", "-q", "migrations/versions/b2_tags_é.py")
    git("commit", "-qm", "no tags")
    assert found_in() == "feature/tags:migrations/versions/b2_tags_é.py"
    git("branch", "-qD", "feature/tags")
    removed = found_in()
    assert removed is not None
    git("cat-file", "-e", removed)
    execute(sqlite.url, "UPDATE alembic_version SET version_num = '.*'")
    assert found_in() is None


def test_branches_that_are_neither_merged_nor_labelled_are_several_heads(
    database: TestDatabase, tmp_path: Path
) -> None:
    plain = {"a1": BASE, "b2": ("a1", "pass", "pass"), "c3": ("a1", "pass", "pass")}
    app = make_app(tmp_path, url=database.url, revisions=plain)
    app.alembic("upgrade", "heads")
    assert look(app).state == "multiple-heads"
    assert look(app).current == ("b2", "c3")


def test_what_is_typed_next_is_not_refused_where_heads_are_not_told_apart(sqlite: TestDatabase, tmp_path: Path) -> None:
    plain = {"a1": BASE, "b2": ("a1", "pass", "pass"), "c3": ("a1", "pass", "pass")}
    app = make_app(tmp_path, url=sqlite.url, revisions=plain)
    app.alembic("upgrade", "a1")
    said = render(look(app), "table", width=200)
    assert "next: dbadmin verify-rollback --upgrade-to b2 rehearses one of 2 heads on a copy" in said
    assert "alembic upgrade heads applies all" in said


def test_labelled_branches_are_up_to_date_with_all_their_heads(database: TestDatabase, tmp_path: Path) -> None:
    labelled = {"a1": BASE, "b2": Rev("a1", labels=("left",)), "c3": Rev("a1", labels=("right",))}
    app = make_app(tmp_path, url=database.url, revisions=labelled)
    app.alembic("upgrade", "heads")
    found = look(app)
    assert found.state == "up-to-date"
    assert {label for r in found.history for label in r.branch_labels} == {"left", "right"}


def test_what_a_revision_depends_on_counts_as_applied(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": BASE, "b2": Rev("a1", labels=("left",)), "c3": Rev("a1", labels=("right",), depends_on=("b2",))}
    app = make_app(tmp_path, url=database.url, revisions=revisions)
    app.alembic("upgrade", "right@head")
    found = look(app)
    assert found.applied == 3
    assert [r.revision for r in found.pending] == []


def test_a_dependency_named_by_its_label_counts_as_applied(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {"x1": Rev(None, labels=("lib",)), "a1": BASE, "b2": Rev("a1", depends_on=("lib",))}
    app = make_app(tmp_path, url=database.url, revisions=revisions)
    app.alembic("upgrade", "b2")
    found = look(app)
    assert (found.state, found.applied, found.total) == ("up-to-date", 3, 3)
    assert {r.revision: r.depends_on for r in found.history}["b2"] == ("x1",)


def test_a_merge_ends_two_branches(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {
        "a1": BASE,
        "b2": ("a1", "pass", "pass"),
        "c3": ("a1", "pass", "pass"),
        "d4": Rev(("b2", "c3")),
    }
    app = make_app(tmp_path, url=database.url, revisions=revisions)
    app.alembic("upgrade", "b2")
    found = look(app)
    assert (found.state, found.heads) == ("behind", ("d4",))
    assert [r.revision for r in found.pending] == ["c3", "d4"]


def test_a_version_table_of_another_name_and_schema_is_read(postgresql: TestDatabase, tmp_path: Path) -> None:
    execute(postgresql.url, "CREATE SCHEMA meta")
    configure = 'version_table="versions", version_table_schema="meta"'
    app = make_app(tmp_path, url=postgresql.url, revisions=LINE, configure=configure)
    app.alembic("upgrade", "b2")
    found = look(app, version_table="versions", version_table_schema="meta")
    assert (found.state, found.current, found.version_table) == ("behind", ("b2",), "meta.versions")


@pytest.mark.parametrize(("at", "code"), [("a1", 1), ("head", 0)])
def test_check_exits_with_1_when_behind(run: Any, sqlite: TestDatabase, tmp_path: Path, at: str, code: int) -> None:
    app = make_app(tmp_path, url=sqlite.url, revisions=LINE)
    app.alembic("upgrade", at)
    before = Path(sqlite.url.database or "").read_bytes()
    assert run("status", "--check", cwd=app.directory).code == code
    assert run("status", cwd=app.directory).code == 0
    assert Path(sqlite.url.database or "").read_bytes() == before


def test_json_has_the_keys_of_the_contract(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=sqlite.url, revisions=LINE)
    app.alembic("upgrade", "a1")
    found = run("status", "--format", "json", cwd=app.directory).json()
    assert {"dbadmin", "kind", "ok", "database", "state", "current", "heads", "applied", "total", "pending",
            "point_of_no_return", "history", "unknown", "drift", "drift_skipped"} <= found.keys()  # fmt: skip
    assert {"url", "engine", "version", "name"} <= found["database"].keys()
    assert {"revision", "down_revisions", "message", "date", "file", "irreversible"} <= found["pending"][0].keys()
    assert found["pending"][0]["date"].startswith("2026-01-02T03:04:05")


def test_several_bases_are_walked_each_to_its_head(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": BASE, "w1": Rev(None, labels=("warehouse",)), "w2": Rev("w1")}
    app = make_app(tmp_path, url=database.url, revisions=revisions)
    app.alembic("upgrade", "w2")
    found = look(app)
    assert (found.state, found.current, found.heads, found.applied) == ("behind", ("w2",), ("a1", "w2"), 2)
    assert [r.revision for r in found.pending] == ["a1"]


def test_history_is_a_graph_that_fits_the_terminal(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": BASE, "b2": Rev("a1"), "c3": Rev("a1", message="a long message " * 9), "d4": Rev(("b2", "c3"))}
    app = make_app(tmp_path, url=sqlite.url, revisions=revisions)
    app.alembic("upgrade", "b2")
    shown = run("status", "--history", cwd=app.directory).stdout
    lines = shown.partition("History\n")[2].splitlines()[2:]
    assert [line[:3] for line in lines] == ["○─╮", "○ │", "│ ●", "●─╯"] or [line[:3] for line in lines] == [
        "○─╮", "● │", "│ ○", "●─╯",
    ], shown  # fmt: skip
    ascii_only = run("status", "--history", cwd=app.directory, env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}).stdout
    assert "o-." in ascii_only and "*-'" in ascii_only
