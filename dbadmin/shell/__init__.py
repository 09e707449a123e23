"""`dbadmin shell`: an IPython session with the application's models, a session, and the helpers.

`run` is the whole interface. With code, a file or a pipe instead of a terminal, the code runs and the shell
ends.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbadmin.admin import Admin
    from dbadmin.shell.names import Names, Thing
    from dbadmin.shell.session import Keeper


def run(admin: "Admin", *, code: str | None = None, file: Path | None = None) -> int:
    """Run `code`, a file, what stdin holds, or a session at the terminal; gives the exit code.

    Raises dbadmin's own errors where the code met one, so that the command line tells them.
    """
    from dbadmin import readonly
    from dbadmin.shell.session import STATEMENT_SECONDS, Keeper, SessionAdmin, limit

    database = admin.database
    if database.mode == "read-only":
        readonly.watch_drivers()
    seconds = database.statement_timeout
    limit(database, STATEMENT_SECONDS[database.mode] if seconds is None else seconds)
    session = admin.application.make_session()
    db = SessionAdmin(admin, session)
    keeper = Keeper(database, session)
    try:
        if code is not None or file is not None or not sys.stdin.isatty():
            return run_script(db, session, code, file)
        return interact(db, session, keeper)
    finally:
        said = keeper.close()
        if said:
            from dbadmin.render.values import visible_lines

            sys.stderr.write(visible_lines(f"dbadmin: {said}\n"))


def run_script(db: "Admin", session: Any, code: str | None, file: Path | None) -> int:
    """Run code that is there as a whole."""
    from dbadmin.shell import script
    from dbadmin.shell.banner import reach

    reach(db.database)  # proves the mode; where it cannot be reached, the code may not need it
    names, _ = collect(db, session)
    if file is not None:
        return script.run(script.read(file), str(file), names.values, db.database)
    if code is not None:
        return script.run(code, "<string>", names.values, db.database)
    return script.run(sys.stdin.read(), "<stdin>", names.values, db.database)


def interact(db: "Admin", session: Any, keeper: "Keeper") -> int:
    """A session at the terminal."""
    from dbadmin.shell import prompt
    from dbadmin.shell.banner import banner, label, reach, stand

    info, unreached = reach(db.database)
    names, lacking = collect(db, session)
    standing = stand(db, info, (*unreached, *(line for line in lacking if line not in unreached)))
    text = banner(standing, db.database, names, versions=prompt.versions())
    return prompt.interact(db.database, keeper, names.values, label=label(db.database, info), banner=text)


def collect(db: "Admin", session: Any) -> "tuple[Names, tuple[str, ...]]":
    """Every name, and why there are no models where there are none."""
    from dbadmin.errors import DbadminError
    from dbadmin.shell.names import HELPERS, build

    missing: tuple[str, ...] = ()
    things: list[Thing] = []
    try:
        things = models(db)
        if not things:
            missing = ("no models were found, and the database has no tables",)
    except DbadminError as error:
        missing = (error.message,)
    always = {"session": session, "db": db, "engine": db.application.engine}
    return build(always, things, {name: getattr(db, name) for name in HELPERS}), missing


def models(db: "Admin") -> "list[Thing]":
    """The application's models; without code, classes for the tables that the database has."""
    from dbadmin.app.reflect import classes
    from dbadmin.shell.names import Thing

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
