"""Names that Tab offers, read from the project's files: nothing is imported, run or connected to.

What was read is kept for the next Tab; what cannot be read offers nothing.
"""

import ast
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dbadmin.app.config import Settings
from dbadmin.app.find import has_table, last_name, parsed, python_files
from dbadmin.migrations.parse import many
from dbadmin.migrations.remembered import Remembered, is_settled, stamp

LONGEST = 0.15
"""Seconds to read files that are not known yet; the next Tab goes on."""


def table_names(settings: Settings) -> tuple[str, ...]:
    """Names of models and their tables, as far as they are written out in the code."""
    directory = settings.runs_in
    store = Remembered("names", directory, str(directory))
    kept = store.load()
    known: Mapping[str, Any] = kept if isinstance(kept, dict) else {}
    later: dict[str, Any] = {}
    found: dict[str, None] = {}
    end = time.monotonic() + LONGEST
    for path in python_files(directory):
        with suppress(OSError):
            status = path.stat()
            entry = known.get(str(path))
            if entry is None or entry[0] != stamp(status):
                if time.monotonic() > end:
                    continue
                entry = [stamp(status), list(_names(path))]
            if is_settled(status):
                later[str(path)] = entry
            found.update(dict.fromkeys(entry[1]))
    if later != known:
        store.save(later)
    return tuple(sorted(found))


def revisions(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Revisions with their messages, newest first, and labels of branches.

    Scripts whose revision is computed are left out: they would have to be run.
    """
    from dbadmin.migrations.project import flag, reading
    from dbadmin.migrations.scripts import script_paths
    from dbadmin.migrations.scripts_known import read_known

    project = settings.project
    if project is None:
        return ()
    with reading(project.ini):
        config = project.options_read()
        paths = list(script_paths(project, flag(config, "recursive_version_locations"), sourceless=False))
    files = [file for file in read_known(project, paths) if not file.needs_running]
    files.sort(key=lambda file: str(file.date or ""), reverse=True)
    found = [(str(file.values["revision"]), file.message.partition("\n")[0]) for file in files]
    labels = sorted({label for file in files for label in many(file.values.get("branch_labels"))})
    return (*found, *((label, "a branch") for label in labels))


def _names(path: Path) -> Iterator[str]:
    """The models of one file by their classes, and the tables that it names."""
    tree = parsed(path)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.ClassDef) and (has_table(node) or "Model" in map(last_name, node.bases)):
            yield node.name
            yield from _table_name(node)
        elif isinstance(node, ast.Call) and last_name(node) == "Table" and node.args:
            yield from _text(node.args[0])


def _table_name(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__tablename__" for target in targets):
            yield from _text(getattr(statement, "value", None))


def _text(node: ast.AST | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
