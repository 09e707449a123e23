"""Revision scripts are read without running them, and come out as Alembic itself has them."""

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from apps import App, Rev, Revisions, make_app

from dbadmin.errors import ConfigError, NotSupported, UnknownName, UserCodeError
from dbadmin.migrations.scripts import Scripts, open_scripts, read_project

GRAPHS: dict[str, Revisions] = {
    "linear": {"a1": (None, "", ""), "b2": ("a1", "", ""), "c3": ("b2", "", "")},
    "two heads": {"a1": (None, "", ""), "b2": ("a1", "", ""), "b3": ("a1", "", "")},
    "merged": {
        "a1": (None, "", ""), "b2": ("a1", "", ""), "b3": ("a1", "", ""), "m4": (("b2", "b3"), "", ""),
        "e5": ("m4", "", ""),
    },
    "labelled branches": {
        "a1": Rev(None, labels=("shop",)), "a2": Rev("a1"), "w1": Rev(None, labels=("warehouse", "stock")),
        "w2": Rev("w1"),
    },
    "depends on": {
        "a1": Rev(None, labels=("shop",)), "a2": Rev("a1"), "w1": Rev(None, labels=("warehouse",)),
        "w2": Rev("w1", depends_on=("a2",)), "w3": Rev("w2"), "a3": Rev("a2"),
    },
    "depends on a label and an id": {
        "aaaa1111": Rev(None, labels=("shop",)), "bbbb2222": Rev(None, depends_on=("shop",)),
        "cccc3333": Rev("bbbb2222", depends_on=("aaaa1111",)),
    },
    "nothing": {},
}  # fmt: skip


def by_alembic(app: App) -> ScriptDirectory:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ScriptDirectory.from_config(app.project.config())


def scripts_of(app: App) -> Scripts:
    return open_scripts(app.project)


@pytest.mark.parametrize("graph", GRAPHS)
def test_order_heads_and_parents_are_alembics_own(graph: str, tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions=GRAPHS[graph], url="sqlite:///app.db")
    ours, theirs = scripts_of(app), by_alembic(app)
    walked = list(theirs.walk_revisions())
    assert [r.revision for r in ours.revisions] == [s.revision for s in walked]
    assert [r.down_revisions for r in ours.revisions] == [s._versioned_down_revisions for s in walked]
    assert [r.is_head for r in ours.revisions] == [s.is_head for s in walked]
    assert [r.file for r in ours.revisions] == [s.path for s in walked]
    assert [r.message for r in ours.revisions] == [s.doc for s in walked]
    assert list(ours.heads) == theirs.get_heads()


@pytest.mark.parametrize(
    ("graph", "direction", "destination", "current"),
    [
        ("linear", "upgrade", "heads", ()),
        ("linear", "upgrade", "+1", ("a1",)),
        ("linear", "downgrade", "-2", ("c3",)),
        ("linear", "downgrade", "base", ("b2",)),
        ("merged", "upgrade", "heads", ("b2",)),
        ("merged", "downgrade", "b2", ("e5",)),
        ("labelled branches", "downgrade", "shop@base", ("a2", "w2")),
        ("labelled branches", "downgrade", "warehouse@-1", ("a2", "w2")),
        ("labelled branches", "upgrade", "stock@head", ()),
        ("depends on", "upgrade", "warehouse@head", ()),
        ("depends on", "upgrade", "heads", ("a1",)),
        ("depends on", "downgrade", "a2", ("w3", "a3")),
    ],
)
def test_a_plan_is_what_alembic_runs_and_where_it_ends(
    graph: str, direction: str, destination: str, current: tuple[str, ...], tmp_path: Path
) -> None:
    app = make_app(tmp_path, revisions=GRAPHS[graph], url=f"sqlite:///{tmp_path / 'app.db'}")
    plan = scripts_of(app).plan(direction, destination, current)  # type: ignore[arg-type]
    steps = getattr(by_alembic(app), f"_{direction}_revs")(destination, current)
    assert plan.revisions == tuple(step.revision.revision for step in steps)
    for revision in current:
        app.alembic("upgrade", revision)
    app.alembic(direction, destination)
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        assert {row[0] for row in connection.execute("select version_num from alembic_version")} == set(plan.end)


def test_names_resolve_as_alembic_resolves_them(tmp_path: Path) -> None:
    scripts = scripts_of(make_app(tmp_path, revisions=GRAPHS["labelled branches"], url="sqlite:///app.db"))
    assert scripts.resolve("warehouse@head") == ("w2",)
    assert set(scripts.resolve("heads")) == {"a2", "w2"}
    assert scripts.resolve("base") == ()
    with pytest.raises(UnknownName, match="no revision 'nope'"):
        scripts.resolve("nope")
    with pytest.raises(ConfigError, match="Multiple head revisions"):
        scripts.resolve("head")


def test_a_relative_step_over_a_merge_is_as_ambiguous_as_for_alembic(tmp_path: Path) -> None:
    scripts = scripts_of(make_app(tmp_path, revisions=GRAPHS["merged"], url="sqlite:///app.db"))
    with pytest.raises(ConfigError, match="Ambiguous walk"):
        scripts.plan("downgrade", "-1", ("m4",))


@pytest.mark.parametrize(
    ("downgrade", "reason"),
    [
        (None, "has no downgrade()"),
        ("pass", "downgrade() is empty"),
        ('"""Nothing to do."""', "downgrade() is empty"),
        ('raise NotImplementedError("no way back")', "downgrade() raises NotImplementedError"),
        ('"""Gone."""\nraise RuntimeError("irreversible")', "downgrade() raises RuntimeError"),
        ('op.drop_table("t")', None),
    ],
)
def test_why_a_script_cannot_be_rolled_back_is_read_from_it(
    downgrade: str | None, reason: str | None, tmp_path: Path
) -> None:
    app = make_app(tmp_path, revisions={"a1": (None, 'op.create_table("t")', downgrade)}, url="sqlite:///app.db")
    assert scripts_of(app).get("a1").irreversible == reason


def test_date_and_message_come_from_the_docstring(tmp_path: Path) -> None:
    revisions = {"a1": Rev(None, message="Add users")}
    revision = scripts_of(make_app(tmp_path, revisions=revisions, url="sqlite:///app.db")).get("a1")
    assert revision.message == "Add users"
    assert revision.date is not None and revision.date.isoformat() == "2026-01-02T03:04:05.678901"


def test_reading_runs_nothing_of_the_scripts(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    revisions = {"a1": Rev(None, top=f"open({str(ran)!r}, 'w').close()\nimport no_such_module")}
    assert scripts_of(make_app(tmp_path, revisions=revisions, url="sqlite:///app.db")).heads == ("a1",)
    assert not ran.exists()


def test_a_script_that_computes_its_parent_is_run_elsewhere(tmp_path: Path) -> None:
    revisions = {"a1": Rev(None), "b2": Rev(None, top='down_revision = "".join(["a", "1"])')}
    app = make_app(tmp_path, revisions=revisions, url="sqlite:///app.db")
    assert [(r.revision, r.down_revisions) for r in scripts_of(app).revisions] == [
        ("b2", ("a1",)),
        ("a1", ()),
    ]


def test_a_script_that_computes_and_raises_is_named_with_its_line(tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"b2": Rev(None, top="down_revision = 1 / 0")}, url="sqlite:///app.db")
    with pytest.raises(UserCodeError, match=r"b2_revision_b2\.py:\d+: ZeroDivisionError"):
        scripts_of(app)


def test_a_script_that_connects_while_it_is_read_is_refused(tmp_path: Path) -> None:
    top = "import sqlite3\nsqlite3.connect('somewhere.db')\ndown_revision = None or None"
    app = make_app(tmp_path, revisions={"b2": Rev(None, top=top)}, url="sqlite:///app.db")
    with pytest.raises(UserCodeError, match=r"somewhere\.db"):
        scripts_of(app)
    assert not (app.directory / "somewhere.db").exists()


def test_a_parent_that_does_not_exist_names_file_and_line(tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"b2": ("nope", "", "")}, url="sqlite:///app.db")
    with pytest.raises(UserCodeError, match=r"b2_revision_b2\.py:11: down_revision 'nope' of 'b2' has no"):
        scripts_of(app)


def test_two_scripts_with_one_id_are_named_both(tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"a1": Rev(None)}, url="sqlite:///app.db")
    (app.versions / "again.py").write_text("revision = 'a1'\ndown_revision = None\n")
    with pytest.raises(UserCodeError, match=r"again\.py:1: revision 'a1' is also in .*a1_revision_a1\.py"):
        scripts_of(app)


def test_a_cycle_names_its_scripts(tmp_path: Path) -> None:
    revisions: Revisions = {"a1": ("c3", "", ""), "b2": ("a1", "", ""), "c3": ("b2", "", "")}
    with pytest.raises(UserCodeError, match=r"(?s)Cycle is detected.*a1_revision_a1\.py:11"):
        scripts_of(make_app(tmp_path, revisions=revisions, url="sqlite:///app.db"))


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"a1": (None, "if True print(1)", "")}, url="sqlite:///app.db")
    with pytest.raises(UserCodeError, match=r"a1_revision_a1\.py:17: "):
        scripts_of(app)


def test_a_dependency_that_does_not_exist_names_its_script(tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"a1": Rev(None, depends_on=("nope",))}, url="sqlite:///app.db")
    with pytest.raises(UserCodeError, match=r"a1_revision_a1\.py:13: depends_on 'nope'"):
        scripts_of(app)


def test_missing_configuration_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"alembic\.ini: no such file"):
        read_project(tmp_path / "alembic.ini")
    (tmp_path / "alembic.ini").write_text("[alembic]\nprepend_sys_path = .\n")
    with pytest.raises(ConfigError, match="no script_location"):
        read_project(tmp_path / "alembic.ini")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    with pytest.raises(ConfigError, match="is no folder"):
        read_project(tmp_path / "alembic.ini")
    (tmp_path / "migrations").mkdir()
    with pytest.raises(ConfigError, match=r"versions folder .* does not exist"):
        open_scripts(read_project(tmp_path / "alembic.ini"))
    with pytest.raises(ConfigError, match=r"no section \[other\]"):
        read_project(tmp_path / "alembic.ini", "other")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = m\nscript_location = n\n")
    with pytest.raises(ConfigError, match="already exists"):
        read_project(tmp_path / "alembic.ini")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(nowhere)s/migrations\n")
    with pytest.raises(ConfigError, match="nowhere"):
        read_project(tmp_path / "alembic.ini")


def test_several_databases_are_refused_clearly(tmp_path: Path) -> None:
    ini = {"databases": "one, two"}
    app = make_app(tmp_path, revisions={}, url="sqlite:///app.db", ini=ini)
    with pytest.raises(NotSupported, match=r"several databases \(one, two\)"):
        _ = app.project


def test_version_locations_with_subfolders_and_a_package_path(tmp_path: Path) -> None:
    revisions = GRAPHS["linear"]
    ini = {
        "script_location": "app:migrations",
        "version_locations": "%(here)s/one:%(here)s/two",
        "recursive_version_locations": "true",
        "version_path_separator": "os",  # before Alembic 1.16
    }
    app = make_app(tmp_path, revisions=revisions, url="sqlite:///app.db", ini=ini)
    (app.directory / "migrations").rename(app.directory / "app" / "migrations")
    written = app.directory / "app" / "migrations" / "versions"
    for folder in ("one", "two/deep"):
        (app.directory / folder).mkdir(parents=True)
    for path in written.iterdir():
        path.rename(app.directory / ("one" if path.name.startswith("a1") else "two/deep") / path.name)
    assert [r.revision for r in scripts_of(app).revisions] == ["c3", "b2", "a1"]
    assert scripts_of(app).path == app.directory / "app" / "migrations"


@pytest.mark.skipif(
    not hasattr(Config(), "toml_args"), reason="this Alembic reads no pyproject.toml: that came with 1.16"
)
def test_a_pyproject_is_read_as_alembic_reads_it(tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions=GRAPHS["linear"], url="sqlite:///app.db")
    pyproject = app.directory / "pyproject.toml"
    pyproject.write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\nprepend_sys_path = ["."]\n')
    project = read_project(pyproject)
    assert open_scripts(project).heads == ("c3",)
    assert project.sys_path == (str(app.directory / "."),)
