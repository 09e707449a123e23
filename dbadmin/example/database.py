"""The engine, the session factory and the base class of the models."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dotenv import load_dotenv
from sqlalchemy import MetaData, create_engine
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

load_dotenv(Path(__file__).resolve().parent.parent / ".env")

DATABASE_URL = os.getenv("DATABASE_URL") or "sqlite:///./app.db"

# FastAPI may use a session from another thread than the one that opened it.
connect_args = {"check_same_thread": False} if DATABASE_URL.startswith("sqlite") else {}

engine = create_engine(DATABASE_URL, connect_args=connect_args)
SessionLocal = sessionmaker(autocommit=False, autoflush=False, bind=engine)


class Base(DeclarativeBase):
    """Every constraint has a name, so that a migration can drop it on any engine."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def utcnow() -> datetime:
    """Now in UTC, without offset and without microseconds: what the DateTime columns hold."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def get_db() -> Iterator[Session]:
    """A session for one request (`Depends(get_db)`)."""
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()
