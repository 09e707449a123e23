"""`python -m tests.collect`: every case on every engine here, and the figures."""

import argparse
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # as pytest finds the modules of this directory

from collection import ENGINES, Change, Defect, false_alarm
from collection.cases import CASES
from servers import ENGINES as SERVERS
from servers import Servers, Unavailable

from dbadmin.errors import NoScratchServer


def judge(case: Change, engine: str, servers: Servers, directory: Path, *, private: bool) -> str | None:
    """What is wrong with dbadmin's answer to one case; an error of any kind is."""
    server = servers.get(SERVERS[engine])
    database = server.create(directory)
    try:
        report = case.rehearse(directory, database, private=private)
        return case.missed(engine, report) if isinstance(case, Defect) else false_alarm(report)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        server.drop(database)


def main() -> int:
    """Run the cases, print what was missed and the figures; 1 where anything was."""
    parser = argparse.ArgumentParser(prog="python -m tests.collect")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--name", default="", help="only cases whose name contains this")
    parser.add_argument("--private", action="store_true", help="a private server for each copy, as by default (slow)")
    parser.add_argument(
        "--require-servers", action="store_true", help="an engine that cannot be started here is a failure"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it, also when it is stopped
    wrong, figures = 0, []
    with tempfile.TemporaryDirectory(prefix="collection-") as directory:
        Path(directory).chmod(0o755)
        servers = Servers(Path(directory))
        try:
            for engine in given.engine or ENGINES:
                cases = [case for case in CASES if given.name in case.name and engine in case.engines]
                try:
                    servers.get(SERVERS[engine])
                except (Unavailable, NoScratchServer) as reason:
                    figures.append(f"{engine}: not run: {reason}")
                    wrong += given.require_servers
                    continue
                figure = run(engine, cases, servers, Path(directory), private=given.private)
                figures.append(str(figure))
                wrong += figure.wrong
        finally:
            servers.stop()
    print(*figures, sep="\n")
    return 1 if wrong else 0


@dataclass
class Figure:
    """How one engine's cases were answered."""

    engine: str
    defects: int = 0
    missed: int = 0
    clean: int = 0
    alarms: int = 0

    @property
    def wrong(self) -> int:
        """Answers that are not what they should be."""
        return self.missed + self.alarms

    def __str__(self) -> str:
        caught = f"{self.defects - self.missed} of {self.defects} defects caught"
        return f"{self.engine}: {caught}, {self.alarms} false alarms in {self.clean} clean changes"


def run(engine: str, cases: list[Change], servers: Servers, directory: Path, *, private: bool) -> Figure:
    """One engine's cases; each wrong answer is printed."""
    figure = Figure(engine)
    for number, case in enumerate(cases):
        home = directory / f"{engine}-{number}"
        home.mkdir()
        wrong = judge(case, engine, servers, home, private=private)
        shutil.rmtree(home)
        if isinstance(case, Defect):
            figure.defects, figure.missed = figure.defects + 1, figure.missed + bool(wrong)
        else:
            figure.clean, figure.alarms = figure.clean + 1, figure.alarms + bool(wrong)
        if wrong:
            print(f"{engine}: {case.name} ({case.thread}): {wrong}", flush=True)
    return figure


if __name__ == "__main__":
    sys.exit(main())
