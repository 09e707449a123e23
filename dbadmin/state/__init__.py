"""What a database holds, as two flat maps: schema objects → definitions, tables → rows and fingerprints.

before = snapshot(connection)
after = update(connection, before, touched)      # looks again only where something could have changed
compare(before, after)
"""

from dbadmin.state.compare import Difference, compare
from dbadmin.state.snapshot import Snapshot, completed, decode, encode, first_read, snapshot, update

__all__ = ["Difference", "Snapshot", "compare", "completed", "decode", "encode", "first_read", "snapshot", "update"]
