"""PRAGMAs that harm nobody."""

import re
from typing import TYPE_CHECKING

from dbadmin.dialects.settings import Settings
from dbadmin.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection


class SqliteSettings(Settings):
    """PRAGMAs of this connection."""

    names = frozenset(
        {"automatic_index", "cache_size", "case_sensitive_like", "mmap_size", "recursive_triggers",
         "reverse_unordered_selects", "temp_store", "threads"}
    )  # fmt: skip

    def apply(self, connection: "Connection", name: str, value: str) -> None:
        """PRAGMA name = value; PRAGMAs take no bound values, so that only words and numbers are let through."""
        if not re.fullmatch(r"-?\w+", value):
            raise UsageError(f"{value!r} is no value of a PRAGMA", hint=f"a number or a word: %set {name} 1")
        connection.exec_driver_sql(f"PRAGMA {self.known(name)} = {value}")
