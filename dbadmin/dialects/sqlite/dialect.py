"""SQLite; its parts stand beside this file, see `base.Dialect`."""

from dbadmin.dialects.base import Dialect

DIALECT = Dialect(name="sqlite", default_driver="pysqlite", extra=None, transactional_ddl=False)
