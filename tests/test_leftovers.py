"""What a killed run of the tests left in memory ends with the next one."""

import os
import subprocess
import sys
from pathlib import Path

from conftest import sweep

from dbadmin.dialects import processes


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


def test_a_process_that_is_just_becoming_a_tool_of_ours_ends_too(tmp_path: Path) -> None:
    """Linux shows no command line while a program takes the place of another: about one of three looks met that."""
    for _ in range(30):
        waits = [sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)]
        with subprocess.Popen(waits, start_new_session=True) as process:
            found = processes._names(process.pid, tmp_path)
            process.kill()
        assert found
