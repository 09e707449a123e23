"""The commands that are broken off, and what has to be true of what they were asked to make."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbadmin.copies.backups import open_backup
from dbadmin.errors import DbadminError
from nthfailure.steps import Ended, counted, injected
from nthfailure.worlds import World, content

ALL, SERVERS = ("sqlite", "postgresql", "mariadb"), ("postgresql", "mariadb")
Found = list[str]


@dataclass(frozen=True)
class Scenario:
    """One command. `prepare` runs before each time and gives its arguments; `judge` tells what is wrong afterwards."""

    name: str
    engines: tuple[str, ...]
    prepare: Callable[[World], list[str]]
    judge: Callable[[World, Ended], Found]
    leaves: bool = False
    """Whether something may stay, however it was broken off: it was there before."""
    refuses: bool = False
    """Whether it refuses (exit 2) where it cannot ask whether it may."""


def suffix(world: World) -> str:
    return {"sqlite": ".db", "postgresql": ".dump", "mariadb": ".sql"}[world.kind]


def backup_of(world: World) -> Path:
    """A backup of the source, made once."""
    path = world.home / f"given{suffix(world)}"
    if not path.exists():
        done = world.run("dbadmin", "backup", str(path))
        assert done.returncode == 0, done.stderr
    return path


# verify-rollback


def rehearse(*more: str) -> Callable[[World], list[str]]:
    def prepare(world: World) -> list[str]:
        given = [word.replace("BACKUP", str(backup_of(world))) if "BACKUP" in word else word for word in more]
        return ["verify-rollback", "--format", "json", "--output", str(world.out / "report.html"), *given]

    return prepare


def elsewhere(world: World) -> list[str]:
    """A backup restored on a server that others use."""
    return rehearse("--backup", "BACKUP", "--scratch", world.url)(world)


def safe(world: World, ended: Ended) -> Found:
    """A verdict only where all was proven; a report only where it is whole."""
    report = world.out / "report.html"
    wrong = []
    if report.exists() and not report.read_text().rstrip().endswith("</html>"):
        wrong.append("half a report")
    if ended.code == 0 and verdict(ended) != "safe":
        wrong.append(f"exit 0, and the verdict {verdict(ended)}")
    if ended.code != 5 and verdict(ended) not in (None, "safe"):  # an answer that was given before it was broken off
        wrong.append(f"exit {ended.code}, and a verdict: {verdict(ended)}")
    return wrong


def verdict(ended: Ended) -> Any:
    """The verdict on stdout, None where there is none."""
    try:
        return json.loads(ended.stdout).get("verdict")
    except ValueError:
        return None


def with_commands(world: World) -> list[str]:
    copy = world.out / "clone.db"
    made = f"cp {world.source.url.database} {copy} && echo sqlite:///{copy}"
    return rehearse("--copy-command", made, "--drop-command", f"rm -f {copy}")(world)


def with_commands_of_a_server(world: World) -> list[str]:
    """The copy is a backup restored, and a file stands for its being there."""
    target, there = world.fresh_target(), world.out / "clone.db"
    url = target.url.render_as_string(hide_password=False)
    restoring = shlex.join([sys.executable, "-m", "dbadmin", "restore", str(backup_of(world)), "--to", url])
    made = f"touch {there} && {restoring} && echo {shlex.quote(url)}"
    return rehearse("--copy-command", made, "--drop-command", f"rm -f {there}")(world)


def clone_dropped(world: World, ended: Ended) -> Found:
    """The drop command has run, but after SIGKILL: dbadmin knows nothing of such a copy."""
    left = (world.out / "clone.db").exists() and not ended.killed and "drop command" not in ended.stderr
    return [*safe(world, ended), *(["the drop command did not run"] if left else [])]


def in_place(world: World) -> list[str]:
    """A restored copy is itself what is rehearsed on."""
    target = world.fresh_target()
    url = target.url.render_as_string(hide_password=False)
    done = world.run("dbadmin", "restore", str(backup_of(world)), "--to", url)
    assert done.returncode == 0, done.stderr
    return rehearse("--url", url, "--in-place")(world)


def kept(world: World, ended: Ended) -> Found:
    """It is there and kept, where the command says so; then it is dropped by name."""
    wrong = safe(world, ended)
    listed = json.loads(world.run("dbadmin", "copies", "--format", "json").stdout)["copies"]
    mine = [copy["name"] for copy in listed if copy["kept"] and is_mine(world, ended, copy)]
    if ended.code == 0 and len(mine) != 1:
        wrong.append(f"a kept copy is not there: {mine}")
    for name in mine:
        done = world.run("dbadmin", "copies", "--drop", name)
        if done.returncode:
            wrong.append(f"copies --drop {name}: {done.stderr}")
    return wrong


def is_mine(world: World, ended: Ended, copy: Mapping[str, Any]) -> bool:
    """Whether this run made a copy: others may keep theirs in /tmp, where this one goes if TMPDIR cannot be used."""
    directory = Path(copy["directory"])
    return directory not in world.decoys and (
        directory.is_relative_to(world.temporary) or copy["name"] in ended.stdout + ended.stderr
    )


# backup


def back_up(*more: str, ending: str = "") -> Callable[[World], list[str]]:
    def prepare(world: World) -> list[str]:
        return ["backup", "--url", world.url, str(world.out / f"shop{suffix(world)}{ending}"), *more]

    return prepare


def whole(world: World, ended: Ended) -> Found:
    """What has the backup's name is whole, and nothing else has."""
    found = [path for path in world.out.iterdir() if path.name.startswith("shop")]
    if ended.code == 0 and not found:
        return ["exit 0, and no backup"]
    for path in found:
        try:
            with open_backup(path, progress=lambda *_: None):
                pass
        except DbadminError as error:
            return [f"a backup under its name that is not whole: {error.message}"]
    return []


# restore


def restore(world: World) -> list[str]:
    target = world.fresh_target()
    return ["restore", str(backup_of(world)), "--to", target.url.render_as_string(hide_password=False)]


def replace(world: World) -> list[str]:
    target = world.fresh_target("CREATE TABLE old (id int)", "INSERT INTO old VALUES (1)")
    where = target.url.render_as_string(hide_password=False)
    return ["restore", str(backup_of(world)), "--to", where, "--confirm", target.name]


def restored_or_not(world: World, ended: Ended) -> Found:
    """All of it, or nothing (or what was there before); where neither could be had, that is said."""
    if ended.killed:
        return []
    assert world.target is not None
    held = tables(world)
    if ended.code == 0:
        return [] if held == {"people", "alembic_version"} else [f"exit 0, and the database holds {held}"]
    if held in (set(), {"old"}) or "may hold a part" in ended.stderr or "holds " in ended.stderr:
        return []
    complete = held == {"people", "alembic_version"} and content(world.target).data == content(world.source).data
    return [] if complete else [f"exit {ended.code}, and the database holds {held}: {ended.stderr}"]


def tables(world: World) -> set[str]:
    """The target's tables; of a file that is not there, none."""
    import sqlalchemy as sa

    assert world.target is not None
    if world.kind == "sqlite" and not Path(str(world.target.url.database)).exists():
        return set()
    with world.target.connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def nothing(world: World, ended: Ended) -> Found:
    return []


# copies


def clean_after(*words: str) -> Callable[[World], list[str]]:
    """Clean up after a rehearsal that was killed when all that it makes was there."""

    def prepare(world: World) -> list[str]:
        arguments = rehearse(*words)(world)
        if words not in world.known:
            injected(world, arguments, "count", "-")
            world.known[words] = next(step.name for step in counted(world) if decides(step.stack))
            world.sweep()
        assert injected(world, arguments, "SIGKILL", world.known[words]).killed
        return ["copies", "--clean", "--format", "json"]

    return prepare


def decides(stack: tuple[str, ...]) -> bool:
    """Whether this is where the rehearsal compares what the deciding walk left."""
    return any(frame.endswith(" _decide") for frame in stack)


def named_or_gone(world: World, ended: Ended) -> Found:
    """`copies` names what is left."""
    done = world.run("dbadmin", "copies", "--format", "json")
    if done.returncode:
        return [f"copies: exit {done.returncode}: {done.stderr.strip()}"]
    named = {copy["directory"] for copy in json.loads(done.stdout)["copies"]}
    unnamed = world.litter() - named
    wrong = [f"left, and copies does not name it: {', '.join(sorted(unnamed))}"] if unnamed else []
    if not named and (orphans := world.orphans()):
        wrong.append(f"left, and copies names nothing: {', '.join(sorted(orphans))}")
    return wrong


SCENARIOS = (
    Scenario("verify-rollback", ALL, rehearse(), safe),
    Scenario("verify-rollback --dry-run", ALL, rehearse("--dry-run"), nothing),
    Scenario("verify-rollback --keep", ALL, rehearse("--keep"), kept),
    Scenario("verify-rollback --backup", ALL, rehearse("--backup", "BACKUP"), safe),
    Scenario("verify-rollback --scratch same-server", SERVERS, rehearse("--scratch", "same-server"), safe),
    Scenario("verify-rollback --backup --scratch", SERVERS, elsewhere, safe),
    Scenario("verify-rollback --in-place", ALL, in_place, safe, refuses=True),
    Scenario("verify-rollback --copy-command", ("sqlite",), with_commands, clone_dropped),
    Scenario("verify-rollback --copy-command", SERVERS, with_commands_of_a_server, clone_dropped),
    Scenario("backup", ALL, back_up(), whole),
    Scenario("backup --verify, compressed", ALL, back_up("--verify", ending=".gz"), whole),
    Scenario("restore", ALL, restore, restored_or_not),
    Scenario("restore --confirm", ALL, replace, restored_or_not),
    Scenario("copies --clean", ALL, clean_after(), named_or_gone, leaves=True),
    Scenario(
        "copies --clean, same server", SERVERS, clean_after("--scratch", "same-server"), named_or_gone, leaves=True
    ),
)  # fmt: skip
