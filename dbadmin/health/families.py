"""Every family of checks: importing it registers them, in the order in which they run and are listed."""

from dbadmin.health import indexes, keys

FAMILIES = (indexes, keys)
