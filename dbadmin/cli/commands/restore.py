"""`dbadmin restore`."""

from pathlib import Path

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import settings
from dbadmin.cli.options import confirm_option
from dbadmin.cli.output import deliver
from dbadmin.cli.progress import TerminalProgress


@subcommand("restore")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--to", metavar="URL", required=True, help="The database to be filled, or env:NAME.")
@confirm_option("Its name once more, where it is refused; what it holds is lost.")
def command(file: Path, to: str, confirm: str | None) -> int:
    """Restore a backup into an empty database.

    For example: dbadmin restore shop.dump --to env:EMPTY_DATABASE

    FILE is any backup that verify-rollback --backup takes. It is checked before anything is written. A database
    that is not empty, is protected, or is the configured one is refused unless --confirm repeats its name.
    """
    from dbadmin.backup import restore

    with TerminalProgress() as progress:
        result = restore(file, to=to, settings=settings(), confirm=confirm, progress=progress)
        progress.close()
        return deliver(result)
