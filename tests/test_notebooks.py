"""The notebooks: each runs from top to bottom on the demo, reads as a story, changes nothing and shows no secret."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
import sqlalchemy as sa
from canary import HEAD, TAIL, secrets_in
from nbclient import NotebookClient
from servers import PostgresqlServer, Servers, TestDatabase
from shells import TABLES, application

from dbadmin.example.make import make, write_application

ROOT = Path(__file__).resolve().parents[1]
BOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
NAMES = [path.stem for path in BOOKS]
EVERY_DAY = ("authors-and-posts", "migrations")
PICTURES = {"authors-and-posts": 6, "exploring": 4, "health": 3, "migrations": 2}
CREDENTIALS = ("hashed_password", "verification_token", "reset_token")


@dataclass(frozen=True)
class Demo:
    """The reference application with every notebook in its directory, and its database as the test sees it."""

    directory: Path
    url: str

    def fingerprint(self) -> str:
        """Every table, column, index and row."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        found: list[Any] = []
        with engine.connect() as connection:
            inspector = sa.inspect(connection)
            for name in sorted(inspector.get_table_names()):
                quoted = connection.dialect.identifier_preparer.quote(name)
                rows = sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {quoted}")))
                columns = [
                    (c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(name)
                ]
                indexes = sorted((str(i["name"]), i["column_names"], i["unique"]) for i in inspector.get_indexes(name))
                found.append((name, columns, indexes, rows))
        return hashlib.sha256(repr(found).encode()).hexdigest()

    def credentials(self) -> list[str]:
        """Values that no notebook may show."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(f"SELECT {', '.join(CREDENTIALS)} FROM users").all()
        return [value for row in rows for value in row if value]


def with_notebooks(directory: Path, url: str | None) -> Demo:
    made = make(directory, url=url, users=40, posts=200)
    for path in BOOKS:
        if path.parent.name != "demo":  # the demo brought those itself
            shutil.copyfile(path, made.directory / "notebooks" / path.name)
    return Demo(made.directory, made.url)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return with_notebooks(tmp_path_factory.mktemp("notebooks") / "demo", None)


@pytest.fixture(scope="module")
def demo_on_postgresql(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    server = servers.get(PostgresqlServer)
    database = server.create(tmp_path_factory.mktemp("unused"))
    url = database.url.set(password=f"{HEAD}-{TAIL}").render_as_string(hide_password=False)
    yield with_notebooks(tmp_path_factory.mktemp("notebooks") / "demo", url)
    server.drop(database)


def run(path: Path) -> Any:
    """The notebook as a reader has it who ran every cell; an error in a cell is raised."""
    book = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    NotebookClient(book, resources={"metadata": {"path": str(path.parent)}}, timeout=170).execute()
    return book


def outputs(book: Any) -> list[Any]:
    return [output for cell in book.cells for output in cell.get("outputs", [])]


def check(demo: Demo, name: str) -> None:
    before = demo.fingerprint()
    book = run(demo.directory / "notebooks" / f"{name}.ipynb")
    assert demo.fingerprint() == before
    said = [output.text for output in outputs(book) if output.output_type == "stream" and output.name == "stderr"]
    assert said == []
    shown = json.dumps(outputs(book), ensure_ascii=False)
    assert secrets_in(shown) == []
    assert [value for value in demo.credentials() if value in shown] == []
    kinds = [kind for output in outputs(book) for kind in output.get("data", {}) if kind.startswith("image/")]
    assert len(kinds) >= PICTURES[name]
    if name == "exploring":
        assert kinds.count("image/svg+xml") == 2  # the diagrams, drawn
    if name == "migrations":
        assert "LOSSY" in shown and "unchanged: proven" in shown


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in EVERY_DAY else pytest.mark.slow) for n in NAMES])
def test_a_notebook_runs_changes_nothing_and_shows_no_secret(demo: Demo, name: str) -> None:
    check(demo, name)
    kept = {path.name for path in demo.directory.iterdir() if not path.name.startswith(("__", "."))}
    assert kept == {"README.md", "alembic", "alembic.ini", "app", "app.db", "notebooks", "pyproject.toml"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_on_postgresql_too(demo_on_postgresql: Demo, name: str) -> None:
    check(demo_on_postgresql, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exploring", "health"])
def test_a_notebook_runs_on_another_application(tmp_path: Path, sqlite: TestDatabase, name: str) -> None:
    sqlite.execute(*TABLES)
    directory = application(tmp_path / "small", sqlite.url)
    shutil.copyfile(ROOT / "notebooks" / f"{name}.ipynb", directory / f"{name}.ipynb")
    run(directory / f"{name}.ipynb")


def test_what_a_command_was_asked_for_is_no_red_box_in_a_notebook(tmp_path: Path, sqlite: TestDatabase) -> None:
    sqlite.execute(*TABLES)
    directory = application(tmp_path / "small", sqlite.url)
    lines = ["%load_ext dbadmin", "%mode", "%set", f"%mode sandbox {sqlite.name}", f"%mode write {sqlite.name}",
             "%sql update authors set name = 'eve' where id = 1",
             "print(db.sql('delete from posts where id = 1'))"]  # fmt: skip
    cells = [nbformat.v4.new_code_cell(line) for line in lines]  # type: ignore[no-untyped-call]
    path = directory / "asked.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]
    _, mode, setting, sandbox, write, changed, printed = run(path).cells
    for cell, told in (
        (mode, "the mode of this session is read-only"),
        (setting, "set: nothing"),
        (sandbox, "the mode is sandbox now"),
        (changed, "1 row changed"),
        (printed, "1 row changed"),
    ):
        assert [(output.name, told in output.text) for output in cell.outputs] == [("stdout", True)]
    assert [output.name for output in write.outputs if "write now" in output.text] == ["stderr"]  # that one is


@pytest.mark.parametrize("path", BOOKS, ids=NAMES)
def test_a_notebook_is_kept_without_output(path: Path) -> None:
    book = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    nbformat.validate(book)
    for cell in book.cells:
        assert (cell.get("outputs", []), cell.get("execution_count")) == ([], None)
    kept = [cell.metadata for cell in book.cells if cell.metadata]
    assert kept == [{"jupyter": {"source_hidden": True}}]  # how pictures look is folded away
    assert secrets_in(path.read_bytes()) == []
    assert "://" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", BOOKS, ids=NAMES)
def test_a_notebook_reads_as_a_story(path: Path) -> None:
    """A heading, a sentence, then cells: never code that nobody introduced, never a heading alone."""
    cells = nbformat.read(path, 4).cells  # type: ignore[no-untyped-call]
    titles = [
        cell.source.split("\n", 1) for cell in cells if cell.cell_type == "markdown" and cell.source.startswith("#")
    ]
    assert cells[0].source.startswith("# ") and titles[0][0].startswith("# ")
    assert len(titles) >= 5
    assert all("#" not in rest[:1] and rest[0].strip().endswith((".", ":")) for _, *rest in titles)
    runs = "".join("c" if cell.cell_type == "code" else "m" for cell in cells)
    assert "cccc" not in runs


def test_the_demo_brings_the_notebook_about_authors_and_posts(tmp_path: Path) -> None:
    write_application(tmp_path, "sqlite:///x.db")
    assert [path.name for path in (tmp_path / "notebooks").iterdir()] == ["authors-and-posts.ipynb"]
