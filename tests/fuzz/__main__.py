"""`python -m tests.fuzz [TARGET…] [--seconds N]`: each target under atheris, which looks for new paths.

A target that raises ends the run with exit code 1; atheris prints the input. Needs `pip install atheris` (Linux).
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import TARGETS

SEEDS = {
    "filter": ("author.username ~ 'ann%'", "id in 1,2,'x'", "published_at is not null", 'a."b c" >= 3'),
    "aggregates": ("posts=count", "latest=max(created_at)\ncount_distinct(a.b)"),
    "path": ("author.username", "created_at:month", 'a."b.c"'),
    "url": ("postgresql+psycopg://u:p%40w@h:5432/d?sslmode=require", "sqlite:////tmp/a.db", "mysql://u@h/d?charset=x"),
    "mask": ("p%40ss w/rd", "correct horse"),
    "backup": ("PGDMP\x01\x10\x00", "SQLite format 3\x00", "-- PostgreSQL database dump\n", "-- MariaDB dump 10\n"),
    "script": ('revision = "a"\ndown_revision = None\ndef upgrade():\n    pass\n',),
}


def fuzz(name: str, seconds: int) -> None:
    """Run one target in this process until the time is over; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["dbadmin"]):
        from tests.fuzz.targets import TARGETS as instrumented
    target = instrumented[name]

    def one(data: bytes) -> None:
        target(data)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(seed.encode("latin-1"))
        atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096", "-print_final_stats=1", corpus], one)
        atheris.Fuzz()


def main() -> int:
    """Fuzz each target in a process of its own, and print how many inputs it was given."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []])
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--here", action="store_true", help="run the one target in this process")
    given = parser.parse_args()
    if given.here:
        fuzz(given.targets[0], given.seconds)
        return 0
    failed = 0
    for name in given.targets or TARGETS:
        command = [sys.executable, "-m", "tests.fuzz", name, "--here", "--seconds", str(given.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        inputs = [line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        print(f"{name}: {inputs[0] if inputs else '?'} inputs, {'held' if done.returncode == 0 else 'BROKEN'}")
        if done.returncode:
            failed = 1
            print(done.stdout[-2000:], done.stderr[-4000:], sep="\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
