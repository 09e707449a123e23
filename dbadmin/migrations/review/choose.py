"""Which revisions are reviewed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dbadmin.errors import UsageError
from dbadmin.migrations.git import default_branch, files_at
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import Revision
from dbadmin.results.review import Chosen


@dataclass(frozen=True)
class Choice:
    """Revisions in the order in which they would run, how they were chosen, and what is to be said about that."""

    chosen: Chosen
    revisions: tuple[Revision, ...]
    note: str | None = None


def choose(scripts: Scripts, name: str | None, *, pending: bool, every: bool, current: Sequence[str] | None) -> Choice:
    """The revisions that were asked for; without being asked, those that are pending in the database.

    `current` is what the version table holds, None where no database was asked. `name` is one revision as Alembic
    takes it, or FROM:TO, which begins after FROM and ends with TO; either may be left out.
    """
    if sum((name is not None, pending, every)) > 1:
        raise UsageError("give a revision, --pending or --all, and not several", hint="dbadmin review --help")
    if every:
        return Choice("all", tuple(reversed(scripts.revisions)))
    if name is not None:
        return Choice("asked", _asked(scripts, name))
    if current is not None:
        known = {revision.revision for revision in scripts.revisions}
        if known.issuperset(current):
            return Choice("pending", _between(scripts, current, "heads"))
        if pending:
            raise _not_known(sorted(set(current) - known))
    return _without_database(scripts)


def _not_known(unknown: Sequence[str]) -> UsageError:
    return UsageError(
        f"the database stands at {', '.join(unknown)}, which no script has: what is pending is not known",
        hint="dbadmin status --drift finds the nearest revision; dbadmin review FROM:TO takes one",
    )


def _asked(scripts: Scripts, name: str) -> tuple[Revision, ...]:
    if ":" not in name:
        wanted = set(scripts.resolve(name))
        if not wanted:
            raise UsageError(f"{name} is no revision that has a script", hint="dbadmin status --history lists them")
        return tuple(r for r in reversed(scripts.revisions) if r.revision in wanted)
    begin, _, end = name.partition(":")
    after = scripts.resolve(begin) if begin else ()
    found = _between(scripts, after, end or "heads")
    if not found:
        raise UsageError(f"no revision runs between {begin or 'base'} and {end or 'heads'}", hint="is it FROM:TO?")
    return found


def _between(scripts: Scripts, current: Sequence[str], destination: str) -> tuple[Revision, ...]:
    by_name = {revision.revision: revision for revision in scripts.revisions}
    if not by_name:
        return ()
    return tuple(by_name[r] for r in scripts.plan("upgrade", destination, current).revisions)


def _without_database(scripts: Scripts) -> Choice:
    """What git's default branch does not have; the heads where that is nothing, or there is no repository."""
    branch = default_branch(scripts.path)
    if branch is not None:
        listed = [files_at(folder, branch) for folder in scripts.project.version_locations if folder.is_dir()]
        there = {path for files in listed if files is not None for path in files}
        new = tuple(r for r in reversed(scripts.revisions) if Path(r.file).resolve() not in there)
        if new:
            return Choice("git", new, f"reviewed: what {branch} does not have")
    heads = tuple(r for r in reversed(scripts.revisions) if r.is_head)
    why = f"{branch} has every revision" if branch is not None else "the scripts are in no git repository"
    return Choice("heads", heads, f"reviewed: the heads alone ({why})")
