"""The engine, and a session for each request."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from app.settings import get_settings

engine = create_async_engine(get_settings().database_url.get_secret_value(), echo=get_settings().echo)
SessionLocal = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """What the models derive from."""


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session, for FastAPI's Depends."""
    async with SessionLocal() as session:
        yield session
