"""dbadmin: the admin toolkit for applications on SQLAlchemy and Alembic.

import dbadmin
db = dbadmin.connect()
db.counts()
"""

from typing import TYPE_CHECKING, Any

from dbadmin.version import __version__

if TYPE_CHECKING:
    from dbadmin.admin import Admin, connect, restore
    from dbadmin.errors import DbadminError

_PUBLIC = {"Admin": "admin", "connect": "admin", "restore": "admin", "DbadminError": "errors"}


def __getattr__(name: str) -> Any:
    # Loaded when first used: `dbadmin --help` must not pay for SQLAlchemy.
    if name in _PUBLIC:
        from importlib import import_module

        return getattr(import_module(f"dbadmin.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'dbadmin' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext dbadmin`: models, session and helpers of the application, in this IPython or notebook."""
    from dbadmin.shell import extension

    extension.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext dbadmin`."""
    from dbadmin.shell import extension

    extension.unload(shell)


__all__ = ["Admin", "DbadminError", "__version__", "connect", "restore"]
