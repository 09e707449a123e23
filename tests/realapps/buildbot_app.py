"""Make a real buildbot master with a history: `python buildbot_app.py URL MASTER_DIRECTORY [--at 066]`.

Runs with buildbot's own interpreter (see environments.py). `buildbot create-master` makes the database; every
row is then written by buildbot's own database connector, in a real reactor, as a running master writes it.

How buildbot keeps its database:

- `create-master` and `upgrade-master` make a new one with `create_all()` and stamp head (`067`). The base
  revision `059` is empty, a placeholder: no database can be grown from the migrations alone, so there is no
  reference for a schema at an older revision (`no-reference`).
- The ini is `<site-packages>/buildbot/db/migrations/alembic.ini`. Its `script_location = %(here)s/` works
  from any directory; its URL is the template's `driver://user:pass@localhost/dbname`.
- env.py takes its URL from `sqlalchemy.url` of the configuration and from nowhere else, and calls
  `fileConfig()` without asking, so the ini must have the logging sections. It does not use batch mode.
- buildbot itself never runs env.py: `upgrade-master` drives the revisions with a MigrationContext of its own,
  in `withoutSqliteForeignKeys()`. Nothing in buildbot ever downgrades.
- Its SQLite database is in WAL mode.

What a user types to point dbadmin at a master, in any directory:
`dbadmin --url sqlite:////path/to/master/state.sqlite verify-rollback` with `project()` below, or
`DBADMIN_ALEMBIC=<site-packages>/buildbot/db/migrations/alembic.ini`.
"""

import argparse
import datetime
from pathlib import Path
from typing import Any

HEAD = "067"
BASE = "059"
STARTED = datetime.datetime(2026, 3, 1, 9, 0, tzinfo=datetime.UTC)


def project(directory: Path, ini: Path) -> Path:
    """Write the file that leads dbadmin to buildbot's migrations; return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pyproject.toml").write_text(f'[tool.dbadmin]\nalembic = "{ini.as_posix()}"\n', encoding="utf-8")
    return directory


async def add_sources(db: Any, masterid: int) -> list[int]:
    """Users, a change source, a project with codebase, commits and branches, changes; return change ids."""
    for name in ("Ada Lovelace <ada@example.org>", "Żofia <zofia@example.org>"):
        uid = await db.users.findUserByAttr(name, "git", name)
        await db.users.updateUser(uid=uid, attr_type="email", attr_data=name)
    await db.users.updateUser(identifier="Ada", uid=uid, bb_username="ada", bb_password="x")
    source = await db.changesources.findChangeSourceId("GitPoller")
    await db.changesources.setChangeSourceMaster(source, masterid)

    projectid = await db.projects.find_project_id("engine")
    await db.projects.update_project_info(projectid, "engine", "the *engine*", "markdown", "<p>the <em>engine</em></p>")
    codebaseid = await db.codebases.find_codebase_id(projectid=projectid, name="main")
    await db.codebases.update_codebase_info(codebaseid=codebaseid, projectid=projectid, slug="main")
    parent = None
    for number in range(6):
        parent = await db.codebase_commits.add_commit(
            codebaseid=codebaseid,
            author="ada",
            committer="zofia",
            comments=f"commit {number} – ✓",
            when_timestamp=int(STARTED.timestamp()) + number * 3600,
            revision=f"{number:040x}",
            parent_commitid=parent,
        )
    for branch in ("main", "release"):
        await db.codebase_branches.update_branch(
            codebaseid=codebaseid, name=branch, commitid=parent, last_timestamp=int(STARTED.timestamp())
        )
    return [
        await db.changes.addChange(
            author="Ada Lovelace <ada@example.org>",
            committer="Żofia <zofia@example.org>",
            files=[f"src/file{number}.c", "README"],
            comments=f"change {number}\n\nwith a body",
            revision=f"{number:040x}",
            when_timestamp=STARTED + datetime.timedelta(hours=number),
            branch="main" if number % 2 else None,
            category="nightly" if number % 3 == 0 else None,
            revlink=f"https://example.org/{number}",
            properties={"reviewed": (True, "Change"), "size": (number, "Change")},
            repository="https://example.org/engine.git",
            codebase="main",
            project="engine",
        )
        for number in range(6)
    ]


async def add_machines(db: Any, masterid: int, changes: list[int]) -> tuple[list[int], list[int]]:
    """Builders with tags, workers (one paused), a scheduler, state; return the builders' and workers' ids."""
    projectid = await db.projects.find_project_id("engine")
    builders = []
    for name in ("linux", "windows", "docs"):
        builder = await db.builders.findBuilderId(name)
        await db.builders.updateBuilderInfo(
            builder, f"builds on {name}", "markdown", f"<p>builds on {name}</p>", projectid, ["ci", name]
        )
        await db.builders.addBuilderMaster(builderid=builder, masterid=masterid)
        builders.append(builder)
    workers = []
    for name in ("worker1", "worker2"):
        worker = await db.workers.findWorkerId(name)
        await db.workers.workerConfigured(worker, masterid, builders)
        await db.workers.workerConnected(worker, masterid, {"admin": "ada", "version": "4.3.0"})
        workers.append(worker)
    await db.workers.set_worker_paused(workers[1], True, "disk is full")
    scheduler = await db.schedulers.findSchedulerId("nightly")
    await db.schedulers.setSchedulerMaster(scheduler, masterid)
    await db.schedulers.classifyChanges(scheduler, {change: change % 2 == 0 for change in changes})
    state = await db.state.getObjectId("nightly", "Nightly")
    await db.state.setState(state, "last_build", int(STARTED.timestamp()))
    return builders, workers


async def add_build(db: Any, masterid: int, number: int, builder: int, worker: int, rebuilt: int | None) -> int:
    """One buildset with request, build, steps, logs, build data and test results; return the build's id."""
    patch = {"patch_body": b"--- a\n+++ b\n", "patch_level": 1, "patch_author": "ada", "patch_comment": "try",
             "patch_subdir": ""} if number % 5 == 0 else {}  # fmt: skip
    stamp = {"branch": "main", "revision": f"{number % 6:040x}", "codebase": "main", "project": "engine",
             "repository": "https://example.org/engine.git", **patch}  # fmt: skip
    bsid, requests = await db.buildsets.addBuildset(
        sourcestamps=[stamp],
        reason=f"nightly {number}",
        properties={"owner": ("ada", "Scheduler")},
        builderids=[builder],
        waited_for=False,
        rebuilt_buildid=rebuilt,
        submitted_at=STARTED + datetime.timedelta(minutes=number),
        priority=number % 3,
    )
    request = requests[builder]
    await db.buildrequests.claimBuildRequests([request])
    build, _ = await db.builds.addBuild(builder, request, worker, masterid, "starting")
    await db.builds.setBuildProperty(build, "revision", stamp["revision"], "Source")
    await db.builds.add_build_locks_duration(build, number * 7)
    for name in ("git", "compile", "test"):
        step, _, _ = await db.steps.addStep(build, name, "pending")
        begun = int(STARTED.timestamp()) + number * 600
        await db.steps.startStep(step, begun, locks_acquired=name != "compile")
        if name == "compile":  # waited for a lock: what 063's downgrade forgets and its upgrade cannot know
            await db.steps.set_step_locks_acquired_at(step, begun + 42)
        await db.steps.addURL(step, "artifact", f"https://example.org/{number}/{name}")
        log = await db.logs.addLog(step, "stdio", "stdio", "s")
        await db.logs.appendLog(log, "".join(f"oline {line} ü\n" for line in range(30)))
        await db.logs.finishLog(log)
        await db.logs.compressLog(log)
        await db.steps.finishStep(step, 0, False)
    results = await db.test_result_sets.addTestResultSet(builder, build, step, "pytest", "pass_fail", "boolean")
    await db.test_results.addTestResults(
        builder,
        results,
        [{"test_name": f"test_{n}", "test_code_path": f"tests/{n}.py", "value": "1", "line": n} for n in range(4)],
    )
    await db.test_result_sets.completeTestResultSet(results, tests_passed=4, tests_failed=0)
    await db.build_data.setBuildData(build, "coverage", b"\x00\xff 87 %", "test")
    if number % 7 != 6:  # the last of each seven is still running
        await db.builds.finishBuild(build, number % 3)
        await db.builds.setBuildStateString(build, "finished")
        await db.buildrequests.completeBuildRequests([request], number % 3)
        await db.buildsets.completeBuildset(bsid, number % 3)
    return int(build)


async def fill(url: str, directory: str, builds: int) -> None:
    """Open the master's database as a master does and write its history."""
    from buildbot.config.master import MasterConfig
    from buildbot.master import BuildMaster

    master = BuildMaster(directory)
    master.config = MasterConfig()
    master.config.db.db_url = url
    db = master.db
    await db.setup(check_version=True, verbose=False)
    await db.logs.startService()
    masterid = await db.masters.findMasterId("host:/srv/master")
    await db.masters.setMasterState(masterid, True)
    master.masterid = masterid
    changes = await add_sources(db, masterid)
    builders, workers = await add_machines(db, masterid, changes)
    previous = None
    for number in range(builds):
        rebuilt = previous if number % 4 == 3 else None
        previous = await add_build(
            db, masterid, number, builders[number % len(builders)], workers[number % len(workers)], rebuilt
        )
    await db.logs.stopService()
    await db.pool.stop()


def make(url: str, directory: str, builds: int = 12) -> None:
    """Create the master at `directory` with its database at `url`, and give it `builds` builds."""
    import subprocess
    import sys

    from twisted.internet import defer, task

    command = str(Path(sys.executable).with_name("buildbot"))  # buildbot has no __main__
    subprocess.run([command, "create-master", "--quiet", f"--db={url}", directory], check=True)
    task.react(lambda reactor: defer.ensureDeferred(fill(url, directory, builds)))


def before_067(url: str) -> None:
    """Take back by hand what 067 made, and say 066: what a master of buildbot 4.2 has.

    By hand, because 067's own downgrade fails on every engine; its three tables are all that it adds.
    """
    import sqlalchemy as sa

    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for table in ("codebase_branches", "codebase_commits", "codebases"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '066'")
    engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("directory")
    parser.add_argument("--builds", type=int, default=12)
    parser.add_argument("--at", choices=["066", HEAD], default=HEAD)
    options = parser.parse_args()
    try:
        make(options.url, options.directory, options.builds)
    except SystemExit as end:  # task.react() ends by raising it, also after success
        if end.code:
            raise
    if options.at == "066":
        before_067(options.url)
