"""From rows of information_schema to definitions of tables and what belongs to them: plain functions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from dbadmin.dialects.mysql.look import literal, quote
from dbadmin.dialects.names import join
from dbadmin.dialects.values import ObjectKey

Row = Mapping[str, Any]
Found = Iterator[tuple[ObjectKey, str]]

GEOMETRIES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection"}
)
_WIDTH = re.compile(r"^(tinyint|smallint|mediumint|int|bigint|year)\((\d+)\)")
_COMPRESSED = re.compile(r"\s*/\*M?!\d+ COMPRESSED(?:=\w+)?\*/")
_MADE_FOREIGN_KEY = re.compile(r"_ibfk_\d+$")
_MADE_CHECK = re.compile(r"^CONSTRAINT_\d+$|_chk_\d+$")
_SAYS_NOTHING = re.compile(r"partitioned|row_format=\w+", re.IGNORECASE)
_OPTION = re.compile(r"(?:`[^`]*`|[^\s=]+)(?:='(?:[^']|'')*'|=\S*)?")
_RESTRICTS = frozenset({"RESTRICT", "NO ACTION"})  # InnoDB checks both at once


def collation(name: str) -> str:
    """A collation by its newer name.

    >>> collation("utf8_general_ci"), collation("utf8mb4_bin")
    ('utf8mb3_general_ci', 'utf8mb4_bin')
    """
    return f"utf8mb3_{name.removeprefix('utf8_')}" if name.startswith("utf8_") else name


def column_type(text: str) -> str:
    """A type without the display width of integers, which only ZEROFILL uses; tinyint(1) is what clients call bool.

    >>> column_type("int(11) unsigned"), column_type("tinyint(1)"), column_type("int(5) unsigned zerofill")
    ('int unsigned', 'tinyint(1)', 'int(5) unsigned zerofill')
    """
    text = _COMPRESSED.sub(" COMPRESSED", text)
    found = _WIDTH.match(text)
    if found and "zerofill" not in text and found.group() != "tinyint(1)":
        return found[1] + text[found.end() :]
    return text


def tables(listed: Iterable[Row], partitions: Iterable[Row]) -> Found:
    """Tables with their options, and how far their AUTO_INCREMENT came: the number given out last."""
    parts = {name: list(group) for name, group in groupby(partitions, lambda row: str(row["table_name"]))}
    for row in listed:
        name = row["table_name"]
        options = sorted(o for o in _OPTION.findall(row["create_options"] or "") if not _SAYS_NOTHING.fullmatch(o))
        words = ["TABLE", f"ENGINE {row['engine']}", f"ROW_FORMAT {row['row_format']}"]
        words += [f"COLLATE {collation(row['table_collation'])}"] if row["table_collation"] else []
        words += options
        words += ["WITH SYSTEM VERSIONING"] if row["table_type"] == "SYSTEM VERSIONED" else []
        words += [_partitions(parts[name])] if name in parts else []
        words += _comment(row["table_comment"])
        yield ObjectKey("table", join([name])), " ".join(words)
        if row["auto_increment"] is not None:
            yield ObjectKey("sequence-position", join([name])), str(int(row["auto_increment"]) - 1)


def _partitions(listed: list[Row]) -> str:
    first = listed[0]
    head = f"PARTITION BY {first['partition_method']} ({first['partition_expression'] or ''})"
    if first["subpartition_method"]:
        head += f" SUBPARTITION BY {first['subpartition_method']} ({first['subpartition_expression'] or ''})"
    texts = []
    for name, group in groupby(listed, lambda row: str(row["partition_name"])):
        members = list(group)
        inner = [quote(row["subpartition_name"]) for row in members if row["subpartition_name"]]
        words = [quote(name)]
        description = members[0]["partition_description"]
        words += [f"VALUES {description}"] if description is not None else []
        words += [f"({', '.join(inner)})"] if inner else []
        texts.append(" ".join(words + _comment(members[0]["partition_comment"])))
    return f"{head} ({', '.join(texts)})"


def columns(listed: Iterable[Row], checks: Iterable[Row], srids: Mapping[tuple[str, str], int]) -> Found:
    """Columns and their order; a check of a single column belongs to it."""
    rules = {(row["table_name"], row["constraint_name"]): row["check_clause"] for row in checks}
    for table, group in groupby(listed, lambda row: str(row["table_name"])):
        names = []
        for row in group:
            place = (table, row["column_name"])
            names.append(row["column_name"])
            yield ObjectKey("column", join(place)), _column(row, rules.get(place), srids.get(place))
        yield ObjectKey("column-order", join([table])), join(names, ", ")


def _column(row: Row, check: str | None, srid: int | None) -> str:
    extra, generated = row["extra"] or "", row["generation_expression"]
    words = [column_type(row["column_type"])]
    words += [f"COLLATE {collation(row['collation_name'])}"] if row["collation_name"] else []
    words += [f"SRID {srid}"] if srid is not None else []
    if generated in ("ROW START", "ROW END"):
        words.append(f"GENERATED ALWAYS AS {generated}")
    elif generated:
        words.append(f"GENERATED ALWAYS AS ({generated}) {'STORED' if 'STORED' in extra else 'VIRTUAL'}")
    else:
        words += _default(row["column_default"], extra)
    words += ["AUTO_INCREMENT"] if "auto_increment" in extra else []
    words += [f"ON UPDATE {found[1]}"] if (found := re.search(r"on update ([^,]+)", extra)) else []
    words += ["NOT NULL"] if row["is_nullable"] == "NO" else []
    words += [word for word in ("INVISIBLE", "WITHOUT SYSTEM VERSIONING") if word in extra]
    words += [f"CHECK ({check})"] if check is not None else []
    return " ".join(words + _comment(row["column_comment"]))


def _default(text: str | None, extra: str) -> list[str]:
    """MariaDB gives an expression, NULL as the word; MySQL a bare value, or says that it is an expression."""
    if text is None or text == "NULL":
        return []
    return [f"DEFAULT ({text})" if "DEFAULT_GENERATED" in extra else f"DEFAULT {text}"]


def _comment(text: str | None) -> list[str]:
    return [f"COMMENT {literal(text)}"] if text else []


def checks(listed: Iterable[Row]) -> Found:
    """Checks of tables."""
    rules = []
    for row in listed:
        definition = f"CHECK ({row['check_clause']}){' NOT ENFORCED' if row['enforced'] == 'NO' else ''}"
        name = row["constraint_name"]
        rules.append((row["table_name"], name, definition, bool(_MADE_CHECK.search(name))))
    return _named("constraint", rules)


def indexes(listed: Iterable[Row]) -> Found:
    """Primary keys and uniques as constraints, and the other indexes."""
    rules: dict[str, list[tuple[str, str, str, bool]]] = {"constraint": [], "index": []}
    for (table, name), group in groupby(listed, lambda row: (str(row["table_name"]), str(row["index_name"]))):
        members = list(group)
        first = members[0]
        unique = not int(first["non_unique"])
        parts = ", ".join(_part(row) for row in members)
        words = [f"{_index_kind(name, first, unique)} ({parts})"]
        words += [f"USING {first['index_type']}"] if first["index_type"] not in _PLAIN_INDEXES else []
        words += [first["hidden"]] if first["hidden"] else []
        definition = " ".join(words + _comment(first["index_comment"]))
        rules["constraint" if unique else "index"].append((table, name, definition, _is_made(name, first)))
    for kind, some in rules.items():
        yield from _named(kind, some)


_PLAIN_INDEXES = frozenset({"BTREE", "FULLTEXT", "SPATIAL", "RTREE"})


def _index_kind(name: str, row: Row, unique: bool) -> str:
    if unique:
        return "PRIMARY KEY" if name == "PRIMARY" else "UNIQUE"
    return f"{row['index_type']} INDEX" if row["index_type"] in ("FULLTEXT", "SPATIAL") else "INDEX"


def _part(row: Row) -> str:
    text = quote(row["column_name"]) if row["column_name"] is not None else f"({row['expression']})"
    if row["sub_part"] is not None and row["index_type"] != "SPATIAL":
        text += f"({row['sub_part']})"
    return f"{text} DESC" if row["collation"] == "D" else text


def _is_made(name: str, row: Row) -> bool:
    """Whether the server called an index after its first column."""
    return name != "PRIMARY" and bool(
        row["column_name"] and re.fullmatch(rf"{re.escape(row['column_name'])}(_\d+)?", name, re.IGNORECASE)
    )


def foreign_keys(listed: Iterable[Row], rules: Mapping[tuple[str, str], Row], database: str) -> Found:
    """Foreign keys with their rules; RESTRICT, the default, is not written out."""
    found = []
    for (table, name), group in groupby(listed, lambda row: (str(row["table_name"]), str(row["constraint_name"]))):
        members = list(group)
        own = ", ".join(quote(row["column_name"]) for row in members)
        other = ", ".join(quote(row["referenced_column_name"]) for row in members)
        schema, target = members[0]["referenced_table_schema"], quote(members[0]["referenced_table_name"])
        target = target if schema == database else f"{quote(schema)}.{target}"
        definition = f"FOREIGN KEY ({own}) REFERENCES {target} ({other})"
        rule = rules.get((table, name), {})
        for event in ("delete", "update"):
            action = rule.get(f"{event}_rule")
            definition += f" ON {event.upper()} {action}" if action and action not in _RESTRICTS else ""
        found.append((table, name, definition, bool(_MADE_FOREIGN_KEY.search(name))))
    return _named("constraint", found)


def _named(kind: str, rules: Iterable[tuple[str, str, str, bool]]) -> Found:
    """Rules by their names; one whose name the server made goes by its definition, and its name by itself."""
    seen: set[ObjectKey] = set()
    for table, name, definition, made in rules:
        if not made:
            yield ObjectKey(kind, join([table, name])), definition
            continue
        key, number = ObjectKey(kind, join([table, definition])), 2
        while key in seen:
            key, number = ObjectKey(kind, join([table, f"{definition} #{number}"])), number + 1
        seen.add(key)
        yield key, definition
        yield ObjectKey("constraint-name", key.name), name


def sequence(name: str, row: Row) -> Found:
    """A sequence, and the number before the next that is neither given out nor kept ready in a cache."""
    definition = (
        f"START WITH {row['start_value']} INCREMENT BY {row['increment']} MINVALUE {row['minimum_value']}"
        f" MAXVALUE {row['maximum_value']} CACHE {row['cache_size']}{' CYCLE' if row['cycle_option'] else ''}"
    )
    yield ObjectKey("sequence", join([name])), definition
    before = int(row["next_not_cached_value"]) + (1 if int(row["increment"]) < 0 else -1)
    yield ObjectKey("sequence-position", join([name])), str(before)
