"""Tiny applications, written into a directory: an alembic.ini, an env.py of a given style, and revisions.

    app = make_app(
        tmp_path,
        url=database.url,
        revisions={
            "a1": (None, 'op.execute("create table t (id integer)")', 'op.execute("drop table t")'),
            "b2": ("a1", 'op.add_column("t", sa.Column("x", sa.Text))', 'op.drop_column("t", "x")'),
        },
        env="dotenv_override",
    )
    app.alembic("upgrade", "head")     # bare Alembic in a process of its own, as production would run it
    app.project                        # what dbadmin's parts take
    app.environment                    # os.environ with what this style of env.py reads (DATABASE_URL)

A revision is `(down, upgrade, downgrade)` or `Rev(...)`, which also takes labels, depends_on, a message and
code at the top of the module. `op` and `sa` are imported; sources are dedented; `None` as downgrade leaves
it out. Where the URL comes from is the style's business: only "plain" and its kin have it in the ini.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING

from forking import run_module
from sqlalchemy import URL, make_url

if TYPE_CHECKING:
    from dbadmin.migrations.scripts import Project

PLACEHOLDER = "driver://user:pass@localhost/dbname"
ASYNC_DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "mysql": "aiomysql", "mariadb": "aiomysql"}


@dataclass(frozen=True)
class Rev:
    """One revision script. `top` is code before the functions, outside of them."""

    down: str | tuple[str, ...] | None
    upgrade: str = "pass"
    downgrade: str | None = "pass"
    labels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    message: str | None = None
    top: str = ""


Revisions = Mapping[str, "Rev | tuple[str | tuple[str, ...] | None, str, str | None]"]


@dataclass(frozen=True)
class App:
    """An application in `directory`; `url` is its database (the source, in a rehearsal)."""

    directory: Path
    url: URL
    style: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def ini(self) -> Path:
        """Its alembic.ini."""
        return self.directory / "alembic.ini"

    @property
    def versions(self) -> Path:
        """The folder of its revision scripts."""
        return self.directory / "migrations" / "versions"

    @property
    def env_py(self) -> Path:
        """Its env.py."""
        return self.directory / "migrations" / "env.py"

    @property
    def project(self) -> "Project":
        """The project as dbadmin's migrations room takes it."""
        from dbadmin.migrations.scripts import read_project

        return read_project(self.ini)

    def add(self, revisions: Revisions) -> None:
        """Write more revision scripts."""
        for name, revision in revisions.items():
            write_revision(self.versions, name, revision)

    def alembic(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Alembic's own command line here; stdout and stderr are captured as text."""
        done = run_module("alembic", list(arguments), self.directory, self.environment)
        if check and done.returncode:
            raise AssertionError(f"alembic {' '.join(arguments)}: {done.stdout}\n{done.stderr}")
        return done


def make_app(
    directory: Path,
    *,
    revisions: Revisions,
    url: URL | str,
    env: str = "plain",
    configure: str = "",
    models: str = "",
    ini: Mapping[str, str] | None = None,
    name: str = "application",
) -> App:
    """Write an application into `directory / name` and describe it.

    `env` is a style of STYLES, or the whole text of an env.py (it contains a newline). `configure` is added
    to the arguments of `context.configure` ("transaction_per_migration=True"). `models` is added to
    app/db.py below `metadata = MetaData()`, `ini` adds options to the section [alembic]. The URL's driver is
    kept, but for styles that need an asynchronous one ("async…"), where a synchronous driver is replaced.
    """
    url = make_url(url)
    if env.startswith("async"):
        url = asynchronous(url)
    home = directory / name
    app = App(home, url, env, _environment(env, url))
    app.versions.mkdir(parents=True)
    shown = url.render_as_string(hide_password=False)
    in_ini = shown if env in URL_IN_INI or "\n" in env else PLACEHOLDER
    options = {
        "script_location": "%(here)s/migrations",
        "prepend_sys_path": "%(here)s",
        "path_separator": "os",
        "sqlalchemy.url": in_ini.replace("%", "%%"),
    } | dict(ini or {})
    app.ini.write_text("[alembic]\n" + "".join(f"{key} = {value}\n" for key, value in options.items()))
    app.env_py.write_text(env if "\n" in env else _env_py(env, configure))
    (home / "migrations" / "script.py.mako").write_text("")
    (home / "app").mkdir()
    (home / "app" / "__init__.py").write_text("")
    (home / "app" / "db.py").write_text(_DB_PY.format(url=shown, models=dedent(models)))
    (home / ".env").write_text(f"DATABASE_URL={shown}\n")
    app.add(revisions)
    return app


def write_revision(
    versions: Path, name: str, revision: "Rev | tuple[str | tuple[str, ...] | None, str, str | None]"
) -> Path:
    """Write one revision script and give its path."""
    rev = revision if isinstance(revision, Rev) else Rev(*revision)
    message = rev.message or f"revision {name}"
    text = _REVISION.format(
        message=message, name=name, down=rev.down, labels=rev.labels or None, depends=rev.depends_on or None
    )
    if rev.top:
        text += dedent(rev.top).strip() + "\n\n\n"
    text += "def upgrade() -> None:\n" + _body(rev.upgrade)
    if rev.downgrade is not None:
        text += "\n\ndef downgrade() -> None:\n" + _body(rev.downgrade)
    path = versions / f"{name}_{'_'.join(message.split())[:40]}.py"
    path.write_text(text)
    return path


def asynchronous(url: URL) -> URL:
    """The URL with an asynchronous driver (psycopg is both and is kept)."""
    backend, _, driver = url.drivername.partition("+")
    if driver in ("psycopg", "asyncpg", "aiosqlite", "aiomysql", "asyncmy"):
        return url
    return url.set(drivername=f"{backend}+{ASYNC_DRIVERS[backend]}")


def _body(source: str) -> str:
    return indent(dedent(source).strip("\n") or "pass", "    ") + "\n"


def _environment(style: str, url: URL) -> dict[str, str]:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "PYTEST_CURRENT_TEST")
    }
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    if style in URL_IN_ENVIRONMENT:
        environment["DATABASE_URL"] = url.render_as_string(hide_password=False)
    return environment


_REVISION = '''\
"""{message}

Revision ID: {name}
Create Date: 2026-01-02 03:04:05.678901

"""
import sqlalchemy as sa
from alembic import op

revision = {name!r}
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}


'''

_DB_PY = """\
from sqlalchemy import MetaData, create_engine

metadata = MetaData()
URL = {url!r}


def make_engine():
    return create_engine(URL)

{models}
"""

_TOP = """\
import os
from alembic import context
from sqlalchemy import create_engine, engine_from_config, pool

config = context.config
target_metadata = None

"""

_RUN = """
def run(connection):
    context.configure(connection=connection, target_metadata=target_metadata, %(configure)s)
    with context.begin_transaction():
        context.run_migrations()

"""

_CONNECT = """
with %(engine)s.connect() as connection:
    run(connection)
"""

_FROM_INI = "engine_from_config(config.get_section(config.config_ini_section), poolclass=pool.NullPool)"
_FROM_URL = "create_engine(url, poolclass=pool.NullPool)"

_ASYNC = """
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine


async def run_async():
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(run_async())
"""


def _sync(head: str, engine: str = _FROM_URL) -> str:
    return _TOP + dedent(head) + _RUN + _CONNECT.replace("%(engine)s", engine)


STYLES: dict[str, str] = {
    # 1: the ini's URL
    "plain": _sync("", _FROM_INI),
    # 2-6: the URL from the environment or a file
    "getenv": _sync('url = os.environ["DATABASE_URL"]'),
    "dotenv": _sync('import dotenv\ndotenv.load_dotenv(".env")\nurl = os.environ["DATABASE_URL"]'),
    "dotenv_override": _sync(
        'import dotenv\ndotenv.load_dotenv(".env", override=True)\nurl = os.environ["DATABASE_URL"]'
    ),
    "dotenv_values": _sync('import dotenv\nurl = dotenv.dotenv_values(".env")["DATABASE_URL"]'),
    "pydantic": _sync(
        """
        from pydantic_settings import BaseSettings

        class Settings(BaseSettings):
            database_url: str
            model_config = {"env_file": ".env"}

        url = Settings().database_url
        """
    ),
    # 7: the application's engine, its URL written in the code
    "app_engine": _sync("from app.db import make_engine\nengine = make_engine()", "engine"),
    # 8: asynchronous
    "async": _TOP + 'url = os.environ["DATABASE_URL"]\n' + _RUN + _ASYNC,
    "async_ini": _TOP + 'url = config.get_main_option("sqlalchemy.url")\n' + _RUN + _ASYNC,
    # 9: takes a connection, as the cookbook shows; and with a way of its own where none is given
    "attributes": _TOP + _RUN + 'run(config.attributes["connection"])\n',
    "attributes_get": _TOP
    + _RUN
    + dedent(
        """
        connection = config.attributes.get("connection")
        if connection is None:
            raise RuntimeError("run migrations through the application")
        run(connection)
        """
    ),
    "attributes_or_ini": _TOP
    + _RUN
    + dedent(
        """
        given = config.attributes.get("connection", None)
        if given is not None:
            run(given)
        else:
            with %(ini)s.connect() as connection:
                run(connection)
        """
    ).replace("%(ini)s", _FROM_INI),
    # A: -x db=, or the ini
    "x_argument": _sync(
        'url = context.get_x_argument(as_dictionary=True).get("db", config.get_main_option("sqlalchemy.url"))'
    ),
    # transaction shapes
    "begin": _TOP
    + dedent(
        """
        with %(ini)s.begin() as connection:
            context.configure(connection=connection, target_metadata=target_metadata, %(configure)s)
            context.run_migrations()
        """
    ).replace("%(ini)s", _FROM_INI),
    "no_begin": _TOP
    + dedent(
        """
        with %(ini)s.connect() as connection:
            context.configure(connection=connection, target_metadata=target_metadata, %(configure)s)
            context.run_migrations()
            connection.commit()
        """
    ).replace("%(ini)s", _FROM_INI),
    "autocommit": _sync("", _FROM_INI + '.execution_options(isolation_level="AUTOCOMMIT")'),
    # no connection at all
    "offline_only": _TOP
    + dedent(
        """
        context.configure(url=config.get_main_option("sqlalchemy.url"), literal_binds=True, %(configure)s)
        with context.begin_transaction():
            context.run_migrations()
        """
    ),
    # swallows whatever happens
    "swallow": _TOP
    + 'url = os.environ["DATABASE_URL"]\n'
    + _RUN
    + dedent(
        """
        try:
            with create_engine(url).connect() as connection:
                run(connection)
        except Exception:
            pass
        """
    ),
}
"""env.py by style; `%(configure)s` stands for further arguments of context.configure."""

URL_IN_INI = {
    "plain", "async_ini", "attributes", "attributes_get", "attributes_or_ini", "x_argument", "begin",
    "no_begin", "autocommit", "offline_only",
}  # fmt: skip
URL_IN_ENVIRONMENT = {"getenv", "async", "swallow"}


def _env_py(style: str, configure: str) -> str:
    return STYLES[style].replace("%(configure)s", configure)
