"""A database that answers: one `run(work)` for synchronous and asynchronous engines, read-only unless asked.

    Database(engine).run(lambda connection: connection.scalar(text("select 1")))

`work` always gets a synchronous `Connection`; with an AsyncEngine it runs on the engine's own event loop, in
a thread that lives as long as the Database, so it works from scripts, from IPython and from a running loop
alike.
"""

from dbadmin.database.access import Database, Mode
from dbadmin.database.echoing import echo
from dbadmin.database.failures import connecting, errors, explain
from dbadmin.database.loop import EventLoop

__all__ = ["Database", "EventLoop", "Mode", "connecting", "echo", "errors", "explain"]
