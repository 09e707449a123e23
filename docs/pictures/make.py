"""Make the pictures of this directory anew: `python docs/pictures/make.py` (extra docs, and a Chromium on the machine).

report.svg is what a terminal of 110 columns shows of the demo's rehearsal, report.png what a browser shows of
docs/examples/report.html.
"""

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPORT = HERE.parent / "examples" / "report.html"
COLUMNS, SIZE = 110, (1000, 910)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Write both pictures."""
    with tempfile.TemporaryDirectory(prefix="p-", dir="/tmp") as directory:
        home = Path(directory) / "demo"
        settings = {**os.environ, "TMPDIR": directory, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
        settings.pop("NO_COLOR", None)
        dbadmin = [sys.executable, "-m", "dbadmin"]
        subprocess.run([*dbadmin, "demo", str(home)], check=True, stdout=subprocess.DEVNULL, env=settings)
        shown = in_terminal([*dbadmin, "verify-rollback"], home, settings)
        (HERE / "report.svg").write_text(drawn(shown.replace(directory, "/path/to")), encoding="utf-8")
    screenshot(REPORT, HERE / "report.png")


def in_terminal(command: list[str], directory: Path, settings: dict[str, str]) -> str:
    """What a command prints on a terminal, with its colours; what it says on stderr is left out."""
    ours, its = pty.openpty()
    with subprocess.Popen(command, cwd=directory, env=settings, stdout=its, stderr=subprocess.DEVNULL) as running:
        os.close(its)
        read = b""
        while part := some(ours):
            read += part
    os.close(ours)
    if running.returncode != 1:  # the demo's pending revision loses values
        raise SystemExit(f"verify-rollback exited with {running.returncode}")
    return read.decode().replace("\r\n", "\n")


def some(terminal: int) -> bytes:
    """Some of what there is to read; nothing at the end, which Linux tells by an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def drawn(text: str) -> str:
    """A terminal's text as SVG, by rich; without the fonts that it would load from another host."""
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text("$ dbadmin verify-rollback"))
    console.print(Text.from_ansi(text.rstrip("\n")))
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="dbadmin", code_format=form, unique_id="report") + "\n"


def screenshot(page: Path, target: Path) -> None:
    """What a browser without a window shows of a page."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"no browser: {' or '.join(BROWSERS)} draws {target.name}")
    size = f"--window-size={SIZE[0]},{SIZE[1]}"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size, f"--screenshot={target}"]
    subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
