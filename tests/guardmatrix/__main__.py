"""`python -m tests.guardmatrix`: the whole matrix on every engine here, and the figures."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as pytest finds the modules of this directory

from servers import ENGINES, Servers, Unavailable

from dbadmin.errors import NoScratchServer
from guardmatrix.cells import cells
from guardmatrix.envs import envs
from guardmatrix.run import Figures, attempt, here, new_copy, rehearse, unguarded
from guardmatrix.sources import source


def main() -> int:
    """Run the cells, print the figures; 1 where any ended as it must not."""
    parser = argparse.ArgumentParser(prog="python -m tests.guardmatrix")
    parser.add_argument("--engine", choices=list(ENGINES), action="append")
    parser.add_argument("--name", default="", help="only cells whose name contains this")
    parser.add_argument("--unguarded", action="store_true", help="in plain Python: every attempt must reach the source")
    parser.add_argument("--list", action="store_true", help="print how each cell ended")
    parser.add_argument(
        "--require-servers", action="store_true", help="an engine that cannot be started here is a failure"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it, also when it is stopped
    figures, missing, powerless = Figures(), 0, []
    with tempfile.TemporaryDirectory(prefix="matrix-") as directory:
        Path(directory).chmod(0o755)
        servers = Servers(Path(directory))
        try:
            for kind in given.engine or ENGINES:
                home = Path(directory) / kind
                home.mkdir()
                wanted = here((c for c in cells() if c.kind == kind and given.name in c.name), figures)
                try:
                    with source(kind, home / "source") as of_kind:
                        if given.unguarded:
                            powerless += unguarded(of_kind, wanted, home)
                        else:
                            if wanted:
                                attempt(of_kind, new_copy(of_kind, servers, home / "copy"), wanted, home, figures)
                            for number, env in enumerate(e for e in envs() if given.name in f"env.py, {e.name}"):
                                rehearse(of_kind, env, servers, home / str(number), figures)
                except (Unavailable, NoScratchServer) as reason:
                    figures.not_run.append(f"{kind}: {reason}")
                    missing += given.require_servers
        finally:
            servers.stop()
    if given.unguarded:
        print(*powerless, sep="\n")
        return 1 if powerless else 0
    if given.list:
        print(*(f"{e.how:9} {e.name}  [{e.told[:200]}]" for e in figures.ended), sep="\n")
    print(*figures.wrong, figures, sep="\n")
    return 1 if figures.wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main())
