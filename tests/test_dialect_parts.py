"""The parts of an engine: each is there, is what the rooms above ask for, and is loaded when it is first asked for."""

import subprocess
import sys
import threading

import pytest

from dbadmin.dialects import base, every, named
from dbadmin.dialects.addressing import Addressing
from dbadmin.dialects.changes import Changes
from dbadmin.dialects.copying import Copying
from dbadmin.dialects.costs import Costs
from dbadmin.dialects.explaining import Explaining
from dbadmin.dialects.health import Health
from dbadmin.dialects.isolation import Isolation
from dbadmin.dialects.mending import Mending
from dbadmin.dialects.parts import Part
from dbadmin.dialects.rules import Rules
from dbadmin.dialects.sandboxes import Sandboxing
from dbadmin.dialects.sessions import SessionRules
from dbadmin.dialects.settings import Settings

KINDS = {
    "session": SessionRules, "address": Addressing, "catalog": base.Catalog, "schema": base.SchemaReader,
    "fingerprint": base.Fingerprints, "observe": base.Observer, "costs": Costs, "copying": Copying,
    "mending": Mending, "rules": Rules, "health": Health, "changes": Changes, "isolation": Isolation,
    "sandbox": Sandboxing, "explain": Explaining, "settings": Settings,
}  # fmt: skip


@pytest.mark.parametrize("part", KINDS)
def test_every_engine_has_every_part(part: str) -> None:
    for dialect in every():
        found = getattr(dialect, part)
        assert isinstance(found, KINDS[part])
        assert getattr(dialect, part) is found
        assert type(found).__module__.startswith(f"dbadmin.dialects.{dialect.name}.")


def test_every_part_is_asked_for_here() -> None:
    assert set(KINDS) == {name for name, part in vars(base.Parts).items() if isinstance(part, Part)}


def test_two_that_ask_at_once_get_the_same_part() -> None:
    dialect = base.Dialect("sqlite", default_driver="pysqlite", extra=None, transactional_ddl=False)
    together, found = threading.Barrier(8), []

    def ask() -> None:
        together.wait()
        found.append(dialect.observe)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len({id(one) for one in found}) == 1
    assert found[0] is not named("sqlite").observe


def loaded(code: str) -> set[str]:
    """The modules of engines that a fresh interpreter has loaded after this code."""
    show = "import sys; print(*(m for m in sys.modules if m.startswith('dbadmin.dialects.')))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True)
    return {name.removeprefix("dbadmin.dialects.") for name in done.stdout.split()}


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mysql"])
def test_one_part_loads_no_other(engine: str) -> None:
    others = {f"{engine}.{file}" for file in ("copying", "fingerprint", "health", "mending", "rules", "watch")}
    asked = loaded(f"from dbadmin.dialects import named; named({engine!r}).session; named({engine!r}).address")
    assert {f"{engine}.session", f"{engine}.address"} <= asked
    assert not asked & {*others, "changes", "copying", "costs", "health", "mending", "rules"}


def test_a_process_for_user_code_has_loaded_every_part_before_it() -> None:
    code = "from dbadmin.migrations.child import get_ready; get_ready()"
    files = {part.file for part in vars(base.Parts).values() if isinstance(part, Part)}
    assert {f"{dialect.name}.{file}" for dialect in every() for file in files} <= loaded(code)
