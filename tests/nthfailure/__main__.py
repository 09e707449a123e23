"""`python -m tests.nthfailure`: every outside act of every command, broken in every way; and the figures."""

import argparse
import compileall
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as pytest finds the modules of this directory

from servers import ENGINES, Servers, Unavailable

from dbadmin.errors import NoScratchServer
from nthfailure.cells import KINDS, Cell, attempt, steps_of
from nthfailure.choosing import Choice, each_site, each_step, shared
from nthfailure.scenarios import SCENARIOS, Scenario
from nthfailure.steps import Step
from nthfailure.worlds import ROOT, World, world


def main() -> int:
    """Run the cells, print the figures; 1 where any ended as it must not, or none was run."""
    parser = argparse.ArgumentParser(prog="python -m tests.nthfailure", description=__doc__)
    parser.add_argument("--engine", choices=list(ENGINES), action="append")
    parser.add_argument("--name", default="", help="only scenarios whose name contains this")
    parser.add_argument("--kind", choices=list(KINDS), action="append")
    parser.add_argument("--step", default="", help="only steps whose name contains this")
    parser.add_argument("--every", action="store_true", help="every step in every way, not each site")
    parser.add_argument("--share", type=share, default=(1, 1), metavar="N/M", help="the N-th of M shares of the cells")
    parser.add_argument("--most", type=int, help="so many steps of each scenario, evenly spread, in every way")
    parser.add_argument("--list", action="store_true", help="print the steps, and break none")
    parser.add_argument("--require-servers", action="store_true", help="an engine that does not start is a failure")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it, also when it is stopped
    compileall.compile_dir(str(ROOT / "dbadmin"), quiet=1)  # the runs write no bytecode: each would compile it again
    cells: list[Cell] = []
    missing = 0
    with tempfile.TemporaryDirectory(prefix="nth-servers-") as directory:
        Path(directory).chmod(0o711)
        servers = Servers(Path(directory))
        try:
            for kind in given.engine or ENGINES:
                try:
                    server = servers.get(ENGINES[kind])
                except (Unavailable, NoScratchServer) as reason:
                    print(f"{kind}: not run: {reason}")
                    missing += given.require_servers
                    continue
                with world(kind, server) as made:
                    cells += on_engine(made, given)
        finally:
            servers.stop()
    if given.list:
        return int(missing > 0)
    return print_figures(cells) or int(missing > 0 or not cells)  # nothing tried is nothing shown


def share(text: str) -> tuple[int, int]:
    """N/M; N may be any number that is counted up, such as today's: it is taken round M."""
    number, _, shares = text.partition("/")
    return ((int(number) - 1) % int(shares) + 1, int(shares))


def on_engine(made: World, given: argparse.Namespace) -> list[Cell]:
    """Every scenario of an engine."""
    cells: list[Cell] = []
    known: set[tuple[str, ...]] = set()
    named = [s for s in SCENARIOS if s.name == given.name] or [s for s in SCENARIOS if given.name in s.name]
    for scenario in named:
        if made.kind not in scenario.engines:
            continue
        steps = steps_of(made, scenario)
        choices = shared(chosen(steps, given, known), scenario.name, given.share)
        if given.list:
            print(f"{scenario.name}, {made.kind}: {len(steps)} steps")
            print(*(f"  {step.name}  {' < '.join(step.stack[1:3])}  {step.what}: {', '.join(kinds)}"
                    for step, kinds in choices), sep="\n")  # fmt: skip
        else:
            cells += on_scenario(made, scenario, steps, choices)
    return cells


def chosen(steps: tuple[Step, ...], given: argparse.Namespace, known: set[tuple[str, ...]]) -> list[Choice]:
    """The steps that the command line means."""
    kinds = given.kind or list(KINDS)
    meant = [step for step in steps if given.step in step.name]
    if given.every or given.most:
        return each_step(meant, kinds, given.most)
    return each_site(meant, kinds, known)


def on_scenario(made: World, scenario: Scenario, steps: tuple[Step, ...], choices: list[Choice]) -> list[Cell]:
    """Every cell of a scenario; prints what came of them."""
    began = time.monotonic()
    done = [tell(attempt(made, scenario, kind, step)) for step, kinds in choices for kind in kinds]
    failed = [cell for cell in done if cell.wrong]
    print(
        f"{made.kind}, {scenario.name}: {len(steps)} steps at {len({step.site for step in steps})} sites, "
        f"{len(choices)} of them tried in {len(done)} cells, {len(failed)} failed ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    return done


def tell(cell: Cell) -> Cell:
    """Print a cell that ended as it must not."""
    if cell.wrong:
        print(f"{cell.engine} {cell.scenario}: {cell.kind} at {cell.step.name} ({cell.step.what})")
        print(f"    {' < '.join(cell.step.stack)}")
        print(*(f"    {line}" for line in cell.wrong), sep="\n", flush=True)
    return cell


def print_figures(cells: list[Cell]) -> int:
    """Steps × kinds × engines."""
    for kind in KINDS:
        of_kind = [cell for cell in cells if cell.kind == kind]
        engines = Counter(cell.engine for cell in of_kind)
        more = f", {sum(cell.survived for cell in of_kind)} survived it" if kind == "error" else ""
        left = sum(cell.left for cell in of_kind)
        missed = sum(cell.missed for cell in of_kind)
        more += f", {missed} not reached (a poll less, a process gone by itself)" if missed else ""
        more += f", {left} left something that copies --clean removed" if left else ""
        shown = ", ".join(f"{name} {number}" for name, number in engines.items())
        if of_kind:
            print(f"{kind}: {len(of_kind)} cells ({shown}), {sum(bool(c.wrong) for c in of_kind)} failed{more}")
    steps = {(cell.engine, cell.scenario, cell.step.name) for cell in cells}
    sites = {(cell.engine, cell.step.site) for cell in cells}
    failed = [cell for cell in cells if cell.wrong]
    print(
        f"{len(steps)} steps at {len(sites)} sites, {len({c.kind for c in cells})} kinds, "
        f"{len({c.engine for c in cells})} engines: {len(cells)} cells, {len(failed)} failed"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
