"""The facade: one short method per command. `dbadmin.connect()` and the command line both talk to it.

Methods that give DataFrames stand in `frames`, those that act on a whole database in `operations`.
"""

from dbadmin.admin.facade import Admin
from dbadmin.admin.opening import connect, open_admin, open_application, restore
from dbadmin.app.values import DEFAULT_LOCK_TIMEOUT

__all__ = ["DEFAULT_LOCK_TIMEOUT", "Admin", "connect", "open_admin", "open_application", "restore"]
