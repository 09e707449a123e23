"""Scripts as they were read last time, where their files have not changed since."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dbadmin.migrations.parse import ScriptFile, read_script
from dbadmin.migrations.project import Project
from dbadmin.migrations.remembered import Remembered, is_settled, stamp


def read_known(project: Project, paths: Sequence[Path]) -> list[ScriptFile]:
    """As `read_script` of each, and kept for the next time; scripts that have to be run are not."""
    store = Remembered("scripts", project.directory, [str(project.ini), project.section, str(project.script_location)])
    kept = store.load()
    known: Mapping[str, Any] = kept if isinstance(kept, dict) else {}
    found: list[ScriptFile] = []
    later: dict[str, Any] = {}
    for path in paths:
        name = str(path)
        status = _status(path)
        entry = known.get(name)
        if status is not None and entry is not None and entry[0] == stamp(status):
            found.append(_script(path, *entry[1:]))
            later[name] = entry
            continue
        found.append(read_script(path))
        if status is not None and is_settled(status) and not found[-1].needs_running:
            later[name] = [stamp(status), *_plain(found[-1])]
    if later != known:
        store.save(later)
    return found


def _status(path: Path) -> os.stat_result | None:
    with suppress(OSError):
        return path.stat()
    return None


def _plain(file: ScriptFile) -> list[Any]:
    return [dict(file.values), dict(file.lines), file.docstring, sorted(file.functions), file.irreversible]


def _script(path: Path, values: Any, lines: Any, docstring: Any, functions: Any, irreversible: Any) -> ScriptFile:
    read = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return ScriptFile(path, read, lines, docstring, frozenset(functions), irreversible)
