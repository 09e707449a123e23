"""The engine, and a session for each request."""

import os
from collections.abc import Iterator

from sqlmodel import Session, create_engine

engine = create_engine(os.getenv("DATABASE_URL", "sqlite:///heroes.db"))


def get_session() -> Iterator[Session]:
    """A session, for FastAPI's Depends."""
    with Session(engine) as session:
        yield session
