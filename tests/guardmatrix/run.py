"""Runs the cells of the matrix and judges how each ended, by what the source and its server tell."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template

import sqlalchemy as sa
from apps import App, Revisions, make_app
from servers import ENGINES, Servers, TestDatabase

from dbadmin.dialects import of_url
from dbadmin.dialects.namespaces import MOUNTS, NETWORK
from dbadmin.migrations.confine import LANDLOCK
from dbadmin.migrations.protocol import WalkRequest, WalkResult
from dbadmin.migrations.runner import walk
from guardmatrix.cells import CONNECT, PROGRAM, Cell
from guardmatrix.envs import Env
from guardmatrix.sources import FILLED, NOTE, Source

REVISIONS: Revisions = {"a1": (None, 'op.create_table("made", sa.Column("id", sa.Integer))', 'op.drop_table("made")')}
MIGRATION: Revisions = {"a1": (None, "import tries\ntries.run('attempts.json')", "pass")}


@dataclass(frozen=True)
class Ended:
    """How a cell ended: "copy", "refused", "kept out", "stopped", or "source", which must not be."""

    name: str
    how: str
    told: str
    right: bool


@dataclass
class Figures:
    """What came of all cells."""

    ended: list[Ended] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    protections: set[tuple[str, ...]] = field(default_factory=set)
    disturbed: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """What is not as it should be."""
        return [*(f"{e.name}: {e.how}: {e.told}" for e in self.ended if not e.right), *self.disturbed]

    def __str__(self) -> str:
        how = Counter(ended.how for ended in self.ended)
        kernel = " and ".join(sorted({name for names in self.protections for name in names})) or "nothing"
        line = (
            f"cells: {len(self.ended)}, ran on the copy: {how['copy']}, refused by name: {how['refused']}, "
            f"kept out by the kernel ({kernel}): {how['kept out']}, ended and said so: {how['stopped']}, "
            f"reached the source: {how['source'] + len(self.disturbed)}"
        )
        return "\n".join([line, *(f"not run: {reason}" for reason in self.not_run)])


def here(cells: Iterable[Cell], figures: Figures) -> list[Cell]:
    """Those whose driver is installed."""
    found = []
    for cell in cells:
        if cell.needs is None or importlib.util.find_spec(cell.needs.partition(".")[0]) is not None:
            found.append(cell)
        else:
            figures.not_run.append(f"{cell.kind}: {cell.name}: {cell.needs} is not installed")
    return found


def new_copy(source: Source, servers: Servers, directory: Path) -> TestDatabase:
    """A copy of the source, told apart by its note."""
    directory.mkdir(parents=True, exist_ok=True)
    made = servers.get(ENGINES[source.kind]).create(directory)
    made.execute(FILLED, NOTE.format("copy"))
    return made


def attempt(source: Source, copy: TestDatabase, cells: Sequence[Cell], directory: Path, figures: Figures) -> None:
    """Run cells in one walk on the copy, and judge them."""
    app = application(source, cells, directory)
    before = source.seen()
    result = walk(request(source, copy, app))
    after = source.seen()
    figures.protections.add(result.sandbox)
    if before != after:
        figures.disturbed.append(f"{source.kind}: before {before}, after {after}")
    told = said(result.output)
    for cell in cells:
        figures.ended.append(_judge(source, cell, told.get(cell.name, f"nothing: {result.error}"), result))


def rehearse(source: Source, env: Env, servers: Servers, directory: Path, figures: Figures) -> None:
    """One env.py, in a walk of its own on a copy of its own."""
    directory.mkdir()
    copy = new_copy(source, servers, directory / "copy")
    try:
        app = make_app(directory, revisions=REVISIONS, url=source.url, env=env.text(source.kind, source.words))
        for name, text in env.files(source.words).items():
            path = app.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        paths = [*filter(None, [app.environment.get("PYTHONPATH")]), str(app.directory / "site")]
        environment = {**app.environment, "PYTHONPATH": os.pathsep.join(paths)}
        before = source.seen()
        result = walk(replace(request(source, copy, app), environment=environment))
        after = source.seen()
        figures.protections.add(result.sandbox)
        if before[0] != after[0] or (before != after and not env.contacts):
            figures.disturbed.append(f"{source.kind}: {env.name}: before {before}, after {after}")
        figures.ended.append(_judge_env(source, env, result, made_on(copy)))
    finally:
        servers.get(ENGINES[source.kind]).drop(copy)


def made_on(copy: TestDatabase) -> bool:
    """Whether the migration's table is on the copy."""
    with copy.connect() as connection:
        return sa.inspect(connection).has_table("made")


def _judge_env(source: Source, env: Env, result: WalkResult, made: bool) -> Ended:
    if result.state == "ok" and made:
        how = "copy"
    elif result.refused:
        how = "refused"
    else:
        how = "stopped" if result.state == "failed" and result.error else "unclear"
    told = result.error.message if result.error else "the walk was ok"
    return Ended(f"{source.kind}: env.py, {env.name}", how, told, how in env.ends)


def unguarded(source: Source, cells: Sequence[Cell], directory: Path) -> list[str]:
    """Names of the cells that do not reach the source in plain Python: they prove nothing."""
    app = application(source, sorted(cells, key=lambda cell: cell.spoils), directory)
    done = subprocess.run(
        [sys.executable, "tries.py", "attempts.json"], cwd=app.directory, env=dict(app.environment),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    told = said(done.stdout)
    return [
        f"{c.kind}: {c.name}: {told.get(c.name, done.stderr[-500:])}"
        for c in cells
        if not c.blind and told.get(c.name) != "reached source"
    ]


def application(source: Source, cells: Sequence[Cell], directory: Path) -> App:
    """An application whose one migration makes the attempts."""
    app = make_app(directory, revisions=MIGRATION, url=source.url)
    attempts = [[cell.name, Template(cell.code).substitute(source.words)] for cell in cells]
    (app.directory / "attempts.json").write_text(json.dumps(attempts))
    shutil.copy(Path(__file__).with_name("tries.py"), app.directory)
    spawned = Template(PROGRAM.format(connect=CONNECT[source.kind])).substitute(source.words)
    (app.directory / "prog.py").write_text("def main():\n" + re.sub("^", "    ", spawned, flags=re.MULTILINE))
    return app


def request(source: Source, copy: TestDatabase, app: App) -> WalkRequest:
    """What the rehearsal would ask for."""
    with copy.connect() as connection:
        identity = of_url(copy.url).session.identity(connection)
    return WalkRequest(
        project=app.project,
        copy_url=copy.url,
        source=of_url(source.url).address.of_url(source.url),
        source_files=source.files,
        copy_identity=identity,
        direction="upgrade",
        destination="head",
        environment=app.environment,
        timeout=600,
    )


def said(output: str) -> dict[str, str]:
    """What `tries.run` printed."""
    lines = [line.removeprefix("CELL ") for line in output.splitlines() if line.startswith("CELL ")]
    return dict(json.loads(line) for line in lines)


def _judge(source: Source, cell: Cell, told: str, result: WalkResult) -> Ended:
    name = f"{cell.kind}: {cell.name}"
    if told in ("reached source", "reached copy"):
        how = told.removeprefix("reached ")
    elif told.startswith("Refused: ") and any(told[9:].startswith(target) for target in result.refused):
        how = "refused"
    elif told.endswith("not authorized") and set(source.aliases) & set(result.refused):
        how = "refused"  # SQLite tells no more of it
    elif {NETWORK, LANDLOCK, MOUNTS} & set(result.sandbox):
        how = "kept out"
    else:
        how = "unclear"
    return Ended(name, how, told, how in cell.ends)
