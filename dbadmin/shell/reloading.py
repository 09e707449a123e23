"""The application's models anew when their files have changed."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from dbadmin.app import Settings

FOREIGN = frozenset({"site-packages", "dist-packages", ".venv", "venv"})


LIBRARIES = tuple({
    f"{Path(sysconfig.get_path(name))}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")
})  # fmt: skip
"""Where Python's own modules lie, which may be below a directory that somebody works in."""
WEB = {
    ("fastapi", "FastAPI"), ("starlette", "Starlette"), ("flask", "Flask"), ("quart", "Quart"),
    ("litestar", "Litestar"),
}  # fmt: skip
"""Packages and classes of web applications."""


class Sources:
    """The files of the application's modules that are imported here, with their times."""

    def __init__(self, settings: Settings) -> None:
        self.places = {settings.directory.resolve(), settings.runs_in.resolve(), settings.start.resolve()}
        self.seen = self._times()

    def changed(self) -> list[str]:
        """Names of modules whose files have another time than when they were last looked at."""
        now = self._times()
        return sorted(name for name, time in now.items() if self.seen.get(name, time) != time)

    def look(self) -> None:
        """From now on the files are as they should be."""
        self.seen = self._times()

    def modules(self) -> dict[str, ModuleType]:
        """Imported modules that are the application's own."""
        return {name: module for name, module in list(sys.modules.items()) if self._is_own(name, module)}

    def _is_own(self, name: str, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        if not file or name == "__main__" or name.partition(".")[0] == "dbadmin":
            return False
        if file.startswith(LIBRARIES):  # most are, and a thousand may be imported
            return False
        path = Path(file)
        return FOREIGN.isdisjoint(path.parts) and any(place in path.parents for place in self.places)

    def _times(self) -> dict[str, float]:
        found = {}
        for name, module in self.modules().items():
            try:
                found[name] = Path(str(module.__file__)).stat().st_mtime
            except OSError:
                continue
        return found

    @contextmanager
    def forgotten(self) -> Iterator[None]:
        """Within, the application's modules are imported anew; where that fails, the old ones stay."""
        before = self.modules()
        for name in before:
            del sys.modules[name]
        try:
            yield
        except BaseException:
            for name in self.modules():
                del sys.modules[name]
            sys.modules.update(before)
            raise


def web_application(settings: Settings) -> object | None:
    """The web application, where an imported module of the application holds one; none is imported for it."""
    for module in Sources(settings).modules().values():
        for value in list(vars(module).values()):
            if (type(value).__module__.partition(".")[0], type(value).__name__) in WEB:
                found: object = value
                return found
    return None
