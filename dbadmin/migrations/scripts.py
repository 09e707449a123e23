"""The revision scripts of a project, in Alembic's own order, read without running them.

Alembic itself builds the graph and resolves names (`head`, `-1`, `branch@head`, partial ids): it is handed
scripts that were parsed instead of imported, and only where there is more to tell than a line. Scripts that compute
their identifiers are loaded in a process of their own.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dbadmin.errors import ConfigError, UnknownName, UserCodeError
from dbadmin.migrations.line import line, waiting
from dbadmin.migrations.parse import ScriptFile, is_script, many, read_script
from dbadmin.migrations.project import Project, flag, read_project, reading
from dbadmin.results import Revision

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep
    from alembic.script import ScriptDirectory

    from dbadmin.migrations.graph_known import KnownGraph

Direction = Literal["upgrade", "downgrade"]


@dataclass(frozen=True)
class WalkPlan:
    """Which revisions run, in order, and what the version table holds afterwards."""

    revisions: tuple[str, ...]
    end: tuple[str, ...]


@dataclass(frozen=True)
class Scripts:
    """The scripts of a project."""

    project: Project
    files: tuple[ScriptFile, ...]
    known: "KnownGraph | None" = field(default=None, repr=False, compare=False)

    @property
    def path(self) -> Path:
        """The folder of the scripts (script_location)."""
        return self.project.script_location

    @cached_property
    def directory(self) -> "ScriptDirectory":
        """Alembic's ScriptDirectory; its modules only carry what was read."""
        from dbadmin.migrations.graph import open_directory

        return open_directory(self.project, self.files)

    @cached_property
    def _line(self) -> tuple[ScriptFile, ...] | None:
        return line(self.files)

    @cached_property
    def revisions(self) -> tuple[Revision, ...]:
        """Every revision, newest first, in the order of `alembic history`."""
        if self._line is not None:
            return tuple(_revision_of_line(file, is_head=number == 0) for number, file in enumerate(self._line))
        by_name = {file.values["revision"]: file for file in self.files}
        rows = self.known.rows if self.known is not None else None
        if rows is None:
            rows = self._walked()
            if self.known is not None:
                self.known.keep_rows(rows)
        return tuple(_revision(row, by_name[row[0]]) for row in rows)

    def _walked(self) -> list[list[Any]]:
        """The history as Alembic walks it, as plain data; a dependency named by a label is the revision that has it."""
        from dbadmin.migrations.graph import revision_errors

        with revision_errors():
            return [
                [s.revision, s._versioned_down_revisions, list(s._resolved_dependencies), s.is_head]
                for s in self.directory.walk_revisions()
            ]

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """Revisions that no other follows."""
        if self._line is not None:
            return tuple(file.values["revision"] for file in self._line[:1])
        if self.known is not None:
            return self.known.heads(lambda: tuple(self.directory.get_heads()))
        return tuple(self.directory.get_heads())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The id of every revision, newest first."""
        return tuple(revision.revision for revision in self.revisions)

    def get(self, revision: str) -> Revision:
        """One revision by its full id; UnknownName where there is none."""
        for known in self.revisions:
            if known.revision == revision:
                return known
        raise UnknownName("revision", revision, self.names)

    def resolve(self, text: str) -> tuple[str, ...]:
        """Full ids for a name as Alembic takes it: partial id, label, `head`, `heads`, `base`, `branch@head`.

        A name relative to where the database stands (`-1`) has no id of its own: `plan` takes it.
        Raises UnknownName where nothing matches, ConfigError where it is ambiguous.
        """
        from dbadmin.migrations.graph import naming

        with naming(text, self.names):
            return tuple(script.revision for script in self.directory.get_revisions(text) if script is not None)

    def plan(self, direction: Direction, destination: str, current: Iterable[str]) -> WalkPlan:
        """What `alembic upgrade|downgrade DESTINATION` would run from the revisions `current`, and where it
        ends.
        """
        from dbadmin.migrations.graph import Heads, naming

        relative = destination.rpartition("@")[2]
        if re.search(r"[+-]", relative) and not re.fullmatch(r"\w*[+-]\d+", relative):
            # Alembic would take what it can read at its beginning.
            raise UnknownName("revision", destination, self.names)
        at = tuple(current)
        walk: Callable[[str, Any], list[RevisionStep]] = getattr(self.directory, f"_{direction}_revs")
        with naming(destination, self.names):
            steps = walk(destination, at)
        heads = Heads(at)
        for step in steps:
            heads.update_to_step(step)
        return WalkPlan(tuple(step.revision.revision for step in steps), tuple(sorted(heads.heads)))

    def pending(self, current: Iterable[str]) -> tuple[str, ...]:
        """What `alembic upgrade heads` would run from the revisions `current`, in that order."""
        at = tuple(current)
        found = waiting(self.names, at) if self._line is not None else None
        if found is not None or not self.files:
            return found or ()
        if self.known is not None:
            return self.known.pending(at, lambda: self.plan("upgrade", "heads", at).revisions)
        return self.plan("upgrade", "heads", at).revisions

    def stands_after(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """What the version table holds after these revisions were upgraded, in this order, from base."""
        from alembic.runtime.migration import MigrationStep

        from dbadmin.migrations.graph import Heads

        heads = Heads(())
        for revision in revisions:
            script = self.directory.get_revision(revision)
            if script is not None:
                heads.update_to_step(MigrationStep.upgrade_from_script(self.directory.revision_map, script))
        return tuple(sorted(heads.heads))


def open_scripts(project: Project, *, remember: bool = False) -> Scripts:
    """Read every revision script of a project and check that they make a whole graph.

    With `remember`, scripts whose files have not changed are as they were read last time.

    Raises ConfigError where a versions folder is missing, UserCodeError (with file and line) for a script
    that cannot be read, two scripts with one id, a down_revision that does not exist, and a cycle.
    """
    with reading(project.ini):
        config = project.options_read()
        recursive, sourceless = flag(config, "recursive_version_locations"), flag(config, "sourceless")
    files = tuple(_loaded(project, list(script_paths(project, recursive, sourceless)), remember))
    _check(files)
    scripts = Scripts(project, files)
    if remember and scripts._line is None:
        from dbadmin.migrations.graph_known import KnownGraph

        scripts = Scripts(project, files, KnownGraph(project, files))
    if not remember or (scripts.known is not None and scripts.known.rows is None):
        scripts.directory  # noqa: B018  says what is wrong, and what is planned later needs no file any more
    return scripts


def script_paths(project: Project, recursive: bool, sourceless: bool) -> Iterator[Path]:
    """Revision files in Alembic's order; a file that two locations share is given once."""
    seen: set[Path] = set()
    for location in project.version_locations:
        if not location.is_dir():
            raise ConfigError(
                f"the versions folder {location} does not exist", hint="make it, or correct version_locations"
            )
        for folder in _folders(location) if recursive else (location,):
            real = folder.resolve()
            with os.scandir(folder) as entries:
                found = {entry.name: entry.is_symlink() for entry in entries if entry.is_file()}
            if sourceless and not any(map(is_script, found)):
                raise ConfigError(f"{folder} holds compiled scripts only", hint="dbadmin reads .py files")
            for name in sorted(filter(is_script, found)):
                path = (real / name).resolve() if found[name] else real / name
                if path not in seen:
                    seen.add(path)
                    yield path


def _folders(top: Path) -> Iterator[Path]:
    yield top
    for entry in sorted(top.iterdir()):
        if entry.is_dir() and not entry.name.endswith("__pycache__"):
            yield from _folders(entry)


def _loaded(project: Project, paths: list[Path], remember: bool) -> Iterator[ScriptFile]:
    if remember:
        from dbadmin.migrations.scripts_known import read_known

        read = read_known(project, paths)
    else:
        read = [read_script(path) for path in paths]
    computed = [file.path for file in read if file.needs_running]
    if computed:
        from dbadmin.migrations.read_child import load_scripts

        ran = load_scripts(project, computed)
        read = [ran.get(file.path, file) for file in read]
    yield from read


def _check(files: tuple[ScriptFile, ...]) -> None:
    """What Alembic only warns of, or answers with a bare KeyError."""
    by_name: dict[str, ScriptFile] = {}
    for file in files:
        name = file.values["revision"]
        if name in by_name:
            raise UserCodeError(
                f"{file.path}:{file.lines.get('revision', 1)}: revision {name!r} is also in {by_name[name].path}",
                hint="give one of them another id",
            )
        by_name[name] = file
    labels = {label for file in files for label in many(file.values.get("branch_labels"))}
    for file in files:
        for name in ("down_revision", "depends_on"):
            for wanted in many(file.values.get(name)):
                if wanted not in by_name and wanted not in labels:
                    raise UserCodeError(
                        f"{file.path}:{file.lines.get(name, 1)}: "
                        f"{name} {wanted!r} of {file.values['revision']!r} has no script",
                        hint=f"add the missing script, or correct {name}",
                    )


def _revision_of_line(file: ScriptFile, *, is_head: bool) -> Revision:
    return Revision(
        revision=file.values["revision"],
        down_revisions=many(file.values.get("down_revision")),
        message=file.message,
        date=file.date,
        file=str(file.path),
        irreversible=file.irreversible,
        branch_labels=tuple(sorted(many(file.values.get("branch_labels")))),
        is_head=is_head,
    )


def _revision(row: list[Any], file: ScriptFile) -> Revision:
    revision, down_revisions, depends_on, is_head = row
    return Revision(
        revision=revision,
        down_revisions=tuple(down_revisions),
        message=file.message,
        date=file.date,
        file=str(file.path),
        irreversible=file.irreversible,
        branch_labels=tuple(sorted(many(file.values.get("branch_labels")))),
        depends_on=tuple(depends_on),
        is_head=is_head,
    )


__all__ = ["Project", "Scripts", "WalkPlan", "open_scripts", "read_project"]
