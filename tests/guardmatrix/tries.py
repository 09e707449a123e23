"""Runs attempts, each in a forked process so that none has to do with another. Copied into the application.

An attempt is code that sets `found` to the note it read: "source" or "copy". What is told of it is printed.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

READ = "SELECT note FROM kept WHERE id = 1"
WRITE = "INSERT INTO kept SELECT max(id) + 1, 'cell' FROM kept"


def run(path):
    """Every attempt of a JSON file [[name, code], …]."""
    for name, code in json.loads(Path(path).read_text()):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)
            os.write(writing, _try(code).encode(errors="replace")[-1500:])
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read().decode(errors="replace")
        status = os.waitpid(child, 0)[1]
        print("CELL", json.dumps([name, told or f"ended with status {status}"]), flush=True)


def _try(code):
    scope = {"engine": engine, "use": use, "program": program, "use_async": use_async, "sa": sa}
    try:
        exec(code, scope)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return f"reached {scope['found']}"


def engine(url, **options):
    """Read and write through an engine."""
    with sa.create_engine(url, poolclass=sa.NullPool, **options).connect() as connection:
        return _both(lambda text: connection.exec_driver_sql(text), connection.commit, connection.dialect.name)


def use(connection):
    """Read and write through a driver's connection."""
    cursor = connection.cursor()

    def execute(text):
        cursor.execute(text)
        return cursor

    return _both(execute, getattr(connection, "commit", None), type(connection).__module__)


def _both(execute, commit, kind):
    note = execute(READ).fetchone()[0]
    if "sqlite" not in kind and commit:  # there the migration itself is the one writer
        try:
            execute(WRITE)
            commit()
        except Exception as error:
            print(error)
    return note


def use_async(coroutine):
    """Run a coroutine."""
    import asyncio

    return asyncio.run(coroutine)


def program(code, start):
    """Run code in a Python of its own with an empty environment; `start` is told the command line."""
    Path("program.py").write_text(code)
    Path("said").unlink(missing_ok=True)
    start([sys.executable, "program.py"])
    said = Path("said").read_text() if Path("said").exists() else "it never ran"
    if said not in ("source", "copy"):
        raise RuntimeError(f"the program said: {said[-300:]}")
    return said


def plainly(command):
    """As most code starts a program."""
    subprocess.run(command, env={}, check=False)


if __name__ == "__main__":
    run(sys.argv[1])
