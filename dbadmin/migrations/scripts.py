"""The revision scripts of a project, in Alembic's own order, read without running them.

Alembic itself builds the graph and resolves names (`head`, `-1`, `branch@head`, partial ids): it is handed
scripts that were parsed instead of imported. Scripts that compute their identifiers are loaded in a process
of their own.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from alembic.runtime.migration import HeadMaintainer, MigrationStep
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from dbadmin.errors import ConfigError, UnknownName, UserCodeError
from dbadmin.migrations.parse import ScriptFile, is_script, read_script
from dbadmin.migrations.project import Project, flag, quietly, read_project, reading
from dbadmin.results import Revision

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep

Direction = Literal["upgrade", "downgrade"]


class ParsedScripts(ScriptDirectory):
    """Alembic's script directory over scripts that were read and not imported."""

    def __init__(self, project: Project, files: Iterable[ScriptFile], **options: Any) -> None:
        super().__init__(str(project.script_location), **options)
        self._files = tuple(files)

    def _load_revisions(self) -> Iterator[Script]:
        for file in self._files:
            yield Script(_module(file), file.values["revision"], str(file.path))


@dataclass(frozen=True)
class WalkPlan:
    """Which revisions run, in order, and what the version table holds afterwards."""

    revisions: tuple[str, ...]
    end: tuple[str, ...]


@dataclass(frozen=True)
class Scripts:
    """The scripts of a project. `directory` is Alembic's ScriptDirectory; its modules only carry what was
    read.
    """

    project: Project
    directory: ScriptDirectory
    files: tuple[ScriptFile, ...]

    @property
    def path(self) -> Path:
        """The folder of the scripts (script_location)."""
        return self.project.script_location

    @cached_property
    def revisions(self) -> tuple[Revision, ...]:
        """Every revision, newest first, in the order of `alembic history`."""
        by_name = {file.values["revision"]: file for file in self.files}
        with revision_errors():
            walked = list(self.directory.walk_revisions())
        return tuple(_revision(script, by_name[script.revision]) for script in walked)

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """Revisions that no other follows."""
        return tuple(self.directory.get_heads())

    def get(self, revision: str) -> Revision:
        """One revision by its full id; UnknownName where there is none."""
        for known in self.revisions:
            if known.revision == revision:
                return known
        raise UnknownName("revision", revision, [known.revision for known in self.revisions])

    def resolve(self, text: str) -> tuple[str, ...]:
        """Full ids for a name as Alembic takes it: partial id, label, `head`, `heads`, `base`, `branch@head`.

        A name relative to where the database stands (`-1`) has no id of its own: `plan` takes it.
        Raises UnknownName where nothing matches, ConfigError where it is ambiguous.
        """
        with self._named(text):
            return tuple(script.revision for script in self.directory.get_revisions(text) if script is not None)

    def plan(self, direction: Direction, destination: str, current: Iterable[str]) -> WalkPlan:
        """What `alembic upgrade|downgrade DESTINATION` would run from the revisions `current`, and where it
        ends.
        """
        relative = destination.rpartition("@")[2]
        if re.search(r"[+-]", relative) and not re.fullmatch(r"\w*[+-]\d+", relative):
            # Alembic would take what it can read at its beginning.
            raise UnknownName("revision", destination, [known.revision for known in self.revisions])
        at = tuple(current)
        walk: Callable[[str, Any], list[RevisionStep]] = getattr(self.directory, f"_{direction}_revs")
        with self._named(destination):
            steps = walk(destination, at)
        heads = Heads(at)
        for step in steps:
            heads.update_to_step(step)
        return WalkPlan(tuple(step.revision.revision for step in steps), tuple(sorted(heads.heads)))

    def stands_after(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """What the version table holds after these revisions were upgraded, in this order, from base."""
        heads = Heads(())
        for revision in revisions:
            script = self.directory.get_revision(revision)
            if script is not None:
                heads.update_to_step(MigrationStep.upgrade_from_script(self.directory.revision_map, script))
        return tuple(sorted(heads.heads))

    @contextmanager
    def _named(self, text: str) -> Iterator[None]:
        with quietly():
            try:
                yield
            except CommandError as error:
                if "Can't locate revision" in str(error):
                    missing = re.search(r"'([^']*)'$", str(error))
                    names = [known.revision for known in self.revisions]
                    raise UnknownName("revision", missing.group(1) if missing else text, names) from error
                raise ConfigError(str(error), hint="dbadmin status --history") from error
            except AssertionError as error:  # Alembic's own, where a branch has no or several current revisions
                raise ConfigError(
                    f"Alembic cannot tell where {text} leads from here", hint="name the revision by its id"
                ) from error


class Heads(HeadMaintainer):
    """Alembic's own bookkeeping of the version table, without a table."""

    def __init__(self, heads: Iterable[str]) -> None:
        self.heads = set(heads)

    def _insert_version(self, version: str) -> None:
        self.heads.add(version)

    def _delete_version(self, version: str) -> None:
        self.heads.discard(version)

    def _update_version(self, from_: str, to_: str) -> None:
        self.heads.discard(from_)
        self.heads.add(to_)


def open_scripts(project: Project) -> Scripts:
    """Read every revision script of a project and check that they make a whole graph.

    Raises ConfigError where a versions folder is missing, UserCodeError (with file and line) for a script
    that cannot be read, two scripts with one id, a down_revision that does not exist, and a cycle.
    """
    with reading(project.ini):
        config = project.config()
        recursive, sourceless = flag(config, "recursive_version_locations"), flag(config, "sourceless")
    files = tuple(_loaded(project, list(_paths(project, recursive, sourceless))))
    _check(files)
    locations = [str(path) for path in project.version_locations]
    options = {"version_locations": locations}
    directory = ParsedScripts(project, files, **options)
    with warnings.catch_warnings(), revision_errors(files):
        warnings.simplefilter("ignore")
        directory.revision_map.heads  # noqa: B018  builds the graph
    return Scripts(project, directory, files)


def _paths(project: Project, recursive: bool, sourceless: bool) -> Iterator[Path]:
    """Revision files in Alembic's order; a file that two locations share is given once."""
    seen: set[Path] = set()
    for location in project.version_locations:
        if not location.is_dir():
            raise ConfigError(
                f"the versions folder {location} does not exist", hint="make it, or correct version_locations"
            )
        for folder in _folders(location) if recursive else (location,):
            names = sorted(entry for entry in folder.iterdir() if entry.is_file())
            if sourceless and not any(is_script(path.name) for path in names):
                raise ConfigError(f"{folder} holds compiled scripts only", hint="dbadmin reads .py files")
            for path in names:
                real = path.resolve()
                if is_script(path.name) and real not in seen:
                    seen.add(real)
                    yield real


def _folders(top: Path) -> Iterator[Path]:
    yield top
    for entry in sorted(top.iterdir()):
        if entry.is_dir() and not entry.name.endswith("__pycache__"):
            yield from _folders(entry)


def _loaded(project: Project, paths: list[Path]) -> Iterator[ScriptFile]:
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
    labels = {label for file in files for label in _many(file.values.get("branch_labels"))}
    for file in files:
        for name in ("down_revision", "depends_on"):
            for wanted in _many(file.values.get(name)):
                if wanted not in by_name and wanted not in labels:
                    raise UserCodeError(
                        f"{file.path}:{file.lines.get(name, 1)}: "
                        f"{name} {wanted!r} of {file.values['revision']!r} has no script",
                        hint=f"add the missing script, or correct {name}",
                    )


@contextmanager
def revision_errors(files: tuple[ScriptFile, ...] = ()) -> Iterator[None]:
    """Turn Alembic's errors about the graph into UserCodeError that names the scripts."""
    try:
        yield
    except (RevisionError, CommandError) as error:
        names = set(getattr(error, "revisions", ())) | {getattr(error, "argument", None)}
        at = [file for file in files if names & {file.values["revision"], *_many(file.values.get("depends_on"))}]
        where = ", ".join(f"{file.path}:{file.lines.get('down_revision', 1)}" for file in at)
        raise UserCodeError(f"{error}" + (f": {where}" if where else ""), hint="correct the scripts") from error


def _many(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _module(file: ScriptFile) -> ModuleType:
    """A module that carries what a script says, with functions that do nothing."""
    module = ModuleType(file.path.stem, file.docstring)
    module.__file__ = str(file.path)
    for name, value in file.values.items():
        setattr(module, name, value)
    for name in ("upgrade", "downgrade"):
        setattr(module, name, lambda **_: None)
    return module


def _revision(script: Script, file: ScriptFile) -> Revision:
    return Revision(
        revision=script.revision,
        down_revisions=tuple(script._versioned_down_revisions),
        message=file.message,
        date=file.date,
        file=str(file.path),
        irreversible=file.irreversible,
        branch_labels=tuple(sorted(_many(file.values.get("branch_labels")))),
        depends_on=tuple(script.dependencies or ())
        if not isinstance(script.dependencies, str)
        else (script.dependencies,),
        is_head=script.is_head,
    )


__all__ = ["Project", "Scripts", "WalkPlan", "open_scripts", "read_project"]
