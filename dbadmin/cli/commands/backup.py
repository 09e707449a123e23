"""`dbadmin backup`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.output import deliver
from dbadmin.cli.progress import TerminalProgress


@subcommand("backup")
@click.argument("file", metavar="FILE")
@click.option("--verify", is_flag=True, help="Restore it in private, and compare it with the database.")
@click.option("--force", is_flag=True, help="Replace a file of that name, once the new one is whole.")
def command(file: str, verify: bool, force: bool) -> int:
    """Back up the database by its engine's own tools; the suffix of FILE says how.

    For example: dbadmin backup shop.dump --verify

    PostgreSQL: .dump, .sql, .tar, or a folder (NAME/). MariaDB: .sql. SQLite: .db, .sqlite. Each file also with
    .gz or .zst. It is read to its end before it gets its name. Exits with 5 where --verify could not prove it.
    """
    with TerminalProgress() as progress, opened(import_models=False) as admin:
        result = admin.backup(file, verify=verify, force=force, progress=progress)
        progress.close()
        return deliver(result)
