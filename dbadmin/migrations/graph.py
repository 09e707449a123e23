"""Alembic's own graph over scripts that were parsed and not imported; importing this imports Alembic."""

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from alembic.runtime.migration import HeadMaintainer
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from dbadmin.errors import ConfigError, UnknownName, UserCodeError
from dbadmin.migrations.parse import ScriptFile, many
from dbadmin.migrations.project import Project, quietly


class ParsedScripts(ScriptDirectory):
    """Alembic's script directory over scripts that were read and not imported."""

    def __init__(self, project: Project, files: Iterable[ScriptFile], **options: Any) -> None:
        super().__init__(str(project.script_location), **options)
        self._files = tuple(files)

    def _load_revisions(self) -> Iterator[Script]:
        for file in self._files:
            yield Script(_module(file), file.values["revision"], str(file.path))


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


def open_directory(project: Project, files: tuple[ScriptFile, ...]) -> ParsedScripts:
    """The graph of these scripts; UserCodeError, with file and line, where they make none."""
    directory = ParsedScripts(project, files, version_locations=[str(path) for path in project.version_locations])
    with warnings.catch_warnings(), revision_errors(files):
        warnings.simplefilter("ignore")
        directory.revision_map.heads  # noqa: B018  builds the graph
    return directory


@contextmanager
def revision_errors(files: tuple[ScriptFile, ...] = ()) -> Iterator[None]:
    """Turn Alembic's errors about the graph into UserCodeError that names the scripts."""
    try:
        yield
    except (RevisionError, CommandError) as error:
        names = set(getattr(error, "revisions", ())) | {getattr(error, "argument", None)}
        at = [file for file in files if names & {file.values["revision"], *many(file.values.get("depends_on"))}]
        where = ", ".join(f"{file.path}:{file.lines.get('down_revision', 1)}" for file in at)
        raise UserCodeError(f"{error}" + (f": {where}" if where else ""), hint="correct the scripts") from error


@contextmanager
def naming(text: str, known: Iterable[str]) -> Iterator[None]:
    """Turn Alembic's errors about a name (`head`, `-1`, a partial id) into UnknownName and ConfigError."""
    with quietly():
        try:
            yield
        except CommandError as error:
            if "Can't locate revision" in str(error):
                missing = re.search(r"'([^']*)'$", str(error))
                raise UnknownName("revision", missing.group(1) if missing else text, list(known)) from error
            raise ConfigError(str(error), hint="dbadmin status --history") from error
        except AssertionError as error:  # Alembic's own, where a branch has no or several current revisions
            raise ConfigError(
                f"Alembic cannot tell where {text} leads from here", hint="name the revision by its id"
            ) from error


def _module(file: ScriptFile) -> ModuleType:
    """A module that carries what a script says, with functions that do nothing."""
    module = ModuleType(file.path.stem, file.docstring)
    module.__file__ = str(file.path)
    for name, value in file.values.items():
        setattr(module, name, value)
    for name in ("upgrade", "downgrade"):
        setattr(module, name, lambda **_: None)
    return module
