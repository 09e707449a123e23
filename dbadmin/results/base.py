"""What every result is: a frozen fact that turns into plain data."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclasses.dataclass(frozen=True)
class Result:
    """A frozen answer. `kind` is the command that gave it; `ok` says whether it is good news."""

    kind = "result"

    @property
    def ok(self) -> bool:
        """True where the command would exit with 0."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """Plain data with the keys of the JSON form; values stay Python values (dates, Decimals)."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    def __init_subclass__(cls) -> None:
        """IPython asks a class before its bases, and a dataclass's own repr would come before this table."""
        super().__init_subclass__()
        cls._repr_pretty_ = Result._repr_pretty_  # type: ignore[method-assign]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        import shutil

        from dbadmin.render import render, working_directory

        columns = shutil.get_terminal_size().columns
        printer.text(render(self, "table", width=columns, here=working_directory()).rstrip("\n"))

    def _repr_html_(self) -> str:
        from dbadmin.render import notebook_html

        return notebook_html(self)


@dataclasses.dataclass(frozen=True)
class Record:
    """A part of a result."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `Result.to_dict`."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}


@dataclasses.dataclass(frozen=True)
class Finding(Record):
    """One fact worth knowing about one object."""

    code: str
    severity: Severity
    object: str
    detail: str
    remedy: str | None = None
    file: str | None = None
    line: int | None = None


@dataclasses.dataclass(frozen=True)
class DatabaseInfo(Record):
    """Which database an answer is about; `url` has its password hidden."""

    url: str
    engine: str
    version: str
    name: str

    @property
    def server(self) -> str:
        """Engine and version as people say them."""
        return server_words(self.engine, self.version)


def server_words(engine: str, version: str | None) -> str:
    """Engine and version, a product that the version names again said once.

    >>> server_words("mariadb", "10.11.6-MariaDB"), server_words("mysql", "10.11.6-MariaDB")
    ('mariadb 10.11.6', 'mysql 10.11.6-MariaDB')
    """
    number, _, product = (version or "").partition("-")
    said = number if product.lower() == engine else version
    return f"{engine} {said}" if said else engine


def plain(value: Any) -> Any:
    """Records to dicts and tuples to lists, all the way down."""
    if isinstance(value, Result | Record):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [plain(v) for v in value]
    return value
