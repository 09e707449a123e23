"""SQLite, by its parts."""

from dbadmin.dialects.base import Dialect
from dbadmin.dialects.sqlite.address import SqliteAddressing
from dbadmin.dialects.sqlite.catalog import SqliteCatalog
from dbadmin.dialects.sqlite.changes import SqliteChanges
from dbadmin.dialects.sqlite.copying import SqliteCopying
from dbadmin.dialects.sqlite.explain import SqliteExplaining
from dbadmin.dialects.sqlite.fingerprint import SqliteFingerprints
from dbadmin.dialects.sqlite.health import SqliteHealth
from dbadmin.dialects.sqlite.isolation import SqliteIsolation
from dbadmin.dialects.sqlite.mending import SqliteMending
from dbadmin.dialects.sqlite.observe import SqliteObserver
from dbadmin.dialects.sqlite.rules import SqliteRules
from dbadmin.dialects.sqlite.sandbox import SqliteSandboxing
from dbadmin.dialects.sqlite.schema import SqliteSchema
from dbadmin.dialects.sqlite.session import SqliteSession
from dbadmin.dialects.sqlite.settings import SqliteSettings
from dbadmin.dialects.sqlite.watch import SqliteCosts

DIALECT = Dialect(
    name="sqlite",
    default_driver="pysqlite",
    extra=None,
    session=SqliteSession(),
    sandbox=SqliteSandboxing(),
    explain=SqliteExplaining(),
    settings=SqliteSettings(),
    address=SqliteAddressing(),
    catalog=SqliteCatalog(),
    schema=SqliteSchema(),
    fingerprint=SqliteFingerprints(),
    observe=SqliteObserver(),
    copying=SqliteCopying(),
    transactional_ddl=False,
    isolation=SqliteIsolation(),
    rules=SqliteRules(),
    costs=SqliteCosts(),
    health=SqliteHealth(),
    mending=SqliteMending(),
    changes=SqliteChanges(),
)
