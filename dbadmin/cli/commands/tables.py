"""`dbadmin tables`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.output import deliver, note
from dbadmin.render.values import plural


@subcommand("tables")
@click.option("--exact", is_flag=True, help="Count the rows instead of asking for the engine's estimate.")
def command(exact: bool) -> int:
    """Tables with rows, sizes, columns, indexes, models and comments.

    For example: dbadmin tables --exact --output tables.csv

    Rows are the engine's estimate (~1000) unless --exact counts them.
    """
    with opened() as admin:
        result = admin.answers.tables(exact=exact)
        estimated = sum(table.rows is not None and not table.exact for table in result.tables)
        unknown = sum(table.rows is None for table in result.tables)
        if exact and estimated:
            note(f"note: this login may not count {plural(estimated, 'table')}: ~ marks the engine's estimate")
        if unknown and not exact:
            note(f"note: {plural(unknown, 'table')} never analysed, so no estimate of rows: --exact counts them")
        return deliver(result)
