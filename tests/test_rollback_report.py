"""What the report says of a walk: how much was compared, what a failure left, one sentence, which scripts."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from apps import Rev
from rehearsing import BASE, PEOPLE, build, rehearsed
from servers import TestDatabase
from snapshots import key, leg, snap, table

from dbadmin.dialects import TableData, TableName
from dbadmin.dialects.values import UNREAD
from dbadmin.migrations.protocol import StepSeen, WalkResult
from dbadmin.results import Compared, RollbackFinding
from dbadmin.rollback.options import Options
from dbadmin.rollback.report import scripts_info, summary, touched_tables, what_was_compared
from dbadmin.rollback.steps import left_behind
from dbadmin.rollback.verdict import judge
from dbadmin.rollback.walk import Walk
from dbadmin.state import Snapshot

T = TableName(None, "t")


def walked(start: Snapshot, top: Snapshot, *, touched: frozenset[TableName] = frozenset({T})) -> Walk:
    """One revision up and down again."""
    walk = Walk(start)
    walk.legs["upgrade"] = leg("upgrade", start, ("b2", top))
    walk.legs["downgrade"] = leg("downgrade", top, ("b2", start))
    walk.results["upgrade"] = WalkResult("ok", (StepSeen("b2", "", None, "ok", touched=touched),), ("b2",))
    return walk


def test_touched_tables_without_rows_are_counted() -> None:
    start = snap(t=table(0, x=""), u=table(5, x="a"), v=table(0, x=""))
    compared = what_was_compared(walked(start, snap(u=table(5, x="b"))), Options())
    assert (compared.tables, compared.rows, compared.empty, compared.excluded) == (3, 5, ("t", "v"), ())


def test_from_the_head_it_is_the_head_that_was_compared_with() -> None:
    walk = walked(snap(), snap(t=table(7)))
    assert what_was_compared(walk, Options()).rows == 0
    walk.from_head = True
    assert what_was_compared(walk, Options()).rows == 7


def test_a_table_that_could_not_be_read_in_any_state_is_left_out_and_counts_where_it_was_touched() -> None:
    unreadable = TableData(0, {}, not_compared={"": "no such function: f"})
    walk = walked(snap(t=table(), u=table()), snap(t=unreadable, u=unreadable))
    excluded = {e.object: e for e in what_was_compared(walk, Options()).excluded}
    assert {e.reason for e in excluded.values()} == {"no such function: f"}
    assert (excluded["t"].affects_verdict, excluded["u"].affects_verdict) == (True, False)


def test_what_the_user_left_out_always_counts() -> None:
    options = Options(exclude=(TableName(None, "audit"),), data=False)
    left_out = what_was_compared(walked(snap(), snap()), options).excluded
    assert [(e.object, e.affects_verdict) for e in left_out] == [("audit", True), ("all rows", True)]


def test_a_table_is_touched_by_rows_or_by_its_definition() -> None:
    walk = walked(snap({key("index", "u.ix"): "(x)"}, u=table()), snap({}, u=table()))
    assert touched_tables(walk) == {"t", "u"}


@pytest.mark.parametrize(
    ("after", "left"),
    [
        (snap(t=table(x="a")), ()),
        (snap({key("index", "t.ix"): "(x)"}, t=table(x="a")), ("index t.ix made",)),
        (snap(t=table(x="b")), ("rows of t changed",)),
        (snap(), ()),
    ],
)
def test_what_a_failed_step_leaves_is_told_apart(after: Snapshot, left: tuple[str, ...]) -> None:
    walk = Walk(snap(t=table(x="a")), failed="upgrade", after_failure=after)
    walk.results["upgrade"] = WalkResult("failed", (StepSeen("b2", "", None, "failed"),), ())
    assert left_behind(walk) == left


def test_a_table_without_rows_has_none_that_changed() -> None:
    after = snap({key("column", "t.y"): "integer"}, t=table(0, x="", y=""))
    walk = Walk(snap(t=table(0, x="")), failed="upgrade", after_failure=after)
    walk.results["upgrade"] = WalkResult("failed", (StepSeen("b2", "", None, "failed"),), ())
    assert left_behind(walk) == ("column t.y made",)
    walk.after_failure = snap(t=UNREAD)
    assert left_behind(walk) == ("rows of t changed",)


def test_what_an_earlier_revision_did_counts_as_left_only_where_it_was_taken_back() -> None:
    start, middle = snap(t=table(x="a")), snap({key("table", "u"): "TABLE"}, t=table(x="a"))
    walk = Walk(start, failed="upgrade", after_failure=middle)
    done = StepSeen("b2", "", None, "ok", snapshot=middle, stands=("b2",))
    walk.results["upgrade"] = WalkResult("failed", (done, StepSeen("c3", "", None, "failed")), ("b2",))
    assert left_behind(walk) == ()
    walk.results["upgrade"] = replace(walk.results["upgrade"], revisions=("a1",))
    assert left_behind(walk) == ("table u made",)


def test_where_nobody_looked_nothing_is_said_to_be_left() -> None:
    assert left_behind(Walk(snap(), failed="upgrade", results={"upgrade": WalkResult("failed", (), ())})) is None


def found(code: str, detail: str, *, revision: str | None = "b2") -> RollbackFinding:
    return RollbackFinding(code, "error", "downgrade", revision, "t", None, None, False, False, detail)


SENTENCES = [
    ((), "safe for the data in this copy"),
    ((found("rows-lost", "3 rows of t are gone"),), "downgrade of b2: 3 rows of t are gone"),
    (
        (found("rows-lost", "3 rows of t are gone"), found("values-lost", "x"), found("schema-missing", "y")),
        "downgrade of b2: 3 rows of t are gone, and 1 more finding",
    ),
    (
        (found("rows-lost", "3 rows"), found("values-lost", "x"), found("values-changed", "y")),
        "downgrade of b2: 3 rows, and 2 more findings",
    ),
    ((found("no-reference", "compared with nothing", revision=None),), "compared with nothing"),
]


@pytest.mark.parametrize(("findings", "sentence"), SENTENCES, ids=[text for _, text in SENTENCES])
def test_one_sentence_says_why(findings: tuple[RollbackFinding, ...], sentence: str) -> None:
    assert summary(judge(findings), Compared(1, 3, (), ()), walked(snap(), snap())) == sentence


def test_a_safe_walk_says_how_much_of_it_was_empty() -> None:
    walk = walked(snap(t=table(0, x=""), u=table(x="a")), snap(u=table(x="b")))
    said = summary(judge(()), what_was_compared(walk, Options()), walk)
    assert said == "safe for the data in this copy (1 of 2 touched tables had no rows)"


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", "-C", directory, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_scripts_commit_is_named_and_whether_they_were_changed_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = tmp_path / "project" / "migrations"
    scripts.mkdir(parents=True)
    assert (scripts_info(scripts).git_commit, scripts_info(scripts).dirty) == (None, None)
    git(tmp_path / "project", "init", "-q")
    (scripts / "b2.py").write_text("one")
    (tmp_path / "project" / "README").write_text("one")
    git(tmp_path / "project", "add", ".")
    git(tmp_path / "project", "commit", "-qm", "one")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # as a hook of another repository has it
    seen = scripts_info(scripts)
    monkeypatch.delenv("GIT_DIR")
    assert (seen.git_commit, seen.dirty) == (git(scripts, "rev-parse", "HEAD"), False)
    (tmp_path / "project" / "README").write_text("other")
    assert scripts_info(scripts).dirty is False
    (scripts / "b2.py").write_text("other")
    assert scripts_info(scripts).dirty is True


def test_every_number_of_a_step_is_measured_or_absent(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {
        "a1": BASE,
        "b2": Rev("a1", "op.execute(\"UPDATE people SET mood = 'x' WHERE id < 3\")", "raise ValueError('no')"),
        "c3": Rev("b2", 'op.create_index("ix_m", "people", ["mood"])', 'op.drop_index("ix_m", "people")'),
    }
    report = rehearsed(build(tmp_path, database.url, revisions, at="a1", fill=PEOPLE)).to_dict()
    steps = {(step["phase"], step["revision"]): step for step in report["steps"]}
    first, failed, skipped = steps["upgrade", "b2"], steps["downgrade", "b2"], steps["reupgrade", "c3"]
    assert (first["statements"], first["rows_changed"], first["touched"]) == (1, {"people": 2}, ["people"])
    assert 0 < first["seconds"] < 30
    assert first["locks"] and first["bytes_before"] and first["bytes_after"] and first["rewrites"] == []
    assert (first["committed"], first["left_behind"], first["error"]) == (None, None, None)
    assert (failed["state"], failed["error"], failed["statements"]) == ("failed", "ValueError: no", 0)
    assert failed["seconds"] is not None and failed["committed"] == [] and failed["failed_statement"] is None
    assert isinstance(failed["left_behind"], list)
    assert {name for name, value in skipped.items() if value is not None} == {
        "phase", "revision", "message", "file", "state",
    }  # fmt: skip
    timings = report["timings"]
    assert timings["reupgrade"] is None and timings["compare"] is not None
    parts = sum(timings[name] for name in ("copy", "snapshot", "upgrade", "downgrade"))
    assert parts <= timings["total"]
    told = {"tables": 1, "rows": 3, "empty": [], "excluded": [], "looked_at": 1, "untouched": 0}
    assert report["compared"] == told
    assert report["source_unchanged"] is True and report["not_covered"]
