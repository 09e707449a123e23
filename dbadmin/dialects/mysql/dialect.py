"""MySQL and MariaDB, by their parts."""

from dbadmin.dialects.base import Dialect
from dbadmin.dialects.mysql.address import MysqlAddressing
from dbadmin.dialects.mysql.catalog import MysqlCatalog
from dbadmin.dialects.mysql.changes import MysqlChanges
from dbadmin.dialects.mysql.copying import MysqlCopying
from dbadmin.dialects.mysql.explain import MysqlExplaining
from dbadmin.dialects.mysql.fingerprint import MysqlFingerprints
from dbadmin.dialects.mysql.health import MysqlHealth
from dbadmin.dialects.mysql.isolation import MysqlIsolation
from dbadmin.dialects.mysql.mending import MysqlMending
from dbadmin.dialects.mysql.observe import MysqlObserver
from dbadmin.dialects.mysql.rules import MysqlRules
from dbadmin.dialects.mysql.sandbox import MysqlSandboxing
from dbadmin.dialects.mysql.schema import MysqlSchema
from dbadmin.dialects.mysql.session import MysqlSession
from dbadmin.dialects.mysql.settings import MysqlSettings
from dbadmin.dialects.mysql.watch import MysqlCosts

DIALECT = Dialect(
    name="mysql",
    default_driver="pymysql",
    extra="mysql",
    session=MysqlSession(),
    sandbox=MysqlSandboxing(),
    explain=MysqlExplaining(),
    settings=MysqlSettings(),
    address=MysqlAddressing(),
    catalog=MysqlCatalog(),
    schema=MysqlSchema(),
    fingerprint=MysqlFingerprints(),
    observe=MysqlObserver(),
    copying=MysqlCopying(),
    transactional_ddl=False,
    isolation=MysqlIsolation(),
    costs=MysqlCosts(),
    rules=MysqlRules(),
    health=MysqlHealth(),
    mending=MysqlMending(),
    changes=MysqlChanges(),
)
