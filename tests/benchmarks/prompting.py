"""Starts a program in a pseudo-terminal, and ends when its first prompt stands there.

python -m tests.benchmarks.prompting PROGRAM ARGUMENT...
"""

import os
import signal
import sys

import pexpect

PROMPT = r"In \[\d+\]: "


def main() -> None:
    """Wait for the prompt; the program is killed afterwards."""
    environment = {**os.environ, "TERM": "dumb", "IPY_TEST_SIMPLE_PROMPT": "1", "NO_COLOR": "1"}
    process = pexpect.spawn(sys.argv[1], sys.argv[2:], env=environment, encoding="utf-8", timeout=120)
    process.expect(PROMPT)
    process.kill(signal.SIGKILL)  # and waited for, however busy the machine is: its processor time counts
    process.wait()


if __name__ == "__main__":
    main()
