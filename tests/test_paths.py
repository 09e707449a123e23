"""Names of tables, paths along relations, and the ways by which tables are joined."""

from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, mapped_column, relationship, remote

from dbadmin.errors import UnknownName, UsageError
from dbadmin.example.auth import User
from dbadmin.example.blog import BlogPost
from dbadmin.example.database import Base
from dbadmin.example.payments import Payment
from dbadmin.queries import Entities, count, count_by, group, join, join_query, recent


class Shop(DeclarativeBase):
    """An application with everything that makes a path hard."""


post_tags = sa.Table(
    "post_tags",
    Shop.metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id"), primary_key=True),
    sa.Column("tag_id", sa.ForeignKey("tags.id"), primary_key=True),
)


class Person(Shop):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(10), default="person")
    boss_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id"))
    boss: Mapped["Person | None"] = relationship(remote_side=[id], back_populates="staff")
    staff: Mapped[list["Person"]] = relationship(back_populates="boss")
    good_posts: Mapped[list["Post"]] = relationship(
        primaryjoin=lambda: sa.and_(remote(foreign(Post.author_id)) == Person.id, Post.stars > 3), viewonly=True
    )
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}  # noqa: RUF012


class Robot(Person):
    __mapper_args__ = {"polymorphic_identity": "robot"}  # noqa: RUF012


class Pilot(Person):
    __tablename__ = "pilots"
    id: Mapped[int] = mapped_column(sa.ForeignKey("people.id"), primary_key=True)
    licence: Mapped[str] = mapped_column(sa.String(20))
    __mapper_args__ = {"polymorphic_identity": "pilot"}  # noqa: RUF012


class Post(Shop):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    headline: Mapped[str] = mapped_column("title", sa.String(50))
    stars: Mapped[int] = mapped_column(default=0)
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id"))
    editor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id"))
    author: Mapped[Person | None] = relationship(foreign_keys=[author_id])
    editor: Mapped[Person | None] = relationship(foreign_keys=[editor_id])
    tags: Mapped[list["Tag"]] = relationship(secondary=post_tags, back_populates="posts")


class Tag(Shop):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50), unique=True)
    posts: Mapped[list[Post]] = relationship(secondary=post_tags, back_populates="tags")


class Order(Shop):
    __tablename__ = "order"
    country: Mapped[str] = mapped_column(sa.String(2), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    paid_on: Mapped[date | None]


class Line(Shop):
    __tablename__ = "Order Lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    country: Mapped[str] = mapped_column(sa.String(2))
    number: Mapped[int]
    amount: Mapped[int]
    __table_args__ = (sa.ForeignKeyConstraint(["country", "number"], ["order.country", "order.number"]),)


SHOP = Entities.of([Person, Robot, Pilot, Post, Tag, Order, Line], [])


@pytest.fixture
def shop(database: TestDatabase) -> TestDatabase:
    with database.connect() as c:
        Shop.metadata.create_all(c)
        c.execute(
            sa.insert(Person.__table__),
            [
                {"id": 1, "name": "ann", "kind": "person", "boss_id": None},
                {"id": 2, "name": "bob", "kind": "person", "boss_id": 1},
                {"id": 3, "name": "r2", "kind": "robot", "boss_id": 2},
                {"id": 4, "name": "pia", "kind": "pilot", "boss_id": 1},
            ],
        )
        c.execute(sa.insert(Pilot.__table__), [{"id": 4, "licence": "X"}])
        c.execute(
            sa.insert(Post.__table__),
            [
                {"id": 1, "title": "one", "stars": 5, "author_id": 1, "editor_id": 2},
                {"id": 2, "title": "two", "stars": 1, "author_id": 1, "editor_id": 1},
                {"id": 3, "title": "three", "stars": 4, "author_id": 2, "editor_id": None},
                {"id": 4, "title": "four", "stars": 0, "author_id": None, "editor_id": 1},
            ],
        )
        c.execute(
            sa.insert(Tag.__table__), [{"id": 1, "name": "sql"}, {"id": 2, "name": "old"}, {"id": 3, "name": "new"}]
        )
        c.execute(
            sa.insert(post_tags),
            [{"post_id": 1, "tag_id": 1}, {"post_id": 1, "tag_id": 2}, {"post_id": 2, "tag_id": 1}],
        )
        c.execute(sa.insert(Order.__table__), [{"country": "de", "number": 1}, {"country": "fr", "number": 1}])
        c.execute(
            sa.insert(Line.__table__),
            [
                {"id": 1, "country": "de", "number": 1, "amount": 3},
                {"id": 2, "country": "de", "number": 1, "amount": 4},
                {"id": 3, "country": "fr", "number": 1, "amount": 5},
            ],
        )
    return database


def rows(database: TestDatabase, query: Any) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


# Names.


@pytest.mark.parametrize(
    "name", [User, "User", "users", "USERS", "user", User.__table__, "dbadmin.example.auth.User", "auth.User"]
)
def test_a_table_is_known_by_every_name_it_has(name: Any) -> None:
    entity = Entities.of([User, BlogPost], []).find(name)
    assert (entity.table, entity.model) == (User.__table__, User)


def test_an_unknown_table_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no table 'post'; did you mean 'BlogPost' or 'blog_posts'"):
        Entities.of([User, BlogPost], []).find("post")


def test_models_of_one_name_are_told_apart_by_their_module() -> None:
    def model(module: str, table: str) -> type[Any]:
        class Item(Shop):
            __tablename__ = table
            id: Mapped[int] = mapped_column(primary_key=True)

        Item.__module__ = module
        Item.__qualname__ = "Item"
        return Item

    try:
        entities = Entities.of([model("app.shop", "shop_items"), model("app.blog", "blog_items")], [])
        with pytest.raises(UsageError, match=r"'Item' may mean app\.blog\.Item or app\.shop\.Item"):
            entities.find("Item")
        assert str(entities.find("shop.Item")) == "shop_items"
        assert str(entities.find("blog_items")) == "blog_items"
    finally:
        Shop.metadata.remove(Shop.metadata.tables["shop_items"])
        Shop.metadata.remove(Shop.metadata.tables["blog_items"])


def test_tables_of_one_name_are_told_apart_by_their_schema() -> None:
    metadata = sa.MetaData()
    for schema in ("audit", "sales"):
        sa.Table("log", metadata, sa.Column("id", sa.Integer), schema=schema)
    entities = Entities.of([], [metadata])
    with pytest.raises(UsageError, match=r"'log' may mean audit\.log or sales\.log"):
        entities.find("log")
    assert entities.find("sales.log").table.schema == "sales"
    sa.Table("log", metadata, sa.Column("id", sa.Integer))
    assert Entities.of([], [metadata]).find("log").table.schema is None


def test_a_reflected_table_beside_the_models_is_found_and_joined(database: TestDatabase) -> None:
    database.execute(
        "create table users (id integer primary key, username varchar(50))",
        "create table badges (id integer primary key, user_id integer references users (id), label text)",
        "insert into users (id, username) values (1, 'ann')",
        "insert into badges values (1, 1, 'first')",
    )
    reflected = sa.MetaData()
    with database.connect() as connection:
        reflected.reflect(connection)
    entities = Entities.of([User, BlogPost, Payment], [Base.metadata, reflected])
    query = join("badges", "User", columns=["label", "username"], entities=entities)
    assert rows(database, query) == [("first", "ann")]
    query = group("badges", by="user.username", entities=entities)
    assert rows(database, query) == [("ann", 1)]


# Paths.


def test_relationships_and_foreign_keys_by_name_lead_to_the_parent(shop: TestDatabase) -> None:
    for path in ("author.name", "author_id.name"):
        assert set(rows(shop, count_by(Post, path))) == {("ann", 2), ("bob", 1)}
    reflected = sa.MetaData()
    with shop.connect() as connection:
        reflected.reflect(connection)
    query = count_by("posts", "editor.name", entities=Entities.of([], [reflected]))
    assert set(rows(shop, query)) == {("ann", 2), ("bob", 1)}


def test_a_path_may_go_through_one_table_twice(shop: TestDatabase) -> None:
    query = recent(Person, order_by="id", columns=["name", "boss.name", "boss.boss.name"])
    assert rows(shop, query) == [
        ("pia", "ann", None), ("r2", "bob", "ann"), ("bob", "ann", None), ("ann", None, None),
    ]  # fmt: skip


def test_a_filter_over_several_rows_asks_whether_one_of_them_fits(shop: TestDatabase) -> None:
    assert rows(shop, count(Post, where="tags.name in sql,old")) == [(2,)]
    assert rows(shop, count(Person, where="staff.staff.name = r2")) == [(1,)]
    assert rows(shop, count(Tag, where="posts.author.name = ann")) == [(2,)]
    assert rows(shop, count(Person, where=["staff.name = bob", "staff.name = pia"])) == [(1,)]


def test_a_filter_over_a_parent_keeps_rows_without_one(shop: TestDatabase) -> None:
    assert rows(shop, count(Post, where="author.name is null")) == [(1,)]


def test_a_relationship_with_a_condition_of_its_own_keeps_it(shop: TestDatabase) -> None:
    assert rows(shop, count(Person, where="good_posts.stars >= 0")) == [(2,)]
    assert rows(shop, count(Person, where="good_posts.stars < 4")) == [(0,)]


def test_an_attribute_may_have_another_name_than_its_column(shop: TestDatabase) -> None:
    assert rows(shop, count(Post, where=["headline = one", "title = one"])) == [(1,)]


def test_an_inheriting_model_has_only_its_own_rows(shop: TestDatabase) -> None:
    assert rows(shop, count(Robot)) == [(1,)]
    assert rows(shop, count("people", entities=SHOP)) == [(4,)]
    assert rows(shop, recent(Robot, columns=["name", "boss.name"])) == [("r2", "bob")]
    assert rows(shop, recent(Pilot, columns=["name", "licence"], where="name = pia")) == [("pia", "X")]
    assert rows(shop, count(Pilot, where=Pilot.name == "pia")) == [(1,)]
    assert rows(shop, group(Pilot, by="boss.name")) == [("ann", 1)]


def test_a_composite_key_is_joined_and_grouped_as_a_whole(shop: TestDatabase) -> None:
    query = group(Line, by="order", total="sum(amount)", outer=True)
    assert rows(shop, query) == [("de", 1, 7), ("fr", 1, 5)]
    assert rows(shop, join(Line, Order, columns=["id", "order.country"])) == [(1, "de"), (2, "de"), (3, "fr")]


def test_an_unknown_step_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no column or relation of posts 'autor'; did you mean 'author'"):
        count(Post, where="autor.name = x")


def test_a_table_that_two_keys_lead_to_is_ambiguous_in_a_path() -> None:
    with pytest.raises(UsageError, match=r"'people' is ambiguous from posts: author .*; editor ") as caught:
        count(Post, where="people.name = x")
    assert caught.value.hint == "write author"


# Joins.


def test_two_keys_between_two_tables_are_a_choice(shop: TestDatabase) -> None:
    with pytest.raises(UsageError) as caught:
        join(Post, Person)
    assert "people can be joined in 2 ways" in caught.value.message
    assert "author_id → people.id (posts.author)" in caught.value.message
    assert caught.value.hint == "instead of people write the way, such as posts.author"
    for way in ("posts.author", "Post.author", "posts.author_id", Post.author):
        query = join(Post, way, columns=["title", "name"], entities=SHOP)
        assert rows(shop, query) == [("one", "ann"), ("two", "ann"), ("three", "bob")]


def test_a_choice_can_be_written_from_the_other_side(shop: TestDatabase) -> None:
    with pytest.raises(UsageError) as caught:
        join(Person, Post)
    assert "such as posts.author_id" in str(caught.value.hint)
    query = join(Person, "posts.editor_id", columns=["name", "title"], entities=SHOP)
    assert rows(shop, query) == [("ann", "two"), ("ann", "four"), ("bob", "one")]


def test_one_table_joined_twice_is_called_by_its_steps(shop: TestDatabase) -> None:
    query = join(Post, Post.author, Post.editor, columns=["title", "people.name", "editor.name"], outer=True)
    assert rows(shop, query) == [
        ("one", "ann", "bob"), ("two", "ann", "ann"), ("three", "bob", None), ("four", None, "ann"),
    ]  # fmt: skip


def test_a_table_is_joined_with_itself(shop: TestDatabase) -> None:
    query = join(Person, Person.boss, columns=["people.name", "boss.name"])
    assert rows(shop, query) == [("bob", "ann"), ("r2", "bob"), ("pia", "ann")]


def test_tables_are_joined_over_the_association_table_between(shop: TestDatabase) -> None:
    query = join_query(Post, Tag, columns=["title", "name"])
    assert rows(shop, query.select) == [("one", "sql"), ("one", "old"), ("two", "sql")]
    assert query.notes == ("tags is joined over post_tags",)
    reflected = sa.MetaData()
    with shop.connect() as connection:
        reflected.reflect(connection)
    query = join_query("tags", "posts", columns=["title"], entities=Entities.of([], [reflected]))
    assert rows(shop, query.select) == [("one",), ("two",), ("one",)]


def test_an_outer_join_keeps_rows_of_the_first_table(shop: TestDatabase) -> None:
    query = join(Tag, Post, columns=["name", "title"], outer=True)
    assert rows(shop, query) == [("sql", "one"), ("sql", "two"), ("old", "one"), ("new", None)]


def test_only_colliding_columns_are_qualified(shop: TestDatabase) -> None:
    query = join(Line, Order)
    assert list(query.selected_columns.keys()) == [
        "id", "Order Lines.country", "Order Lines.number", "amount", "order.country", "order.number", "paid_on",
    ]  # fmt: skip
    assert len(rows(shop, query)) == 3


def test_tables_that_nothing_connects_are_refused() -> None:
    with pytest.raises(UsageError, match="no foreign keys lead from order to tags"):
        join(Order, Tag)


def test_a_column_that_several_tables_have_must_say_whose() -> None:
    with pytest.raises(UsageError, match=r"id may be posts\.id or tags\.id"):
        join(Post, Tag, columns=["id"])
    with pytest.raises(UnknownName, match="no column 'naem'; did you mean 'name'"):
        join(Post, Tag, columns=["naem"])


def test_two_tables_between_are_a_choice() -> None:
    metadata = sa.MetaData()
    for name in ("users", "groups"):
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))
    for name in ("members", "admins"):
        sa.Table(
            name,
            metadata,
            sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True),
            sa.Column("group_id", sa.ForeignKey("groups.id"), primary_key=True),
        )
    entities = Entities.of([], [metadata])
    with pytest.raises(UsageError) as caught:
        join("users", "groups", entities=entities)
    assert "admins groups" in str(caught.value.hint)
    query = join("users", "admins", "groups", entities=entities)
    assert "members" not in str(query)


def test_a_chain_of_a_thousand_foreign_keys_is_walked() -> None:
    metadata = sa.MetaData()
    for number in range(1000):
        key = [sa.Column("next_id", sa.ForeignKey(f"t{number + 1}.id"))] if number < 999 else []
        sa.Table(f"t{number}", metadata, sa.Column("id", sa.Integer, primary_key=True), *key)
    query = join_query("t0", "t50", entities=Entities.of([], [metadata]), columns=["t50.id"])
    assert query.notes[0].startswith("t50 is joined over t1, t2")


def test_a_date_counts_from_the_first_moment_of_its_period(database: TestDatabase) -> None:
    metadata = sa.MetaData()
    moments = sa.Table("moments", metadata, sa.Column("naive", sa.DateTime), sa.Column("day", sa.Date))
    with database.connect() as c:
        metadata.create_all(c)
        c.execute(moments.insert(), [{"naive": datetime(2024, 12, 30, 23, 59, 58, 7), "day": date(2025, 6, 1)}])

    def first(path: str) -> Any:
        return rows(database, count_by(moments, path))[0][0]

    assert [first(f"naive:{p}") for p in ("year", "quarter", "month", "week", "day", "hour", "minute")] == [
        date(2024, 1, 1), date(2024, 10, 1), date(2024, 12, 1), date(2024, 12, 30), date(2024, 12, 30),
        datetime(2024, 12, 30, 23), datetime(2024, 12, 30, 23, 59),
    ]  # fmt: skip
    assert [first(f"day:{p}") for p in ("quarter", "week")] == [date(2025, 4, 1), date(2025, 5, 26)]
    with pytest.raises(UsageError, match="day is a date and has no hour"):
        count_by(moments, "day:hour")
    with pytest.raises(UnknownName, match="no part of a date 'monht'; did you mean 'month'"):
        count_by(moments, "day:monht")


def test_a_time_with_zone_belongs_to_the_period_it_has_in_utc(postgresql: TestDatabase) -> None:
    moments = sa.Table("moments", sa.MetaData(), sa.Column("at", sa.DateTime(timezone=True)))
    postgresql.execute("create table moments (at timestamptz)", "insert into moments values ('2025-01-01 01:00+02')")
    with postgresql.connect() as connection:
        connection.exec_driver_sql("set time zone 'Asia/Tokyo'")
        assert connection.execute(count_by(moments, "at:month")).all() == [(date(2024, 12, 1), 1)]
