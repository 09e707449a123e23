"""`dbadmin shell` in a pseudo-terminal, and a small application for it to stand on."""

import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
from apps import asynchronous
from sqlalchemy import URL

import dbadmin

PROMPT = re.compile(r"(\S+ \[[^]]+\]) In \[\d+\]: ")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")

MODELS = """
    from sqlalchemy import ForeignKey
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

    class Base(DeclarativeBase):
        pass

    class Author(Base):
        __tablename__ = "authors"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(unique=True)
        posts: Mapped[list["Post"]] = relationship(back_populates="author")

    class Post(Base):
        __tablename__ = "posts"
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
        author: Mapped[Author] = relationship(back_populates="posts")
"""
TABLES = (
    "create table authors (id integer primary key, name varchar(50) not null unique)",
    "create table posts (id integer primary key, author_id integer not null references authors (id))",
    "insert into authors values (1, 'ann')",
    "insert into posts values (1, 1)",
)


class Terminal:
    """The shell in a pseudo-terminal, typed at line by line."""

    def __init__(self, directory: Path, *arguments: str, **variables: str) -> None:
        home = directory.parent / "home"
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(Path(dbadmin.__file__).parent.parent),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "IPY_TEST_SIMPLE_PROMPT": "1",
            "NO_COLOR": "1",
        } | variables
        self.home = home
        self.process: Any = pexpect.spawn(
            sys.executable,
            ["-m", "dbadmin", "shell", *arguments],
            cwd=str(directory),
            env={name: value for name, value in environment.items() if value},
            encoding="utf-8",
            timeout=30,
            dimensions=(50, 250),
        )
        self.banner = self.wait()

    def wait(self) -> str:
        """What comes before the next prompt."""
        self.process.expect(PROMPT)
        return ANSI.sub("", self.process.before)

    @property
    def prompt(self) -> str:
        """The prompt that stands there now, as far as it tells database and mode."""
        shown: str = self.process.match.group(1)
        return shown

    def type(self, line: str) -> str:
        """Type a line, and give what the shell answers."""
        self.process.sendline(line)
        return self.wait().partition("\n")[2].strip()

    def close(self) -> None:
        """End it at once, whatever it does."""
        if self.process.isalive():
            self.process.kill(signal.SIGKILL)
            self.process.wait()
        self.process.close()

    def exit(self) -> tuple[int | None, str]:
        """Leave; gives the exit code and the last words."""
        self.process.sendline("exit")
        return self.ended()

    def ended(self) -> tuple[int | None, str]:
        """Wait for the end."""
        self.process.expect(pexpect.EOF)
        said = ANSI.sub("", self.process.before)
        self.process.close()
        return self.process.exitstatus, said


Open = Callable[..., Terminal]
"""The fixture `terminal`."""


def application(directory: Path, url: URL, models: str = MODELS, *, is_async: bool = False) -> Path:
    """A small application without migrations: app/db.py and [tool.dbadmin]."""
    (directory / "app").mkdir(parents=True)
    (directory / "app" / "__init__.py").touch()
    kind = ("sqlalchemy.ext.asyncio", "create_async_engine", "async_sessionmaker")
    module, create, maker = kind if is_async else ("sqlalchemy", "create_engine", "sessionmaker")
    url = asynchronous(url) if is_async else url
    top = f"from {module} import {create}\n"
    top += f"from {module if is_async else 'sqlalchemy.orm'} import {maker}\n"
    top += f"engine = {create}({url.render_as_string(hide_password=False)!r})\nSessionLocal = {maker}(engine)\n"
    (directory / "app" / "db.py").write_text(top + textwrap.dedent(models))
    (directory / "pyproject.toml").write_text('[tool.dbadmin]\nsession = "app.db:SessionLocal"\nmodels = ["app.db"]\n')
    return directory
