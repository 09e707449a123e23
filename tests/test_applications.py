"""Applications of other kinds work with what docs/applications.md says of them, and nothing else written."""

import re
import shlex
from pathlib import Path

import pytest
from alembic.config import Config
from conftest import Finished, Run
from kinds import KINDS

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "applications.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- application: (\S+) -->\n```sh\n(.*?)```", PAGE, re.DOTALL))
EVERY_DAY = {
    "fastapi-async": ("shell", "recent"),
    "flask-migrate": ("shell", "verify-rollback"),
    "sqlmodel": ("verify-rollback",),
    "src-layout": ("status",),
    "monorepo": ("--app services/billing status",),
    "only-url": ("verify-rollback",),
}
"""What is typed every time; all of the page is typed nightly."""
SAYS = {
    ("fastapi-async", "shell"): "3\n",
    ("fastapi-async", "recent"): "left out, as the database does not have them: orders.note",
    ("fastapi-async", "verify-rollback"): "SAFE",
    ("fastapi-async", "group"): "ada@example.org",
    ("flask-migrate", "shell"): "['Ada', 'Ada', 'Émilie']\n",
    ("flask-migrate", "verify-rollback"): "SAFE",
    ("flask-migrate", "review"): "2c3d4e5f6071",
    ("sqlmodel", "verify-rollback"): "LOSSY  downgrade of cc33dd44ee55: 2 rows of hero.secret_name",
    ("sqlmodel", "review"): "downgrade-missing",
    ("src-layout", "shell"): "3\n",
    ("src-layout", "status"): "BEHIND  1 revision pending",
    ("src-layout", "inspect"): "fk-without-index",
    ("src-layout", "group"): "780",
    ("monorepo", "shell"): "2\n",
    ("monorepo", "group"): "24.90",
    ("only-url", "shell"): "3\n",
    ("only-url", "verify-rollback"): "SAFE",
    ("only-url", "recent"): "żurek",
}
pytestmark = pytest.mark.rehearsal


def built(name: str, directory: Path) -> Path:
    """The application, or for `monorepo` the directory above its two."""
    if name == "src-layout" and not hasattr(Config(), "toml_args"):
        pytest.skip("this Alembic reads no pyproject.toml: that came with 1.16")
    if name != "monorepo":
        return KINDS[name].build(directory)
    for one in ("billing", "catalogue"):
        KINDS[one].build(directory / "monorepo" / "services")
    return directory / "monorepo"


def databases(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*.db")}


def typed(run: Run, command: str, directory: Path) -> Finished:
    """A line of the page, which ends with the code that it names, else 0; databases stay as they were."""
    line, _, code = command.partition("  # exit ")
    before = databases(directory)
    done = run(*shlex.split(line)[1:], cwd=directory)
    assert done.code == int(code or 0), f"{command}: {done.stdout}{done.stderr}"
    assert databases(directory) == before
    return done


def check(name: str, line: str, done: Finished) -> None:
    """The line's answer is the one that SAYS has for the first such line of the page."""
    for (of, part), said in SAYS.items():
        first = next(each for each in BLOCKS[of].splitlines() if f" {part}" in each)
        if (of, first) == (name, line):
            assert said in done.stdout + done.stderr, f"{line}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("name", BLOCKS)
def test_an_application_works_as_it_stands(name: str, run: Run, tmp_path: Path) -> None:
    directory = built(name, tmp_path)
    lines = BLOCKS[name].splitlines()
    for part in EVERY_DAY[name]:
        line = next(line for line in lines if line.startswith(f"dbadmin {part}"))
        check(name, line, typed(run, line, directory))


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKS)
def test_all_that_the_page_types_works(name: str, run: Run, tmp_path: Path) -> None:
    directory = built(name, tmp_path)
    seen = set()
    for line in BLOCKS[name].splitlines():
        check(name, line, typed(run, line, directory))
        seen.update(line.split())
    wanted = {"status", "shell", "verify-rollback", "review", "inspect", "recent", "group", "join", "notebook"}
    assert wanted <= seen


def test_a_repository_of_several_names_them_and_chooses_none(run: Run, tmp_path: Path) -> None:
    for service in ("billing", "catalogue"):
        (tmp_path / "services" / service / "alembic").mkdir(parents=True)
        (tmp_path / "services" / service / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (tmp_path / ".venv" / "x").mkdir(parents=True)
    (tmp_path / ".venv" / "x" / "alembic.ini").touch()
    done = run("status", cwd=tmp_path)
    assert done.code == 2
    assert "below it: services/billing, services/catalogue\n" in done.stderr
    assert "hint: dbadmin --app services/billing" in done.stderr


@pytest.mark.slow
def test_an_env_py_that_needs_the_variable_has_it_by_the_two_lines_of_the_page(run: Run, tmp_path: Path) -> None:
    directory = KINDS["only-url"].build(tmp_path)
    env_py = directory / "alembic" / "env.py"
    env_py.write_text(env_py.read_text().replace("load_dotenv()\n", ""))
    refused = run("status", cwd=directory)
    assert (refused.code, "KeyError: 'DATABASE_URL'" in refused.stderr) == (2, True), refused.stderr
    written = PAGE.split("<!-- written -->\n```toml\n")[1].split("```")[0]
    (directory / "dbadmin.toml").write_text(written)
    assert run("status", cwd=directory).code == 0
