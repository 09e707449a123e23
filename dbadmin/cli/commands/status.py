"""`dbadmin status`."""

import gc
from typing import TYPE_CHECKING

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened, settings
from dbadmin.cli.state import options

if TYPE_CHECKING:
    from dbadmin.results import Status


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
        gc.disable()  # importing leaves nothing to collect, looking for it takes long, and this ends soon
        try:
            return _deliver(_standing(check), history)
        finally:
            gc.freeze()  # nor is it looked through at the end
            gc.enable()
    from dbadmin.cli.progress import TerminalProgress

    with opened() as admin:
        with TerminalProgress() as progress:
            found = admin.status(check=check, drift=True, progress=progress)
        return _deliver(found, history)


def _standing(check: bool) -> "Status":
    from dbadmin.app.bare_status import kept, status_as_known, status_at_first

    given = settings()
    found = status_as_known(given, checked=check)
    if found is not None:
        return found
    from dbadmin.app.env_py import EnvPy

    env_py = EnvPy.begun(given)  # what is imported meanwhile costs no time
    from dbadmin.app.load import Loader
    from dbadmin.render import get_ready

    get_ready("Status", options().format or "table")
    loader = Loader(given, env_py=env_py)
    found = status_at_first(loader, checked=check)
    if found is None:
        with (
            opened(import_models=False, remember=True, loader=loader) as admin,
            kept(admin.application, admin.database),
        ):
            found = admin.status(check=check)
    return found


def _deliver(found: "Status", history: bool) -> int:
    from dbadmin.cli.output import deliver

    return deliver(found, detail=history)
