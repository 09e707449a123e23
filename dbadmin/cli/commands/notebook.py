"""`dbadmin notebook`."""

from pathlib import Path

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import settings
from dbadmin.cli.output import deliver


@subcommand("notebook")
@click.argument("directory", type=click.Path(path_type=Path), default="notebooks", metavar="[DIR]")
@click.argument("jupyter", nargs=-1, type=click.UNPROCESSED, metavar="[-- JUPYTER_OPTION...]")
@click.option("--no-browser", is_flag=True, help="Start JupyterLab and open no browser.")
@click.option("--no-lab", is_flag=True, help="Only copy the notebooks.")
def command(directory: Path, jupyter: tuple[str, ...], no_browser: bool, no_lab: bool) -> int:
    """Copy notebooks that run on any application into DIR, and start JupyterLab there; read-only.

    For example: dbadmin notebook analysis -- --port 8890

    Files that are there already are kept. In a notebook of your own: %load_ext dbadmin.
    """
    from dbadmin.shell import notebook

    if str(directory).startswith("-"):  # no DIR before the options of Jupyter
        directory, jupyter = Path("notebooks"), (str(directory), *jupyter)
    found = settings()
    copied = notebook.copy(directory)
    code = deliver(copied)
    return code if no_lab else notebook.start(directory, found, browser=not no_browser, options=jupyter)
