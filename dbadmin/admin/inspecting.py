"""Inspection of an application's database: what the checks have to know of its models and settings."""

import inspect as python
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.app.load import Application
from dbadmin.database import Database
from dbadmin.dialects import Progress, TableName
from dbadmin.errors import ConfigError, DbadminError, UsageError
from dbadmin.health import Asked, inspect
from dbadmin.health.look import Place
from dbadmin.results import Inspection, Revision, Status, level_named, upgrade_target
from dbadmin.secrets import SENSITIVE_WORDS

if TYPE_CHECKING:
    from dbadmin.results import Severity


MESSAGE = "mend what dbadmin inspect found"


def inspect_application(
    application: Application,
    database: Database,
    names: Sequence[str],
    *,
    ignore: Sequence[str | Mapping[str, str]],
    fail_on: "Severity | None",
    thresholds: Mapping[str, float],
    live: bool = False,
    write_revision: "bool | str | os.PathLike[str]" = False,
    progress: Progress | None = None,
) -> Inspection:
    """Run checks on the application's database; see `dbadmin.health.inspect`."""
    if write_revision is not False:
        refuse_unless_up_to_date(application, database)
    if fail_on is not None:
        level_named(fail_on)
    for item in ignore:
        if not isinstance(item, str) and not item.get("key"):
            raise UsageError("ignore: an entry has no key", hint='{key = "unused-index:posts.ix", reason = "…"}')
    settings = application.settings
    asked = Asked(
        names=tuple(names),
        ignore=tuple(ignore),
        fail_on=fail_on,
        thresholds=dict(thresholds),
        live=live,
        metadata=application.metadata,
        place_of=places(application.models),
        sensitive=tuple(settings.get("sensitive", SENSITIVE_WORDS)),
        version_table=TableName(application.version_table_schema, application.version_table),
    )
    report = inspect(database, asked, progress=progress)
    if write_revision is not False:
        where = None if write_revision is True else Path(write_revision)
        return written(report, application, where)
    if any(finding.code.startswith("model-") for finding in report.open):
        stands = standing(application, database)
        if stands is not None and stands.pending:
            note = f"{spoken(stands.pending)} pending, and may bring what the models have beyond the database"
            report = replace(report, notes=(note,))
    return report


def refuse_unless_up_to_date(application: Application, database: Database) -> None:
    """A revision that follows the head mends what stands at the head: raise UsageError where the database does not."""
    if application.project is None:
        raise ConfigError(
            f"no Alembic project found from {application.settings.start}", hint="a revision needs one: use --app DIR"
        )
    stands = standing(application, database)
    if stands is not None and stands.unknown:
        names = ", ".join(unknown.revision for unknown in stands.unknown)
        raise UsageError(
            f"the database stands at {names}, which no script has: no revision can follow it", hint="dbadmin status"
        )
    if stands is not None and stands.pending:
        hint = f"alembic upgrade {upgrade_target(stands.heads)} first"
        raise UsageError(f"{spoken(stands.pending)} pending: what they mend would be mended twice", hint=hint)


def written(report: Inspection, application: Application, directory: Path | None) -> Inspection:
    """The report with the revision that mends what of it changes the schema."""
    from dbadmin.health.revision import body, lasting
    from dbadmin.migrations.scripts import open_scripts
    from dbadmin.migrations.write import write_revision

    assert application.project is not None
    chosen = lasting(report.open, [run.name for run in report.checks] if report.named else ())
    if not chosen:
        return replace(report, notes=("nothing was found that a revision could mend: none was written",))
    path = write_revision(open_scripts(application.project), MESSAGE, *body(chosen), directory=directory)
    note = "declare in the models what the revision adds: autogenerate would take it away again"
    return replace(report, revision=str(path), notes=(note,))


def standing(application: Application, database: Database) -> Status | None:
    """Where the database stands; None where nobody can tell."""
    from dbadmin.migrations.scripts import open_scripts
    from dbadmin.migrations.status import status

    if application.project is None:
        return None
    table, schema = application.version_table, application.version_table_schema
    try:
        scripts = open_scripts(application.project)
        return status(database, scripts, version_table=table, version_table_schema=schema)
    except DbadminError:
        return None


def spoken(pending: Sequence[Revision]) -> str:
    """How many revisions are pending, with their verb."""
    return f"{len(pending)} revision{'s are' if len(pending) > 1 else ' is'}"


def places(models: Sequence[type]) -> Callable[[TableName], Place | None]:
    """Where the model of a table stands; source files are read only when somebody asks."""
    by_table: dict[TableName, type] = {}
    for model in models:
        from sqlalchemy.orm import class_mapper  # not where there are none: it takes longer than some checks

        table: Any = class_mapper(model).local_table
        if hasattr(table, "name"):
            by_table.setdefault(TableName(getattr(table, "schema", None), table.name), model)

    @cache
    def place_of(table: TableName) -> Place | None:
        model = by_table.get(table)
        return None if model is None else place(model)

    return place_of


def place(model: type) -> Place:
    """A class with its file (as seen from here) and line, None where Python does not know them."""
    try:
        file, line = Path(python.getsourcefile(model) or ""), python.findsource(model)[1] + 1
        here = Path.cwd()
        return Place(model.__name__, str(file.relative_to(here) if file.is_relative_to(here) else file), line)
    except (OSError, TypeError):
        return Place(model.__name__)
