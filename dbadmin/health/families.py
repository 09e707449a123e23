"""Every family of checks: importing it registers them, in the order in which they run and are listed."""

from dbadmin.health import data, indexes, keys, live, models, storage, use

FAMILIES = (live, indexes, keys, models, data, storage, use)
