"""The reference application: its migrations, its rows, and the demo that is made of both."""

import itertools
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from forking import run_module
from sqlalchemy import URL, create_engine, func, inspect, make_url, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from dbadmin.errors import ConnectionFailed, NotFinished, UsageError
from dbadmin.example import make as make_module
from dbadmin.example.auth import User
from dbadmin.example.blog import BlogCategory, BlogPost
from dbadmin.example.make import dotenv_value, make, revisions
from dbadmin.example.payments import Payment, Plan
from dbadmin.example.seed import seed

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 6, 30, 12, 0, 0)
HISTORY = revisions(ROOT / "alembic" / "versions")
BEFORE_HEAD, HEAD = HISTORY[-2:]


@pytest.fixture
def migrate(database: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`migrate(command.upgrade, "head")`: the repository's own migrations on `database`."""
    monkeypatch.setenv("DATABASE_URL", spelled(database.url))

    def run(what: Callable[..., Any], *arguments: str) -> None:
        config = Config()  # without the ini, whose logging would become pytest's
        config.set_main_option("script_location", str(ROOT / "alembic"))
        what(config, *arguments)

    return run


@pytest.fixture
def connection(database: Any) -> Iterator[Any]:
    with create_engine(database.url, poolclass=NullPool).connect() as connection:
        yield connection


@pytest.fixture
def filled(migrate: Callable[..., None], connection: Any) -> Any:
    """A connection to a database that stands one before head, with 40 users and 300 posts."""
    migrate(command.upgrade, BEFORE_HEAD)
    seed(connection, users=40, posts=300, now=NOW)
    connection.commit()
    return connection


def schema(connection: Any) -> dict[str, Any]:
    """What the catalog says of every table, whatever the order of columns."""
    connection.rollback()
    inspector = inspect(connection)

    def plain(value: Any) -> Any:  # a predicate is a TextClause, whose repr is its address
        return {k: plain(v) for k, v in sorted(value.items())} if isinstance(value, dict) else str(value)

    def ordered(items: list[Any]) -> list[str]:
        return sorted(str(plain(item)) for item in items)

    return {
        table: [
            ordered(inspector.get_columns(table)),
            ordered(inspector.get_indexes(table)),
            ordered(inspector.get_foreign_keys(table)),
            ordered(inspector.get_unique_constraints(table)),
            ordered(inspector.get_check_constraints(table)),
            str(inspector.get_pk_constraint(table)),
        ]
        for table in sorted(inspector.get_table_names())
        if table != "alembic_version"
    }


def contents(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
    tables = (User, BlogPost, BlogCategory, Plan, Payment)
    return {
        model.__tablename__: [tuple(row) for row in connection.execute(select(model.__table__).order_by(model.id))]
        for model in tables
    }


def statuses(connection: Any) -> Counter[str | None]:
    connection.rollback()
    return Counter(connection.scalars(select(User.subscription_status)))


def test_every_downgrade_restores_the_schema_of_the_revision_below(
    migrate: Callable[..., None], connection: Any
) -> None:
    stood = [schema(connection)]
    for revision in HISTORY:
        migrate(command.upgrade, revision)
        stood.append(schema(connection))
        connection.rollback()
        migrate(command.downgrade, "-1")
        assert schema(connection) == stood[-2], f"downgrade of {revision}"
        connection.rollback()
        migrate(command.upgrade, revision)
        assert schema(connection) == stood[-1], f"second upgrade to {revision}"
        connection.rollback()
    assert len({str(each) for each in stood}) == len(stood), "each revision changes the schema"


def test_at_head_autogenerate_finds_nothing_to_do(migrate: Callable[..., None]) -> None:
    migrate(command.upgrade, "head")
    migrate(command.check)


def test_filled_tables_survive_the_way_to_base_and_back(filled: Any, migrate: Callable[..., None]) -> None:
    filled.rollback()
    migrate(command.upgrade, "head")
    migrate(command.downgrade, HISTORY[0])
    assert filled.scalar(text("SELECT count(*) FROM users WHERE hashed_password IS NULL")) == 0
    filled.rollback()
    migrate(command.downgrade, "base")
    assert schema(filled) == {}
    filled.rollback()
    migrate(command.upgrade, "head")
    migrate(command.check)


def test_excerpts_are_filled_from_the_content(migrate: Callable[..., None], connection: Any) -> None:
    migrate(command.upgrade, "4ad7c20f9e13")
    connection.execute(text("INSERT INTO users (username, email, hashed_password) VALUES ('ana', 'ana@x', 'h')"))
    connection.execute(
        text(
            "INSERT INTO blog_posts (title, slug, content, created_at, updated_at, author_id) "
            "VALUES ('t', 's', :content, :now, :now, 1)"
        ),
        {"content": "ü" * 300, "now": str(NOW)},
    )
    connection.commit()
    migrate(command.upgrade, "d05b8e7713ca")
    assert connection.scalar(select(BlogPost.excerpt)) == "ü" * 200


def test_the_pending_migration_loses_statuses_that_its_downgrade_does_not_bring_back(
    filled: Any, migrate: Callable[..., None]
) -> None:
    shape, before = schema(filled), statuses(filled)
    assert before["trialing"] and before["past_due"]
    filled.rollback()
    migrate(command.upgrade, "head")
    upgraded = statuses(filled)
    assert set(upgraded) == {"active", "canceled", None}
    filled.rollback()
    migrate(command.downgrade, "-1")
    assert schema(filled) == shape
    assert statuses(filled) == upgraded != before


def test_the_models_work_one_revision_before_head(filled: Any) -> None:
    with Session(filled) as session:
        week = select(BlogPost).where(BlogPost.is_published, BlogPost.published_at >= NOW - timedelta(days=7))
        assert len(session.scalars(week).all()) >= 5
        latest = session.scalars(select(BlogPost).order_by(BlogPost.created_at.desc()).limit(5)).all()
        assert latest[0].author.blog_posts.count(latest[0]) == 1
        posts = func.count(BlogPost.id)
        per_author = session.execute(
            select(User.username, posts).join(User.blog_posts).group_by(User.username).order_by(posts.desc())
        ).all()
        assert sum(count for _, count in per_author) == 300
        payment = session.scalars(select(Payment).join(Payment.plan).limit(1)).one()
        assert payment in payment.user.payments and payment.amount_cents == payment.plan.price_cents


def test_the_same_seed_gives_the_same_rows_on_every_engine(filled: Any, tmp_path: Path) -> None:
    def on_sqlite(name: str, number: int) -> dict[str, list[tuple[Any, ...]]]:
        engine = create_engine(f"sqlite:///{tmp_path / name}", poolclass=NullPool)
        User.metadata.create_all(engine)
        with engine.begin() as connection:
            seed(connection, users=40, posts=300, now=NOW, seed=number)
            return contents(connection)

    assert contents(filled) == on_sqlite("same.db", 7)
    assert contents(filled) != on_sqlite("other.db", 8)


def test_the_rows_look_like_a_real_blog(filled: Any) -> None:
    with Session(filled) as session:
        posts = session.scalars(select(BlogPost).order_by(BlogPost.id)).all()
        users = session.scalars(select(User)).all()
    per_author = sorted(Counter(post.author_id for post in posts).values(), reverse=True)
    assert per_author[0] > 4 * per_author[len(per_author) // 2], "a long tail"
    assert len(per_author) < 0.8 * len(users), "some never write"
    assert NOW - timedelta(days=730) <= posts[0].created_at < NOW - timedelta(days=600)
    assert all(a.created_at <= b.created_at for a, b in itertools.pairwise(posts))
    assert all(post.created_at <= post.updated_at <= NOW for post in posts)
    assert all(post.created_at <= post.published_at <= NOW for post in posts if post.published_at)
    assert all((post.published_at is not None) == post.is_published for post in posts)
    assert 10 < sum(not post.is_published for post in posts) < 100
    assert any(not post.title.isascii() for post in posts) and any(not user.username.isascii() for user in users)
    assert all(post.slug.isascii() and post.slug.strip("-") for post in posts)
    assert all((user.hashed_password is None) == user.is_oauth == bool(user.google_sub) for user in users)


@pytest.mark.parametrize(("users", "posts"), [(1, 0), (1, 1), (2, 3), (7, 4), (0, 0)])
def test_few_rows_can_be_asked_for(migrate: Callable[..., None], connection: Any, users: int, posts: int) -> None:
    migrate(command.upgrade, BEFORE_HEAD)
    seed(connection, users=users, posts=posts, now=NOW)
    rows = contents(connection)
    assert (len(rows["users"]), len(rows["blog_posts"])) == (users, posts)


def test_posts_without_users_are_refused(connection: Any) -> None:
    with pytest.raises(ValueError, match="3 posts by 0 users"):
        seed(connection, users=0, posts=3, now=NOW)


def test_the_application_goes_on_counting_where_the_seed_ended(filled: Any) -> None:
    with Session(filled) as session:
        session.add(BlogPost(title="New", slug="new", content="…", author_id=1))
        session.add(User(username="new", email="new@example.com"))
        session.commit()
        assert session.scalar(select(func.max(BlogPost.id))) == 301
        assert session.scalar(select(func.max(User.id))) == 41


def test_a_published_post_needs_its_date(filled: Any) -> None:
    # MariaDB's error for a CHECK is none of integrity to PyMySQL.
    with Session(filled) as session, pytest.raises((IntegrityError, OperationalError), match="published_at_set"):
        session.add(BlogPost(title="New", slug="new", content="…", author_id=1, is_published=True))
        session.flush()


def test_the_migrations_can_be_written_as_a_script_for_postgresql() -> None:
    script = alembic(ROOT, "upgrade", "head", "--sql", url="postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    assert "CREATE TABLE blog_posts" in script
    assert "(published_at, is_published) WHERE is_published;" in script
    assert f"version_num='{HEAD}'" in script


def test_database_url_wins_over_the_ini(tmp_path: Path) -> None:
    percent = "%25" if unquotes() else "%"
    url = f"sqlite:///{tmp_path}/50{percent}.db"
    alembic(ROOT, "upgrade", BEFORE_HEAD, url=url)
    assert (tmp_path / "50%.db").exists()
    assert BEFORE_HEAD in alembic(ROOT, "current", url=url)


def test_the_folder_alembic_is_no_package() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_the_history_read_from_the_scripts_is_alembics() -> None:
    scripts = ScriptDirectory(str(ROOT / "alembic"))
    assert list(reversed(HISTORY)) == [script.revision for script in scripts.walk_revisions()]


def test_the_demo_is_filled_and_one_revision_behind(database: Any, tmp_path: Path) -> None:
    demo = make(tmp_path / "demo", url=spelled(database.url), users=12, posts=30, now=NOW)
    assert (demo.current, demo.pending, demo.head) == (BEFORE_HEAD, (HEAD,), HEAD)
    assert database.rows("SELECT version_num FROM alembic_version") == [(BEFORE_HEAD,)]
    with database.connect() as connection:
        rows = contents(connection)
    assert (len(rows["users"]), len(rows["blog_posts"])) == (12, 30)
    assert HEAD in alembic(demo.directory, "heads")
    assert BEFORE_HEAD in alembic(tmp_path, "-c", str(demo.directory / "alembic.ini"), "current")
    with pytest.raises(UsageError, match="is not empty: it has 6 tables"):
        make(tmp_path / "second", url=spelled(database.url))
    assert not (tmp_path / "second").exists()


def test_the_demo_stands_on_its_own_in_a_directory_with_an_odd_name(tmp_path: Path) -> None:
    demo = make(tmp_path / "Ünï #1 it's a $demo", users=5, posts=9)
    program = (
        "from app.main import app, authors, latest_posts; from app.database import SessionLocal, engine\n"
        "import sys; assert not any(m.startswith('dbadmin') for m in sys.modules)\n"
        "with SessionLocal() as db: print(engine.url.database, len(latest_posts(db)), len(authors(db)) > 0)"
    )
    pytest.importorskip("fastapi")
    out = python(tmp_path, "-c", program, PYTHONPATH=str(demo.directory))
    assert out.split("\n")[0] == f"{demo.directory / 'app.db'} 5 True"
    assert "No new upgrade operations" in alembic(demo.directory, "upgrade", "head") + alembic(demo.directory, "check")


def test_only_the_notebooks_of_the_demo_know_dbadmin_and_there_is_no_bytecode(tmp_path: Path) -> None:
    demo = make(tmp_path / "demo", users=1, posts=0)
    files = [path for path in demo.directory.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix == ".pyc"]
    knowing = {path.parent.name for path in files if path.suffix != ".db" and b"dbadmin" in path.read_bytes()}
    assert knowing == {"notebooks"}
    assert stat.S_IMODE((demo.directory / ".env").stat().st_mode) == 0o600
    for path in files:
        if path.suffix == ".py":
            compile(path.read_text(encoding="utf-8"), path, "exec")


def test_the_callers_own_database_is_never_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    production = tmp_path / "production.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{production}")
    demo = make(tmp_path / "demo", users=1, posts=1)
    assert (demo.directory / "app.db").stat().st_size > 0
    assert not production.exists()


def test_making_the_demo_imports_nothing_of_the_application(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from dbadmin.example.make import make\n"
        "make(pathlib.Path('demo'), users=1, posts=0)\n"
        "print([m for m in sys.modules if m == 'app' or m.startswith(('app.', 'alembic', 'sqlalchemy'))])"
    )
    assert python(tmp_path, "-c", program, PYTHONPATH=str(ROOT)).strip() == "[]"


def test_a_used_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        make(tmp_path)
    with pytest.raises(UsageError, match="is not a directory"):
        make(tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["100%", "what?", f"a{os.pathsep}b", "${HOME}"])
def test_a_directory_that_no_ini_or_url_can_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot live in"):
        make(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(("users", "posts"), [(0, 5), (-1, 0), (3, -1)])
def test_counts_that_make_no_sense_are_refused(tmp_path: Path, users: int, posts: int) -> None:
    with pytest.raises(UsageError, match="cannot make"):
        make(tmp_path / "demo", users=users, posts=posts)


def test_a_step_that_fails_leaves_the_directory_as_it_was(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for directory in (empty, tmp_path / "new"):
        with pytest.raises(NotFinished, match=r"python -m app\.seed: OverflowError"):
            make(directory, users=1, posts=1, now=datetime(1, 1, 1, tzinfo=UTC))
    assert list(empty.iterdir()) == []
    assert list(tmp_path.iterdir()) == [empty]


def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(ConnectionFailed, match="app:") as failure:
        make(tmp_path / "demo", url="postgresql+psycopg://app:s3cret-pw@127.0.0.1:1/demo")
    assert "s3cret" not in str(failure.value)
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("value", ["sqlite:////tmp/x.db", "a b", "it's", 'say "x" #1', "back\\slash'", "$HOME"])
def test_settings_are_read_back_as_they_were_written(tmp_path: Path, value: str) -> None:
    from dotenv import dotenv_values

    (tmp_path / ".env").write_text(f"DATABASE_URL={dotenv_value(value)}\n", encoding="utf-8")
    assert dotenv_values(tmp_path / ".env") == {"DATABASE_URL": value}


def test_every_module_of_the_application_is_shipped() -> None:
    modules = {path.name for path in Path(make_module.__file__).parent.glob("*.py")}
    assert modules == {*make_module.PACKAGE, "make.py", "server.py"}


def spelled(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def unquotes() -> bool:
    """SQLAlchemy 2.1 reads %25 in a URL's database as %, 2.0 as it stands."""
    return make_url("sqlite:///a%25").database == "a%"


def python(directory: Path, *arguments: str, **environment: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PYTHONPATH")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**inherited, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def alembic(directory: Path, *arguments: str, url: str | None = None) -> str:
    inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PYTHONPATH")}
    done = run_module("alembic", [*arguments], directory, inherited | ({"DATABASE_URL": url} if url else {}))
    assert done.returncode == 0, done.stderr
    return done.stdout
