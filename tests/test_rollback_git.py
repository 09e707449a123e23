"""verify-rollback --to-git: down to where the scripts of another commit end, without running any of them."""

import subprocess
from pathlib import Path

import pytest
from apps import App, Rev, Revisions, make_app
from rehearsing import BASE, PEOPLE, build, rehearsed
from servers import TestDatabase

from dbadmin.errors import DbadminError, EmptyPlan, UsageError
from dbadmin.migrations.scripts import open_scripts
from dbadmin.rollback.git import chosen_target, heads_at
from dbadmin.rollback.options import Options

CHAIN: Revisions = {"a1": (None, "", ""), "b2": ("a1", "", ""), "c3": ("b2", "", ""), "d4": ("c3", "", "")}


def git(app: App, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", app.directory, *identity, *arguments], check=True, capture_output=True)


def released(app: App, tag: str) -> None:
    git(app, "add", "-A")
    git(app, "commit", "-qm", tag)
    git(app, "tag", tag)


@pytest.fixture
def app(tmp_path: Path) -> App:
    """A project whose release v1 ends at b2, and whose present scripts end at d4."""
    made = make_app(tmp_path, revisions={name: CHAIN[name] for name in ("a1", "b2")}, url="sqlite:///app.db")
    git(made, "init", "-q", "-b", "main")
    released(made, "v1")
    made.add({name: CHAIN[name] for name in ("c3", "d4")})
    released(made, "v2")
    return made


def target(app: App, ref: str, current: tuple[str, ...] = ("d4",), **options: str) -> str | None:
    return chosen_target(open_scripts(app.project), current, Options(to_git=ref, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("ref", ["v1", "v2~1", "main~1"])
def test_the_downgrade_ends_where_the_scripts_of_a_commit_end(ref: str, app: App) -> None:
    assert target(app, ref) == "b2"
    assert target(app, ref, ("b2",)) == "b2", "where it stands is the target of what is pending"
    assert heads_at(app.project, "v2") == ("d4",)


def test_nothing_is_imported_and_the_working_tree_stays(app: App) -> None:
    (app.versions / "b2_revision_b2.py").write_text("raise SystemExit('imported')")
    assert heads_at(app.project, "v1") == ("b2",)
    git(app, "checkout", "-q", "--", ".")


def test_of_several_heads_the_command_that_ends_at_all_of_them_is_found(tmp_path: Path) -> None:
    two: Revisions = {
        "a1": Rev(None, labels=("shop",)), "a2": Rev("a1"), "w1": Rev(None, labels=("store",)),
    }  # fmt: skip
    app = make_app(tmp_path, revisions=two, url="sqlite:///app.db")
    git(app, "init", "-q")
    released(app, "v1")
    app.add({"a3": Rev("a2")})
    assert heads_at(app.project, "v1") == ("a2", "w1")
    assert target(app, "v1", ("a3", "w1")) == "a2"
    app.add({"w2": Rev("w1")})
    with pytest.raises(UsageError, match=r"several heads at v1 \(a2, w1\)"):
        target(app, "v1", ("a3", "w2"))


def refused(
    app: App, ref: str, message: str, kind: type[DbadminError] = UsageError, current: tuple[str, ...] = ("d4",)
) -> None:
    with pytest.raises(kind, match=message) as raised:
        target(app, ref, current)
    assert raised.value.exit_code == 2


def test_what_git_does_not_know_is_exit_2_and_says_which_refs_there_are(app: App) -> None:
    with pytest.raises(UsageError, match="no git ref 'v3'") as raised:
        target(app, "v3")
    assert raised.value.hint == "known: v1, v2"
    refused(app, "--help", "no git ref '--help'")
    refused(app, "v2", "the scripts end at d4 at v2 as they do now", EmptyPlan)


def test_a_release_without_scripts_or_with_a_head_that_is_gone_is_exit_2(app: App) -> None:
    git(app, "rm", "-q", "-r", "--cached", "migrations/versions")
    git(app, "commit", "-qm", "none")
    git(app, "tag", "empty")
    refused(app, "empty", "empty has no revision scripts in ")
    git(app, "add", "-A")
    (app.versions / "b2_revision_b2.py").unlink()
    (app.versions / "c3_revision_c3.py").unlink()
    (app.versions / "d4_revision_d4.py").unlink()
    app.add({"s9": ("a1", "", "")})
    refused(app, "v1", "b2, where the scripts end at v1, has no script any more", current=("s9",))


def test_a_commit_s_script_that_cannot_be_read_is_named_with_the_commit(app: App) -> None:
    (app.versions / "e5.py").write_text("revision = 'e5'\ndown_revision = 'd4'\ndef upgrade(:\n")
    released(app, "broken")
    (app.versions / "e5.py").unlink()
    refused(app, "broken", r"broken:e5\.py:3: ")
    (app.versions / "e5.py").write_text("import os\nrevision = os.getcwd()\ndown_revision = 'd4'\n")
    released(app, "computed")
    (app.versions / "e5.py").unlink()
    refused(app, "computed", r"computed:e5\.py computes its identifiers")


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions=CHAIN, url="sqlite:///app.db")
    refused(app, "v1", "is in no git repository")


def test_only_one_target_is_taken(app: App) -> None:
    with pytest.raises(UsageError, match="--to and --to-git exclude each other"):
        target(app, "v1", to="a1")


@pytest.mark.rehearsal
def test_back_to_the_previous_release(sqlite: TestDatabase, tmp_path: Path) -> None:
    def index(name: str) -> tuple[str, str]:
        return f'op.create_index("{name}", "people", ["mood"])', f'op.drop_index("{name}", "people")'

    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", *index("ix_b"))}, fill=PEOPLE)
    git(app, "init", "-q")
    released(app, "v1")
    app.add({"c3": ("b2", *index("ix_c")), "d4": ("c3", *index("ix_d"))})
    app.alembic("upgrade", "head")
    report = rehearsed(app, to_git="v1")
    assert (report.plan.kind, report.plan.downgrade, report.plan.target) == ("head", ("d4", "c3"), ("b2",))
    assert (report.verdict, report.plan.default) == ("safe", False)
    assert report.summary.startswith("2 steps: d4 → b2: safe for the data in this copy")
