"""`dbadmin verify-rollback`."""

from typing import Any

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.options import Duration, items_option
from dbadmin.cli.output import deliver
from dbadmin.cli.progress import TerminalProgress
from dbadmin.errors import UsageError


@subcommand("verify-rollback")
@click.option("--to", metavar="REV", help="Where the downgrade ends, as alembic downgrade takes it.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Downgrade so many revisions.")
@click.option("--upgrade-to", metavar="REV", help="Where the upgrade ends.  [default: heads]")
@items_option("--exclude", metavar="TABLE,...", help="Leave out of the comparison (verdict: unproven).")
@click.option("--no-data", is_flag=True, help="Compare schemas only (verdict: unproven).")
@click.option("--timeout", type=Duration(), metavar="TIME", help="A revision that takes longer fails.")
@items_option("--accept", metavar="[REV:]CODE[:OBJECT]", help="Findings that are accepted; globs allowed.")
@items_option("--fail-on", metavar="CODE,...", help="Findings that fail besides.")
@items_option("--allow-connect", metavar="HOST[:PORT]", help="An address that user code may reach.")
@click.option("--keep", is_flag=True, help="Keep the copy.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and copy nothing.")
def command(
    to: str | None, steps: int | None, upgrade_to: str | None, timeout: float | None, dry_run: bool, **more: Any
) -> int:
    """Rehearse the rollback on a private copy: up, down, up again; and compare schema and data.

    What is pending is rehearsed; where nothing is, the last step down and up again. The configured database
    is only read. Exits with 0 safe, 1 not safe, 5 not proven.
    """
    if to is not None and steps is not None:
        raise UsageError("give --to or --steps, not both", hint="--steps 2 is --to -2")
    route: dict[str, Any] = {"to": to, "steps": steps, "upgrade_to": upgrade_to or "heads"}
    with opened(import_models=bool(more["exclude"])) as admin, TerminalProgress() as progress:
        if dry_run:
            return deliver(admin.plan_rollback(**route))
        report = admin.verify_rollback(**route, timeout=timeout or None, progress=progress, **more)
        progress.close()
        return deliver(report)
