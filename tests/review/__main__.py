"""`python -m tests.review`: every case of every rule, and the figures.

`--page` writes docs/review.md's rules anew, `--histories` prints its table of real applications (and with
`--findings` every finding, to be read by hand).
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as pytest finds the modules of this directory

from dbadmin.migrations.review import RULES
from review import cases, histories, page


def main() -> int:
    """Run the cases, print what was wrong and the figures; 1 where anything was."""
    if "--page" in sys.argv:
        page.write()
        return 0
    if "--histories" in sys.argv:
        found = list(histories.histories())
        print(histories.table(found), end="")
        print(*(histories.lines(found) if "--findings" in sys.argv else ()), sep="\n", end="")
        return 0
    of, wrong = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    with tempfile.TemporaryDirectory() as directory:
        for number, case in enumerate(cases()):
            home = Path(directory) / str(number)
            home.mkdir()
            of[case.code, case.found] += 1
            reason = case.wrong(home)
            if reason:
                wrong[case.code, case.found] += 1
                print(f"{case.name}: {reason}")
    for code in RULES:
        found, clean = of[code, True], of[code, False]
        print(f"{code}: {found - wrong[code, True]} of {found} found, {wrong[code, False]} false alarms in {clean}")
    missed = sum(count for (_, found), count in wrong.items() if found)
    alarms = sum(count for (_, found), count in wrong.items() if not found)
    total = Counter({True: 0, False: 0})
    for (_, found), count in of.items():
        total[found] += count
    print(
        f"{len(RULES)} rules: {total[True] - missed} of {total[True]} found, "
        f"{alarms} false alarms in {total[False]} clean revisions"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
