"""What is said where there is no application, or one that does not say where its database is."""

import os
from pathlib import Path

from dbadmin.app import find, search
from dbadmin.app.config import Settings
from dbadmin.errors import NothingFound
from dbadmin.migrations.capture import Captured

LEVELS_DOWN = 3
MOST_NAMED = 5


def nothing_found(settings: Settings, captured: Captured | None = None) -> NothingFound:
    """The error; applications that lie deeper (those of a monorepo) are named, never chosen."""
    if captured is not None and captured.by_function:
        return NothingFound(
            f"no database is named: {captured.url_source} connects by a function of its own (creator), and there is "
            "no session factory and no DATABASE_URL",
            hint='session = "module:engine" in [tool.dbadmin], or dbadmin --url URL …',
        )
    if settings.project is not None:
        return NothingFound(
            f"no database is named: {settings.project.ini or settings.project.env_py} has no URL or a placeholder, "
            "and there is no session factory and no DATABASE_URL",
            hint="dbadmin --url URL …, or url in [tool.dbadmin]",
        )
    message = (
        f"no application found from {settings.start} (no [tool.dbadmin], no alembic.ini, no session factory, "
        "no DATABASE_URL; looked here, upward and in backend, src, app, server)"
    )
    below = [search.shown(directory, settings.start) for directory in deeper(settings.start)]
    if below:
        more = ", …" if len(below) > MOST_NAMED else ""
        return NothingFound(
            f"{message}; below it: {', '.join(below[:MOST_NAMED])}{more}",
            hint=f"dbadmin --app {below[0]} …, or run it in that directory",
        )
    return NothingFound(
        message, hint="dbadmin --url URL …, or --app DIR, or dbadmin init in the application's directory"
    )


def deeper(start: Path) -> list[Path]:
    """Directories below `start` with Alembic's configuration, one for each application, a few levels down."""
    found = []
    for folder, names, _ in os.walk(start):
        here = Path(folder)
        names[:] = sorted(name for name in names if name not in find.SKIPPED and not name.startswith("."))
        if here != start and search.alembic_files(here):
            found.append(here)
            names.clear()
        elif len(here.relative_to(start).parts) >= LEVELS_DOWN:
            names.clear()
        if len(found) > MOST_NAMED:
            break
    return found
