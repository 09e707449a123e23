"""env.py files: the common styles, and those that go their own way about exceptions, processes and descriptors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import Template
from textwrap import dedent
from typing import Any

from apps import STYLES

from guardmatrix.cells import CONNECT

COPY, REFUSED, STOPPED = frozenset({"copy"}), frozenset({"refused"}), frozenset({"stopped"})


@dataclass(frozen=True)
class Env:
    """One env.py: a style of tests/apps, or code with `$CONNECT`, which opens a driver's `connection` to the source.

    `beside` are further files; one that `contacts` the source does so before any code of dbadmin's runs.
    """

    name: str
    code: str | None = None
    ends: frozenset[str] = COPY
    beside: Mapping[str, str] = field(default_factory=dict)
    contacts: bool = False

    def text(self, kind: str, words: Mapping[str, Any]) -> str:
        """What `make_app` takes."""
        return self.name if self.code is None else _HEAD + _filled(self.code, kind, words)

    def files(self, words: Mapping[str, Any]) -> dict[str, str]:
        """Name and content of further files."""
        return dict(self.beside)


def _filled(code: str, kind: str, words: Mapping[str, Any]) -> str:
    whole = Template(dedent(code)).safe_substitute(CONNECT=CONNECT[kind])
    return Template(whole).safe_substitute(words)


_HEAD = """
import os, sys
from alembic import context
from app.db import make_engine


def migrate(engine=None):
    with (engine or make_engine()).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


"""


def envs() -> Iterator[Env]:
    """Every env.py of the matrix."""
    yield from (Env(style) for style in sorted(STYLES) if style != "offline_only")
    yield Env("creator", "import sqlalchemy as sa\ndef go():\n    $CONNECT\n    return connection\n"
              "migrate(sa.create_engine(make_engine().url.set(database=None, host=None), creator=go))")  # fmt: skip
    yield Env("threads", "import threading\nt = threading.Thread(target=migrate); t.start(); t.join()")
    yield Env("pops variables", "for n in list(os.environ):\n    if n.startswith(('PG', 'MYSQL')): del os.environ[n]\n"
              "migrate()")  # fmt: skip
    yield Env("swallows exceptions", "try:\n    import subprocess; subprocess.run(['psql', 'prod'])\n"
              "except BaseException:\n    pass\nmigrate()", REFUSED)  # fmt: skip
    yield Env("swallows what a thread raises", "import subprocess, threading\nt = threading.Thread(target=lambda: "
              "subprocess.run(['psql', 'prod']))\nt.start(); t.join(); migrate()", REFUSED)  # fmt: skip
    yield Env("forks", "import subprocess\npid = os.fork()\nif pid == 0:\n    try:\n        "
              "subprocess.run(['psql', 'prod'])\n    finally:\n        os._exit(0)\n"
              "os.waitpid(pid, 0); migrate()", REFUSED)  # fmt: skip
    yield Env("forks and ends itself", "if os.fork() == 0:\n    migrate()\n    os._exit(0)\nos._exit(0)", STOPPED)
    yield Env("sys.exit before", "sys.exit(0)", STOPPED)
    yield Env("sys.exit after", "migrate(); sys.exit(0)", COPY | STOPPED)
    yield Env("os._exit before", "os._exit(0)", STOPPED)
    yield Env("os._exit after", "migrate(); os._exit(0)", STOPPED)
    yield Env("closes every descriptor", "os.closerange(3, 256)\nmigrate()", STOPPED)
    yield Env("its own file in the place of every descriptor", "log = os.open('log', os.O_RDWR | os.O_CREAT)\n"
              "for n in range(3, 64):\n    if n != log: os.dup2(log, n)\nmigrate()", STOPPED)  # fmt: skip
    yield Env("closes its output", "os.close(1); os.close(2)\nos.open('log', os.O_RDWR | os.O_CREAT)\nmigrate()")
    yield Env("changes directory", "os.chdir('/')\nmigrate()", COPY | STOPPED)
    yield Env("an engine made before the guard", "migrate(sys.early)",
              beside={"site/sitecustomize.py": "import sys, os\nsys.path.insert(0, os.getcwd())\n"
                      "from app.db import make_engine\nsys.early = make_engine()\n"})  # fmt: skip
    yield Env("a connection pooled before the guard", "c = sys.early.raw_connection(); c.cursor().execute("
              "\"INSERT INTO kept VALUES (9, 'pooled')\"); c.commit(); migrate()", COPY | REFUSED, contacts=True,
              beside={"site/sitecustomize.py": "import sys, os\nsys.path.insert(0, os.getcwd())\n"
                      "from app.db import make_engine\nsys.early = make_engine()\n"
                      "sys.early.connect().close()\n"})  # fmt: skip
