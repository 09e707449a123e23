"""What to type next where user code imports a module that is not there."""

from collections.abc import Iterator
from pathlib import Path

OTHER_PYTHON = "run dbadmin with the Python that has it: install it in the application's environment, python -m dbadmin"


def where_it_may_be(module: str, directory: Path) -> str:
    """A hint: the folder of the project that holds the module, where one does, else which Python to use."""
    top = module.partition(".")[0]
    for place in _places(directory):
        if (place / f"{top}.py").is_file() or (place / top / "__init__.py").is_file():
            path = place.relative_to(directory).as_posix()
            return f"{top} lies in {place}: put {path} into prepend_sys_path in Alembic's configuration"
    return OTHER_PYTHON


def _places(directory: Path) -> Iterator[Path]:
    """The project's directory, and the folders in it."""
    yield directory
    try:
        yield from sorted(child for child in directory.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError:
        return
