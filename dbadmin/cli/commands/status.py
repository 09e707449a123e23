"""`dbadmin status`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened, settings
from dbadmin.cli.output import deliver


@subcommand("status")
@click.option("--check", is_flag=True, help="Exit with 1 unless the database is up to date.")
@click.option("--history", is_flag=True, help="Show every revision as a graph, marked where applied.")
@click.option("--drift", is_flag=True, help="Compare with what its revision and the models make; exit with 1 on drift.")
def command(check: bool, history: bool, drift: bool) -> int:
    """Where the database stands against its migrations: current revision, heads, pending revisions.

    Nothing is migrated and nothing is written: --drift makes what should be there on private scratch databases, which
    are gone afterwards.

    For example: dbadmin status --check --drift --format json
    """
    if not drift:
        from dbadmin.app.bare_status import kept, status_as_known

        found = status_as_known(settings(), checked=check)
        if found is None:
            with opened(import_models=False, remember=True) as admin, kept(admin.application, admin.database):
                found = admin.status(check=check)
        return deliver(found, detail=history)
    from dbadmin.cli.progress import TerminalProgress

    with opened() as admin:
        with TerminalProgress() as progress:
            found = admin.status(check=check, drift=True, progress=progress)
        return deliver(found, detail=history)
