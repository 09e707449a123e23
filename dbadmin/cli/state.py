"""What the global options said, before or after the command; one object per run."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


class Options:
    """Global options as typed; None: not given. Timeouts in seconds, 0 for none.

    `origins` says of a command's own options where a value that was not typed stands, by the parameter's name.
    """

    url: str | None = None
    app: str | None = None
    config: str | None = None
    env_file: str | None = None
    echo: bool | None = None
    statement_timeout: float | None = None
    lock_timeout: float | None = None
    x: tuple[str, ...] = ()
    debug: bool = False
    format: str | None = None
    output: "tuple[Path, ...]" = ()
    command: str | None = None

    def __init__(self) -> None:
        self.origins: dict[str, str] = {}


def options() -> Options:
    """The options of the command that runs now."""
    return click.get_current_context().find_root().ensure_object(Options)
