"""Measures the process that starts with this directory in PYTHONPATH: which lines of some files it reaches, and when
it ends, appends that to a file. `tests/covered.py` asks for it.

coverage can start in processes by itself, but keeps what it has in an SQLite file that it opens at their end: the guard
refuses that to processes of user code, as it has to. So here it stays in memory, and goes to a file that was opened
before. What a nursery forks goes on measuring.
"""

import atexit
import json
import os
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

from coverage import Coverage

INTO, FILES = "DBADMIN_MEASURE_INTO", "DBADMIN_MEASURE_FILES"


def _measure(into: str, files: list[str]) -> None:
    told = os.open(into, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    opened = os.fstat(told)
    coverage = Coverage(data_file=None, config_file=False, branch=True, include=files)
    leave = os._exit

    def tell() -> None:
        coverage.stop()
        data = coverage.get_data().dumps()
        if os.path.samestat(os.fstat(told), opened):  # user code may have put a file of its own in the place of any
            os.write(told, len(data).to_bytes(8, "big") + data)  # in one piece: others write too

    def tell_and_leave(status: int) -> None:
        try:
            tell()
        finally:
            leave(status)

    add = sys.addaudithook

    def add_traced(hook: Callable[..., Any]) -> None:
        hook.__cantrace__ = True  # type: ignore[attr-defined]  # the interpreter keeps others from being traced
        add(hook)

    atexit.register(tell)
    sys.addaudithook = add_traced  # type: ignore[assignment]
    os._exit = tell_and_leave  # type: ignore[assignment]
    coverage.start()


if INTO in os.environ:
    _measure(os.environ[INTO], json.loads(os.environ[FILES]))

other = PathFinder.find_spec("sitecustomize", [place for place in sys.path if Path(place) != Path(__file__).parent])
if other is not None and other.loader is not None:
    other.loader.exec_module(module_from_spec(other))  # whose place this file has taken
