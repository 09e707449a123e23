"""PostgreSQL, by its parts."""

from dbadmin.dialects.base import Dialect
from dbadmin.dialects.postgresql.address import PostgresqlAddressing
from dbadmin.dialects.postgresql.catalog import PostgresqlCatalog
from dbadmin.dialects.postgresql.changes import PostgresqlChanges
from dbadmin.dialects.postgresql.copying import PostgresqlCopying
from dbadmin.dialects.postgresql.explain import PostgresqlExplaining
from dbadmin.dialects.postgresql.fingerprint import PostgresqlFingerprints
from dbadmin.dialects.postgresql.health import PostgresqlHealth
from dbadmin.dialects.postgresql.isolation import PostgresqlIsolation
from dbadmin.dialects.postgresql.mending import PostgresqlMending
from dbadmin.dialects.postgresql.observe import PostgresqlObserver
from dbadmin.dialects.postgresql.rules import PostgresqlRules
from dbadmin.dialects.postgresql.sandbox import PostgresqlSandboxing
from dbadmin.dialects.postgresql.schema import PostgresqlSchema
from dbadmin.dialects.postgresql.session import PostgresqlSession
from dbadmin.dialects.postgresql.settings import PostgresqlSettings
from dbadmin.dialects.postgresql.watch import PostgresqlCosts

DIALECT = Dialect(
    name="postgresql",
    default_driver="psycopg",
    extra="postgresql",
    session=PostgresqlSession(),
    sandbox=PostgresqlSandboxing(),
    explain=PostgresqlExplaining(),
    settings=PostgresqlSettings(),
    address=PostgresqlAddressing(),
    catalog=PostgresqlCatalog(),
    schema=PostgresqlSchema(),
    fingerprint=PostgresqlFingerprints(),
    observe=PostgresqlObserver(),
    copying=PostgresqlCopying(),
    transactional_ddl=True,
    isolation=PostgresqlIsolation(),
    rules=PostgresqlRules(),
    costs=PostgresqlCosts(),
    health=PostgresqlHealth(),
    mending=PostgresqlMending(),
    changes=PostgresqlChanges(),
)
