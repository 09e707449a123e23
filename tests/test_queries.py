"""count, recent, group and join as pure functions, run on the reference application and on odd tables."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TestDatabase

import dbadmin
from dbadmin.errors import UnknownName, UsageError
from dbadmin.example.auth import User
from dbadmin.example.blog import BlogCategory, BlogPost
from dbadmin.example.database import Base
from dbadmin.example.payments import Payment, Plan
from dbadmin.example.seed import seed
from dbadmin.queries import (
    Entities,
    Query,
    count,
    count_by,
    counts,
    group,
    group_query,
    join,
    join_query,
    recent,
    recent_query,
)  # fmt: skip

NOW = datetime(2025, 11, 23, 12, tzinfo=UTC)
MODELS = (User, BlogPost, BlogCategory, Plan, Payment)
APP = Entities.of(MODELS, [Base.metadata])


@pytest.fixture
def blog(database: TestDatabase) -> TestDatabase:
    """The reference application with 12 users and 60 posts."""
    with database.connect() as connection:
        Base.metadata.create_all(connection)
        seed(connection, users=12, posts=60, now=NOW.replace(tzinfo=None))
    return database


def rows(database: TestDatabase, query: Any) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        statement = query.select if isinstance(query, Query) else query
        return [tuple(row) for row in connection.execute(statement)]


def names(query: Any) -> list[str]:
    return list((query.select if isinstance(query, Query) else query).selected_columns.keys())


# counts


def test_counts_answers_for_every_table_in_one_statement(blog: TestDatabase) -> None:
    found = dict(rows(blog, counts(entities=APP)))
    assert found == {
        table.name: blog.rows(f"select count(*) from {table.name}")[0][0] for table in Base.metadata.sorted_tables
    }
    assert found["blog_posts"] == 60


def test_counts_keeps_the_order_asked_for(blog: TestDatabase) -> None:
    assert [t for t, _ in rows(blog, counts([User, "BlogPost", "plans"], entities=APP))] == [
        "users", "blog_posts", "plans",
    ]  # fmt: skip


def test_counts_of_six_hundred_tables_is_still_one_statement(database: TestDatabase) -> None:
    metadata = sa.MetaData()
    for number in range(600):
        sa.Table(f"t{number:03}", metadata, sa.Column("id", sa.Integer))
    with database.connect() as connection:
        metadata.create_all(connection)
        connection.execute(metadata.tables["t599"].insert(), [{"id": 1}, {"id": 2}])
    found = rows(database, counts(entities=Entities.of([], [metadata])))
    assert [name for name, _ in found] == sorted(metadata.tables)
    assert dict(found)["t599"] == 2 and sum(n for _, n in found) == 2


def test_count_takes_filters_over_relations(blog: TestDatabase) -> None:
    expected = blog.rows(
        "select count(*) from blog_posts p join users u on u.id = p.author_id where p.is_published and u.id <= 3"
    )
    assert rows(blog, count(BlogPost, where=["is_published=true", "author.id<=3"])) == expected


def test_count_by_is_sorted_by_number_and_then_by_value(blog: TestDatabase) -> None:
    expected = blog.rows("select status, count(*) from payments group by status order by 2 desc, 1")
    assert rows(blog, count_by(Payment, "status")) == expected


def test_counting_nothing_or_an_unknown_table_is_refused() -> None:
    with pytest.raises(UnknownName, match="no table 'blogpost_'"):
        counts(["blogpost_"], entities=APP)
    with pytest.raises(UsageError, match="no tables to count"):
        counts(entities=Entities.of([], []))
    with pytest.raises(UsageError, match="'users' is only a name"):
        count("users")


# recent


def test_recent_gives_the_newest_first(blog: TestDatabase) -> None:
    expected = blog.rows("select id from blog_posts order by created_at desc, id desc limit 5")
    assert rows(blog, recent(BlogPost, columns=["id"], limit=5)) == expected
    assert rows(blog, recent(BlogPost, columns=["id"], limit=3, offset=2)) == expected[2:]


def test_equal_times_are_ordered_by_the_key_newest_last_key_first(database: TestDatabase) -> None:
    events = sa.Table(
        "events", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("created", sa.DateTime)
    )
    with database.connect() as connection:
        events.create(connection)
        connection.execute(events.insert(), [{"id": n, "created": datetime(2025, 1, 1)} for n in (2, 5, 1, 4, 3)])
    assert [n for n, _ in rows(database, recent(events))] == [5, 4, 3, 2, 1]


def test_recent_days_count_back_from_now_in_utc(blog: TestDatabase) -> None:
    since = (NOW - timedelta(days=7)).replace(tzinfo=None)
    found = rows(blog, recent(BlogPost, days=7, now=NOW, columns=["created_at"]))
    everything = rows(blog, recent(BlogPost, columns=["created_at"]))
    assert found == [(at,) for (at,) in everything if at >= since]
    assert 0 < len(found) < len(everything)


@pytest.mark.parametrize(
    ("timezone", "hours"), [("UTC", {1, 2}), ("Asia/Tokyo", set()), ("America/New_York", {1, 2, 3, 4})]
)
def test_naive_times_are_taken_in_the_time_zone_asked_for(
    database: TestDatabase, timezone: str, hours: set[int]
) -> None:
    """Rows from one to four hours before midnight UTC; "the last 2.5 hours" depends on the clock they mean."""
    events = sa.Table("events", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("created_at", sa.DateTime))
    midnight = datetime(2025, 6, 2, tzinfo=UTC)
    with database.connect() as connection:
        events.create(connection)
        for ago in (1, 2, 3, 4):
            at = (midnight - timedelta(hours=ago)).replace(tzinfo=None)
            connection.execute(events.insert().values(id=ago, created_at=at))
    query = recent(events, days=2.5 / 24, now=midnight, timezone=timezone, columns=["id"])
    assert {n for (n,) in rows(database, query)} == hours


def test_rows_without_a_time_are_left_out_and_counted(blog: TestDatabase) -> None:
    query = recent_query(BlogPost, order_by="published_at", where="is_featured=false")
    drafts = blog.rows("select count(*) from blog_posts where published_at is null and not is_featured")
    assert query.without_time is not None
    assert rows(blog, query.without_time) == drafts != [(0,)]
    all_rows = blog.rows("select count(*) from blog_posts where not is_featured")[0][0]
    assert len(rows(blog, query)) == all_rows - drafts[0][0]
    assert recent_query(BlogPost).without_time is None


def test_recent_withholds_what_looks_like_credentials_unless_named_or_revealed(blog: TestDatabase) -> None:
    secrets = ("hashed_password", "verification_token", "reset_token")
    query = recent_query(User)
    assert query.withheld == secrets
    assert not set(secrets) & set(names(query))
    assert recent_query(User, columns=["hashed_password"]).withheld == ()
    assert names(recent_query(User, columns=["hashed_password"])) == ["hashed_password"]
    assert set(secrets) < set(names(recent_query(User, reveal=True)))
    assert recent_query(User, sensitive=["email"]).withheld == ("email",)


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        (["timestamp", "date_created", "created_on", "inserted_at", "created", "created_at"], "created_at"),
        (["timestamp", "date_created", "created_on", "inserted_at", "created"], "created"),
        (["timestamp", "date_created", "created_on", "inserted_at"], "inserted_at"),
        (["timestamp", "date_created", "created_on"], "created_on"),
        (["timestamp", "date_created"], "date_created"),
        (["timestamp", "updated_at"], "timestamp"),
        (["updated_at"], "id"),
    ],
)
def test_the_time_column_is_the_first_of_the_usual_names_then_the_key(columns: list[str], chosen: str) -> None:
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), *(sa.Column(c, sa.DateTime) for c in columns)
    )
    assert recent_query(table).time_column == chosen


def test_a_flag_called_created_is_no_time() -> None:
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("created", sa.Boolean)
    )
    assert recent_query(table).time_column == "id"


def test_without_time_and_number_the_candidates_are_named() -> None:
    table = sa.Table(
        "visits", sa.MetaData(), sa.Column("code", sa.String, primary_key=True), sa.Column("seen", sa.Date)
    )
    with pytest.raises(UsageError, match="visits has no column that tells how new") as caught:
        recent(table)
    assert caught.value.hint == "say which: --order-by seen"
    with pytest.raises(UsageError, match="code of visits holds no times"):
        recent(table, order_by="code", days=1)


@pytest.mark.parametrize(
    "options",
    [
        {"days": 0},
        {"days": -1},
        {"days": 1e9},
        {"days": float("nan")},
        {"limit": -1},
        {"days": "x"},
        {"limit": "x"},
        {"offset": 2.5},
    ],
)
def test_numbers_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        recent(BlogPost, **options)


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no column of blog_posts 'create_at'; did you mean 'created_at'"):
        recent(BlogPost, order_by="create_at")
    with pytest.raises(UnknownName, match="did you mean 'title'"):
        recent(BlogPost, columns=["titel"])


def test_recent_of_reflected_tables_knows_numbered_keys(database: TestDatabase) -> None:
    numbered = "id integer primary key" if database.kind == "sqlite" else "id serial primary key"
    database.execute(
        f"create table numbered ({numbered}, x text)", "create table coded (code varchar(5) primary key, x text)"
    )
    metadata = sa.MetaData()
    with database.connect() as connection:
        metadata.reflect(connection)
    assert recent_query(metadata.tables["numbered"]).time_column == "id"
    with pytest.raises(UsageError, match="coded has no column"):
        recent(metadata.tables["coded"])


def test_a_view_and_a_table_without_key_are_read_like_tables(database: TestDatabase) -> None:
    database.execute(
        "create table log (created_at timestamp, line text)",
        "insert into log values ('2025-01-01 00:00:00', 'a'), ('2025-01-02 00:00:00', 'b'), (null, 'c')",
        "create view some_lines as select line, created_at from log where line <> 'a'",
    )
    metadata = sa.MetaData()
    with database.connect() as connection:
        metadata.reflect(connection, views=True)
    for name, expected in (("log", [("b",), ("a",)]), ("some_lines", [("b",)])):
        query = recent_query(metadata.tables[name], columns=["line"])
        assert rows(database, query) == expected
        assert query.without_time is not None and rows(database, query.without_time) == [(1,)]
    assert rows(database, count(metadata.tables["some_lines"])) == [(2,)]


def test_names_that_need_quotes_are_quoted(database: TestDatabase) -> None:
    # SQLAlchemy 2.0 takes a name like %(x)s for a parameter where the driver's are `?`, in every statement.
    name = 'od"d: %(x)s' if sa.__version__ >= "2.1" else 'od"d: %s'
    odd = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("order", sa.Integer, primary_key=True),
        sa.Column("a b", sa.String(20)),
        sa.Column("100%", sa.Integer),
        sa.Column("Created At", sa.DateTime),
    )
    with database.connect() as connection:
        odd.create(connection)
        connection.execute(odd.insert(), [{"order": 1, "a b": "x", "100%": 7, "Created At": datetime(2025, 5, 5)}])
    assert rows(database, recent(odd, order_by="Created At", where='"a b" = x')) == [(1, "x", 7, datetime(2025, 5, 5))]
    query = group(odd, by='"Created At":year', total='sum("100%")'.replace('"100%"', '"100%"'))
    assert rows(database, query) == [(date(2025, 1, 1), 7)]
    assert rows(database, counts([odd])) == [(name, 1)]


# group


def test_group_by_a_relation_shows_key_and_first_unique_text(blog: TestDatabase) -> None:
    query = group(BlogPost, by=BlogPost.author, posts="count", latest="max(created_at)")
    assert names(query) == ["author.id", "author.username", "posts", "latest"]
    expected = blog.rows(
        "select u.id, u.username, count(*) from blog_posts p join users u on u.id = p.author_id"
        " group by u.id, u.username order by 3 desc, 1"
    )
    found = rows(blog, query)
    assert [row[:3] for row in found] == expected
    assert all(isinstance(row[3], datetime) for row in found)
    assert rows(blog, group(BlogPost, by="author", aggregates=["posts=count", "latest=max(created_at)"])) == found


def test_outer_adds_parents_without_children_as_zero(blog: TestDatabase) -> None:
    inner = rows(blog, group(BlogPost, by="author"))
    outer = rows(blog, group(BlogPost, by="author", outer=True))
    assert [row for row in outer if row[2]] == inner
    assert len(outer) == 12 > len(inner)


def test_a_filter_under_outer_does_not_remove_parents(blog: TestDatabase) -> None:
    found = rows(blog, group(BlogPost, by="author", outer=True, where="title = nothing", n="count", m="max(id)"))
    assert len(found) == 12
    assert {row[2:] for row in found} == {(0, None)}


def test_groups_without_a_value_stand_last(blog: TestDatabase) -> None:
    found = rows(blog, group(Payment, by="user", outer=True, paid="sum(amount_cents)"))
    values = [row[2] for row in found]
    assert None in values
    assert values == sorted((v for v in values if v is not None), reverse=True) + [None] * values.count(None)


def test_every_aggregate_computes_what_it_says(blog: TestDatabase) -> None:
    query = group(
        Payment,
        by="currency",
        n="count",
        ids="count(plan_id)",
        plans="count_distinct(plan_id)",
        total="sum(amount_cents)",
        mean="avg(amount_cents)",
        low="min(amount_cents)",
        high="max(amount_cents)",
        own=sa.func.max(Payment.id),
        dear="max(plan.price_cents)",
    )
    [(_, n, ids, plans, total, mean, low, high, own, dear)] = rows(blog, query)
    [(a, b, c, d, e, f)] = blog.rows(
        "select count(*), count(distinct plan_id), sum(amount_cents), min(amount_cents), max(amount_cents), max(id)"
        " from payments"
    )
    assert (n, ids, plans, total, low, high, own) == (a, a, b, c, d, e, f)
    assert isinstance(mean, float) and mean == pytest.approx(float(total) / n)
    assert dear == blog.rows("select max(price_cents) from plans where id in (select plan_id from payments)")[0][0]


def test_having_and_limit_cut_the_groups(blog: TestDatabase) -> None:
    everything = rows(blog, group(BlogPost, by="author", posts="count"))
    few = rows(blog, group(BlogPost, by="author", posts="count", having="posts > 3"))
    assert few == [row for row in everything if row[2] > 3] != everything
    assert rows(blog, group(BlogPost, by="author", posts="count", having="max(id) > 0", limit=2)) == everything[:2]


def test_group_by_several_things(blog: TestDatabase) -> None:
    found = rows(blog, group(Payment, by=["plan.name", "status"]))
    expected = blog.rows(
        "select p.name, x.status, count(*) from payments x join plans p on p.id = x.plan_id group by 1, 2"
    )
    assert sorted(found) == sorted(expected)


def test_group_by_a_month_gives_its_first_day(blog: TestDatabase) -> None:
    found = dict(rows(blog, group(BlogPost, by="created_at:month")))
    days = [at for (at,) in rows(blog, recent(BlogPost, columns=["created_at"]))]
    assert found == {day: sum(at.date().replace(day=1) == day for at in days) for day in found}
    assert sum(found.values()) == 60


def test_a_post_with_two_tags_counts_for_both(database: TestDatabase) -> None:
    metadata = sa.MetaData()
    sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True))

    class Local(sa.orm.DeclarativeBase):
        pass

    link = sa.Table(
        "post_tags",
        Local.metadata,
        sa.Column("post_id", sa.ForeignKey("posts.id")),
        sa.Column("tag_id", sa.ForeignKey("tags.id")),
    )

    class Post(Local):
        __tablename__ = "posts"
        id: sa.orm.Mapped[int] = sa.orm.mapped_column(primary_key=True)
        tags: sa.orm.Mapped[list["Tag"]] = sa.orm.relationship(secondary=link)

    class Tag(Local):
        __tablename__ = "tags"
        id: sa.orm.Mapped[int] = sa.orm.mapped_column(primary_key=True)
        name: sa.orm.Mapped[str] = sa.orm.mapped_column(sa.Text, unique=True)

    with database.connect() as c:
        Local.metadata.create_all(c)
        c.execute(sa.insert(Post.__table__), [{"id": 1}, {"id": 2}])
        c.execute(sa.insert(Tag.__table__), [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}])
        c.execute(
            link.insert(), [{"post_id": 1, "tag_id": 1}, {"post_id": 1, "tag_id": 2}, {"post_id": 2, "tag_id": 2}]
        )
    assert rows(database, group(Post, by="tags")) == [(2, "b", 2), (1, "a", 1)]
    assert rows(database, group(Post, by="tags.name", outer=True, where="id=1")) == [("a", 1), ("b", 1), ("c", 0)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"by": "author", "x": "sum(title)"}, "sum(title) does not work: title is VARCHAR(200)"),
        ({"by": "author", "x": "max(is_published)"}, "max(is_published) does not work"),
        ({"by": "autor"}, "no column or relation of blog_posts 'autor'; did you mean 'author'"),
        ({"by": "author.nmae"}, "no column or relation of users 'nmae'"),
        ({"by": "author", "x": "max(titel)"}, "no column of blog_posts 'titel'; did you mean 'title'"),
        ({"by": "author:month"}, "author is a relation, and has no month"),
        ({"by": "title:month"}, "title is VARCHAR(200) and has no month"),
        ({"by": "title", "outer": True}, "--outer takes one --by that leads to parents"),
        ({"by": []}, "nothing to group by"),
        ({"by": "title", "title": "count"}, "an aggregate and a group are both called 'title'"),
        ({"by": "author", "posts": "count", "having": "post > 3"}, "no aggregate 'post'; did you mean 'posts'"),
        ({"by": "author", "having": "count > many"}, "'many' is not a whole number"),
    ],
)
def test_a_grouping_that_cannot_be_is_one_clear_line(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        group(BlogPost, **options)
    assert says in caught.value.message


def test_grouping_by_the_many_side_says_how_to_turn_it_round() -> None:
    with pytest.raises(UsageError, match="leads from one row of users to several of blog_posts") as caught:
        group(User, by="blog_posts")
    assert "dbadmin group blog_posts --by" in str(caught.value.hint)


def test_the_text_that_shows_a_parent_is_never_a_credential() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "keys",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("api_key", sa.String, unique=True),
        sa.Column("label", sa.String),
        sa.UniqueConstraint("label"),
    )
    calls = sa.Table(
        "calls", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("key_id", sa.ForeignKey("keys.id"))
    )
    assert names(group_query(calls, by="key")) == ["key.id", "key.label", "count"]


def test_a_parent_whose_key_is_a_credential_is_not_grouped_by_unless_it_is_named() -> None:
    metadata = sa.MetaData()
    sa.Table("sessions", metadata, sa.Column("token", sa.String, primary_key=True))
    visits = sa.Table(
        "visits", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("session_token", sa.ForeignKey("sessions.token")),
    )  # fmt: skip
    with pytest.raises(UsageError, match="looks like a credential: token") as caught:
        group_query(visits, by="sessions")
    assert str(caught.value.hint).endswith("sessions.token")
    assert names(group_query(visits, by="sessions.token")) == ["sessions.token", "count"]


# join


def test_join_gives_posts_with_their_authors(blog: TestDatabase) -> None:
    query = join_query(BlogPost, User, columns=["blog_posts.id", "title", "username"], limit=5)
    expected = blog.rows(
        "select p.id, p.title, u.username from blog_posts p join users u on u.id = p.author_id order by p.id limit 5"
    )
    assert rows(blog, query) == expected
    assert names(query) == ["blog_posts.id", "title", "username"]


def test_a_foreign_key_that_stands_twice_is_one_way() -> None:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
    author = sa.Column("author", sa.Integer)
    keys = [sa.ForeignKeyConstraint([author], ["users.id"], name=name) for name in ("one", "two")]
    sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True), author, *keys)
    entities = Entities.of((), [metadata])
    assert "users" in str(recent("posts", order_by="id", where="author.name = ann", entities=entities))
    assert len(list(entities.references(entities.find("users")))) == 1


def test_join_withholds_credentials_and_says_so() -> None:
    query = join_query(BlogPost, User)
    assert query.withheld == ("hashed_password", "verification_token", "reset_token")
    assert join_query(BlogPost, User, reveal=True).withheld == ()


def test_join_over_a_table_between_and_with_filters(blog: TestDatabase) -> None:
    query = join_query("plans", "users", columns=["name", "username"], where="name = Pro", entities=APP)
    assert query.notes == ("users is joined over payments",)
    expected = blog.rows(
        "select p.name, u.username from plans p join payments x on x.plan_id = p.id join users u on u.id = x.user_id"
        " where p.name = 'Pro' order by p.id, x.id"
    )
    assert rows(blog, query) == expected


def test_everything_answers_on_empty_tables(database: TestDatabase) -> None:
    with database.connect() as connection:
        Base.metadata.create_all(connection)
    assert {n for _, n in rows(database, counts(entities=APP))} == {0}
    assert rows(database, recent(BlogPost)) == []
    assert rows(database, group(BlogPost, by="author", outer=True)) == []
    assert rows(database, count_by(BlogPost, "created_at:week")) == []
    assert rows(database, join(BlogPost, User)) == []


# The largest groups and the others; going on behind a row


def test_what_a_limit_cuts_off_is_one_row_more(blog: TestDatabase) -> None:
    everything = rows(blog, group(BlogPost, by="author", posts="count", mean="avg(id)", first="min(created_at)"))
    query = group(BlogPost, by="author", posts="count", mean="avg(id)", first="min(created_at)", limit=3, others=True)
    assert names(query) == ["author.id", "author.username", "others", "posts", "mean", "first"]
    found = rows(blog, query)
    assert [(*row[:2], *row[3:]) for row in found[:3]] == everything[:3]
    rest = everything[3:]
    assert found[3][:4] == (None, "others", True, sum(row[2] for row in rest))
    assert [row[2] for row in found] == [False, False, False, True]
    assert found[3][4] == pytest.approx(sum(row[2] * row[3] for row in rest) / found[3][3])
    assert found[3][5] == min(row[4] for row in rest)


def test_others_hold_what_having_leaves_and_no_row_where_nothing_is_cut(blog: TestDatabase) -> None:
    def some(**options: Any) -> list[tuple[Any, ...]]:
        return rows(blog, group(BlogPost, by="is_published", posts="count", others=True, **options))

    both = rows(blog, group(BlogPost, by="is_published", posts="count"))
    assert some(limit=5) == [(flag, False, number) for flag, number in both]
    assert some(limit=1, having="posts > 1000") == []
    assert some(limit=1) == [(both[0][0], False, both[0][1]), (None, True, both[1][1])]
    outer = rows(blog, group(BlogPost, by="author", outer=True, n="count", limit=2, others=True))
    assert sum(row[3] for row in outer) == 60
    with pytest.raises(UsageError, match="others are what a limit cuts off"):
        group(BlogPost, by="author", others=True)


@pytest.mark.parametrize("order_by", [None, "published_at", "id", "author.username"])
def test_pages_by_key_are_the_whole_whatever_is_written_between(blog: TestDatabase, order_by: str | None) -> None:
    whole = rows(blog, recent(BlogPost, order_by=order_by, columns=["id"]))
    found: list[tuple[Any, ...]] = []
    after = None
    while page := rows(blog, recent(BlogPost, order_by=order_by, columns=["id"], limit=17, after=after)):
        found += page
        after = page[-1][0]
    assert found == whole


def test_going_on_needs_a_key_of_the_right_shape() -> None:
    keyless = sa.Table("log", sa.MetaData(), sa.Column("created_at", sa.DateTime))
    with pytest.raises(UsageError, match="log has no primary key to go on from"):
        recent(keyless, after=3)
    with pytest.raises(UsageError, match="the primary key of blog_posts is id"):
        recent(BlogPost, after=(1, 2))
    with pytest.raises(UsageError, match="'x' is not a whole number"):
        recent(BlogPost, after="x")


def test_pages_of_a_key_of_several_columns_follow_the_column_that_orders_them(database: TestDatabase) -> None:
    seats = sa.Table("seats", sa.MetaData(), *(sa.Column(n, sa.Integer, primary_key=True) for n in ("line", "seat")))
    with database.connect() as connection:
        seats.create(connection)
        connection.execute(seats.insert(), [{"line": line, "seat": seat} for line in range(4) for seat in range(5)])
    for order_by in ("line", "seat"):
        whole = rows(database, recent(seats, order_by=order_by))
        key = {"line": lambda r: (r[0], r[1]), "seat": lambda r: (r[1], r[0])}[order_by]
        assert whole == sorted(whole, key=key, reverse=True) and len(whole) == 20
        assert pages(database, lambda after, by=order_by: recent(seats, order_by=by, after=after, limit=3)) == whole


def test_a_row_that_is_gone_is_no_place_to_go_on_from(blog: TestDatabase) -> None:
    assert_gone = pytest.raises(UsageError, match="blog_posts has no row 999 with a value of created_at to go on after")
    with dbadmin.connect(url=blog.url.render_as_string(hide_password=False)) as db:
        with assert_gone as caught:
            db.recent("blog_posts", after=999)
        assert "created_at < " in str(caught.value.hint)
        with assert_gone:
            db.answers.recent("blog_posts", after="999", limit=5)
        with assert_gone:
            list(db.frame(recent_query(BlogPost, after=999), chunks=7))
        assert len(db.recent("blog_posts", order_by="id", after=999)) == 60  # its place is known without it
        first = blog.rows("select id from blog_posts order by created_at, id limit 1")[0][0]
        assert db.recent("blog_posts", after=first).empty  # the last page, and no error
        assert [len(part) for part in db.frame(recent_query(BlogPost, after=first), chunks=7)] == [0]


def pages(database: TestDatabase, page: Any, key: Any = tuple) -> list[tuple[Any, ...]]:
    """All pages, one after the other."""
    found: list[tuple[Any, ...]] = []
    after = None
    while part := rows(database, page(after)):
        found += part
        after = key(part[-1])
    return found


@pytest.mark.parametrize("outer", [False, True])
def test_pages_of_a_join_are_the_whole(blog: TestDatabase, outer: bool) -> None:
    keys = {
        ("blog_posts", "users"): ["blog_posts.id"],
        ("users", "blog_posts"): ["users.id", "blog_posts.id"],
        ("plans", "payments", "users"): ["plans.id", "payments.id"],
        ("users", "blog_posts", "payments"): ["users.id", "blog_posts.id", "payments.id"],
    }
    for tables, key in keys.items():
        page = partial(join, *tables, columns=key, outer=outer, entities=APP)
        whole = rows(blog, page())
        assert len(set(whole)) == len(whole) > 15
        assert pages(blog, lambda after, page=page: page(after=after, limit=7)) == whole
        typed = ",".join("" if value is None else str(value) for value in whole[10])
        assert rows(blog, page(after=typed)) == whole[11:]
        with pytest.raises(UsageError, match=f"the key of this join is {', '.join(key)}"):
            page(after=(*whole[0], 1))


def test_pages_of_a_join_over_an_association_table(database: TestDatabase) -> None:
    metadata = sa.MetaData()
    tags = sa.Table("tags", metadata, sa.Column("id", sa.Integer, primary_key=True))
    posts = sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "post_tags", metadata,
        sa.Column("post_id", sa.ForeignKey("posts.id"), primary_key=True),
        sa.Column("tag_id", sa.ForeignKey("tags.id"), primary_key=True),
    )  # fmt: skip
    loose = sa.Table("loose", metadata, sa.Column("post_id", sa.ForeignKey("posts.id")))
    with database.connect() as connection:
        metadata.create_all(connection)
        connection.execute(posts.insert(), [{"id": n} for n in range(1, 5)])
        connection.execute(tags.insert(), [{"id": n} for n in range(1, 4)])
        together = [{"post_id": p, "tag_id": t} for p in range(1, 4) for t in range(1, 4) if p != t]
        connection.execute(metadata.tables["post_tags"].insert(), together)
    whole = rows(database, join(posts, tags, outer=True))
    assert len(whole) == 7

    def page(after: Any) -> sa.Select[Any]:
        return join(posts, tags, outer=True, after=after, limit=2)

    def key(row: Any) -> tuple[Any, ...]:
        return row[0], row[0] if row[1] is not None else None, row[1]

    assert pages(database, page, key) == whole
    with pytest.raises(UsageError, match="loose has no primary key to go on from"):
        join(posts, loose, after=1)


@pytest.mark.slow
def test_a_thousand_tables_are_counted_by_one_statement(database: TestDatabase) -> None:
    with database.connect() as connection:
        for number in range(1000):
            connection.exec_driver_sql(f"create table t{number:04} (id integer)")
        connection.exec_driver_sql("insert into t0999 values (1), (2)")
    told: list[str] = []
    with dbadmin.connect(url=database.url.render_as_string(hide_password=False)) as db:
        sa.event.listen(db.database.sync_engine, "before_cursor_execute", lambda *given: told.append(given[2]))
        found = db.counts()
    assert len(found) == 1000 and found["exact"].all()
    assert dict(zip(found["table"], found["rows"], strict=True))["t0999"] == 2
    assert len([statement for statement in told if "t0000" in statement and "t0999" in statement]) == 1
