"""`python -m tests.covered`: which branches of the files that guard data are tested, by the tests that reach them.

`HELD` files are at 100 % of their lines and branches, and the command fails where one is not. `OPEN` files are printed
with what they have by these tests, and not enforced. What is excluded from counting needs its reason on its line:
`# pragma: no cover  REASON` or `# pragma: no branch  REASON`; the command fails where one has none.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverage import Coverage, CoverageData

ROOT = Path(__file__).resolve().parent.parent
MEASURING = ROOT / "tests" / "measuring"
"""What makes a Python that starts with it in PYTHONPATH measure itself."""
TESTS = (
    "test_backup",
    "test_backup_proof",
    "test_backups",
    "test_backups_confined",
    "test_backups_formats",
    "test_backups_mariadb",
    "test_backups_postgresql",
    "test_child_environment",
    "test_copies",
    "test_copies_left",
    "test_copy_command",
    "test_dump_parts",
    "test_guard",
    "test_guard_allowed",
    "test_guard_matrix",
    "test_places",
    "test_rollback_codes",
    "test_rollback_each",
    "test_rollback_findings",
    "test_rollback_head",
    "test_rollback_judge",
    "test_rollback_verdict",
    "test_scripts",
    "test_secrets",
    "test_state_compare",
)
"""Modules that reach the files."""
HELD = (
    "dbadmin/copies/backups/check.py",
    "dbadmin/copies/backups/proof.py",
    "dbadmin/copies/backups/refused.py",
    "dbadmin/copies/backups/sniff.py",
    "dbadmin/copies/backups/tar.py",
    "dbadmin/copies/backups/unpack.py",
    "dbadmin/copies/backups/write.py",
    "dbadmin/copies/command.py",
    "dbadmin/copies/make.py",
    "dbadmin/copies/registry.py",
    "dbadmin/copies/restoring.py",
    "dbadmin/dialects/mysql/backup.py",
    "dbadmin/dialects/mysql/plain.py",
    "dbadmin/dialects/postgresql/backup.py",
    "dbadmin/dialects/postgresql/plain.py",
    "dbadmin/dialects/sqlite/backup.py",
    "dbadmin/migrations/environment.py",
    "dbadmin/migrations/guard.py",
    "dbadmin/migrations/hooks.py",
    "dbadmin/migrations/raw.py",
    "dbadmin/migrations/sandbox.py",
    "dbadmin/rollback/findings.py",
    "dbadmin/rollback/judge.py",
    "dbadmin/rollback/verdict.py",
    "dbadmin/secrets.py",
    "dbadmin/state/compare.py",
)
OPEN: tuple[str, ...] = ()
"""None, now: where a file of this kind is new, it stands here until its tests do."""
EXCLUDED = {
    r"^\s*if TYPE_CHECKING:": "for the type checker: no program comes here",
    r"^\s*@abstractmethod": "has no body of its own: each engine's is counted",
}
"""Patterns of lines that are not counted, in any file, and why."""
_ALWAYS = ("-p", "no:cacheprovider", "--hypothesis-seed=0")  # two runs reach the same
_PRAGMA = re.compile(r"#\s*pragma:\s*no\s+(?:cover|branch)(?P<reason>.*)$")


@dataclass(frozen=True)
class Covered:
    """What the tests reach of one file; branches are pairs of lines, as coverage gives them."""

    path: str
    percent: float
    lines: tuple[int, ...]
    branches: tuple[tuple[int, int], ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.lines and not self.branches

    def __str__(self) -> str:
        figure = "100 %" if self.whole else f"{min(self.percent, 99.9):.1f} %"  # 99.97 % is not all
        missing = "" if self.whole else f" ({len(self.lines)} lines and {len(self.branches)} branches are missing)"
        return f"{figure:>7}  {self.path}{missing}"

    @property
    def missing(self) -> str:
        """The lines, and the jumps from line to line, that no test makes."""
        jumps = [f"{start}->{'exit' if end < 0 else end}" for start, end in self.branches]
        return ", ".join([*map(str, self.lines), *jumps])


def without_reason(path: str, text: str) -> list[str]:
    """The exclusions of a file that do not say why.

    >>> without_reason("a.py", "x = 1  # pragma: no cover\\ny = 2  # pragma: no branch  only on Windows\\n")
    ['a.py:1: an exclusion without its reason']
    """
    found = ((number, _PRAGMA.search(line)) for number, line in enumerate(text.splitlines(), 1))
    return [
        f"{path}:{number}: an exclusion without its reason"
        for number, pragma in found
        if pragma and len(re.findall(r"\w+", pragma["reason"])) < 2
    ]


def measure(
    paths: Iterable[str], tests: Iterable[str], options: Iterable[str] = ()
) -> tuple[Mapping[str, Covered], int]:
    """Run the tests, and read what they and the processes that they started reached of each file.

    Gives also how the tests ended: where one failed (not 0), what it would have reached is missing.
    """
    with tempfile.TemporaryDirectory() as directory:
        into = Path(directory) / "told"
        path = os.pathsep.join([str(MEASURING), *filter(None, [os.environ.get("PYTHONPATH")])])
        files = json.dumps([str(ROOT / path) for path in paths])
        modules = [f"tests/{name}.py" for name in tests]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "", *_ALWAYS, *options, *modules], cwd=ROOT, check=False,
            env={**os.environ, "PYTHONPATH": path, "DBADMIN_MEASURE_INTO": str(into), "DBADMIN_MEASURE_FILES": files},
        )  # fmt: skip
        return _read(into, paths), done.returncode


def _read(into: Path, paths: Iterable[str]) -> Mapping[str, Covered]:
    coverage = Coverage(data_file=str(into.with_name("data")), config_file=str(ROOT / "pyproject.toml"))
    if coverage.get_option("report:exclude_also"):
        raise SystemExit("pyproject.toml excludes lines: EXCLUDED in tests/covered.py does, with a reason for each")
    for pattern in EXCLUDED:
        coverage.exclude(pattern)
    for told in _told(into):
        one = CoverageData(no_disk=True)
        one.loads(told)
        coverage.get_data().update(one)
    coverage.get_data().touch_files([str(ROOT / path) for path in paths])  # nobody may have imported one
    report = into.with_name("report.json")
    coverage.json_report(outfile=str(report), include=[str(ROOT / path) for path in paths])
    files: dict[str, Any] = json.loads(report.read_text())["files"]
    return {path: _covered(path, files[path]) for path in paths}


def _told(into: Path) -> Iterator[bytes]:
    """What each process told of itself (`measuring/sitecustomize.py`)."""
    with into.open("rb") as told:
        while size := told.read(8):
            yield told.read(int.from_bytes(size, "big"))


def _covered(path: str, told: Mapping[str, Any]) -> Covered:
    branches = tuple((start, end) for start, end in told["missing_branches"])
    return Covered(path, told["summary"]["percent_covered"], tuple(told["missing_lines"]), branches)


def main() -> int:
    """Measure and print; 1 where a test fails, a held file misses something or an exclusion has no reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require-servers", action="store_true", help="a missing server is a failure")
    options = ["--require-servers"] if parser.parse_args().require_servers else []
    sources = sorted((ROOT / "dbadmin").rglob("*.py"))
    wrong = [told for path in sources for told in without_reason(str(path.relative_to(ROOT)), path.read_text())]
    found, code = measure((*HELD, *OPEN), TESTS, options)
    for title, paths in (("held", HELD), ("open (by these tests alone; not enforced)", OPEN)):
        print(f"{title}:", *(found[path] for path in paths), sep="\n  ")
    wrong += [f"the tests failed (exit code {code}), so these are the figures of the others"] if code else []
    wrong += [f"{path}: not reached: {found[path].missing}" for path in HELD if not found[path].whole]
    print(f"{sum(found[path].whole for path in found)} of {len(found)} files at 100 %", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
