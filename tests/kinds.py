"""Applications of other kinds than the demo, as they stand in tests/applications, built with a filled database.

What the tools' own `init` writes (env.py, alembic.ini, script.py.mako) is not kept there: it is written by the
installed version's template, so that a new template is tried on the day it comes. Over it goes the folder, into env.py
what a user fills in (`target`), and fill.sql into the database once it stands at `at`.
"""

import contextlib
import io
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from forking import run_module

FOLDERS = Path(__file__).parent / "applications"


@dataclass(frozen=True)
class Kind:
    """One application. `scripts` is the folder that `init` was given, None where env.py is the application's own."""

    folder: str
    at: str
    scripts: str | None = "alembic"
    template: str = "generic"
    target: str = ""
    database: str = "shop.db"
    url_in_ini: bool = False
    program: tuple[str, ...] = ("alembic",)

    def build(self, directory: Path) -> Path:
        """Write it below `directory`, migrate its database to `at` and fill it; its directory."""
        home = directory / Path(self.folder).name
        home.mkdir(parents=True)
        if self.scripts:
            with contextlib.redirect_stdout(io.StringIO()):
                command.init(self._config(home), str(home / self.scripts), template=self.template)
        shutil.copytree(FOLDERS / self.folder, home, dirs_exist_ok=True)
        if self.target and self.scripts:
            env_py = home / self.scripts / "env.py"
            text = env_py.read_text()
            assert text.count("\ntarget_metadata = None\n") == 1
            env_py.write_text(text.replace("\ntarget_metadata = None\n", f"\n{self.target}\n"))
        if self.url_in_ini:
            ini = home / "alembic.ini"
            text = re.sub(r"(?m)^sqlalchemy.url = .*$", f"sqlalchemy.url = sqlite:///{self.database}", ini.read_text())
            ini.write_text(text)
        done = run_module(self.program[0], [*self.program[1:], "upgrade", self.at], home, self._environment(home))
        assert done.returncode == 0, done.stderr
        self._fill(home)
        return home

    def _config(self, home: Path) -> Config:
        if self.template == "pyproject":
            return Config(str(home / "alembic.ini"), toml_file=str(home / "pyproject.toml"))
        if self.template != "flask":
            return Config(str(home / "alembic.ini"))
        from flask_migrate import Config as FlaskConfig

        assert self.scripts is not None
        return FlaskConfig(str(home / self.scripts / "alembic.ini"))

    def _environment(self, home: Path) -> Mapping[str, str]:
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        if (home / ".env").exists():
            lines = (line.partition("=") for line in (home / ".env").read_text().splitlines())
            variables |= {name: value for name, _, value in lines}
        return variables

    def _fill(self, home: Path) -> None:
        import sqlite3

        with contextlib.closing(sqlite3.connect(f"file:{home / self.database}?mode=rw", uri=True)) as connection:
            connection.executescript((home / "fill.sql").read_text())


FROM_SETTINGS = """\
from app.models import Base
from app.settings import get_settings

target_metadata = Base.metadata
config.set_main_option("sqlalchemy.url", get_settings().database_url.get_secret_value().replace("%", "%%"))"""
FROM_ENGINE = """\
import {models}
from {module} import engine

target_metadata = {metadata}
config.set_main_option("sqlalchemy.url", engine.url.render_as_string(hide_password=False).replace("%", "%%"))"""

KINDS = {
    "fastapi-async": Kind("fastapi_async", "2b3c4d5e6f70", template="async", target=FROM_SETTINGS),
    "flask-migrate": Kind(
        "flask_migrate", "1b2c3d4e5f60", "migrations", "flask", database="instance/blog.db", program=("flask", "db")
    ),
    "sqlmodel": Kind(
        "sqlmodel", "bb22cc33dd44", "migrations", database="heroes.db",
        target=FROM_ENGINE.format(models="app.models", module="app.db", metadata="app.models.SQLModel.metadata"),
    ),
    "src-layout": Kind(
        "src_layout", "shelves", "src/warehouse/migrations", "pyproject", database="warehouse.db",
        target=FROM_ENGINE.format(
            models="warehouse.goods.models", module="warehouse.db", metadata="warehouse.db.Base.metadata"
        ),
    ),
    "billing": Kind(
        "monorepo/services/billing", "b2", database="billing.db", url_in_ini=True,
        target="from billing.models import Base\n\ntarget_metadata = Base.metadata",
    ),
    "catalogue": Kind(
        "monorepo/services/catalogue", "c1", database="catalogue.db", url_in_ini=True,
        target="from catalogue.models import Base\n\ntarget_metadata = Base.metadata",
    ),
    "only-url": Kind("only_url", "n1", None, database="notes.db"),
}  # fmt: skip
