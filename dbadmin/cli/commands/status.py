"""`dbadmin status`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.output import deliver


@subcommand("status")
@click.option("--check", is_flag=True, help="Exit with 1 unless the database is up to date.")
@click.option("--history", is_flag=True, help="Show every revision.")
def command(check: bool, history: bool) -> int:
    """Where the database stands against its migrations: current revision, heads, pending revisions.

    Nothing is migrated and nothing is written.
    """
    with opened(import_models=False) as admin:
        return deliver(admin.status(check=check), detail=history)
