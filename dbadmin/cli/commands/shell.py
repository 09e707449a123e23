"""`dbadmin shell`."""

from pathlib import Path

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.options import confirm_option
from dbadmin.errors import UsageError


@subcommand("shell")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-c", "code", metavar="CODE", help="Run this code instead, and exit.")
@click.option("--write", is_flag=True, help="Allow writes; commit as usual.")
@confirm_option()
def command(file: Path | None, code: str | None, write: bool, confirm: str | None) -> int:
    """An IPython session with every model, a session, and the helpers; read-only unless --write.

    With -c or FILE the code runs and the shell ends.
    """
    if file is not None and code is not None:
        raise UsageError("give -c CODE or a FILE, not both", hint="dbadmin shell --help")
    from dbadmin.shell import run

    with opened(write=write, confirm=confirm) as admin:
        return run(admin, code=code, file=file)
