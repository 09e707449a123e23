"""Is this database well, and what mends it? Named checks, the same on every engine that can be asked.

check.py     what a check is, and the register of all of them
look.py      the facts of one database, each asked for once
run.py       running checks, skipping those that cannot run, ignoring what is accepted
indexes.py, keys.py …   one module per family of checks
"""

from dbadmin.health.run import Asked, checks, inspect

__all__ = ["Asked", "checks", "inspect"]
