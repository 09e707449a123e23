"""`dbadmin review`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.offering import RevisionName
from dbadmin.cli.opening import opened, settings
from dbadmin.cli.output import deliver
from dbadmin.cli.progress import TerminalProgress
from dbadmin.errors import DbadminError, MissingExtra, NothingFound, UsageError, UserCodeError
from dbadmin.results import LEVELS

if TYPE_CHECKING:
    from dbadmin.results import Review

ENGINES = ("sqlite", "postgresql", "mysql", "mariadb")


@subcommand("review")
@click.argument("revision", type=RevisionName(), required=False, metavar="[REV|FROM:TO]")
@click.option("--pending", is_flag=True, help="What is not applied yet; the database must be reachable.")
@click.option("--all", is_flag=True, help="Every revision.")
@click.option(
    "--fail-on", type=click.Choice(LEVELS), default="error", show_default=True,
    help="Exit with 1 on findings of this level or worse.",
)  # fmt: skip
@click.option(
    "--measured", type=click.Path(path_type=Path), metavar="FILE", help="A JSON report of verify-rollback, for times."
)
@click.option("--engine", type=click.Choice(ENGINES), help="Read the scripts for this engine; ask no database.")
@click.option("--list", "listed", is_flag=True, help="Show every rule: why, and what to write instead.")
@click.option("--explain", is_flag=True, help="Say why with each finding.")
def command(listed: bool, explain: bool, **asked: Any) -> int:
    """What is risky in migration scripts before they run: each finding with what to write instead.

    For example: dbadmin review --pending --fail-on warning --output review.sarif

    By default the pending revisions are read, and tables are known with their rows and size. With no database: what
    git's default branch does not have, else the heads. Nothing is run but in a process that can reach nothing.

    In a script: # dbadmin: ignore=CODE reason
    """
    if listed:
        from dbadmin.migrations.review import rules

        return deliver(rules())
    with TerminalProgress() as progress:
        result = reviewed(asked, progress)
        progress.close()
        return deliver(result, detail=explain)


def reviewed(asked: dict[str, Any], progress: TerminalProgress) -> "Review":
    """With the application's database; where none can be opened, the scripts alone, unless --pending asks for it."""
    engine = asked.pop("engine")
    if engine is not None:
        return alone(asked, engine, UsageError("--engine asks for the scripts alone", hint=None), progress)
    try:
        with opened(import_models=False) as admin:
            return admin.review(**asked, progress=progress)
    except (NothingFound, MissingExtra, UserCodeError) as error:
        if asked["pending"] or settings().project is None:
            raise
        return alone(asked, None, error, progress)


def alone(asked: dict[str, Any], engine: str | None, why: DbadminError, progress: TerminalProgress) -> "Review":
    """The scripts alone; `why` no database was asked."""
    from dbadmin.admin.reviewing import Asked, review_settings

    if asked["pending"]:
        raise UsageError("--pending asks the database, --engine does not", hint="give one of them")
    wanted = Asked(asked["revision"], False, asked["all"], asked["fail_on"], asked["measured"])
    return review_settings(settings(), wanted, why, progress, engine=engine)
