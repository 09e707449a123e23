"""Writes the reference application into a directory, with a filled database and one migration pending."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dbadmin.errors import ConnectionFailed, NotFinished, UsageError
from dbadmin.secrets import mask

HERE = Path(__file__).resolve().parent
PACKAGE = ("__init__.py", "auth.py", "blog.py", "database.py", "payments.py", "seed.py", "seed_text.py")
UNUSABLE = re.compile(rf"%|\?|\$\{{|\n|{re.escape(os.pathsep)}")


@dataclass(frozen=True)
class DemoApplication:
    """What `make` wrote. `url` holds the password, if there is one; revisions are ids, oldest first."""

    directory: Path
    url: str = field(repr=False)
    head: str
    current: str
    pending: tuple[str, ...]
    users: int
    posts: int


def make(
    directory: Path,
    *,
    url: str | None = None,
    users: int = 200,
    posts: int = 2_000,
    now: datetime | None = None,
    besides: tuple[str, ...] = (),
) -> DemoApplication:
    """Write the application into `directory` (new or empty), migrate to one before head, fill the database.

    `url` names an empty database; without it, `app.db` in `directory`. `now` (aware, or naive in UTC;
    the clock's time when not given) ends the two years that the rows tell of. `besides` are entries that
    may be in `directory` already and stay there. Migrations and seed run in processes of their own, so
    nothing of the application is imported here.

    When a step fails, what was written to `directory` is removed; what was written to `url` is not.
    Raises UsageError (directory or database not empty, counts that make no sense), ConnectionFailed,
    NotFinished (a step failed).
    """
    if users < 1 or posts < 0:
        raise UsageError(f"cannot make {posts} posts by {users} users", hint="at least one user, and no posts or more")
    directory = directory.resolve()
    refuse_directory(directory, besides)
    if url is None:
        url = f"sqlite:///{directory / 'app.db'}"
    else:
        refuse_used_database(url)
    with removed_on_failure(directory, besides):
        write_application(directory, url)
        *_, current, head = revisions(directory / "alembic" / "versions")
        run(directory, url, "alembic", "upgrade", current)
        counts = [f"--users={users}", f"--posts={posts}"]
        run(directory, url, "app.seed", *counts, *([f"--now={naive_utc(now).isoformat()}"] if now else []))
    return DemoApplication(directory, url, head, current, (head,), users, posts)


def write_application(directory: Path, url: str) -> None:
    """Package, settings and migrations; the imports of env.py name the package `app`."""
    app = directory / "app"
    app.mkdir(parents=True)
    for name in PACKAGE:
        shutil.copyfile(HERE / name, app / name)
    shutil.copyfile(HERE / "project" / "main.py.txt", app / "main.py")
    for name in ("README.md", "pyproject.toml"):
        shutil.copyfile(HERE / "project" / name, directory / name)
    shutil.copyfile(HERE / "project" / "gitignore", directory / ".gitignore")
    shutil.copyfile(shipped("alembic.ini"), directory / "alembic.ini")
    shutil.copytree(shipped("alembic"), directory / "alembic", ignore=shutil.ignore_patterns("__pycache__"))
    books = directory / "notebooks"
    books.mkdir()
    for book in sorted(shipped("notebooks").glob("demo/*.ipynb")):
        shutil.copyfile(book, books / book.name)
    env = directory / "alembic" / "env.py"
    env.write_text(env.read_text(encoding="utf-8").replace("dbadmin.example", "app"), encoding="utf-8")
    settings = directory / ".env"
    settings.touch(mode=0o600, exist_ok=False)  # it may hold a password
    settings.write_text(f"DATABASE_URL={dotenv_value(url)}\n", encoding="utf-8")


def shipped(name: str) -> Path:
    """Where a part that lives at the repository's root is: there, or in the installed package."""
    places = (HERE / "project" / name, HERE.parent / name, HERE.parent.parent / name)
    return next(place for place in places if place.exists())


def revisions(versions: Path) -> list[str]:
    """The ids of a linear history, oldest first, read from the scripts without importing them."""
    after: dict[str | None, str] = {}
    for script in versions.glob("*.py"):
        text = script.read_text(encoding="utf-8")
        ids = re.search(r'^revision = "(\w+)"\ndown_revision = (?:None|"(\w+)")$', text, re.MULTILINE)
        if ids:
            after[ids[2]] = ids[1]
    found: list[str] = []
    while (following := after.get(found[-1] if found else None)) is not None:
        found.append(following)
    return found


def run(directory: Path, url: str, module: str, *arguments: str) -> None:
    """`python -m module` in `directory`, on the database `url` and on no other."""
    # The caller's DATABASE_URL, which may well be production's, would win over .env.
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONSAFEPATH", None)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        raise NotFinished(
            f"the demo could not be made: python -m {module}: {mask(last_error(done.stderr))}",
            hint="remove the directory, and run it again; --debug shows more",
        )


def last_error(stderr: str) -> str:
    """The line that names the error: SQLAlchemy's goes on with a link.

    >>> last_error("Traceback …\\nsqlalchemy.exc.ArgumentError: no dialect\\n(Background on this at: …)")
    'sqlalchemy.exc.ArgumentError: no dialect'
    """
    lines = stderr.strip().splitlines() or ["no message"]
    return next((line for line in reversed(lines) if re.match(r"[\w.]+: ", line)), lines[-1])


def refuse_directory(directory: Path, besides: tuple[str, ...] = ()) -> None:
    """Raise UsageError where no project can be made; `besides` may be there already."""
    if unusable := UNUSABLE.search(str(directory)):
        raise UsageError(
            f"a project cannot live in {directory}: {unusable[0]!r} has a meaning in alembic.ini or a URL",
            hint="name another directory",
        )
    if directory.is_dir():
        if any(entry.name not in besides for entry in directory.iterdir()):
            raise UsageError(f"{directory} is not empty", hint="name an empty directory, or a new one")
    elif directory.exists():
        raise UsageError(f"{directory} is not a directory", hint="name an empty directory, or a new one")


def refuse_used_database(url: str) -> None:
    """Migrations and rows go only where there is nothing yet."""
    from sqlalchemy import create_engine, inspect, make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        shown = mask(make_url(url).render_as_string(hide_password=True))
        tables = inspect(create_engine(url, poolclass=NullPool)).get_table_names()
    except ArgumentError:
        raise UsageError(
            "the demo's database URL cannot be read", hint="correct DATABASE_URL in the demo's .env"
        ) from None
    except SQLAlchemyError as error:
        raise ConnectionFailed(
            f"cannot connect to {shown}: {mask(str(error)).splitlines()[0]}",
            hint="dbadmin demo DIR makes one anew in another directory",
        ) from error
    if tables:
        raise UsageError(f"{shown} is not empty: it has {len(tables)} tables", hint="name an empty database")


@contextmanager
def removed_on_failure(directory: Path, besides: tuple[str, ...] = ()) -> Iterator[None]:
    """Leave `directory` as it was, absent or empty, when the block fails."""
    existed = directory.exists()
    try:
        yield
    except BaseException:
        if existed:
            for entry in directory.iterdir():
                if entry.name in besides:
                    continue
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        else:
            shutil.rmtree(directory, ignore_errors=True)
        raise


def dotenv_value(value: str) -> str:
    """`value` as a .env file spells it.

    >>> dotenv_value("sqlite:////tmp/app.db"), dotenv_value("sqlite:////tmp/it's #1/app.db")
    ('sqlite:////tmp/app.db', "'sqlite:////tmp/it\\\\'s #1/app.db'")
    """
    if re.fullmatch(r"[\w:/.@+%=?&,~*-]+", value, re.ASCII):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def naive_utc(time: datetime) -> datetime:
    """A time as the application stores it: in UTC, without saying so."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
