"""`dbadmin doctor`."""

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import settings
from dbadmin.cli.output import deliver


@subcommand("doctor")
def command() -> int:
    """Check every thing that dbadmin needs: ok, warning, failed or skipped, with origin and remedy.

    For example: dbadmin doctor --format json

    Exits with 1 where something failed.
    """
    from dbadmin.app.doctor import doctor

    return deliver(doctor(settings()))
