"""What Alembic made of a history that is no line, kept: its graph depends on nothing but what the scripts say.

So that neither Alembic nor SQLAlchemy, which it imports, is needed to tell the same again.
"""

from collections.abc import Callable, Iterable
from typing import Any

from dbadmin.migrations.parse import ScriptFile
from dbadmin.migrations.project import Project
from dbadmin.migrations.remembered import Remembered, digest, installed

MOST_STANDS = 20
"""So many answers about what is pending are kept, one for each place where a database stood."""


class KnownGraph:
    """The graph of one project's scripts: `rows`, newest first, the heads, and what was pending from where."""

    def __init__(self, project: Project, files: Iterable[ScriptFile]) -> None:
        self._store = Remembered(
            "graph", project.directory, [str(project.ini), project.section, str(project.script_location)]
        )
        # Paths too: their order is Alembic's where revisions are beside each other.
        self._state = digest([[[str(file.path), dict(file.values)] for file in files], installed()])
        kept = self._store.load()
        same = isinstance(kept, dict) and kept.get("state") == self._state
        self._kept: dict[str, Any] = (
            kept if same else {"state": self._state, "rows": None, "heads": None, "pending": {}}
        )

    @property
    def rows(self) -> list[list[Any]] | None:
        """Of each revision: its id, down_revisions, dependencies, whether it is a head; None where not known yet."""
        rows: list[list[Any]] | None = self._kept["rows"]
        return rows

    def keep_rows(self, rows: list[list[Any]]) -> None:
        """Keep the history."""
        self._kept["rows"] = rows
        self._store.save(self._kept)

    def heads(self, ask: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """The heads in Alembic's order; asked for once."""
        if self._kept["heads"] is None:
            self._kept["heads"] = list(ask())
            self._store.save(self._kept)
        return tuple(self._kept["heads"])

    def pending(self, current: tuple[str, ...], ask: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """What is pending where a database stands at `current`; asked for once."""
        name = " ".join(sorted(current))
        if name not in self._kept["pending"]:
            found = ask()
            if len(self._kept["pending"]) >= MOST_STANDS:
                self._kept["pending"].clear()
            self._kept["pending"][name] = list(found)
            self._store.save(self._kept)
        return tuple(self._kept["pending"][name])
