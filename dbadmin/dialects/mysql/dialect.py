"""MySQL and MariaDB; its parts stand beside this file, see `base.Dialect`."""

from dbadmin.dialects.base import Dialect

DIALECT = Dialect(name="mysql", default_driver="pymysql", extra="mysql", transactional_ddl=False)
