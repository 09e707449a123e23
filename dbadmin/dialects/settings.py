"""Settings of a session that harm nobody: how values are shown and read, what one statement may use."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from dbadmin.errors import UnknownName

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Settings(ABC):
    """One engine's harmless settings."""

    names: frozenset[str]

    def known(self, name: str) -> str:
        """The setting's name as the engine has it. Raises UnknownName where it is none of those."""
        found = name.lower()
        if found not in self.names:
            raise UnknownName("harmless setting", name, self.names, hint=f"known: {', '.join(sorted(self.names))}")
        return found

    @abstractmethod
    def apply(self, connection: "Connection", name: str, value: str) -> None:
        """Set it for the transaction that has begun."""
