"""How an engine connects: by whose function, and not waiting without end for a server that never answers."""

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dbadmin.dialects.base import Dialect

_added: "WeakKeyDictionary[Any, dict[str, Any]]" = WeakKeyDictionary()
"""SQLAlchemy's dialect of an engine → what was added to its parameters, as they were when it first connected."""


def has_creator(engine: "Engine | AsyncEngine") -> bool:
    """Whether an application connects by a function of its own (`creator`, `async_creator`): its URL tells nothing."""
    pool = getattr(engine, "sync_engine", engine).pool
    return getattr(pool._creator, "__module__", "") != "sqlalchemy.engine.create"


def limit(engine: "Engine", dialect: "Dialect") -> None:
    """Let an engine give up connecting in time, unless its URL or its application says how long it may take.

    See `SessionRules.connect_options`; statements may take as long as before.
    """
    from sqlalchemy import event

    rules = dialect.session
    if engine.dialect in _added:
        return
    _added[engine.dialect] = {}
    asked: list[bool] = []

    def before(theirs: Any, record: Any, cargs: list[Any], cparams: dict[str, Any]) -> None:
        if not asked:  # SQLAlchemy uses one dict for every connect, so that later ones hold what was added
            asked.append(True)
            _added[theirs] = rules.connect_options(theirs.driver, cparams)
        cparams.update(_added[theirs])

    def after(dbapi_connection: Any, record: Any) -> None:
        if _added[engine.dialect]:
            rules.connected(dbapi_connection)

    event.listen(engine, "do_connect", before)
    event.listen(engine, "connect", after)
