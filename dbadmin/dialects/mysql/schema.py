"""The schema of a MySQL or MariaDB database as a flat map, two texts of one meaning giving one definition."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.base import SchemaReader
from dbadmin.dialects.marks import PREFIX
from dbadmin.dialects.mysql import programs, schema_sql
from dbadmin.dialects.mysql import tables as of_tables
from dbadmin.dialects.mysql.look import ask, database_of, is_mariadb, literal, looking, qualified, rows
from dbadmin.dialects.names import join
from dbadmin.dialects.values import ObjectKey, Schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

Query = Any
SEQUENCES_AT_ONCE = 200
_DEFINER = re.compile(r"\bDEFINER=(\S+)")


class MysqlSchema(SchemaReader):
    """Reads information_schema in about 20 queries, whatever the number of tables (one more per 200 sequences).

    Names that the server made (`users_ibfk_1`, `CONSTRAINT_1`, an index called after its column) are no names of
    objects: such a rule is called by its own definition, and its name is an object of kind `constraint-name`.
    Not in the map, as only SHOW CREATE would tell, table by table: parsers of full-text indexes, KEY_BLOCK_SIZE of
    single indexes, CONNECTION and UNION of tables whose rows live elsewhere.
    """

    def read(self, connection: "Connection") -> Schema:
        """Every object of the connection's database, named without it."""
        with looking(connection):
            reader = _Reader(connection)
            found = dict(reader.tables())
            found.update(reader.programs())
            found.update(reader.grants())
        return found

    def canonical(
        self, connection: "Connection", pairs: Mapping[ObjectKey, tuple[str, str]]
    ) -> Mapping[ObjectKey, tuple[str, str]]:
        """Both texts with one definer, where the later one is this session's account.

        Whoever makes a view or a routine anew without naming a definer becomes it, and on a copy that is dbadmin's
        account whatever the application's is. Everything else the server spells in one way only.
        """
        if not any(_DEFINER.search(text) for pair in pairs.values() for text in pair):
            return pairs
        with looking(connection):
            me = f"DEFINER={ask(connection, 'SELECT current_user()').scalar()}"
        result = dict(pairs)
        for key, (before, after) in pairs.items():
            found = _DEFINER.search(after)
            if found is not None and found.group() == me:
                result[key] = (_DEFINER.sub(lambda _: me, before, count=1), after)
        return result


class _Reader:
    """One look at information_schema."""

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self.database = database_of(connection)
        self.mariadb = is_mariadb(connection)
        self.words = dict(schema_sql.MARIADB if self.mariadb else schema_sql.MYSQL)
        self.words["database"] = literal(self.database)

    def rows(self, query: str) -> list[Mapping[str, Any]]:
        return rows(self.connection, query.format(**self.words))

    def tables(self) -> Iterator[tuple[ObjectKey, str]]:
        for row in self.rows(schema_sql.DATABASE):
            for setting in ("default_collation_name", "schema_comment"):
                if row.get(setting):
                    yield ObjectKey("database-setting", setting), of_tables.collation(row[setting])
        listed = self.rows(schema_sql.TABLES)
        sequences = [row["table_name"] for row in listed if row["table_type"] == "SEQUENCE"]
        listed = [row for row in listed if row["table_type"] != "SEQUENCE"]
        names = {row["table_name"] for row in listed}
        partitioned = any("partitioned" in (row["create_options"] or "") for row in listed)
        partitions = self.rows(schema_sql.PARTITIONS) if partitioned else []
        yield from of_tables.tables(listed, partitions)
        columns = [row for row in self.rows(schema_sql.COLUMNS) if row["table_name"] in names]
        checks = self.rows(schema_sql.CHECKS_MARIADB if self.mariadb else schema_sql.CHECKS_MYSQL)
        yield from of_tables.columns(columns, [c for c in checks if c["level"] == "Column"], self._geometries(columns))
        yield from of_tables.checks([c for c in checks if c["level"] != "Column"])
        yield from of_tables.indexes(self.rows(schema_sql.INDEXES))
        rules = {(r["table_name"], r["constraint_name"]): r for r in self.rows(schema_sql.FOREIGN_KEYS)}
        yield from of_tables.foreign_keys(self.rows(schema_sql.FOREIGN_COLUMNS), rules, self.database)
        yield from self._sequences(sequences)

    def _geometries(self, columns: list[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
        if not self.mariadb:
            return {(c["table_name"], c["column_name"]): c["srid"] for c in columns if c["srid"] is not None}
        if not any(c["column_type"] in of_tables.GEOMETRIES for c in columns):
            return {}
        found = self.rows(schema_sql.GEOMETRIES)
        return {(row["table_name"], row["column_name"]): row["srid"] for row in found if row["srid"]}

    def _sequences(self, names: list[str]) -> Iterator[tuple[ObjectKey, str]]:
        for start in range(0, len(names), SEQUENCES_AT_ONCE):
            some = names[start : start + SEQUENCES_AT_ONCE]
            query = " UNION ALL ".join(
                schema_sql.SEQUENCE.format(number=i, sequence=qualified(self.database, name))
                for i, name in enumerate(some)
            )
            for row in rows(self.connection, query):
                yield from of_tables.sequence(some[row["number"]], row)

    def programs(self) -> Iterator[tuple[ObjectKey, str]]:
        yield from programs.views(self.rows(schema_sql.VIEWS), self.database)
        yield from programs.triggers(self.rows(schema_sql.TRIGGERS))
        routines = self.rows(schema_sql.ROUTINES)
        yield from programs.routines(routines, self.rows(schema_sql.PARAMETERS) if routines else [])
        yield from programs.events(self.rows(schema_sql.EVENTS), disabled=self.database.startswith(PREFIX))

    def grants(self) -> Iterator[tuple[ObjectKey, str]]:
        from sqlalchemy.exc import DBAPIError

        found = {kind: self.rows(query) for kind, query in schema_sql.GRANTS.items()}
        try:
            found["function-grant"] = self.rows(schema_sql.ROUTINE_GRANTS)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
        for kind, listed in found.items():
            privileges: dict[str, list[str]] = {}
            for row in listed:
                name = join([row["part"], row["inner_part"], row["grantee"]])
                option = " WITH GRANT OPTION" if row["is_grantable"] == "YES" else ""
                privileges.setdefault(name, []).append(f"{row['privilege_type']}{option}")
            for name, words in privileges.items():
                yield ObjectKey(kind, name), ", ".join(words)
