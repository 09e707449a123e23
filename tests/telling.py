"""An application whose password and rows are canaries, and what commands tell while it is theirs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from apps import App, Revisions, make_app
from canary import PASSWORD, ROW, TOKEN, files_with_secrets, open_to_others, row_in, secrets_in, watching
from conftest import Finished, Run
from servers import TestDatabase

ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool

print(dict(os.environ))
url = os.environ["DATABASE_URL"]

def run(connection=None):
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()

run()
"""
MODELS = """
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    metadata = metadata

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    api_token: Mapped[str]

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    note: Mapped[str]
"""
REVISIONS: Revisions = {
    "a1": (
        None,
        """
        op.execute("create table items (id integer primary key, name varchar(80) unique, api_token varchar(80))")
        op.execute("create table orders (id integer primary key, item_id integer references items (id), note text)")
        """,
        'op.execute("drop table orders")\nop.execute("drop table items")',
    ),
}
ROWS = (
    *(f"insert into items values ({n}, '{ROW}{n}', '{TOKEN}{n}')" for n in range(3)),
    *(f"insert into orders values ({n}, {n}, '{ROW} of {n}')" for n in range(3)),
)
ITSELF = frozenset({".env", "alembic.ini", "db.py", "env.py"})
"""Files of the application's own in which the password stands."""


class Told:
    """An application whose password is the canary, and what its runs told."""

    def __init__(self, kind: str, app: App, run: Run, home: Path) -> None:
        self.kind, self.app, self._run, self.home = kind, app, run, home
        url = shown(app.url)
        other = shown(sa.URL.create("postgresql", "app", PASSWORD, "db.example.com", 5432, "shop"))
        self.environment = {"DATABASE_URL": url, "APP_URL": other, "APP_PASSWORD": PASSWORD}
        self.leaks: list[str] = []

    def run(
        self, *arguments: str, code: int | None = None, rows: bool = False, tokens: bool = False, **environment: str
    ) -> Finished:
        """Run a command; what it leaks is remembered under its name. Values of rows may stand on stdout and in files
        where they are the answer (`rows`), those of credentials where somebody named them (`tokens`).
        """
        before = self._files()
        done = self._run(*arguments, cwd=self.app.directory, env=self.environment | environment, timeout=120)
        words = " ".join(arguments)[:70]
        self._look(f"{words}: stdout", done.stdout, rows, tokens)
        self._look(f"{words}: stderr", done.stderr, False, False)
        for path in sorted(self._files() - before):
            self.leaks += [f"{words}: {mode}" for mode in open_to_others(path)]
            if path.suffix in (".html", ".json", ".csv", ".md", ".xml"):
                self._look(f"{words}: {path.name}", path.read_text(), rows, tokens)
                path.unlink()
        if code is not None and done.code != code:
            self.leaks.append(f"{words}: exit {done.code}: {done.stderr[-300:]}")
        return done

    def _look(self, where: str, text: str, rows: bool, tokens: bool) -> None:
        found = secrets_in(text)
        if not rows and row_in(text):
            found.append(ROW if ROW in text else TOKEN)
        elif not tokens and TOKEN in text:
            found.append(TOKEN)
        if found:
            at = text.index(found[0])
            self.leaks.append(f"{where}: …{text[max(0, at - 90) : at + 30]}")

    def _files(self) -> set[Path]:
        return {path for path in self.app.directory.rglob("*") if path.is_file()}


@contextmanager
def told(database: TestDatabase, run: Run, temporary: Path, tmp_path: Path) -> Iterator[Told]:
    """An application at its first revision, with rows; nothing may have leaked at the end."""
    url = database.url
    if database.kind != "sqlite" and not url.password:
        url = url.set(password=PASSWORD)
    app = make_app(tmp_path, revisions=REVISIONS, url=url, env=ENV, models=MODELS)
    plain = App(app.directory, app.url, app.style, {**app.environment, **os.environ, "DATABASE_URL": shown(url)})
    plain.alembic("upgrade", "head")
    database.execute(*ROWS)
    (app.directory / "pyproject.toml").write_text('[tool.dbadmin]\nmodels = ["app.db"]\n')
    with watching(temporary) as seen:
        runs = Told(database.kind, app, run, tmp_path / "home")
        yield runs
    known = ITSELF if app.url.password else ITSELF - {"db.py", "alembic.ini", ".env"}
    holding = files_with_secrets(app.directory, runs.home, temporary, known=known)
    home = (path for path in runs.home.rglob("*") if path.is_file() and path.name != "README")  # which is IPython's
    wrong = [*runs.leaks, *seen.places, *(f"the password stands in {path}" for path in holding), *open_to_others(*home)]
    assert not wrong, "\n".join(wrong)
    assert seen.looks > 5


def shown(url: sa.URL) -> str:
    """A URL as an application has it, with its password."""
    return url.render_as_string(hide_password=False)
