"""Imports modules of the application, watched: no connection opens, nothing is printed to stdout."""

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dbadmin.dialects import urls
from dbadmin.errors import ConfigError, DbadminError, UserCodeError, nearest
from dbadmin.migrations import blame
from dbadmin.migrations.missing import OTHER_PYTHON
from dbadmin.secrets import mask

_HINT_CONNECTS = "let it connect when it is first used; dbadmin imports modules and must not write"


class ConnectsOnImport(BaseException):
    """User code connects while it is imported. Not an Exception: a retry loop would swallow that."""


class _Watch:
    """What happened while modules were imported; one at a time, shared by the listener and the audit hook."""

    def __init__(self) -> None:
        self.active = False
        self.installed = False
        self.lock = threading.RLock()
        self.directory = Path.cwd()
        self.when = "on import"
        self.seen: list[str] = []

    def install(self) -> None:
        if not self.installed:
            from sqlalchemy import Engine, event

            event.listen(Engine, "do_connect", self._on_connect)
            sys.addaudithook(self._on_audit)
            self.installed = True

    def _on_connect(self, *_: Any) -> None:
        if self.active:
            self._refuse()

    def _on_audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if not self.active or name != "sqlite3.connect":
            return
        file = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | os.PathLike) else "?"
        if file not in ("", ":memory:") and "mode=memory" not in file and not file.startswith("file::memory:"):
            self._refuse()

    def _refuse(self) -> None:
        line = str(blame.of_stack(self.directory) or "a module of the application")
        self.seen.append(f"{line} connects {self.when}")
        raise ConnectsOnImport(self.seen[-1])


_watch = _Watch()


@contextlib.contextmanager
def watched(
    directory: Path,
    path: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    when: str = "on import",
) -> Iterator[None]:
    """While user code is imported or asked for a session: it runs in `directory`, finds its modules on
    `path`, sees `variables` that the environment lacks, prints to stderr, and opens no connection.

    The module path stays as it is afterwards, since modules import others later; the current directory and
    stdout do not. Raises UserCodeError with file and line where the code raises or connects; `when` says
    in it what was being done.
    """
    _watch.install()
    for entry in reversed([p for p in path if p not in sys.path]):
        sys.path.insert(0, entry)
    for name, value in (variables or {}).items():
        os.environ.setdefault(name, value)
    with _watch.lock:
        nested = _watch.active
        _watch.active, _watch.directory, _watch.when = True, directory, when
        if not nested:
            _watch.seen.clear()
        try:
            with contextlib.chdir(directory), contextlib.redirect_stdout(sys.stderr):
                yield
        except DbadminError:
            raise
        except ConnectsOnImport as error:
            raise UserCodeError(str(error), hint=_HINT_CONNECTS) from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _explain(error, directory) from error
        finally:
            _watch.active = nested
        if _watch.seen and not nested:
            raise UserCodeError(_watch.seen[0], hint=_HINT_CONNECTS)


def _explain(error: BaseException, directory: Path) -> DbadminError:
    line = blame.of_error(error, directory)
    if isinstance(error, ModuleNotFoundError):
        top = (error.name or "").partition(".")[0]
        if top in urls.EXTRAS:
            return urls.missing_driver(top, str(line or "the application"))
        return UserCodeError(
            f"{line or 'the application'}: no module named {error.name!r}",
            hint=OTHER_PYTHON,
        )
    if isinstance(error, SystemExit):
        return UserCodeError(
            f"{line} calls sys.exit({error.code!r}) on import", hint='move that call below: if __name__ == "__main__":'
        )
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return UserCodeError(
        mask(f"{line or 'the application'}: {text}"),
        hint="the module must import without arguments; --debug shows the whole error",
    )


def import_module(name: str, path: Sequence[str]) -> Any:
    """Import one module inside `watched`; ConfigError with near names where there is none of that name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise ConfigError(f"no module {error.name!r}{_guess(error.name, path)}", hint=_searched(path)) from error
        raise


def resolve(name: str, path: Sequence[str]) -> Any:
    """The object that "module:name" (or "module:name.attribute") means, inside `watched`."""
    module_name, separator, attributes = name.partition(":")
    if not separator or not attributes:
        raise ConfigError(f"{name!r} is not of the form module:name", hint='such as "app.database:SessionLocal"')
    value = import_module(module_name, path)
    for attribute in attributes.split("."):
        try:
            value = getattr(value, attribute)
        except AttributeError as error:
            near = nearest(attribute, [n for n in dir(value) if not n.startswith("_")])
            guess = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
            raise ConfigError(f"{module_name} has no {attribute!r}{guess}", hint="dbadmin init finds it") from error
    return value


def expand(pattern: str, path: Sequence[str]) -> tuple[str, ...]:
    """Module names that a glob means, found on `path` without importing; a name without * is itself.

    `app.routers.*.models` takes packages and modules one level below app.routers that have models. Raises
    ConfigError where nothing matches.
    """
    if not any(letter in pattern for letter in "*?["):
        return (pattern,)
    first, *rest = pattern.split(".")
    found: list[tuple[str, Path]] = []
    for entry in dict.fromkeys(path):
        found += [item for item in _children(Path(entry)) if fnmatchcase(item[0], first)]
    for part in rest:
        found = [
            (f"{name}.{child}", below)
            for name, place in found
            for child, below in _children(place)
            if fnmatchcase(child, part)
        ]
    names = tuple(dict.fromkeys(sorted(name for name, place in found if place.suffix == ".py" or _is_package(place))))
    if not names:
        raise ConfigError(f"models: no module matches {pattern!r}", hint=_searched(path))
    return names


def submodules(name: str) -> tuple[str, ...]:
    """Modules directly below an imported package, not imported yet."""
    places = getattr(sys.modules.get(name), "__path__", ())
    return tuple(sorted(f"{name}.{child}" for place in places for child, _ in _children(Path(place))))


def _children(place: Path) -> list[tuple[str, Path]]:
    if not place.is_dir():
        return []
    return [
        (child.stem, child)
        for child in sorted(place.iterdir())
        if (child.suffix == ".py" and child.stem.isidentifier() and not child.stem.startswith("__"))
        or (child.is_dir() and child.name.isidentifier() and not child.name.startswith("__"))
    ]


def _is_package(place: Path) -> bool:
    return (place / "__init__.py").is_file()


def _guess(name: str, path: Iterable[str]) -> str:
    """Near module names beside the one that is missing."""
    parent, _, last = name.rpartition(".")
    places = [Path(p) for p in path]
    if parent:
        spec = getattr(sys.modules.get(parent), "__path__", None)
        places = [Path(p) for p in spec] if spec else []
    near = nearest(last, {child for place in places for child, _ in _children(place)})
    prefix = f"{parent}." if parent else ""
    return f"; did you mean {' or '.join(repr(prefix + n) for n in near)}?" if near else ""


def _searched(path: Sequence[str]) -> str:
    return f"looked in {', '.join(path[:3])}" if path else "nothing to look in"
