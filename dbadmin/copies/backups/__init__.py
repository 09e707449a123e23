"""Backups: recognised by what they hold, checked to their end, and only then restored.

sniff.py    which format it is, by content and never by name
refused.py  files that are no backup dbadmin restores, and what to type instead
unpack.py   gzip and zstd, into a private place and within limits
tar.py      tar archives: whole, and made of plain files
check.py    all of it together: from a path to a `Backup`
"""

from dbadmin.copies.backups.check import open_backup

__all__ = ["open_backup"]
