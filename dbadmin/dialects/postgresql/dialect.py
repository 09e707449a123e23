"""PostgreSQL; its parts stand beside this file, see `base.Dialect`."""

from dbadmin.dialects.base import Dialect

DIALECT = Dialect(name="postgresql", default_driver="psycopg", extra="postgresql", transactional_ddl=True)
