"""The commands on the reference application, on every engine, as typed; and the same from Python as DataFrames."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from demos import demo as copied
from servers import TestDatabase

import dbadmin
from dbadmin.errors import UnknownName, WriteRefused
from dbadmin.example.make import make


@dataclass
class Demo:
    """The reference application, and the command line in it."""

    directory: Path
    url: str
    run: Any

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command answers."""
        finished = self.run(*arguments, "--format", "json", cwd=self.directory)
        assert finished.code == code, finished.stderr
        return finished.json()


@pytest.fixture
def demo(run: Any, database: TestDatabase, tmp_path: Path) -> Demo:
    if database.kind == "sqlite":
        made = copied(tmp_path / "demo", users=30, posts=120)
    else:
        url = database.url.render_as_string(hide_password=False)
        made = make(tmp_path / "demo", url=url, users=30, posts=120)
    return Demo(made.directory, made.url, run)


def dicts(answer: Any) -> list[dict[str, Any]]:
    """Rows as mappings."""
    names = [column["name"] for column in answer["columns"]]
    return [dict(zip(names, row, strict=True)) for row in answer["rows"]]


def test_count(demo: Demo) -> None:
    counts = {t["table"]: t for t in demo.json("count")["tables"]}
    assert (counts["users"]["rows"], counts["users"]["exact"], counts["users"]["model"]) == (30, True, "User")
    assert [t["rows"] for t in demo.json("count", "BlogPost", "users")["tables"]] == [120, 30]
    (drafts,) = demo.json("count", "blog_posts", "--where", "is_published = false")["tables"]
    by = {row["is_published"]: row["count"] for row in dicts(demo.json("count", "blog_posts", "--by", "is_published"))}
    assert by.get(False, by.get(0)) == drafts["rows"]
    assert sum(by.values()) == 120


def test_recent(demo: Demo) -> None:
    answer = demo.json("recent", "blog_posts", "--limit", "5", "--columns", "id,created_at,author.username")
    times = [row["created_at"] for row in dicts(answer)]
    assert times == sorted(times, reverse=True)
    assert (answer["limit"], answer["truncated"], len(times)) == (5, True, 5)
    assert "LIMIT" in answer["sql"]
    whole = demo.run("recent", "users", "--limit", "1", "--format", "json", cwd=demo.directory)
    assert "hashed_password" not in [column["name"] for column in whole.json()["columns"]]
    assert "hashed_password" in whole.json()["withheld"]
    assert "hashed_password" in whole.stderr
    shell = demo.run("shell", "-c", "recent(User)\nrecent(User)\nrecent(BlogPost)", cwd=demo.directory)
    assert (shell.code, shell.stderr.count("left out, as they look like credentials: hashed_password")) == (0, 1)


def test_group(demo: Demo) -> None:
    options = ("--agg", "posts=count", "--agg", "latest=max(created_at)")
    per_author = dicts(demo.json("group", "blog_posts", "--by", "author", *options))
    posts = [row["posts"] for row in per_author]
    assert sum(posts) == 120
    assert posts == sorted(posts, reverse=True)
    with_all = dicts(demo.json("group", "blog_posts", "--by", "author", "--outer"))
    assert len(with_all) == 30
    months = dicts(demo.json("group", "blog_posts", "--by", "created_at:month"))
    assert sum(row["count"] for row in months) == 120


def test_join(demo: Demo) -> None:
    answer = demo.json("join", "blog_posts", "users", "--limit", "3")
    assert len(answer["rows"]) == 3
    names = [column["name"] for column in answer["columns"]]
    assert {"blog_posts.id", "users.id"} <= set(names)
    ambiguous = demo.run("join", "users", "plans", "blog_categories", cwd=demo.directory)
    assert ambiguous.code == 2


def test_sql(demo: Demo) -> None:
    answer = demo.json("sql", "SELECT count(*) AS n FROM users WHERE id <= :most", "-p", "most=10")
    assert dicts(answer) == [{"n": 10}]
    refused = demo.run("sql", "DELETE FROM payments", cwd=demo.directory)
    assert (refused.code, "read-only" in refused.stderr) == (5, True)
    assert demo.run("sql", "DELETE FROM payments", "--write", cwd=demo.directory).code == 2
    assert dicts(demo.json("sql", "SELECT count(*) AS n FROM payments"))[0]["n"] > 0
    changed = demo.run("sql", "UPDATE users SET is_oauth = true WHERE id = 1", "--write", cwd=demo.directory)
    assert changed.code == 0, changed.stderr
    assert "1 row" in changed.stdout + changed.stderr


def test_tables_describe_and_models(demo: Demo) -> None:
    estimated = demo.run("tables", "--format", "json", cwd=demo.directory)
    unknown = [t["table"] for t in estimated.json()["tables"] if t["rows"] is None]
    assert (f"{len(unknown)} tables never analysed" in estimated.stderr) == bool(unknown), estimated.stderr
    tables = {t["table"]: t for t in demo.json("tables", "--exact")["tables"]}
    assert (tables["blog_posts"]["rows"], tables["blog_posts"]["model"]) == (120, "BlogPost")
    described = demo.json("describe", "BlogPost")
    assert described["table"] == "blog_posts"
    assert {"id", "title", "slug", "author_id"} <= {c["name"] for c in described["columns"]}
    assert [(r["direction"], r["table"]) for r in described["relations"]] == [("out", "users")]
    models = demo.json("models")["models"]
    assert {m["model"] for m in models} == {"User", "BlogPost", "BlogCategory", "Plan", "Payment"}
    assert all(m["in_alembic"] for m in models)


def test_doctor_finds_nothing_wrong_and_init_writes_what_it_found(demo: Demo) -> None:
    checks = {c["name"]: c for c in demo.json("doctor")["checks"]}
    assert checks["connection"]["state"] == "ok"
    assert checks["session"]["value"]
    answer = demo.json("init", "--dry-run")
    assert (answer["written"], answer["values"]["session"]) == (False, "app.database:SessionLocal")


@pytest.fixture
def db(demo: Demo) -> Iterator[dbadmin.Admin]:
    with dbadmin.connect(url=demo.url) as admin:
        yield admin


def test_python_without_code_gives_dataframes_by_reflection(db: dbadmin.Admin) -> None:
    counts = db.counts()
    assert isinstance(counts, pd.DataFrame)
    assert dict(zip(counts["table"], counts["rows"], strict=True))["users"] == 30
    assert db.count("users") == 30
    recent = db.recent("blog_posts", limit=4)
    assert (len(recent), str(recent["id"].dtype)) == (4, "Int64")
    assert "SELECT" in recent.attrs["sql"]
    group = db.group("blog_posts", by="author", posts="count", latest="max(created_at)")
    assert group["posts"].sum() == 120
    assert len(db.join("blog_posts", "users")) == 120
    assert db.sql("SELECT id FROM users WHERE id < :n", n=4)["id"].tolist() == [1, 2, 3]
    assert "users" in set(db.tables()["table"])
    described = db.describe("users")
    assert "email" in set(described["name"])
    assert not [value for value in described["comment"] if value is not pd.NA]  # as in columns that have some
    with pytest.raises(UnknownName, match="did you mean 'users'"):
        db.count("usres")


def test_review_names_the_engine_that_answered(demo: Demo, database: TestDatabase) -> None:
    assert f" for {database.kind} with the tables of {database.name}" in demo.run("review", cwd=demo.directory).stdout


def test_python_refuses_to_write_unless_asked(db: dbadmin.Admin, demo: Demo) -> None:
    with pytest.raises(WriteRefused):
        db.sql("DELETE FROM payments")
    with dbadmin.connect(url=demo.url, write=True) as writing:
        writing.sql("DELETE FROM payments WHERE id = 1")
    assert db.sql("SELECT count(*) AS n FROM payments WHERE id = 1")["n"].tolist() == [0]


def test_results_draw_themselves_in_a_notebook(db: dbadmin.Admin) -> None:
    html = db.answers.tables()._repr_html_()
    assert "<table" in html
    assert "blog_posts" in html


def test_numbers_keep_their_kind(database: TestDatabase) -> None:
    if database.kind == "sqlite":
        Path(database.url.database or "").touch()
    with dbadmin.connect(url=database.url.render_as_string(False), write=True) as admin:
        admin.sql("CREATE TABLE prices (id integer primary key, price numeric(10, 2), note text)")
        admin.sql("INSERT INTO prices VALUES (1, 10.50, NULL)")
        frame = admin.recent("prices")
        if database.kind == "postgresql":
            assert frame["price"].tolist() == [Decimal("10.50")]
        assert frame["note"].isna().tolist() == [True]


def test_an_embedded_postgresql_demo_runs_until_it_is_stopped(run: Any, temporary_directory: Path) -> None:
    directory = temporary_directory / "pgdemo"
    made = run("demo", directory, "--engine", "postgresql", "--users", "5", "--posts", "9", "--format", "json")
    assert made.code == 0, made.stderr
    try:
        status = run("status", "--format", "json", cwd=directory)
        assert json.loads(status.stdout)["state"] == "behind"
        assert run("demo", directory, "--engine", "postgresql").code == 2
    finally:
        assert run("demo", directory, "--stop").code == 0
    assert run("status", cwd=directory).code == 3
    assert run("demo", directory, "--engine", "postgresql").code == 0
    assert run("demo", directory, "--stop").code == 0


def test_copies_lists_nothing_when_nothing_is_there(run: Any) -> None:
    assert run("copies", "--format", "json").json()["copies"] == []
    assert run("copies", "--drop", "dbadmin-sqlite-nothing").code == 2


@pytest.mark.rehearsal
def test_a_kept_copy_is_listed_and_dropped_by_its_name(demo: Demo) -> None:
    report = demo.json("verify-rollback", "--keep", code=1)
    assert report["copy"]["kept"] is True
    (copy,) = demo.json("copies")["copies"]
    assert (copy["name"], copy["kept"]) == (report["copy"]["name"], True)
    assert demo.json("copies", "--clean")["removed"] == []
    assert demo.json("copies", "--drop", copy["name"])["removed"] == [copy["name"]]
    assert demo.json("copies")["copies"] == []
