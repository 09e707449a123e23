"""Where a connection leads: apart from `base`, of which whoever keeps a process away from servers needs no more."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.dialects.values import Address


class Addressing(ABC):
    """Where a connection leads, told from URLs and DBAPI connect parameters, and how to lead it elsewhere."""

    @abstractmethod
    def of_parameters(self, driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> "Address":
        """The address that a driver would connect to with these parameters (environment defaults included)."""

    @abstractmethod
    def of_url(self, url: "URL") -> "Address":
        """The address that a URL names; `?dbname=`-like query parameters win as they do in the driver."""

    def of_connection(self, dbapi_connection: Any) -> "Address | None":
        """Where an open DBAPI connection leads, told by the driver; None where it does not tell."""
        return None

    def url_of_connection(self, dbapi_connection: Any) -> "URL | None":
        """The URL, password included, by which dbadmin's own driver gets where an open DBAPI connection leads.

        None where the driver does not tell, or where a URL cannot say how it got there (TLS with its own certificates).
        """
        return None

    @abstractmethod
    def redirect(self, driver: str, cargs: list[Any], cparams: dict[str, Any], copy: "URL") -> None:
        """Replace only what says where (host, port, database, user, password, TLS); keep options and hooks."""

    @abstractmethod
    def with_driver(self, url: "URL", driver: str) -> "URL":
        """The URL for another driver of the same engine; ssl and sslmode are translated."""
