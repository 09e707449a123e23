"""The reference application with its database in a file, for tests that take it as it is: filled once, then copied."""

import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from dbadmin.example.make import DemoApplication, make, write_application


def demo(directory: Path, *, users: int = 200, posts: int = 2_000) -> DemoApplication:
    """As `make` writes it into `directory`, which is new; what `make` does has tests of its own."""
    filled = _filled(users, posts)
    url = f"sqlite:///{directory / 'app.db'}"
    write_application(directory, url)
    shutil.copyfile(filled.directory / "app.db", directory / "app.db")
    return replace(filled, directory=directory, url=url)


@cache
def _filled(users: int, posts: int) -> DemoApplication:
    return make(Path(tempfile.mkdtemp(prefix="filled-")) / "demo", users=users, posts=posts)
