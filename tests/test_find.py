"""Code is read, never run: session factories, models and entrypoints are found with their lines."""

from pathlib import Path

import pytest
from projects import MODELS, write

from dbadmin.app.find import find


def names(directory: Path, kind: str) -> list[str]:
    return [c.name for c in find(directory).candidates if c.kind == kind]


def test_nothing_is_imported(tmp_path: Path) -> None:
    write(tmp_path, {"shop/__init__.py": "", "shop/models.py": MODELS + "\nraise SystemExit('imported')\n"})
    found = find(tmp_path)
    assert found.model_modules == ("shop.models",)
    assert found.of("models")[0].count == 2
    assert found.of("models")[0].where(tmp_path) == "shop/models.py:7"


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        ("SessionLocal = sessionmaker(bind=engine)", "session factory", "SessionLocal"),
        ("Session = scoped_session(sessionmaker())", "session factory", "Session"),
        ("maker: async_sessionmaker[AsyncSession] = async_sessionmaker(e)", "session factory", "maker"),
        ("if True:\n    maker = orm.sessionmaker()", "session factory", "maker"),
        ("try:\n    engine = sa.create_engine('sqlite://')\nexcept Exception:\n    pass", "engine", "engine"),
        ("engine = create_async_engine(URL)", "engine", "engine"),
        ("def get_db():\n    with S() as s:\n        yield s", "generator", "get_db"),
        ("async def deps() -> AsyncIterator[AsyncSession]:\n    yield s", "generator", "deps"),
        ("class Base(DeclarativeBase):\n    pass", "base", "Base"),
        ("Base = declarative_base()", "base", "Base"),
        ("metadata = MetaData()", "metadata", "metadata"),
        ("app = FastAPI(title='x')", "entrypoint", "app"),
    ],
)
def test_each_kind_is_recognised(tmp_path: Path, code: str, kind: str, name: str) -> None:
    write(tmp_path, {"db.py": code})
    assert names(tmp_path, kind) == [f"db:{name}"]


@pytest.mark.parametrize(
    "code",
    [
        "def make():\n    engine = create_engine('sqlite://')\n    return engine",
        "def get_db(request):\n    yield request",
        "def rows():\n    yield 1",
        "class User:\n    __tablename__ = 'users'",
        "def get_db():\n    return 1",
    ],
)
def test_what_only_looks_alike_is_not(tmp_path: Path, code: str) -> None:
    write(tmp_path, {"db.py": code})
    assert find(tmp_path).candidates == ()


def test_models_by_inheritance_across_modules_sqlmodel_and_core(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "shop/__init__.py": "",
            "shop/base.py": "class Base(AsyncAttrs, DeclarativeBase): ...\nclass Named(Base): ...\n",
            "shop/users.py": "class User(base.Named):\n    __tablename__ = 'users'\n",
            "shop/heroes.py": "class Hero(SQLModel, table=True):\n    id: int\n",
            "shop/core.py": "t = Table('t', metadata)\n",
            "shop/schemas.py": "class Shown(BaseModel):\n    id: int\n",
        },
    )
    assert find(tmp_path).model_modules == ("shop.core", "shop.heroes", "shop.users")


def test_a_factory_is_preferred_to_its_engine_and_generator(tmp_path: Path) -> None:
    code = "engine = create_engine(U)\nSessionLocal = sessionmaker(engine)\n"
    code += "def get_db():\n    yield SessionLocal()\n"
    write(tmp_path, {"shop/__init__.py": "", "shop/db.py": code})
    assert [c.name for c in find(tmp_path).sessions] == ["shop.db:SessionLocal"]


def test_entrypoints_tests_and_environments_are_left_out(tmp_path: Path) -> None:
    factory = "S = sessionmaker()\n"
    write(
        tmp_path,
        {
            "main.py": f"app = FastAPI()\n{factory}",
            "tests/db.py": factory,
            "test_db.py": factory,
            "conftest.py": factory,
            "venv311/pyvenv.cfg": "",
            "venv311/lib/db.py": factory,
            ".venv/db.py": factory,
            "migrations/env.py": factory,
            "migrations/script.py.mako": "",
            "broken.py": "def (",
            "good.py": factory,
        },
    )
    assert [c.name for c in find(tmp_path).sessions] == ["good:S"]
    assert [c.name for c in find(tmp_path).of("session factory") if c.in_entrypoint] == ["main:S"]


@pytest.mark.parametrize(
    ("file", "packages", "name", "root"),
    [
        ("app/db.py", ["app"], "app.db:S", "."),
        ("app/db.py", [], "app.db:S", "."),
        ("src/app/db.py", ["src/app"], "app.db:S", "src"),
        ("src/app/db.py", ["src", "src/app"], "src.app.db:S", "."),
        ("backend/app/db.py", ["backend/app"], "app.db:S", "backend"),
        ("db.py", [], "db:S", "."),
        ("app/core/__init__.py", ["app"], "app.core:S", "."),
    ],
)
def test_module_names_follow_packages(tmp_path: Path, file: str, packages: list[str], name: str, root: str) -> None:
    write(tmp_path, {f"{package}/__init__.py": "" for package in packages})
    write(tmp_path, {file: "S = sessionmaker()\n"})
    only = find(tmp_path).sessions[0]
    assert (only.name, only.root) == (name, (tmp_path / root).resolve())


def test_a_project_inside_an_installed_package_is_named_from_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"lib/__init__.py": "", "lib/store/__init__.py": "", "lib/store/db.py": "S = sessionmaker()\n"})
    only = find(tmp_path / "lib" / "store").sessions[0]
    assert (only.name, only.root) == ("db:S", tmp_path / "lib" / "store"), "lib is not on the path"
    monkeypatch.syspath_prepend(tmp_path)
    only = find(tmp_path / "lib" / "store").sessions[0]
    assert (only.name, only.root) == ("lib.store.db:S", tmp_path)
