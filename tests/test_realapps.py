"""dbadmin on applications that nobody here wrote: optuna, buildbot and JupyterHub, with rows that they wrote.

What is asserted was first seen with bare `alembic downgrade` and `alembic upgrade` on copies (optuna 5.0.0,
buildbot 4.3.0, JupyterHub 5.4.2, SQLAlchemy 2.1.9, Alembic 1.20.1; MariaDB 10.11), with a dump of every row and
every schema object before and after. optuna_app.py, buildbot_app.py and jupyterhub_app.py in realapps/ say how
they keep their databases and what a user types.

    pytest -m slow tests/test_realapps.py

The environments are made with pip at first use, in $DBADMIN_TEST_ENVIRONMENTS or pytest's cache.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Finished, leftovers
from realapps import buildbot_app, jupyterhub_app, optuna_app
from realapps.environments import APPLICATIONS, Environment, NotAvailable, environment
from realapps.reports import Installation, Report, assert_broken, findings, states
from servers import ENGINES, EngineServer, Servers, TestDatabase, Unavailable

from dbadmin.errors import NoScratchServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first test waits for pip


Install = Callable[..., Installation]
RunIn = Callable[..., Finished]
Verify = Callable[..., Report]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_kind(request: pytest.FixtureRequest) -> str:
    """The engines that every application runs on; optuna's on MariaDB are asked for by name."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def install(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Install]:
    """`install(application, engine, *options)`: an Installation, made once for each combination."""
    made: dict[tuple[str, ...], Installation] = {}
    opened: list[tuple[EngineServer, TestDatabase]] = []
    if kept := os.environ.get("DBADMIN_TEST_ENVIRONMENTS"):
        cache = Path(kept)
    else:
        assert pytestconfig.cache
        cache = Path(pytestconfig.cache.mkdir("realapps"))

    def install(application: str, engine: str, *options: str) -> Installation:
        key = (application, engine, *options)
        if key not in made:
            try:
                home = environment(APPLICATIONS[application], cache)
                server = servers.get(ENGINES[engine])
            except (NotAvailable, Unavailable, NoScratchServer) as error:
                if pytestconfig.getoption("--require-servers"):
                    pytest.fail(f"{error} (--require-servers)", pytrace=False)
                pytest.skip(str(error))
            directory = tmp_path_factory.mktemp(f"{application}-{engine}")
            database = server.create(directory)
            opened.append((server, database))
            made[key] = Installation(home, database, _fill(home, database, directory, options))
        return made[key]

    yield install
    for server, database in opened:
        server.drop(database)


def _fill(home: Environment, database: TestDatabase, directory: Path, options: tuple[str, ...]) -> Path:
    """Let the application make its database; return the directory that leads dbadmin to its migrations."""
    name = home.application.name
    place = [str(directory / "master")] if name == "buildbot" else []
    url = database.url.render_as_string(hide_password=False)
    command = [str(home.python), "-W", "ignore", str(home.application.script), url, *place, *options]
    filled = subprocess.run(command, capture_output=True, text=True, cwd=directory, timeout=300)
    assert filled.returncode == 0, filled.stderr
    project = directory / "project"
    if name == "buildbot":
        return buildbot_app.project(project, home.python_path("buildbot.db.migrations") / "alembic.ini")
    return (jupyterhub_app if name == "jupyterhub" else optuna_app).project(project)


@pytest.fixture
def run_in(temporary_directory: Path, tmp_path: Path) -> RunIn:
    """`run_in(installation, *arguments)`: dbadmin in the application's own environment, on its database.

    In `cwd`, by default the project's directory; with `named=False` nobody says which database is meant.
    """

    def run_in(at: Installation, *arguments: str, cwd: Path | None = None, named: bool = True) -> Finished:
        variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(tmp_path),
            "TMPDIR": str(temporary_directory),
            "LC_ALL": "C.UTF-8",
            **({"DATABASE_URL": at.url} if named else {}),
        }
        url = ["--url", "env:DATABASE_URL"] if named else []
        command = [str(at.environment.python), "-m", "dbadmin", *url, *arguments]
        ran = subprocess.run(
            command,
            cwd=cwd or at.project,
            env=variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        return Finished(ran.returncode, ran.stdout, ran.stderr)

    return run_in


@pytest.fixture
def rehearse(run_in: RunIn, temporary_directory: Path) -> Verify:
    """`rehearse(installation, *options)`: the report of verify-rollback; the source is proven untouched."""

    def rehearse(at: Installation, *options: str) -> Report:
        source, before = at.fingerprint(), leftovers(temporary_directory)
        finished = run_in(at, "verify-rollback", "--format", "json", *options)
        report: Report = finished.json()
        assert "verdict" in report, finished
        assert finished.code == {"safe": 0, "unproven": 5}.get(report["verdict"], 1), finished.stderr
        assert at.fingerprint() == source
        assert report["source_unchanged"] is True
        assert leftovers(temporary_directory) == before
        return report

    return rehearse


MIGRATED = ("--made-by", "migrations")
EDGE = (*MIGRATED, "--rows", "edge")


# status


@pytest.mark.parametrize(
    ("application", "options", "head", "total"),
    [
        ("optuna", (), optuna_app.HEAD, 10),
        ("optuna", MIGRATED, optuna_app.HEAD, 10),
        ("buildbot", (), "067", 9),
        ("jupyterhub", (), jupyterhub_app.HEAD, 15),
    ],
)
def test_a_database_that_the_application_made_is_up_to_date(
    install: Install,
    run_in: RunIn,
    engine_kind: str,
    application: str,
    options: tuple[str, ...],
    head: str,
    total: int,
) -> None:
    at = install(application, engine_kind, *options)
    status = run_in(at, "status", "--format", "json").json()
    assert (status["state"], status["current"], status["heads"]) == ("up-to-date", [head], [head])
    assert (status["total"], status["applied"]) == (total, total)


BY_ALEMBIC = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
from alembic.config import Config
from alembic.script import ScriptDirectory
config = Config(sys.argv[1])
if len(sys.argv) > 2:
    config.set_main_option("script_location", sys.argv[2])
found = ScriptDirectory.from_config(config)
rows = [[r.revision, list(r._versioned_down_revisions), r.doc] for r in found.walk_revisions()]
print(json.dumps({"heads": found.get_heads(), "history": rows}))
"""


@pytest.mark.parametrize("application", ["optuna", "buildbot", "jupyterhub"])
def test_what_is_read_and_remembered_is_what_alembic_imports(install: Install, run_in: RunIn, application: str) -> None:
    at = install(application, "sqlite")
    first, again = (run_in(at, "status", "--format", "json").json() for _ in range(2))
    assert first == again
    folder = str(Path(first["history"][0]["file"]).parents[1])
    ini = next(path for path in (at.project / "alembic.ini", Path(folder) / "alembic.ini") if path.exists())
    command = [str(at.environment.python), "-c", BY_ALEMBIC, str(ini), folder]
    told = subprocess.run(command, cwd=at.project, capture_output=True, text=True, check=True)
    theirs = json.loads(told.stdout)
    assert [[r["revision"], r["down_revisions"], r["message"]] for r in first["history"]] == theirs["history"]
    assert first["heads"] == theirs["heads"]


def test_the_index_that_only_optunas_migrations_make_is_drift(
    install: Install, run_in: RunIn, engine_kind: str
) -> None:
    """What `create_all()` and the migrations make differently: seen from the database, and from the models."""
    made = run_in(install("optuna", engine_kind), "status", "--drift", "--format", "json")
    told = made.json()
    assert (made.code, told["made_by"], told["drift_skipped"]) == (1, "create_all", None), made.stderr
    found = {(d["against"], d["kind"], d["object"]): d for d in told["drift"]}
    objects = [
        ("column", "trial_values.trial_id"), ("index", "trials.ix_trials_study_id"),
        ("index", "trials.trials_study_id_key"), ("table", "trial_heartbeats"),
    ]  # fmt: skip
    expected = {(against, *one) for against in ("revision", "models") for one in objects}
    assert found.keys() >= expected if engine_kind == "postgresql" else found.keys() == expected
    lacking = found["revision", "index", "trials.trials_study_id_key"]
    assert lacking["revision"] == "v3.2.0.a"
    assert lacking["remedy"].startswith("CREATE INDEX trials_study_id_key ON ")
    assert found["revision", "table", "trial_heartbeats"]["remedy"] == "a revision that makes it: the models have it"


def test_a_master_of_the_release_before_is_one_revision_behind(
    install: Install, run_in: RunIn, engine_kind: str
) -> None:
    status = run_in(install("buildbot", engine_kind, "--at", "066"), "status", "--format", "json").json()
    assert (status["state"], status["current"]) == ("behind", ["066"])
    assert [pending["revision"] for pending in status["pending"]] == ["067"]


# the application's own ini, in whatever directory


@pytest.mark.parametrize(
    ("application", "package", "head", "without_url"),
    [
        ("optuna", "optuna.storages._rdb", optuna_app.HEAD, "there is no SQLite database"),  # sqlite:///alembic.db
        ("buildbot", "buildbot.db.migrations", buildbot_app.HEAD, "no database is named"),  # a placeholder
    ],
)
def test_the_ini_that_an_application_brings_is_enough_in_any_directory(
    install: Install,
    run_in: RunIn,
    engine_kind: str,
    tmp_path: Path,
    application: str,
    package: str,
    head: str,
    without_url: str,
) -> None:
    """optuna's `script_location = alembic` is relative: `alembic` itself finds it beside the ini only."""
    at = install(application, engine_kind)
    ini = str(at.environment.python_path(package) / "alembic.ini")
    status = run_in(at, "--config", ini, "status", "--format", "json", cwd=tmp_path).json()
    assert (status["state"], status["current"]) == ("up-to-date", [head])
    doctor = run_in(at, "--config", ini, "doctor", "--format", "json", cwd=tmp_path)
    wrong = {c["name"]: c["detail"] for c in doctor.json()["checks"] if c["state"] not in ("ok", "skipped")}
    expected = {"package pyarrow"} | ({"login"} if engine_kind == "postgresql" else set())  # extra fast; a superuser
    assert (doctor.code, wrong.keys()) == (0, expected)
    lost = run_in(at, "--config", ini, "status", cwd=tmp_path, named=False)
    assert lost.code in (2, 3)
    assert without_url in lost.stderr


@pytest.mark.parametrize(
    ("application", "table", "rows", "model"),
    [
        ("optuna", "trials", 66, "TrialModel"),
        ("buildbot", "steps", 36, None),
        ("jupyterhub", "user_role_map", 15, "UserRoleMap"),
    ],
)
def test_models_are_named_where_there_are_some_and_rows_counted_in_any_case(
    install: Install, run_in: RunIn, engine_kind: str, application: str, table: str, rows: int, model: str | None
) -> None:
    """buildbot maps no classes: its MetaData has tables alone."""
    at = install(application, engine_kind)
    counted = {row["table"]: row for row in run_in(at, "count", "--format", "json").json()["tables"]}
    assert (counted[table]["rows"], counted[table]["model"]) == (rows, model)
    models = run_in(at, "models", "--format", "json")
    assert models.code == 0
    assert bool(models.json()["models"]) == (model is not None)


# optuna


@pytest.mark.parametrize("engine_kind", list(ENGINES))
@pytest.mark.parametrize("to", [(), ("--to", "base")])
def test_a_storage_that_optuna_made_cannot_be_downgraded_at_all(
    install: Install, rehearse: Verify, engine_kind: str, to: tuple[str, ...]
) -> None:
    """create_all() names the index `ix_trials_study_id`, the migration `trials_study_id_key`."""
    report = rehearse(install("optuna", engine_kind), *to)
    failed = assert_broken(report, "downgrade-failed", "downgrade", "v3.2.0.a", "trials_study_id_key")
    assert (failed["committed"], failed["left_behind"]) == ([], [])
    assert set(states(report, "downgrade").values()) <= {"failed", "skipped"}


def test_a_storage_carried_along_since_2019_goes_two_revisions_down(
    install: Install, rehearse: Verify, engine_kind: str
) -> None:
    """`trial_heartbeats`, which no revision makes, stands beside both schemas: drift, and no finding."""
    report = rehearse(install("optuna", engine_kind, *MIGRATED), "--to", "v3.0.0.c")
    assert report["verdict"] == "safe", report["summary"]
    assert states(report, "downgrade") == {"v3.2.0.a": "ok", "v3.0.0.d": "ok"}
    assert states(report, "reupgrade") == {"v3.2.0.a": "ok", "v3.0.0.d": "ok"}


def test_the_index_that_is_pending_can_be_taken_back(install: Install, rehearse: Verify, engine_kind: str) -> None:
    report = rehearse(install("optuna", engine_kind, *MIGRATED, "--at", "v3.0.0.d"))
    assert report["verdict"] == "safe", report["summary"]
    assert report["plan"]["kind"] == "pending"
    assert report["plan"]["upgrade"] == ["v3.2.0.a"]


def test_the_largest_float32_comes_back_as_infinity(install: Install, rehearse: Verify, engine_kind: str) -> None:
    """v3.0.0.d's downgrade writes ±inf as ±3.4e38; its upgrade takes every 3.4e38 for infinity.

    Of 89 values of `value_type` one differs in the end; the two infinities come back as they were.
    """
    report = rehearse(install("optuna", engine_kind, *EDGE), "--to", "v3.0.0.c")
    assert report["verdict"] == "lossy", report["summary"]
    (lost,) = findings(report, "values-lost")
    assert (lost["revision"], lost["rows"], lost["by_design"]) == ("v3.0.0.d", 1, True)
    assert lost["object"].endswith("trial_values.value_type")
    assert findings(report, "not-repeatable", object="trial_values.value")
    assert not findings(report, "values-changed")


def test_a_downgrade_that_names_a_missing_class_is_blamed(install: Install, rehearse: Verify, engine_kind: str) -> None:
    report = rehearse(install("optuna", engine_kind, *MIGRATED), "--to", "base")
    failed = assert_broken(report, "downgrade-failed", "downgrade", "v3.0.0.c", "FloatTypeEnum")
    walked = states(report, "downgrade")
    assert walked["v3.0.0.b"] == walked["v0.9.0.a"] == "skipped"
    if engine_kind == "sqlite":  # revision by revision; batch mode's CREATE TABLE commits, its INSERT is rolled back
        assert (walked["v3.2.0.a"], walked["v3.0.0.d"]) == ("ok", "ok")
        assert any("_alembic_tmp_trial_intermediate_values" in left for left in failed["left_behind"])
    else:  # one transaction for the whole range: all of it is rolled back
        assert not failed["left_behind"]


def test_what_a_failed_downgrade_leaves_behind_depends_on_the_rows(install: Install, rehearse: Verify) -> None:
    """With infinities to rewrite, an UPDATE opens the transaction; the temporary table goes with it."""
    report = rehearse(install("optuna", "sqlite", *EDGE), "--to", "base")
    failed = assert_broken(report, "downgrade-failed", "downgrade", "v3.0.0.c", "FloatTypeEnum")
    assert not failed["left_behind"]


def test_on_postgresql_an_old_storage_cannot_be_upgraded(install: Install, rehearse: Verify) -> None:
    """v2.4.0.a creates the enum `studydirection` again. From an empty database in one run it passes, because
    the enum of v0.9.0.a is remembered within a run; from a storage that stands at v1.3.0.a it never does."""
    at = install("optuna", "postgresql", *MIGRATED, "--rows", "none", "--at", "v1.3.0.a")
    report = rehearse(at)
    failed = assert_broken(report, "upgrade-failed", "upgrade", "v2.4.0.a", "studydirection", "already exists")
    assert not failed["left_behind"]
    assert states(report, "upgrade")["v3.2.0.a"] == "skipped"


def test_an_empty_downgrade_leaves_a_schema_that_cannot_go_up_again(install: Install, rehearse: Verify) -> None:
    """v2.4.0.a's downgrade is `pass` ("TODO: Implement downgrade")."""
    at = install("optuna", "sqlite", *MIGRATED, "--rows", "none", "--at", "v1.3.0.a")
    report = rehearse(at, "--upgrade-to", "v2.6.0.a")
    assert_broken(report, "reupgrade-failed", "reupgrade", "v2.4.0.a", "no such column: studies.direction")
    assert findings(report, "downgrade-empty", revision="v2.4.0.a")
    for table in ("study_directions", "trial_intermediate_values"):
        assert findings(report, "schema-left-behind", object=table, revision="v2.4.0.a")
    for column in ("studies.direction", "trials.value", "trial_values.step"):
        assert findings(report, "schema-missing", object=column, revision="v2.4.0.a")


# buildbot


def test_the_newest_revision_of_buildbot_cannot_be_taken_back(
    install: Install, rehearse: Verify, engine_kind: str
) -> None:
    """067's downgrade drops a table that others refer to, then indexes that went with their tables."""
    report = rehearse(install("buildbot", engine_kind))
    assert report["plan"]["downgrade"] == ["067"]
    _assert_067_fails(report, engine_kind)


def test_a_master_that_would_upgrade_to_067_could_not_go_back(
    install: Install, rehearse: Verify, engine_kind: str
) -> None:
    report = rehearse(install("buildbot", engine_kind, "--at", "066"))
    assert report["plan"]["kind"] == "pending"
    assert states(report, "upgrade") == {"067": "ok"}
    _assert_067_fails(report, engine_kind)


def _assert_067_fails(report: Report, engine: str) -> None:
    if engine == "sqlite":  # every DROP TABLE has committed by then; the version table still says 067
        said = ("no such index: codebases_projects_name_hash",)
    else:
        said = ("cannot drop table codebases because other objects depend on it",)
    failed = assert_broken(report, "downgrade-failed", "downgrade", "067", *said)
    tables = ("codebases", "codebase_commits", "codebase_branches") if engine == "sqlite" else ()
    assert failed["committed"] == [f"DROP TABLE {table}" for table in tables]
    assert failed["left_behind"] == [f"table {table} gone" for table in sorted(tables)]


def test_a_dropped_duration_comes_back_as_zero(install: Install, rehearse: Verify, engine_kind: str) -> None:
    """11 of 12 builds had waited for a lock; 066 fills its column with 0. The base creates no tables."""
    report = rehearse(install("buildbot", engine_kind, "--at", "066"), "--upgrade-to", "066", "--to", "065")
    assert report["verdict"] == "lossy", report["summary"]
    (lost,) = findings(report, "values-lost")
    assert (lost["revision"], lost["rows"], lost["by_design"]) == ("066", 11, True)
    assert lost["object"].endswith("builds.locks_duration_s")
    assert findings(report, "no-reference")


def test_sqlite_cannot_drop_a_column_that_a_foreign_key_names(install: Install, rehearse: Verify) -> None:
    report = rehearse(install("buildbot", "sqlite", "--at", "066"), "--upgrade-to", "066", "--to", "064")
    assert_broken(report, "downgrade-failed", "downgrade", "065", 'unknown column "rebuilt_buildid"')
    assert states(report, "downgrade")["066"] == "ok"


LOST_TO_060 = {
    ("066", "builds.locks_duration_s"): 11,
    ("065", "buildsets.rebuilt_buildid"): 3,
    ("064", "workers.pause_reason"): 1,
    ("063", "steps.locks_acquired_at"): 12,
    ("062", "projects.description_format"): 1,
    ("062", "projects.description_html"): 1,
    ("061", "builders.description_format"): 3,
    ("061", "builders.description_html"): 3,
}


def test_every_column_that_six_revisions_drop_is_charged_to_its_own(install: Install, rehearse: Verify) -> None:
    at = install("buildbot", "postgresql", "--at", "066")
    report = rehearse(at, "--upgrade-to", "066", "--to", "060")
    assert report["verdict"] == "lossy", report["summary"]
    lost = {(f["revision"], f["object"].removeprefix("public.")): f["rows"] for f in findings(report, "values-lost")}
    assert lost == LOST_TO_060
    assert not findings(report, "rows-lost")


def test_a_downgrade_that_misspells_its_column_ends_the_walk(install: Install, rehearse: Verify) -> None:
    """060 added `projectid`, and drops `project`."""
    at = install("buildbot", "postgresql", "--at", "066")
    report = rehearse(at, "--upgrade-to", "066", "--to", "base")
    failed = assert_broken(report, "downgrade-failed", "downgrade", "060", 'column "project"', "does not exist")
    assert not failed["left_behind"]


# optuna on MariaDB, where every DDL statement commits


def test_a_storage_on_mariadb_is_up_to_date_and_counted(install: Install, run_in: RunIn) -> None:
    at = install("optuna", "mariadb")
    status = run_in(at, "status", "--format", "json").json()
    assert (status["state"], status["current"], status["total"]) == ("up-to-date", [optuna_app.HEAD], 10)
    counted = {row["table"]: row for row in run_in(at, "count", "--format", "json").json()["tables"]}
    assert (counted["trials"]["rows"], counted["trials"]["model"]) == (66, "TrialModel")
    assert counted["trial_values"]["rows"] == 84


def test_mariadb_does_not_drop_a_column_of_a_unique_key_of_two(install: Install, rehearse: Verify) -> None:
    """v2.4.0.a drops `trial_values.step`, which is in a key with `trial_id` (MySQL, it says, shortens the key). What
    it did until then stays: a second attempt fails sooner, as `studies.direction` is gone."""
    report = rehearse(_old_storage(install))
    failed = assert_broken(report, "upgrade-failed", "upgrade", "v2.4.0.a", "Key column 'step' doesn't exist")
    assert failed["failed_statement"] == "ALTER TABLE trial_values DROP COLUMN step"
    assert [" ".join(statement.split()[:6]) for statement in failed["committed"]] == [
        "CREATE TABLE study_directions ( study_direction_id INTEGER",
        "CREATE TABLE trial_intermediate_values ( trial_intermediate_value_id INTEGER",
        "DELETE FROM trial_values",
        "ALTER TABLE trial_values ADD COLUMN objective",
        "ALTER TABLE trial_values ADD CONSTRAINT uq_trial_values_trial_id_objective",
        "ALTER TABLE studies DROP COLUMN direction",
    ]
    assert failed["left_behind"] == [
        "column studies.direction gone",
        "column trial_values.objective made",
        "constraint trial_values.uq_trial_values_trial_id_objective made",
        "table study_directions made",
        "table trial_intermediate_values made",
    ]
    assert states(report, "upgrade")["v3.2.0.a"] == "skipped"


def test_an_old_storage_on_mariadb_goes_down_to_nothing_and_up_again(install: Install, rehearse: Verify) -> None:
    report = rehearse(_old_storage(install), "--upgrade-to", "v1.3.0.a", "--to", "base")
    assert report["verdict"] == "safe", report["summary"]
    assert states(report, "downgrade") == {"v1.3.0.a": "ok", "v1.2.0.a": "ok", "v0.9.0.a": "ok"}


def _old_storage(install: Install) -> Installation:
    """The farthest that the migrations come from nothing; optuna itself writes to storages at the head only."""
    return install("optuna", "mariadb", *MIGRATED, "--rows", "none", "--at", "v1.3.0.a")


# JupyterHub


def test_a_role_that_an_authenticator_manages_comes_back_as_unmanaged(
    install: Install, rehearse: Verify, engine_kind: str
) -> None:
    """One role and three grants; 4621fec11365 fills its column with false. The base creates no tables."""
    report = rehearse(install("jupyterhub", engine_kind))
    assert (report["plan"]["kind"], report["plan"]["downgrade"]) == ("head", [jupyterhub_app.HEAD])
    assert report["verdict"] == "lossy", report["summary"]
    lost = {found["object"].removeprefix("public."): found for found in findings(report, "values-lost")}
    assert {name: found["rows"] for name, found in lost.items()} == {
        "roles.managed_by_auth": 1,
        "user_role_map.managed_by_auth": 3,
    }
    assert {(found["revision"], found["by_design"]) for found in lost.values()} == {(jupyterhub_app.HEAD, True)}
    assert findings(report, "no-reference")
    assert not findings(report, "values-changed")


def test_the_default_that_only_the_migration_gives_is_seen(
    install: Install, rehearse: Verify, engine_kind: str
) -> None:
    """create_all() makes `managed_by_auth` without a server default, 4621fec11365 with one."""
    changed = findings(rehearse(install("jupyterhub", engine_kind)), "schema-changed")
    tables = ("group_role_map", "roles", "service_role_map", "user_role_map")
    assert [found["object"].removeprefix("public.") for found in changed] == [f"{t}.managed_by_auth" for t in tables]
    assert {found["revision"] for found in changed} == {jupyterhub_app.HEAD}


def test_the_ini_that_upgrade_db_writes_names_scripts_and_database(
    install: Install, run_in: RunIn, engine_kind: str, tmp_path: Path
) -> None:
    at = install("jupyterhub", engine_kind)
    code = "import sys; from jupyterhub import dbutil; dbutil.write_alembic_ini(*sys.argv[1:])"
    subprocess.run([at.environment.python, "-c", code, tmp_path / "hub.ini", at.url], check=True, cwd="/")
    status = run_in(at, "--config", "hub.ini", "status", "--format", "json", cwd=tmp_path, named=False)
    assert (status.json()["state"], status.json()["current"]) == ("up-to-date", [jupyterhub_app.HEAD])


def test_the_template_of_that_ini_is_not_taken_for_one(install: Install, run_in: RunIn) -> None:
    at = install("jupyterhub", "sqlite")
    template = str(at.environment.python_path("jupyterhub") / "alembic.ini")
    refused = run_in(at, "--config", template, "status")
    assert refused.code == 2
    assert "script_location '{alembic_dir}' does not exist" in refused.stderr


@pytest.mark.parametrize("to", [("--steps", "2"), ("--to", "base")])
def test_a_downgrade_that_hands_over_a_column_for_its_name_is_blamed(
    install: Install, rehearse: Verify, engine_kind: str, to: tuple[str, str]
) -> None:
    """`op.drop_column("services", sa.Column("from_config"))`; each revision has its own transaction."""
    report = rehearse(install("jupyterhub", engine_kind), *to)
    failed = assert_broken(report, "downgrade-failed", "downgrade", jupyterhub_app.BEFORE, "Column._set_parent()")
    assert (failed["statements"], failed["committed"], failed["left_behind"]) == (0, [], [])
    assert states(report, "downgrade")[jupyterhub_app.HEAD] == "ok"


def test_a_hub_of_the_release_before_can_be_upgraded_and_taken_back(
    install: Install, rehearse: Verify, engine_kind: str
) -> None:
    """Though 4621fec11365 looks at the tables through a second connection while the first is in a transaction."""
    report = rehearse(install("jupyterhub", engine_kind, "--at", jupyterhub_app.BEFORE))
    assert report["verdict"] == "safe", report["summary"]
    assert (report["plan"]["kind"], report["plan"]["upgrade"]) == ("pending", [jupyterhub_app.HEAD])
    assert not findings(report, "escaped-connection")
