"""What git says about the folder of the scripts. Nothing is checked out, fetched or written."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

_SECONDS = 60


def git(folder: Path, *arguments: str, text: bool = True) -> Any:
    """What git says in a folder; None where it fails or is not there.

    A folder that is not there any more is asked about in the nearest one above it.
    """
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    # A git hook that runs us says by GIT_DIR which repository it belongs to; that need not be the scripts'.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=text, check=False, timeout=_SECONDS,
            stdin=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def default_branch(folder: Path) -> str | None:
    """The branch that others start from: origin's HEAD, else main or master; None outside a repository."""
    head = git(folder, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    names = [head.strip()] if head else []
    for name in (*names, "origin/main", "origin/master", "main", "master"):
        if git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") is not None:
            return str(name)
    return None


def files_at(folder: Path, ref: str) -> frozenset[Path] | None:
    """The files that a commit has in a folder, absolute; None where that cannot be told."""
    listed = git(folder, "ls-tree", "-z", "-r", "--name-only", ref, "./")
    if listed is None:
        return None
    return frozenset((folder / name).resolve() for name in listed.split("\0") if name)


def script_of(folder: Path, revision: str) -> str | None:
    """Where git has the script of a revision that a folder has not: `BRANCH:PATH`, or `COMMIT:PATH` where no branch
    has it any more. None where git knows of none, and for names that are none of Alembic's making.
    """
    if re.fullmatch(r"[\w.-]+", revision) is None:
        return None
    line = rf"^revision[^=]*=[[:space:]]*[\"']{re.escape(revision)}[\"']"
    asked = ("--branches", "--remotes", "-1", "--format=%h", "--name-only", "--no-renames", "--diff-filter=A", "-z")
    added = git(folder, "log", *asked, "-G", line, "--", "./")
    words = re.split(r"[\0\n]+", added.strip("\0\n")) if added else []
    if len(words) < 2:
        return None
    commit, path = words[:2]
    listed = git(
        folder, "for-each-ref", f"--contains={commit}", "--format=%(refname:short)", "refs/heads", "refs/remotes"
    )
    for branch in (listed or "").split():
        if git(folder, "cat-file", "-e", f"{branch}:{path}") is not None:
            return f"{branch}:{path}"
    return f"{commit}:{path}"
