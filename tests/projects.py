"""Projects written from a dict of files: for tests of what dbadmin finds, reads and imports."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

INI = """
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = .
sqlalchemy.url = {url}
"""

MODELS = """
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    posts: Mapped[list["Post"]] = relationship(back_populates="author")

class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    author: Mapped[User] = relationship(back_populates="posts")
"""

ENV = """
from logging.config import fileConfig

from alembic import context
from sqlalchemy import engine_from_config, pool

{imports}

config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name)

target_metadata = {metadata}

def run_migrations_offline():
    context.configure(url=config.get_main_option("sqlalchemy.url"), target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()

def run_migrations_online():
    section = config.get_section(config.config_ini_section, {{}})
    connectable = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
        with context.begin_transaction():
            context.run_migrations()

if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
"""


def write(directory: Path, files: Mapping[str, str]) -> Path:
    """Write files by relative path, dedented, and give the directory."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return directory


def alembic_project(
    directory: Path,
    *,
    url: str = "sqlite:///shop.db",
    package: str = "shop",
    env: str | None = None,
    models: str = MODELS,
    files: Mapping[str, str] | None = None,
) -> Path:
    """A project whose Alembic works: a package with models, alembic.ini, env.py, no revisions."""
    standard = ENV.format(imports=f"from {package}.models import Base", metadata="Base.metadata")
    return write(
        directory,
        {
            "alembic.ini": INI.format(url=url.replace("%", "%%")),
            "alembic/env.py": standard if env is None else env,
            "alembic/script.py.mako": "",
            "alembic/versions/.keep": "",
            f"{package}/__init__.py": "",
            f"{package}/models.py": models,
            **(files or {}),
        },
    )
