"""`dbadmin inspect`."""

from pathlib import Path
from typing import Any

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.options import items_option
from dbadmin.cli.output import deliver
from dbadmin.cli.progress import TerminalProgress
from dbadmin.errors import UsageError
from dbadmin.results import LEVELS


def thresholds(given: tuple[Any, ...]) -> dict[str, float]:
    """CHECK=NUMBER of the command line, and tables of a configuration file.

    >>> thresholds(("unused-index=30", {"long-query": 5}))
    {'unused-index': 30.0, 'long-query': 5.0}
    """
    found: dict[str, float] = {}
    for one in given:
        pairs = one.items() if isinstance(one, dict) else [one.partition("=")[::2]]
        for name, number in pairs:
            try:
                found[str(name).strip()] = float(number)
            except (TypeError, ValueError):
                raise UsageError(
                    f"--threshold {name}={number}: not CHECK=NUMBER", hint="for example --threshold unused-index=30"
                ) from None
    return found


@subcommand("inspect")
@click.argument("check", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="Show every check: what it reads, why, and how it is mended.")
@items_option("--ignore", metavar="KEY,...", help="Findings that are accepted, by key or check; globs allowed.")
@click.option("--fail-on", type=click.Choice(LEVELS), help="Exit with 1 on findings of this level or worse.")
@items_option("--threshold", metavar="CHECK=NUMBER", help="Another threshold than the one that --list shows.")
@click.option(
    "--write-revision",
    "directory",
    metavar="[DIR]",
    is_flag=False,
    flag_value="",
    help="Write what mends it as a revision.",
)
@click.option("--watch", "watched", is_flag=True, help="Draw what changes by the second again and again.")
def command(check: tuple[str, ...], listed: bool, ignore: tuple[Any, ...], fail_on: str | None, **more: Any) -> int:
    """Whether the database is well: each finding with the SQL that mends it.

    For example: dbadmin inspect fk-without-index unused-index --fail-on warning

    Without names every check runs that this engine can answer. Nothing is written; what cannot be looked at is
    skipped, with the reason.
    """
    from dbadmin.health import checks

    if listed:
        return deliver(checks(check))
    directory = more["directory"]
    if directory and not Path(directory).is_dir() and directory in (one.name for one in checks().checks):
        check, directory = (directory, *check), ""  # it is a check's name that follows the option
    asked: dict[str, Any] = {"ignore": ignore, "fail_on": fail_on, "thresholds": thresholds(more["threshold"])}
    if directory is not None:
        asked["write_revision"] = directory or True
    if more["watched"]:
        if directory is not None:
            raise UsageError("give --watch or --write-revision, not both", hint="dbadmin inspect --help")
        return watched(check, asked)
    with opened() as admin, TerminalProgress() as progress:
        result = admin.inspect(*check, **asked, progress=progress)
        progress.close()
        return deliver(result)


def watched(names: tuple[str, ...], asked: dict[str, Any]) -> int:
    """The live checks, drawn over themselves until Ctrl-C."""
    from dbadmin.cli.watching import refuse_elsewhere, watch

    refuse_elsewhere()
    with opened() as admin:
        return watch(lambda: admin.inspect(*names, live=True, **asked))
