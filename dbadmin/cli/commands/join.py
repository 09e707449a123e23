"""`dbadmin join`."""

from typing import Any

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.offering import TableName
from dbadmin.cli.opening import opened
from dbadmin.cli.options import items_option
from dbadmin.cli.output import deliver, save_rows
from dbadmin.errors import UsageError


@subcommand("join")
@click.argument("tables", type=TableName(), metavar="TABLE TABLE...", nargs=-1, required=True)
@items_option("--columns", metavar="COLUMN,...", help="Only these columns.")
@click.option("--outer", is_flag=True, help="Keep rows of the first table that have no match.")
@click.option("--where", metavar="FILTER", multiple=True, help="COLUMN OP VALUE; repeated: AND.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many rows.")
@click.option("--after", metavar="KEY", help="Go on after the row with this key; several columns: 5,17.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Skip so many rows.")
def command(
    tables: tuple[str, ...],
    columns: tuple[str, ...],
    outer: bool,
    where: tuple[str, ...],
    limit: int,
    after: str | None,
    offset: int,
) -> int:
    """Rows of two or more tables, joined along their foreign keys, in the order of their keys.

    For example: dbadmin join blog_posts users --columns title,username
    """
    if len(tables) < 2:
        raise UsageError("a join needs at least two tables", hint="dbadmin join TABLE TABLE...")
    with opened() as admin:
        asked: dict[str, Any] = {"columns": columns or None, "outer": outer, "where": where, "after": after}
        asked["offset"] = offset
        save_rows(admin, lambda limit: admin.answers.join_query(*tables, limit=limit, **asked))
        rows = admin.answers.join(tables, limit=limit, **asked)
        return deliver(rows)
