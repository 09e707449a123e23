"""A dump's statements, changed so that they fill a database of another name on a server that others use."""

import re
from dataclasses import dataclass

from dbadmin.dialects.mysql.contents import DATABASE, DEFINER
from dbadmin.dialects.mysql.look import quote
from dbadmin.dialects.mysql.programs import without_database
from dbadmin.dialects.mysql.surroundings import named_databases

_HEAD = (
    rb"(?:\s|/\*M?!\d*|\*/)*CREATE\b"
    rb"(?:\s|/\*M?!\d*|\*/|OR\s+REPLACE\b|ALGORITHM\s*=\s*\w+|AGGREGATE\b|TEMPORARY\b)*"
)
_HEAD_DEFINER = re.compile(b"(" + _HEAD + b")" + DEFINER.pattern.removeprefix(rb"\b"), re.IGNORECASE)
_EVENT = re.compile(
    _HEAD
    + rb"(?:DEFINER\s*=\s*\S+\s*|/\*M?!\d*|\*/|\s)*EVENT\b.*?\bON\s+COMPLETION\s+(?:NOT\s+)?PRESERVE\s+(?=ENABLE\b)",
    re.IGNORECASE | re.DOTALL,
)
_VIEW = re.compile(_HEAD + rb"(?:DEFINER\s*=\s*\S+|SQL\s+SECURITY\s+\w+|/\*M?!\d*|\*/|\s)*VIEW\b", re.IGNORECASE)


@dataclass(frozen=True)
class Moved:
    """How a dump's statements are changed so that they fill another database, on a server that others use.

    `account` (quoted, with its host) owns and runs everything; `database` is what the dump's own is called there.
    Events are made disabled. This keeps a dump loadable; what keeps it harmless are the rights of the account that
    loads it.
    """

    account: str
    database: str
    source: str | None = None

    def __call__(self, text: bytes) -> bytes:
        """The statement as it is to be run.

        >>> moved = Moved("`us`@`%`", "copy", "shop")
        >>> moved(b"/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT */")
        b'/*!50003 CREATE*/ /*!50017 DEFINER=`us`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT */'
        >>> moved(b"CREATE DEFINER=a@b EVENT e ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE DO SELECT 1")
        b'CREATE DEFINER=`us`@`%` EVENT e ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE DISABLE DO SELECT 1'
        >>> moved(b"ALTER DATABASE `shop` CHARACTER SET latin1")
        b'ALTER DATABASE `copy` CHARACTER SET latin1'
        """
        if text[:6].upper() in (b"INSERT", b"REPLAC"):
            return text
        made = DATABASE.match(text)
        if made is not None and made["name"] is not None:
            return text[: made.start("name")] + quote(self.database).encode() + text[made.end("name") :]
        account = self.account.encode()
        text = _HEAD_DEFINER.sub(lambda found: found[1] + b"DEFINER=" + account, text, count=1)
        event = _EVENT.match(text)
        if event is not None:
            return text[: event.end()] + b"DISABLE" + text[event.end() + len(b"ENABLE") :]
        if self.source is not None and _VIEW.match(text):
            return self._unqualified(text, self.source)
        return text

    def _unqualified(self, text: bytes, source: str) -> bytes:
        """A view's text without the database's name, which the server writes out where it cannot read the view."""
        plain = text.decode("utf-8", "surrogateescape")
        if not named_databases("view", plain, (source,)):
            return text
        return without_database(plain, source).encode("utf-8", "surrogateescape")
