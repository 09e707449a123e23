"""The revisions of another commit: where the previous release's scripts end. Nothing is checked out or imported."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dbadmin.errors import EmptyPlan, UnknownName, UsageError
from dbadmin.migrations.git import git
from dbadmin.migrations.parse import ScriptFile, is_script, read_source
from dbadmin.migrations.project import Project, flag
from dbadmin.migrations.scripts import Scripts
from dbadmin.rollback.options import Options


def chosen_target(scripts: Scripts, current: Sequence[str], options: Options) -> str | None:
    """What `--to` says, or `--to-git` means; None where the plan chooses. UsageError where several are given."""
    given = [name for name, value in (("--to", options.to), ("--steps", options.steps)) if value is not None]
    if options.to_git is None:
        return options.to
    if given:
        raise UsageError(f"{given[0]} and --to-git exclude each other", hint="give one of them")
    upward = scripts.plan("upgrade", options.upgrade_to, tuple(sorted(current)))
    return target_at(scripts, upward.end if upward.revisions else current, options.to_git)


def target_at(scripts: Scripts, current: Sequence[str], ref: str) -> str:
    """A destination for `alembic downgrade` that ends at the heads of the scripts that the commit `ref` has.

    `current` are the revisions from which the downgrade will begin. Raises UsageError where the scripts are in no
    git repository, the ref is unknown, it has no scripts, one of its heads has no script any more, or no single
    downgrade leads there; EmptyPlan where it ends where the scripts of today do.
    """
    heads = heads_at(scripts.project, ref)
    known = {revision.revision for revision in scripts.revisions}
    gone = [head for head in heads if head not in known]
    if gone:
        raise UsageError(
            f"{', '.join(gone)}, where the scripts end at {ref}, has no script any more",
            hint="rehearse with the scripts of that release's successor, or choose a revision with --to",
        )
    if set(heads) == set(scripts.heads):
        raise EmptyPlan(
            f"the scripts end at {', '.join(heads)} at {ref} as they do now: there is no revision between",
            hint="name an older release, or --steps 1",
        )
    return _destination(scripts, current, heads, ref)


def heads_at(project: Project, ref: str) -> tuple[str, ...]:
    """Revisions of a commit's scripts that no other of them follows, sorted."""
    files = tuple(scripts_at(project, ref))
    followed = {name for file in files for name in _many(file.values.get("down_revision"))}
    return tuple(sorted(file.values["revision"] for file in files if file.values["revision"] not in followed))


def scripts_at(project: Project, ref: str) -> Iterator[ScriptFile]:
    """The revision scripts that a commit has in the folders that hold them today."""
    folders, recursive = project.version_locations, flag(project.options_read(), "recursive_version_locations")
    for folder in folders:
        if git(folder, "rev-parse", "--show-toplevel") is None:
            raise UsageError(f"--to-git: {folder} is in no git repository", hint="choose a revision with --to")
    commit = None if ref.startswith("-") else git(folders[0], "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if commit is None:
        tags = (git(folders[0], "tag", "--sort=-creatordate") or "").split()
        raise UnknownName("git ref", ref, tags, hint=None if tags else "a tag, branch or commit: git log --oneline")
    found = 0
    for folder in folders:
        for path in _paths(folder, commit.strip(), recursive):
            text = git(folder, "show", f"{commit.strip()}:./{path}", text=False)
            assert text is not None
            file = read_source(folder / path, text, shown=f"{ref}:{path}")
            if file.needs_running:
                raise UsageError(
                    f"{ref}:{path} computes its identifiers, and scripts of other commits are not run",
                    hint="choose a revision with --to",
                )
            found += 1
            yield file
    if not found:
        shown = ", ".join(str(folder) for folder in folders)
        raise UsageError(f"{ref} has no revision scripts in {shown}", hint="choose a revision with --to")


def _paths(folder: Path, commit: str, recursive: bool) -> list[str]:
    """Names of the scripts in a folder at a commit."""
    listed = git(folder, "ls-tree", "-z", "-r", "--name-only", commit, "./") or ""
    names = [name for name in listed.split("\0") if name and is_script(Path(name).name)]
    return sorted(name for name in names if recursive or "/" not in name)


def _destination(scripts: Scripts, current: Sequence[str], heads: tuple[str, ...], ref: str) -> str:
    labels = [label for revision in scripts.revisions for label in revision.branch_labels]
    candidates = [*heads, *(f"{label}@{head}" for label in labels for head in (*heads, "base"))]
    for candidate in candidates:
        if _ends_at(scripts, candidate, current, heads):
            return candidate
    if len(heads) == 1:
        return heads[0]  # above where it stands, or on another branch: the plan says so
    raise UsageError(
        f"the scripts end at several heads at {ref} ({', '.join(heads)}), and no single downgrade leads there",
        hint="rehearse one branch at a time with --to BRANCH@REVISION",
    )


def _ends_at(scripts: Scripts, candidate: str, current: Sequence[str], heads: Iterable[str]) -> bool:
    try:
        return set(scripts.plan("downgrade", candidate, current).end) == set(heads)
    except UsageError:
        return False


def _many(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
