"""An application that is open at a prompt or in a notebook: its session, its names, how statements leave it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from dbadmin.admin import Admin
from dbadmin.errors import DbadminError
from dbadmin.shell.names import HELPERS, Names, Thing, build
from dbadmin.shell.session import Keeper, SessionAdmin, inner, limit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")


class Live:
    """What an open session consists of.

    `admin` is what was opened, `db` the Admin at the prompt, which also hands on to `session`; `keeper` puts the
    session in order after each statement. `seconds` is the limit of a statement by mode, for a user who gave none.
    """

    def __init__(self, admin: Admin, seconds: dict[str, float]) -> None:
        self.admin, self.seconds = admin, seconds
        self.database = admin.database
        given = self.database.statement_timeout
        limit(self.database, seconds.get(self.database.mode) if given is None else given)
        self.session = admin.application.make_session()
        self.db = SessionAdmin(admin, self.session)
        self.keeper = Keeper(self.database, self.session)

    def within(self, work: "Callable[[Session], T]") -> T:
        """Call `work` with the Session (of an asynchronous application: the one within), and give its result."""
        if not self.database.is_async or self.database.loop.is_here:  # there, in a greenlet of the loop
            return work(inner(self.session))
        found: T = self.database.loop.call(self.session.run_sync(work))
        return found

    def names(self) -> tuple[Names, tuple[str, ...]]:
        """Every name, and why there are no models where there are none."""
        missing: tuple[str, ...] = ()
        things: list[Thing] = []
        try:
            things = models(self.db)
            if not things:
                missing = ("no models were found, and the database has no tables",)
        except DbadminError as error:
            missing = (error.message,)
        always = {"session": self.session, "db": self.db, "engine": self.db.application.engine}
        return build(always, things, {name: getattr(self.db, name) for name in HELPERS}), missing

    def close(self) -> str | None:
        """End the session; gives a note where changes were not committed."""
        return self.keeper.close()


def models(db: Admin) -> list[Thing]:
    """The application's models; without code, classes for the tables that the database has."""
    from dbadmin.app.reflect import classes

    found = db.application.models
    if not found and not db.application.metadata:
        metadata = {id(e.table.metadata): e.table.metadata for e in db.entities.all}
        found = tuple(c for one in metadata.values() for c in classes(one))
    things = [Thing(model.__name__, model.__module__, model) for model in found]
    mapped = {model.__table__ for model in found if hasattr(model, "__table__")} if found else set()
    if not db.application.models:  # Core tables, and those without a key, under the table's own name
        mapped = {t for model in found for t in model.__mapper__.tables}  # type: ignore[attr-defined]
        things += [
            Thing(e.table.name, e.table.schema or "table", e.table) for e in db.entities.all if e.table not in mapped
        ]
    return things
