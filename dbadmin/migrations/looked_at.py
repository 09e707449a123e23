"""What code read while it ran: files, folders, variables. In the child, so that its answer may be remembered.

What asks a network, another program or the terminal cannot be known to answer the same again.
"""

import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

_ASKS_OTHERS = (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "subprocess.Popen", "os.system",
    "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "builtins.input", "urllib.Request",
)  # fmt: skip
LIBRARIES = tuple(
    sorted({f"{path}{os.sep}" for key, path in sysconfig.get_paths().items() if "lib" in key}
           | {f"{sys.base_prefix}/lib/", "/proc/", "/sys/"})
)  # fmt: skip
"""What is there does not change but with an installation, which is looked at as a whole."""


class LookedAt:
    """Records from `install` on, or within `with`.

    `names` are the variables that were asked for by name, `every_name` says that somebody went through all of them,
    `others` names who else was asked. What the thread `not_those_of` does is left out.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.names: set[str] = set()
        self.every_name = False
        self.others: str | None = None
        self.used = False
        self.not_those_of: int | None = None
        self._listens = False

    def install(self) -> None:
        """Listen from now on."""
        if not self.used:
            sys.addaudithook(self._heard)
        self.used = self._listens = True
        watched = _environment_class(self)
        os.environ.__class__ = watched
        os.environb.__class__ = watched

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Listen no more."""
        self._listens = False
        os.environ.__class__ = os.environb.__class__ = os._Environ

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with the sources of what was imported."""
        modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        files = self.files | {str(file) for file in modules if isinstance(file, str)}
        own = str(Path(__file__).parent.parent) + os.sep
        return {
            "files": sorted(f for f in files if not f.startswith(LIBRARIES) and not f.startswith(own)),
            "folders": sorted(f for f in self.folders if not f.startswith(LIBRARIES) and not f.startswith(own)),
            "names": None if self.every_name else sorted(self.names),
            "others": self.others,
        }

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._listens or threading.get_ident() == self.not_those_of:
            return
        if event == "open":
            _, mode, flags = arguments
            if not (set(mode or "") & set("wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR)):
                self._add(self.files, arguments[0])
        elif event in ("os.listdir", "os.scandir"):
            self._add(self.folders, arguments[0] if arguments[0] is not None else ".")
        elif event in _ASKS_OTHERS:
            self.others = self.others or event

    def _add(self, to: set[str], path: Any) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            text = str(Path(os.fsdecode(path)).absolute())
            if not text.endswith(".pyc") and (not text.startswith("/dev/") or text.startswith("/dev/shm/")):
                to.add(text)


def _environment_class(seen: LookedAt) -> Any:
    """A class for os.environ that tells what it is asked; its objects stay what they are."""
    plain: Any = os._Environ

    class Watched(plain):  # type: ignore[misc]
        def __getitem__(self, key: Any) -> Any:
            seen.names.add(os.fsdecode(key))
            return super().__getitem__(key)

        def __iter__(self) -> Iterator[Any]:
            seen.every_name = True
            return iter(super().__iter__())

    return Watched
