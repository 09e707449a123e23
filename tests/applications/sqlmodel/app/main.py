"""The web application, as in SQLModel's tutorial: it makes the tables when it starts."""

from typing import Annotated

from fastapi import Depends, FastAPI
from sqlmodel import Session, SQLModel, select

from app.db import engine, get_session
from app.models import Team, TeamPublic

SQLModel.metadata.create_all(engine)
app = FastAPI()


@app.get("/teams", response_model=list[TeamPublic])
def teams(session: Annotated[Session, Depends(get_session)]):
    """All teams."""
    return session.exec(select(Team)).all()
