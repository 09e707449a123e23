"""review: which revisions, what is known of the tables, comments that ignore, and what the command says."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from apps import App, Rev, make_app
from conftest import Run
from rehearsing import execute
from servers import TestDatabase
from sqlalchemy import make_url

import dbadmin
from dbadmin.errors import ConnectionFailed, UsageError

LINE: dict[str, Any] = {
    "a1": (
        None,
        'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("age", sa.Integer))',
        'op.drop_table("users")',
    ),
    "b2": (
        "a1",
        'op.add_column("users", sa.Column("city", sa.String(20), nullable=False))',
        'op.drop_column("users", "city")',
    ),
    "c3": ("b2", 'op.drop_column("users", "age")', 'op.add_column("users", sa.Column("age", sa.Integer))'),
}


@pytest.fixture
def behind(database: TestDatabase, tmp_path: Path) -> App:
    """An application at a1 on each engine, with 300 users and two revisions pending."""
    app = make_app(tmp_path / "app", url=database.url, revisions=LINE)
    app.alembic("upgrade", "a1")
    execute(database.url, *(f"INSERT INTO users (id, age) VALUES ({number}, 7)" for number in range(1, 301)))
    return app


def offline_app(directory: Path, **options: Any) -> App:
    """An application whose server does not answer."""
    return make_app(directory, url=make_url("postgresql+psycopg://u@127.0.0.1:1/shop"), revisions=LINE, **options)


def codes(review: dbadmin.results.Review, revision: str) -> list[str]:
    return [f.code for f in review.findings if f.revision == revision and not f.code.startswith("squawk-")]


def test_by_default_what_is_pending_is_reviewed(behind: App, run: Run) -> None:
    finished = run("review", "--format", "json", cwd=behind.directory, env=behind.environment)
    told = finished.json()
    assert (told["kind"], told["chosen"]) == ("review", "pending")
    worst = {f["severity"] for f in told["findings"]}
    assert (finished.code, told["ok"]) == ((1, False) if "error" in worst else (0, True))
    assert ("error" in worst) == (told["database"]["engine"] in ("sqlite", "postgresql"))  # MariaDB fills NOT NULL
    assert [one["revision"] for one in told["revisions"]] == ["b2", "c3"]
    dropped = next(f for f in told["findings"] if f["code"] == "column-dropped")
    assert (dropped["object"], dropped["severity"], dropped["revision"]) == ("users.age", "warning", "c3")
    assert dropped["file"].endswith(".py") and dropped["line"] > 1
    assert dropped["why"] and dropped["remedy"]
    assert all(set(f) >= {"code", "severity", "object", "detail", "remedy", "file", "line"} for f in told["findings"])


def test_what_is_pending_is_not_known_at_a_revision_that_no_script_has(tmp_path: Path, run: Run) -> None:
    app = make_app(tmp_path, url=f"sqlite:///{tmp_path}/app.db", revisions=LINE)
    app.alembic("upgrade", "b2")
    execute(app.url, "UPDATE alembic_version SET version_num = 'gone'")
    told = run("review", "--format", "json", cwd=app.directory).json()
    assert [one["revision"] for one in told["revisions"]] == ["c3"]
    assert told["notes"][:2] == [
        "the database holds gone, which no script has",
        "reviewed: the heads alone (the scripts are in no git repository)",
    ]
    refused = run("review", "--pending", cwd=app.directory)
    assert (refused.code, "gone, which no script has: what is pending is not known" in refused.stderr) == (2, True)
    refused = run("inspect", "--write-revision", cwd=app.directory)
    assert (refused.code, "gone, which no script has: no revision can follow it" in refused.stderr) == (2, True)


def test_the_tables_size_is_told_where_the_engine_knows_it(behind: App) -> None:
    execute(behind.url, *(["ANALYZE"] if behind.url.get_backend_name() != "mysql" else ["ANALYZE TABLE users"]))
    with dbadmin.connect(behind.url, app=behind.directory) as db:
        (dropped,) = [f for f in db.review("c3").findings if f.code == "column-dropped"]
        assert dropped.rows is None or 250 <= dropped.rows <= 350
        assert dropped.rows is not None or dropped.bytes is not None
        assert dropped.lock is not None


def test_known_sizes_decide_how_bad_a_lock_is(sqlite: TestDatabase, tmp_path: Path) -> None:
    from dbadmin.dialects import named
    from dbadmin.migrations.review import Around, Size, choose, review
    from dbadmin.migrations.scripts import open_scripts

    revisions = {**LINE, "d4": ("c3", 'op.create_index("ix", "users", ["city"])', 'op.drop_index("ix")')}
    scripts = open_scripts(make_app(tmp_path, url=sqlite.url, revisions=revisions).project)
    choice = choose(scripts, "d4", pending=False, every=False, current=None)
    levels = {}
    for rows, size in ((10, 8192), (90_000_000, 9_000_000_000), (None, None)):
        around = Around(named("postgresql"), sizes={"users": Size(rows, False, size)})
        (found,) = [f for f in review(scripts, choice, around, progress=lambda *_: None).findings if "index" in f.code]
        levels[rows] = (found.severity, found.seconds is None, found.measured)
    assert levels == {10: ("note", False, False), 90_000_000: ("error", False, False), None: ("warning", True, False)}


def test_a_rehearsal_measures_what_is_estimated_otherwise(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path / "app", url=sqlite.url, revisions=LINE)
    app.alembic("upgrade", "a1")
    lock = {"object": "users", "mode": "ACCESS EXCLUSIVE", "seconds": 7.5, "blocks": "reads and writes"}
    steps = [{"phase": "upgrade", "revision": "c3", "locks": [lock]}]
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"kind": "verify-rollback", "steps": steps}))
    with dbadmin.connect(app.url, app=app.directory) as db:
        (dropped,) = [f for f in db.review(measured=report).findings if f.code == "column-dropped"]
        assert (dropped.seconds, dropped.measured, dropped.lock) == (7.5, True, "ACCESS EXCLUSIVE")
        report.write_text("{}")
        with pytest.raises(UsageError, match="no report of verify-rollback"):
            db.review(measured=report)
        with pytest.raises(UsageError, match="No such file"):
            db.review(measured=tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("asked", "revisions"),
    [
        (("c3",), ["c3"]),
        (("a1:b2",), ["b2"]),
        ((":b2",), ["a1", "b2"]),
        (("b2:",), ["c3"]),
        (("--all",), ["a1", "b2", "c3"]),
        (("head",), ["c3"]),
    ],
)
def test_revisions_are_named_as_alembic_takes_them(
    tmp_path: Path, run: Run, asked: tuple[str, ...], revisions: list[str]
) -> None:
    app = offline_app(tmp_path)
    told = run("review", *asked, "--format", "json", cwd=app.directory, env=app.environment).json()
    assert [one["revision"] for one in told["revisions"]] == revisions


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("nope",), "no revision 'nope'"),
        (("c3", "--all"), "give a revision, --pending or --all"),
        (("c3:a1",), ""),
        (("base",), "base is no revision"),
        (("--fail-on", "fatal"), "fatal"),
        (("--format", "svg"), "svg"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, run: Run, asked: tuple[str, ...], said: str) -> None:
    app = offline_app(tmp_path)
    finished = run("review", *asked, cwd=app.directory, env=app.environment)
    assert (finished.code, said in finished.stderr) == (2, True), finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.slow
def test_without_a_database_the_branch_is_reviewed_and_sizes_are_null(tmp_path: Path, run: Run) -> None:
    app = offline_app(tmp_path)
    new = next(tmp_path.rglob("*c3*.py"))

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def chosen() -> tuple[str, list[str]]:
        told = run("review", "--format", "json", cwd=app.directory, env=app.environment).json()
        assert told["database"] is None
        assert all(f["rows"] is None and f["bytes"] is None for f in told["findings"])
        return told["chosen"], [one["revision"] for one in told["revisions"]]

    assert chosen() == ("heads", ["c3"])
    git("init", "-q", "-b", "main")
    source = new.read_text()
    new.unlink()
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-q", "-b", "feature")
    new.write_text(source)
    assert chosen() == ("git", ["c3"])
    git("add", ".")
    git("commit", "-qm", "two")
    assert chosen() == ("git", ["c3"])
    git("checkout", "-q", "main")
    git("merge", "-q", "feature")
    assert chosen() == ("heads", ["c3"])


def test_pending_needs_the_database(tmp_path: Path, run: Run) -> None:
    app = offline_app(tmp_path)
    assert run("review", "--pending", cwd=app.directory, env=app.environment).code == 3
    with dbadmin.connect(app.url, app=app.directory) as db:
        with pytest.raises(ConnectionFailed):
            db.review(pending=True)
        assert db.review().database is None


def test_a_project_that_names_no_database_is_reviewed_for_no_engine(tmp_path: Path, run: Run) -> None:
    app = make_app(tmp_path, url=make_url("sqlite:///x.db"), revisions=LINE)
    (app.directory / "alembic.ini").write_text(
        "[alembic]\nscript_location = "
        + str(app.project.script_location)
        + "\nsqlalchemy.url = driver://u:p@localhost/x\n"
    )
    finished = run("review", "--format", "json", cwd=app.directory)
    assert (finished.json()["engine"], finished.json()["database"]) == (None, None), finished.stderr
    assert "no engine is known" in finished.stderr
    assert run("review", "--pending", cwd=app.directory).code == 2


def test_levels_decide_the_exit_code(tmp_path: Path, run: Run) -> None:
    app = offline_app(tmp_path)

    def code(*asked: str) -> int:
        return run("review", *asked, cwd=app.directory, env=app.environment).code

    assert [code("c3"), code("c3", "--fail-on", "warning"), code("b2")] == [0, 1, 1]


IGNORED: dict[str, Any] = {
    "a1": LINE["a1"],
    "b2": (
        "a1",
        """
        op.drop_column("users", "age")  # dbadmin: ignore=column-dropped unused since release 3
        # dbadmin: ignore=table-dropped,downgrade-missing
        op.drop_table("users")
        op.execute("SELECT 1")  # dbadmin: ignore=column-dropped nothing here
        """,
        'raise NotImplementedError("no")',
    ),
}


@pytest.mark.slow
def test_a_comment_with_a_reason_ignores_and_any_other_is_told(tmp_path: Path, run: Run) -> None:
    app = make_app(tmp_path, url=make_url("postgresql+psycopg://u@127.0.0.1:1/x"), revisions=IGNORED)
    finished = run("review", "b2", "--format", "json", cwd=app.directory, env=app.environment)
    found = {(f["code"], f["object"]): f["ignored"] for f in finished.json()["findings"]}
    assert found["column-dropped", "users.age"] == "unused since release 3"
    assert found["table-dropped", "users"] is None
    assert ("ignore-without-reason", "ignore=table-dropped") in found
    assert ("ignore-unused", "ignore=column-dropped") in found
    shown = run("review", "b2", cwd=app.directory, env=app.environment).stdout
    assert "unused since release 3" in shown


def test_a_table_made_by_an_earlier_pending_revision_is_exempt(sqlite: TestDatabase, tmp_path: Path) -> None:
    revisions = {
        "a1": (None, 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("t")'),
        "b2": ("a1", 'op.add_column("t", sa.Column("x", sa.Integer, nullable=False))', 'op.drop_column("t", "x")'),
    }
    app = make_app(tmp_path, url=sqlite.url, revisions=revisions)
    execute(sqlite.url, "CREATE TABLE other (id integer)")
    with dbadmin.connect(app.url, app=app.directory) as db:
        assert codes(db.review(), "b2") == []
    app.alembic("upgrade", "a1")
    with dbadmin.connect(app.url, app=app.directory) as db:
        assert codes(db.review(), "b2") == ["not-null-without-default"]


def test_looking_writes_nothing(sqlite: TestDatabase, tmp_path: Path, run: Run) -> None:
    app = make_app(tmp_path / "app", url=sqlite.url, revisions=LINE)
    app.alembic("upgrade", "a1")
    before = {path: path.read_bytes() for path in (tmp_path / "app").rglob("*") if path.is_file()}
    run("review", "--all", cwd=app.directory, env=app.environment)
    after = {path: path.read_bytes() for path in (tmp_path / "app").rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
def test_reports_are_written_in_every_format(tmp_path: Path, run: Run) -> None:
    app = offline_app(tmp_path / "app")
    outputs = [tmp_path / f"review{suffix}" for suffix in (".sarif", ".json", ".csv", ".md", ".html")]
    given = [argument for path in outputs for argument in ("--output", str(path))]
    run("review", "--all", *given, cwd=app.directory, env=app.environment)
    sarif = json.loads(outputs[0].read_text())
    results = sarif["runs"][0]["results"]
    assert sarif["version"] == "2.1.0"
    assert {r["ruleId"] for r in results} >= {"column-dropped", "not-null-without-default"}
    place = results[0]["locations"][0]["physicalLocation"]
    assert not place["artifactLocation"]["uri"].startswith("/") and place["region"]["startLine"] > 0
    rules = sarif["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in results)
    assert all(path.stat().st_size and path.stat().st_mode & 0o077 == 0 for path in outputs)
    same = run("review", "--all", "--format", "sarif", cwd=app.directory, env=app.environment)
    assert json.loads(same.stdout) == sarif
    refused = run("status", "--format", "sarif", cwd=app.directory, env=app.environment)
    assert (refused.code, "no sarif form" in refused.stderr) == (2, True)


@pytest.mark.slow
def test_rules_are_listed_and_reasons_explained(tmp_path: Path, run: Run) -> None:
    listed = run("review", "--list", "--format", "json").json()
    assert {rule["code"] for rule in listed["rules"]} == set(dbadmin_rules())
    app = offline_app(tmp_path)
    assert "selects it by name" not in run("review", "c3", cwd=app.directory, env=app.environment).stdout
    assert "selects it by name" in " ".join(
        run("review", "c3", "--explain", cwd=app.directory, env=app.environment).stdout.split()
    )


def dbadmin_rules() -> list[str]:
    from dbadmin.migrations.review import RULES

    return list(RULES)


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path, run: Run) -> None:
    bad = 'op.drop_table("us\\x1b[31mers\\u202e")'
    app = make_app(
        tmp_path,
        url=make_url("postgresql+psycopg://u@127.0.0.1:1/x"),
        revisions={"a1": Rev(None, bad, None, message="m\x1b[2J")},
    )
    for form in ("table", "markdown", "html", "json", "sarif"):  # CSV holds data as it is, but on a terminal
        shown = run("review", "a1", "--format", form, cwd=app.directory, env=app.environment).stdout
        assert "\x1b" not in shown and "\u202e" not in shown, form
