"""An application that is open at a prompt or in a notebook: its session, its names, how statements leave it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from dbadmin import by_hand
from dbadmin.admin import Admin, open_application
from dbadmin.database import Mode
from dbadmin.errors import DbadminError
from dbadmin.shell.admin import SessionAdmin
from dbadmin.shell.names import HELPERS, Names, Thing, build
from dbadmin.shell.reloading import web_application
from dbadmin.shell.session import Keeper, inner, limit
from dbadmin.shell.talk import answer, tell

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")

ROLLED_BACK = "the sandbox is rolled back"


class Live:
    """What an open session consists of.

    `admin` is what was opened, `db` the Admin at the prompt, which also hands on to `session`; `keeper` puts the
    session in order after each statement. `seconds` is the limit of a statement by mode, for a user who gave none.
    """

    def __init__(self, admin: Admin, seconds: Mapping[str, float]) -> None:
        self.seconds = seconds
        self.settings: dict[str, str] = {}
        self._given = admin.database.statement_timeout
        self._open(admin)

    def _open(self, admin: Admin) -> None:
        from sqlalchemy import event

        self.admin, self.database = admin, admin.database
        self._end_limit = limit(self.database, self.seconds.get(self.mode) if self._given is None else self._given)
        event.listen(self.database.sync_engine, "begin", self._apply)
        if self.mode == "write":
            by_hand.let_drivers_be()
        else:
            by_hand.watch_drivers()
            if self.database.is_async and self.database.has_creator:
                by_hand.let_connect(self.database.sync_engine)
        options: dict[str, Any] = {}
        if self.mode == "sandbox":
            options = {"bind": self.database.sandbox.bind, "join_transaction_mode": "create_savepoint"}
        self.session = admin.application.make_session(**options)
        self.db = SessionAdmin(admin, self.session)
        self.keeper = Keeper(self.database, self.session)

    def _apply(self, connection: Any) -> None:
        """Settings of `%set`, at the start of each transaction."""
        for name, value in self.settings.items():
            self.database.dialect.settings.apply(connection, name, value)

    def set(self, name: str, value: str | None) -> str:
        """Keep a harmless setting for this session, tried at once; None takes it back. Gives the engine's name."""
        name = self.database.dialect.settings.known(name)
        before = dict(self.settings)
        self.settings.pop(name, None)
        if value is None:
            return name
        self.settings[name] = value
        try:
            self.database.run(lambda connection: self.database.dialect.settings.apply(connection, name, value))
        except DbadminError:
            self.settings = before
            raise
        return name

    def reload(self, load: Callable[[], Admin]) -> None:
        """Go on with what `load` opens: the application, imported anew. Where that fails, all stays as it is."""
        admin, before = load(), self.admin
        self.say_goodbye()
        self._end()
        self._open(admin)
        before.close()

    def _end(self) -> None:
        from sqlalchemy import event

        self._end_limit()
        event.remove(self.database.sync_engine, "begin", self._apply)

    @property
    def mode(self) -> Mode:
        """read-only, write or sandbox."""
        return self.database.mode

    def switch(self, mode: Mode, *, confirm: str | None = None) -> None:
        """Go on with a new session in another mode; what was not committed is rolled back.

        Not from within a statement of an asynchronous application, whose loop ends here.
        """
        self.say_goodbye()
        self._end()
        limit_ = self.database.sandbox_limit or 0.0
        self.database.close()
        try:
            self._open(open_application(self.admin.application, mode, confirm=confirm, sandbox_limit=limit_))
        except DbadminError:
            self._open(open_application(self.admin.application, "read-only"))
            raise

    @contextmanager
    def hurried(self, seconds: float) -> Iterator[None]:
        """Within, a statement may take so long at most."""
        before = self.database.statement_timeout
        self.database.statement_timeout = min(before or seconds, seconds)
        try:
            yield
        finally:
            self.database.statement_timeout = before

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
        found = build(self.always(), things, self.helpers())
        web = web_application(self.admin.settings)
        if web is not None and "app" not in found.values:
            found = replace(found, values={**found.values, "app": web})
        return found, missing

    def always(self) -> dict[str, Any]:
        """The names that nothing hides."""
        return {"session": self.session, "db": self.db, "engine": self.db.application.engine}

    def helpers(self) -> dict[str, Any]:
        """The helpers by name."""
        return {name: getattr(self.db, name) for name in HELPERS}

    def close(self) -> str | None:
        """End the session, and the sandbox; gives what is to be told of changes."""
        said = self.keeper.close()
        if self.mode != "sandbox":
            return said
        stayed = self.database.end_sandbox()
        return f"not all of the sandbox could be rolled back: {stayed}" if stayed else ROLLED_BACK

    def say_goodbye(self) -> None:
        """Close, and tell what is to be told; that a sandbox is rolled back is what it was opened for."""
        said = self.close()
        if said == ROLLED_BACK:
            answer(said)
        else:
            tell(said)

    def end(self) -> bool:
        """Close everything, and tell what is to be told of changes; whether a sandbox is rolled back whole."""
        self.say_goodbye()
        self.admin.close()
        return self.database.end_sandbox() is None

    def state(self) -> str:
        """The mode as a prompt shows it: with the age of a sandbox, and a star where changes are not committed."""
        if self.mode == "sandbox":
            sandbox = self.database.sandbox
            return f"sandbox {age(sandbox.age)}" if sandbox.ended is None else "sandbox over"
        return f"{self.mode}*" if self.mode == "write" and self.keeper.has_changes else self.mode


def age(seconds: float) -> str:
    """How old, in whole minutes.

    >>> age(59), age(60), age(5400)
    ('0 min', '1 min', '90 min')
    """
    return f"{int(seconds // 60)} min"


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
