"""The child's side of `asking`: the question that it was started with."""

import json
import os
import sys
from typing import Any

from dbadmin.core_files import leave_no_core_file
from dbadmin.migrations import sandbox


def question() -> tuple[dict[str, Any], int]:
    """What is asked, and the descriptor to answer to, which no program of the user's inherits. The process ends with
    its parent from now on, and leaves no core file.
    """
    ask_from, answer_to, parent = (int(argument) for argument in sys.argv[1:4])
    sandbox.die_with_parent(parent)
    leave_no_core_file()
    with os.fdopen(ask_from, encoding="utf-8") as asked:
        found: dict[str, Any] = json.load(asked)
    os.set_inheritable(answer_to, False)
    return found, answer_to
