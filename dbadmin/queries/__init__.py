"""The helpers as pure functions: values in, a SQLAlchemy `Select` out. Nothing here touches a database.

    from dbadmin.queries import group
    session.execute(group(BlogPost, by=BlogPost.author, posts="count", latest="max(created_at)"))

`counts`, `count_by`, `recent`, `group` and `join` give the bare statement; `…_query` gives a `Query`, which
also says what was left out of it.
"""

from dbadmin.queries.counts import count, count_by, count_by_query, counts
from dbadmin.queries.group import group, group_query
from dbadmin.queries.join import join, join_query
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.query import Query, remade
from dbadmin.queries.recent import recent, recent_query

__all__ = [
    "Entities", "Entity", "Query", "count", "count_by", "count_by_query", "counts", "group", "group_query",
    "join", "join_query", "recent", "recent_query", "remade",
]  # fmt: skip
