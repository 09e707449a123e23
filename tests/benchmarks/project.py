"""What the measured projects share: how dbadmin is called, and an env.py."""

import compileall
import sys
from pathlib import Path

ENV = """from alembic import context
from sqlalchemy import create_engine

with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def compiled() -> None:
    """Bytecode of all of dbadmin, as pip leaves it; some of its modules are only imported where none may be written."""
    import dbadmin as package

    compileall.compile_dir(Path(package.__file__).parent, quiet=1)


def dbadmin(*arguments: str) -> list[str]:
    """dbadmin's command line, of this environment."""
    return [sys.executable, "-m", "dbadmin", *arguments]
