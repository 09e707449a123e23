"""What a statement without rows gives: a DataFrame that says what was done. Apart, as it needs pandas at once."""

import pandas as pd

from dbadmin.render.values import plural


class Done(pd.DataFrame):
    """A DataFrame without columns, which prints as the number of rows that were changed.

    >>> changed = Done.of(pd.DataFrame())
    >>> changed
    done
    >>> changed.attrs["rows_changed"] = 1
    >>> print(changed)
    1 row changed
    """

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Done":
        """The same frame."""
        made = cls(frame)
        made.attrs = frame.attrs
        return made

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame  # what is made of it did nothing

    def __repr__(self) -> str:
        rows = self.attrs.get("rows_changed")
        return "done" if rows is None else f"{plural(rows, 'row')} changed"

    def _repr_html_(self) -> None:
        """In a notebook, too, in words."""
