"""An application and its database, opened: what every method of the facade stands on."""

from functools import cached_property
from typing import TYPE_CHECKING, Self

from dbadmin.app import Settings
from dbadmin.app.load import Application
from dbadmin.database import Database

if TYPE_CHECKING:
    from dbadmin.answers import Answers
    from dbadmin.queries import Entities


class Opened:
    """An application, its database, and the answers about both."""

    def __init__(self, application: Application, database: Database, *, remember: bool = False) -> None:
        self.application = application
        self.remember = remember
        self.database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close pooled connections; the object may not be used afterwards."""
        self.database.close()

    @property
    def settings(self) -> Settings:
        """Every configured value with where it came from."""
        return self.application.settings

    @cached_property
    def answers(self) -> "Answers":
        """The helpers as the command line asks them: results instead of DataFrames."""
        from dbadmin.answers import Answers

        return Answers(self.application, self.database)

    @property
    def entities(self) -> "Entities":
        """Models and tables by name."""
        return self.answers.entities
