"""`python -m dbadmin`."""

from dbadmin.cli import main

if __name__ == "__main__":
    main()
