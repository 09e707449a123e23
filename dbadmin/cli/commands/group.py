"""`dbadmin group`."""

from typing import Any

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.offering import TableName
from dbadmin.cli.opening import opened
from dbadmin.cli.output import deliver, save_rows
from dbadmin.errors import UsageError


def named_aggregates(written: tuple[str, ...]) -> dict[str, str]:
    """`NAME=AGG` of each --agg, in their order.

    >>> named_aggregates(("posts=count", "latest=max(created_at)"))
    {'posts': 'count', 'latest': 'max(created_at)'}
    """
    named: dict[str, str] = {}
    for one in written:
        name, equals, aggregate = one.partition("=")
        if not equals or not name.strip() or not aggregate.strip():
            raise UsageError(f"--agg {one}: not NAME=AGG", hint='for example --agg "latest=max(created_at)"')
        if name.strip() in named:
            raise UsageError(f"--agg {one}: the name {name.strip()} is given twice", hint="choose another name")
        named[name.strip()] = aggregate.strip()
    return named


@subcommand("group")
@click.argument("table", type=TableName())
@click.option("--by", metavar="PATH", required=True, help="author, author.username, created_at:month ...")
@click.option("--agg", metavar="NAME=AGG", multiple=True, help="count, count(c), sum(c), avg(c), min(c), max(c) ...")
@click.option("--outer", is_flag=True, help="Also parents that have no rows.")
@click.option("--having", metavar="FILTER", multiple=True, help="NAME OP VALUE on an aggregate; repeated: AND.")
@click.option("--where", metavar="FILTER", multiple=True, help="COLUMN OP VALUE on rows; repeated: AND.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many groups.")
@click.option("--others", is_flag=True, help="What --limit cuts off, in one row more.")
def command(
    table: str,
    by: str,
    agg: tuple[str, ...],
    outer: bool,
    having: tuple[str, ...],
    where: tuple[str, ...],
    limit: int | None,
    others: bool,
) -> int:
    """Rows of a table counted by a column, a related row or a part of a date.

    For example: dbadmin group blog_posts --by author --agg posts=count
    """
    with opened() as admin:
        asked: dict[str, Any] = {
            "by": by, "agg": named_aggregates(agg), "outer": outer, "where": where, "having": having, "others": others,
        }  # fmt: skip
        save_rows(admin, lambda limit: admin.answers.group_query(table, limit=limit, **asked))
        return deliver(admin.answers.group(table, limit=limit, **asked))
