"""The guard matrix: every way that user code is known to take to a database, tried in a rehearsal's process.

A cell ends on the copy, is refused by name, or is kept out by the kernel. What proves it is not what the code says:
the source's content, and its server's own count of connections (PostgreSQL's log, MariaDB's `Connections`; for a
SQLite file its hash and the kernel's count of opens) are the same before and after.

`python -m tests.guardmatrix` prints the figures; with `--unguarded` each attempt runs in plain Python, and has to
reach the source: a cell that could not get there anyway would prove nothing.
"""
