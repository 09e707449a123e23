"""What a killed run of the tests left in memory ends with the next one."""

import os
import subprocess
import sys
from pathlib import Path

from conftest import sweep


def test_servers_and_files_of_a_killed_run_go_and_those_of_a_living_one_stay(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    killed, living = (tmp_path / f"tests-{pid}-x1y2" for pid in (ended.pid, os.getpid()))
    for path in (killed, living):
        (path / "Server").mkdir(parents=True)
    waits = [sys.executable, "-c", "import time; time.sleep(60)"]
    left, works = (
        subprocess.Popen([*waits, f"{path}/Server/data"], start_new_session=True) for path in (killed, living)
    )
    try:
        sweep(tmp_path)
        assert (left.wait(60) < 0, works.poll()) == (True, None)
        assert [*tmp_path.iterdir()] == [living]
    finally:
        for process in (left, works):
            process.kill()
            process.wait()
