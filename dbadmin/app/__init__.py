"""The user's application: found, configured, loaded. The only room that imports user code in this process."""

from typing import TYPE_CHECKING

from dbadmin.app.config import Settings, load_settings

if TYPE_CHECKING:
    from dbadmin.app.load import Application, Loader


def load_application(
    settings: Settings, *, models: bool = True, remember: bool = False, loader: "Loader | None" = None
) -> "Application":
    """The application that the settings describe; see `dbadmin.app.load.load`."""
    from dbadmin.app.load import load

    return load(settings, models=models, remember=remember, loader=loader)


__all__ = ["Settings", "load_application", "load_settings"]
