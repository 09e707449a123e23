"""Real applications from PyPI, each in an environment of its own, made once and kept.

`environment(APPLICATIONS["optuna"], cache)` gives an interpreter that has the application at the pinned
versions and this checkout of dbadmin (`pip install -e`, with EXTRAS). It is kept in the
cache directory under a name that holds a digest of everything that goes into it, so a changed pin or a changed
dependency in pyproject.toml makes a new one.
"""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

# the findings in test_realapps.py were made with these
COMMON = ("sqlalchemy==2.1.9", "alembic==1.20.1", "psycopg[binary]==3.3.9", "pymysql==1.2.4")
EXTRAS = ("postgresql", "mysql", "scratch")


class NotAvailable(Exception):
    """The environment could not be made; the text is pip's last line, the reason of a skipped test."""


@dataclass(frozen=True)
class Application:
    """One application: the distributions it is made of, and the script that makes its database."""

    name: str
    requirements: tuple[str, ...]
    script: Path


APPLICATIONS = {
    "optuna": Application("optuna", ("optuna==5.0.0", *COMMON), HERE / "optuna_app.py"),
    "buildbot": Application("buildbot", ("buildbot==4.3.0", *COMMON), HERE / "buildbot_app.py"),
    "jupyterhub": Application("jupyterhub", ("jupyterhub==5.4.2", *COMMON), HERE / "jupyterhub_app.py"),
}


@dataclass(frozen=True)
class Environment:
    """A ready environment: its interpreter has the application and dbadmin."""

    application: Application
    directory: Path

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.directory / "bin" / "python"

    def python_path(self, module: str) -> Path:
        """Where a module of the application lies, without importing it in this process."""
        code = f"import importlib.util as u; print(*u.find_spec({module!r}).submodule_search_locations)"
        found = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True, cwd="/")
        return Path(found.stdout.strip())


def environment(application: Application, cache: Path, repository: Path = REPOSITORY) -> Environment:
    """The environment of `application` below `cache`, made now if it is not there. Raises NotAvailable."""
    requirements = [*application.requirements, f"{repository}[{','.join(EXTRAS)}]"]
    ingredients = [sys.version, *requirements, *_dependencies(repository)]
    digest = hashlib.sha256("\n".join(ingredients).encode()).hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    directory = cache / f"{application.name}-{digest}"
    done = directory / "complete"
    with FileLock(cache / f"{application.name}.lock"):
        if not done.exists():
            shutil.rmtree(directory, ignore_errors=True)
            _make(directory, [*application.requirements, "-e", requirements[-1]])
            done.touch()
    return Environment(application, directory)


def _dependencies(repository: Path) -> list[str]:
    """What the checkout's pyproject.toml asks for: its dependencies and those of EXTRAS."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *(each for extra in EXTRAS for each in extras[extra])]


def _make(directory: Path, requirements: list[str]) -> None:
    for command in (
        [sys.executable, "-m", "venv", str(directory)],
        [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements],
    ):
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            lines = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")] or [ran.stderr]
            raise NotAvailable(lines[-1].strip())
