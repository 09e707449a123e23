"""`dbadmin verify-rollback`."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.offering import RevisionName, TableNames
from dbadmin.cli.opening import opened, settings
from dbadmin.cli.options import Duration, Size, items_option
from dbadmin.cli.output import deliver
from dbadmin.cli.progress import TerminalProgress
from dbadmin.errors import UsageError

if TYPE_CHECKING:
    from dbadmin.results import RollbackPlan, RollbackReport


@subcommand("verify-rollback")
@click.option(
    "--backup", type=click.Path(path_type=Path), metavar="PATH", help="Restore this backup; connect to no database."
)
@click.option("--trust-backup", is_flag=True, help="Let what it holds run as the private server's superuser.")
@click.option("--scratch", metavar="URL", help="A server that may hold the copy, or same-server.")
@click.option("--in-place", is_flag=True, help="The database of --url is itself the copy.")
@click.option("--yes-this-is-a-copy", metavar="NAME", help="Its name once more, where --in-place is refused.")
@click.option("--copy-command", metavar="CMD", help="Makes the copy; its last line is the URL, or env:NAME.")
@click.option("--drop-command", metavar="CMD", help="Drops that copy; it has DBADMIN_COPY_URL.")
@click.option(
    "--to", type=RevisionName(), metavar="REV", help="Where the downgrade ends, as alembic downgrade takes it."
)
@click.option("--steps", type=click.IntRange(min=1), help="Downgrade so many revisions.")
@click.option("--to-git", metavar="REF", help="Downgrade to where that commit's scripts end.")
@click.option("--upgrade-to", type=RevisionName(), metavar="REV", help="Where the upgrade ends.  [default: heads]")
@click.option("--after-upgrade", metavar="FILE", help="A .sql or .py that writes as the new version would.")
@click.option("--each", is_flag=True, help="Rehearse every revision by itself besides.")
@items_option(
    "--exclude", type=TableNames(), metavar="TABLE,...", help="Leave out of the comparison (verdict: unproven)."
)
@click.option("--no-data", is_flag=True, help="Compare schemas only (verdict: unproven).")
@click.option("--timeout", type=Duration(), metavar="TIME", help="A revision that takes longer fails.")
@click.option(
    "--lock-budget",
    type=Duration(),
    default="2s",
    show_default=True,
    metavar="TIME",
    help="Warn of a lock that blocks others for longer.",
)
@items_option("--accept", metavar="[REV:]CODE[:OBJECT]", help="Findings that are accepted; globs allowed.")
@items_option("--fail-on", metavar="CODE,...", help="Findings that fail besides.")
@items_option("--allow-connect", metavar="HOST[:PORT]", help="An address that user code may reach.")
@click.option("--max-copy", type=Size(), metavar="SIZE", help="Refuse a larger copy, such as 20GB.")
@click.option("--reveal", is_flag=True, help="Show values, where samples hold keys only.")
@click.option("--keep", is_flag=True, help="Keep the copy.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and copy nothing.")
def command(
    to: str | None, steps: int | None, upgrade_to: str | None, timeout: float | None, lock_budget: float,
    dry_run: bool, **more: Any,
) -> int:  # fmt: skip
    """Rehearse the rollback on a private copy: up, down, up again; and compare schema and data.

    For example: dbadmin verify-rollback --backup prod.dump --output report.html

    What is pending is rehearsed; where nothing is, the last step down and up again. The configured database
    is only read; with --backup it is not connected to. Exits with 0 safe, 1 not safe, 5 not proven.
    """
    if to is not None and steps is not None:
        raise UsageError("give --to or --steps, not both", hint="--steps 2 is --to -2")
    limits = {"timeout": timeout or None, "lock_budget": lock_budget or None}
    asked = {"to": to, "steps": steps, "upgrade_to": upgrade_to or "heads", **limits, **more}
    with TerminalProgress() as progress:
        result = of_backup(asked, dry_run, progress) if more["backup"] else of_database(asked, dry_run, progress)
        progress.close()
        return deliver(result)


def prepare() -> AbstractContextManager[None]:
    """Have a process get ready that the guarded ones are forked from, while this one still reads and connects."""
    from dbadmin.migrations.process import nursery

    return nursery(os.environ)


def of_database(asked: dict[str, Any], dry_run: bool, progress: TerminalProgress) -> "RollbackReport | RollbackPlan":
    """Rehearse on a copy of the configured database, or on what is said to be one."""
    with opened(import_models=bool(asked["exclude"])) as admin:
        work: Any = admin.plan_rollback if dry_run else admin.verify_rollback
        result: RollbackReport | RollbackPlan = work(**asked, progress=progress)
        return result


def of_backup(asked: dict[str, Any], dry_run: bool, progress: TerminalProgress) -> "RollbackReport | RollbackPlan":
    """Rehearse on a restored backup: no database is opened, none need be configured."""
    from dbadmin.rollback import ask, plan_rehearsal, rehearse

    found = settings()
    source, options = ask.source_without_database(found), ask.options_of(found, **asked)
    work: Any = plan_rehearsal if dry_run else rehearse
    result: RollbackReport | RollbackPlan = work(source, options, progress=progress)
    return result
