"""`python -m tests.pages` writes docs/reference anew."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
    from pages.every import write

    write()
