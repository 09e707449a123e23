"""`dbadmin copies`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.output import deliver
from dbadmin.errors import UsageError


@subcommand("copies")
@click.option("--clean", is_flag=True, help="Remove copies whose owner is dead and which were not kept.")
@click.option("--drop", metavar="NAME", help="Remove this copy, also a kept one.")
def command(clean: bool, drop: str | None) -> int:
    """Disposable copies and private servers that exist on this machine, with their owners.

    For example: dbadmin copies --clean

    A rehearsal removes its own; what is listed here is in use, was kept, or was left by one that was killed.
    """
    if clean and drop is not None:
        raise UsageError("give --clean or --drop NAME, not both", hint="dbadmin copies --help")
    from dbadmin.copies import registry

    removed = registry.clean() if clean else (registry.drop(drop),) if drop is not None else ()
    return deliver(registry.report(removed))
