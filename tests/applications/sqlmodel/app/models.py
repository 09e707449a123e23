"""Teams and heroes."""

from datetime import UTC, datetime

from sqlmodel import Field, Relationship, SQLModel


class TeamBase(SQLModel):
    """What a team has in every shape."""

    name: str = Field(index=True, max_length=80)


class Team(TeamBase, table=True):
    """A team in the database."""

    id: int | None = Field(default=None, primary_key=True)
    heroes: list["Hero"] = Relationship(back_populates="team")


class TeamPublic(TeamBase):
    """A team as the web sees it."""

    id: int


class Hero(SQLModel, table=True):
    """A hero in the database."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=80)
    secret_name: str | None = Field(default=None, max_length=80)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    team_id: int | None = Field(default=None, foreign_key="team.id", index=True)
    team: Team | None = Relationship(back_populates="heroes")
