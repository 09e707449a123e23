"""Every family of checks, in the order in which they run and are listed; importing them registers the checks."""

from dbadmin.health import data, indexes, keys, live, models, storage, use

FAMILIES = (live, indexes, keys, models, data, storage, use)
