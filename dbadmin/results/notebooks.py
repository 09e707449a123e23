"""`dbadmin notebook`."""

from dataclasses import dataclass

from dbadmin.results.base import Result


@dataclass(frozen=True)
class Notebooks(Result):
    """Notebooks in a directory: those that were copied there now, and those that were there and were kept."""

    kind = "notebook"

    directory: str
    copied: tuple[str, ...]
    kept: tuple[str, ...]
