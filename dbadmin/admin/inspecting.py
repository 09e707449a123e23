"""Inspection of an application's database: what the checks have to know of its models and settings."""

import inspect as python
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from dbadmin.app.load import Application
from dbadmin.database import Database
from dbadmin.dialects import Progress, TableName
from dbadmin.errors import DbadminError, UsageError
from dbadmin.health import Asked, inspect
from dbadmin.health.look import Place
from dbadmin.results import LEVELS, Inspection
from dbadmin.secrets import SENSITIVE_WORDS

if TYPE_CHECKING:
    from dbadmin.results import Severity


def inspect_application(
    application: Application,
    database: Database,
    names: Sequence[str],
    *,
    ignore: Sequence[str | Mapping[str, str]],
    fail_on: "Severity | None",
    thresholds: Mapping[str, float],
    live: bool = False,
    progress: Progress | None = None,
) -> Inspection:
    """Run checks on the application's database; see `dbadmin.health.inspect`."""
    if fail_on is not None and fail_on not in LEVELS:
        raise UsageError(f"fail_on={fail_on!r} is no level", hint=f"one of {', '.join(LEVELS)}")
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
    if any(finding.code.startswith("model-") for finding in report.open) and (behind := pending(application, database)):
        report = replace(report, notes=(f"{behind} pending: what the models have and the database has not yet",))
    return report


def pending(application: Application, database: Database) -> str | None:
    """How many revisions are pending, in words; None where none are, or where nobody can tell."""
    from dbadmin.migrations.scripts import open_scripts
    from dbadmin.migrations.status import status

    if application.project is None:
        return None
    table, schema = application.version_table, application.version_table_schema
    try:
        scripts = open_scripts(application.project)
        found = status(database, scripts, version_table=table, version_table_schema=schema)
    except DbadminError:
        return None
    number = len(found.pending)
    return f"{number} revision{'s are' if number > 1 else ' is'}" if number else None


def places(models: Sequence[type]) -> Callable[[TableName], Place | None]:
    """Where the model of a table stands; source files are read only when somebody asks."""
    from sqlalchemy.orm import class_mapper

    by_table: dict[TableName, type] = {}
    for model in models:
        table: Any = class_mapper(model).local_table
        if hasattr(table, "name"):
            by_table.setdefault(TableName(getattr(table, "schema", None), table.name), model)

    @cache
    def place_of(table: TableName) -> Place | None:
        model = by_table.get(table)
        return None if model is None else place(model)

    return place_of


def place(model: type) -> Place:
    """A class with its file and line, None where Python does not know them (reflected classes)."""
    try:
        return Place(model.__name__, python.getsourcefile(model), python.findsource(model)[1] + 1)
    except (OSError, TypeError):
        return Place(model.__name__)
