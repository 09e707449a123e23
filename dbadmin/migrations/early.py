"""env.py's process for the first `dbadmin status` of a project, begun before this process imports what it needs.

A guess that may only cost time: where it is wrong (an option leads elsewhere, a .env file says what has to be set), the
process that is asked is another one.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

HARMLESS = ("--check", "--history", "--format", "--output", "--debug", "table", "json", "csv", "markdown", "html")
"""With these it is still the project here that is asked."""


@contextmanager
def begun(arguments: Sequence[str]) -> Iterator[None]:
    """While this lasts, a process is there for env.py, where these arguments of dbadmin's will hardly do without."""
    if not _will_be_asked(arguments):
        yield
        return
    from dbadmin.migrations.process import nursery

    with nursery(os.environ, captures=True):
        yield


def _will_be_asked(arguments: Sequence[str]) -> bool:
    if list(arguments[:1]) != ["status"] or any(word.partition("=")[0] not in HARMLESS for word in arguments[1:]):
        return False
    if sys.platform != "linux" or any(name.startswith("DBADMIN_") for name in os.environ):
        return False
    return os.path.exists("alembic.ini") and not _kept(os.getcwd())  # noqa: PTH109, PTH110  what they import takes time


def _kept(directory: str) -> bool:
    """Whether something is kept of the project in this directory, whether it is still true or not."""
    from dbadmin.migrations.mark import mark

    cache = os.environ.get("XDG_CACHE_HOME", "").strip() or os.path.expanduser("~/.cache")  # noqa: PTH111
    try:
        names = os.listdir(f"{cache}/dbadmin/projects")  # noqa: PTH208
    except OSError:
        return False
    return any(name.endswith(f"-{mark(directory)}.json") for name in names)
