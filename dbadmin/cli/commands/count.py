"""`dbadmin count`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.offering import TableName
from dbadmin.cli.opening import opened
from dbadmin.cli.output import deliver


@subcommand("count")
@click.argument("tables", type=TableName(), metavar="[TABLE]...", nargs=-1)
@click.option("--by", metavar="COLUMN", help="One count for each value of this column.")
@click.option("--where", metavar="FILTER", multiple=True, help="COLUMN OP VALUE; repeated: AND.")
@click.option("--estimate", is_flag=True, help="The engine's own estimates, without counting.")
def command(tables: tuple[str, ...], by: str | None, where: tuple[str, ...], estimate: bool) -> int:
    """Row counts of these tables or models, else of all; exact unless --estimate.

    A FILTER is a column, one of != < <= > >= = ~ (LIKE), and a value; or: in a,b; is null; is not null.

    For example: dbadmin count blog_posts --where "is_published = true"
    """
    with opened() as admin:
        return deliver(admin.answers.counts(*tables, by=by, where=where, estimate=estimate))
