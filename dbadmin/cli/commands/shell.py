"""`dbadmin shell`."""

import sys
import threading
from importlib import import_module
from pathlib import Path

import click
from click.core import ParameterSource

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.options import Duration, confirm_option
from dbadmin.errors import UsageError


@subcommand("shell")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-c", "code", metavar="CODE", help="Run this code instead, and exit.")
@click.option("--write", is_flag=True, help="Allow writes; commit as usual.")
@click.option("--sandbox", is_flag=True, help="Allow writes, and roll all of them back at the end.")
@click.option(
    "--sandbox-limit", type=Duration(), metavar="TIME", default="15m", show_default=True,
    help="A sandbox ends by itself when it is so old; off: never.",
)  # fmt: skip
@click.option("--startup", multiple=True, metavar="FILE", help="Run this file before the first prompt; repeatable.")
@confirm_option()
def command(
    file: Path | None, code: str | None, write: bool, sandbox: bool, sandbox_limit: float, startup: tuple[str, ...],
    confirm: str | None,
) -> int:  # fmt: skip
    """An IPython session with every model, a session, and the helpers; read-only unless --write or --sandbox.

    For example: dbadmin shell -c "print(count(User))"

    With -c or FILE the code runs and the shell ends.
    """
    if file is not None and code is not None:
        raise UsageError("give -c CODE or a FILE, not both", hint="dbadmin shell --help")
    if write and sandbox:
        raise UsageError("give --write or --sandbox, not both", hint="a sandbox keeps nothing")
    from dbadmin.shell import run

    if code is None and file is None and sys.stdin.isatty():
        from dbadmin.shell import collecting

        collecting.put_off()
        # While env.py is read in a process of its own, this one waits: IPython needs nothing that is loaded meanwhile.
        threading.Thread(target=import_module, args=("IPython.terminal.ipapp",), daemon=True).start()
    typed = click.get_current_context().get_parameter_source("startup") is ParameterSource.COMMANDLINE
    with opened(write=write, sandbox=sandbox, sandbox_limit=sandbox_limit, confirm=confirm, remember=True) as admin:
        base = admin.settings.start if typed else admin.settings.directory
        files = tuple(base / Path(one).expanduser() for one in startup)
        return run(admin, code=code, file=file, startup=files)
