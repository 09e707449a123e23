"""`python -m dbadmin`, and the command `dbadmin`."""

import sys

from dbadmin.migrations.early import begun


def main() -> None:
    """Run the command line and exit."""
    with begun(sys.argv[1:]):
        from dbadmin.cli import main as run

        run()


if __name__ == "__main__":
    main()
