"""`dbadmin init`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import settings
from dbadmin.cli.output import deliver


@subcommand("init")
@click.option("--dry-run", is_flag=True, help="Show what would be written.")
def command(dry_run: bool) -> int:
    """Find the application's models and session, and write [tool.dbadmin].

    For example: dbadmin init --dry-run

    Code is read, not imported. Existing keys and comments stay. Exits with 1 where nothing is found.
    """
    from dbadmin.app.init import init

    return deliver(init(settings(), dry_run=dry_run))
