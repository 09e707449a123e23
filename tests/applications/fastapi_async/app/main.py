"""The web application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Base, engine, get_session
from app.models import Order


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make the tables that are missing, as many tutorials do: dbadmin must not import this."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/orders/count")
async def count_orders(session: Annotated[AsyncSession, Depends(get_session)]) -> int:
    """How many orders there are."""
    return await session.scalar(select(func.count()).select_from(Order)) or 0
