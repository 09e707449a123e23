"""A result that is a list of things, as a DataFrame."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def frame_of(result: Any) -> "pd.DataFrame":
    """One row for each thing; what is not in the list is in `attrs`."""
    import pandas as pd

    from dbadmin.results.base import plain

    listed = {"count": "tables", "tables": "tables", "models": "models", "describe": "columns"}[result.kind]
    things = getattr(result, listed)
    values = {name: [plain(getattr(thing, name)) for thing in things] for name in _fields(result)}
    columns = {name: [pd.NA if value is None else value for value in column] for name, column in values.items()}
    frame = pd.DataFrame(columns).convert_dtypes()
    frame.attrs.update({f.name: plain(getattr(result, f.name)) for f in fields(result) if f.name != listed})
    return frame


def _fields(result: Any) -> list[str]:
    """Column names, also where there is no row to tell them."""
    from dbadmin.results import ColumnInfo, ModelInfo, TableCount, TableInfo

    kinds = {"count": TableCount, "tables": TableInfo, "models": ModelInfo, "describe": ColumnInfo}
    return [field.name for field in fields(kinds[result.kind])]
