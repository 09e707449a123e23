"""The schema that the models make on an empty database, and models that Alembic does not see."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.app.find import Candidate, find
from dbadmin.app.load import Application
from dbadmin.copies.make import connect
from dbadmin.dialects import Schema, TableName, of
from dbadmin.results import Drift
from dbadmin.secrets import first_line
from dbadmin.state import Snapshot, snapshot

if TYPE_CHECKING:
    from sqlalchemy import URL, MetaData


def make_models(url: "URL", metadata: "Iterable[MetaData]", like: Schema, exclude: TableName) -> Snapshot | str:
    """What `create_all()` makes in an empty scratch database, or why it makes nothing.

    `like` is a schema whose extensions and namespaces the tables may need.
    """
    from sqlalchemy.exc import SQLAlchemyError

    with connect(url) as connection:
        of(connection).schema.make_room(connection, like)
        connection.commit()
        try:
            for one in metadata:
                one.create_all(connection)
            connection.commit()
        except SQLAlchemyError as error:
            connection.rollback()
            said = first_line(error)
            return f"the models cannot be made on an empty database: {said}"
        return snapshot(connection, exclude=(exclude,), data=False)


def unseen(application: Application) -> list[Drift]:
    """Models whose tables env.py's metadata has not, and modules with models that nothing imports."""
    captured = application.captured
    if captured is None or not captured.tables:
        return []
    seen = set(captured.tables)
    found = []
    for model in application.models:
        table = getattr(model, "__table__", None)
        if table is not None and table.fullname not in seen:
            found.append(_unseen(model.__name__, f"table {table.fullname}, {model.__module__}", model.__module__))
    settings = application.settings
    for candidate in _not_imported(find(settings.runs_in).candidates):
        where = f"{_relative(candidate.file, settings.runs_in)}:{candidate.line}"
        found.append(_unseen(candidate.module, f"models in {where} that env.py does not import", candidate.module))
    return found


def _not_imported(candidates: Iterable[Candidate]) -> list[Candidate]:
    """By file: a module may have been imported under another name."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    imported = {Path(file).resolve() for file in files if isinstance(file, str)}
    return [one for one in candidates if one.kind == "models" and one.file.resolve() not in imported]


def _unseen(name: str, what: str, module: str) -> Drift:
    return Drift(
        "model", name, f"Alembic's metadata does not have it: {what}", against="models",
        remedy=f"import {module} in env.py before target_metadata is used",
    )  # fmt: skip


def _relative(path: Path, directory: Path) -> str:
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)
