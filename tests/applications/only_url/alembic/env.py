"""Migrations in SQL: no models, and the URL from the environment."""

import os

from alembic import context
from dotenv import load_dotenv
from sqlalchemy import NullPool, create_engine

load_dotenv()
engine = create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
