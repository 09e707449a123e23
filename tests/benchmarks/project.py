"""What the measured projects share: how dbadmin is called, and an env.py."""

import sys

ENV = """from alembic import context
from sqlalchemy import create_engine

with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def dbadmin(*arguments: str) -> list[str]:
    """dbadmin's command line, of this environment."""
    return [sys.executable, "-m", "dbadmin", *arguments]
