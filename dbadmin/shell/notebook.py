"""`dbadmin notebook`: the packaged notebooks in a directory of the user's, and JupyterLab on it."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import dbadmin
from dbadmin.app import Settings
from dbadmin.app.values import option_of
from dbadmin.errors import MissingExtra, NotFinished, UsageError
from dbadmin.results import Notebooks


def packaged() -> tuple[Path, ...]:
    """The notebooks that came with dbadmin: in its package, or in a checkout beside it."""
    package = Path(dbadmin.__file__).resolve().parent
    places = (package / "notebooks", package.parent / "notebooks")
    return next((found for place in places if (found := tuple(sorted(place.glob("*.ipynb"))))), ())


def copy(directory: Path, notebooks: Sequence[Path] | None = None) -> Notebooks:
    """Copy the packaged notebooks (or these) into `directory`, made where there is none; what is there is kept."""
    copied, kept = [], []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for source in packaged() if notebooks is None else notebooks:
            place = directory / source.name
            if place.exists():
                kept.append(source.name)
                continue
            shutil.copyfile(source, place)
            copied.append(source.name)
    except FileExistsError as error:
        raise UsageError(f"{directory} is a file", hint="give a directory") from error
    except OSError as error:
        raise NotFinished(f"cannot write {error.filename}: {error.strerror}", hint="give another directory") from error
    return Notebooks(str(directory.resolve()), tuple(copied), tuple(kept))


def start(directory: Path, settings: Settings, *, browser: bool, options: Sequence[str] = ()) -> int:
    """Become JupyterLab, in `directory`. Raises MissingExtra where it is not installed."""
    if find_spec("jupyterlab") is None or find_spec("ipykernel") is None:
        raise MissingExtra("jupyterlab", "notebook", "dbadmin notebook")
    arguments = [sys.executable, "-m", "jupyterlab", *([] if browser else ["--no-browser"]), *options]
    environment = {**os.environ, **variables(settings)}
    os.chdir(directory)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, arguments, environment)


def variables(settings: Settings) -> Mapping[str, str]:
    """What the options of this run said, for `%load_ext dbadmin` in the kernels; never in an argument list."""
    found = {"DBADMIN_APP": str(settings.start)}
    for name in ("url", "config", "env_file", "x", "statement_timeout", "lock_timeout"):
        setting = settings.values.get(name)
        if setting is None or setting.origin != option_of(name):
            continue
        value = ",".join(setting.value) if name == "x" else setting.value
        if name == "url" and settings.url is not None:
            value = settings.url.value.render_as_string(hide_password=False)
        elif name in ("config", "env_file"):
            value = Path(value).expanduser().absolute()
        found[f"DBADMIN_{name.upper()}"] = str(value)
    return found
