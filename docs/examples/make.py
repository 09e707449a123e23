"""Make the example reports in this directory anew, by running them: `python docs/examples/make.py [DIRECTORY]`.

The demo's pending revision is rehearsed on SQLite; its report goes to one file per format.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SUFFIXES = ("md", "html", "json", "xml")


def main(target: Path) -> None:
    """Write report.txt, .md, .html, .json and .xml into `target`."""
    with tempfile.TemporaryDirectory(prefix="example-") as directory:
        home = Path(directory) / "demo"
        dbadmin = [sys.executable, "-m", "dbadmin"]
        settings = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1", "TMPDIR": directory}
        subprocess.run([*dbadmin, "demo", str(home)], check=True, stdout=subprocess.DEVNULL, env=settings)
        outputs = [word for suffix in SUFFIXES for word in ("--output", str(target / f"report.{suffix}"))]
        ran = subprocess.run(
            [*dbadmin, "verify-rollback", *outputs], cwd=home, stdout=subprocess.PIPE, text=True, env=settings
        )
        if ran.returncode != 1:  # the demo's pending revision loses values
            raise SystemExit(f"verify-rollback exited with {ran.returncode}")
        (target / "report.txt").write_text(ran.stdout, encoding="utf-8")
        for name in ("txt", *SUFFIXES):
            report = target / f"report.{name}"
            text = report.read_text(encoding="utf-8").replace(str(home), "/home/you/demo")
            report.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
