"""`Admin`: the methods of the facade in one class."""

from dbadmin.admin.frames import Frames
from dbadmin.admin.operations import Operations


class Admin(Frames, Operations):
    """An application's database: read-only unless it was opened to write.

    Made by `dbadmin.connect()`. Helpers give DataFrames without a limit unless one is given, with the statement
    in `attrs["sql"]`; `status`, `verify_rollback` … give frozen results that draw themselves as tables in a
    notebook. `answers` gives the same helpers as plain `Rows`, as the command line prints them.
    """
