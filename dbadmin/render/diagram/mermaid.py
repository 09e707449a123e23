"""Mermaid's erDiagram: what GitHub, GitLab and notebooks draw from text."""

import re

from dbadmin.render.diagram.chosen import NO_GROUP, Shown, chosen, grouped, title
from dbadmin.render.values import visible
from dbadmin.results import Diagram, DiagramColumn, DiagramRelation

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_UNWANTED = re.compile(r"[^A-Za-z0-9_()\[\]-]+")
_WORDS = {
    "erdiagram", "title", "direction", "style", "class", "classdef", "to", "one", "only", "zero", "many", "or", "u",
    "optionally", "tb", "bt", "lr", "rl", "default", "acctitle", "accdescr", "end", "linkstyle", "prototype",
    "constructor", "tostring",
}  # fmt: skip
"""What Mermaid's grammar takes for its own."""


def mermaid(diagram: Diagram) -> str:
    """The text of an erDiagram. Names that Mermaid's grammar does not take stand in quotes beside one that it does."""
    shown = chosen(diagram)
    ids = {name: identifier(name, number) for number, name in enumerate(shown)}
    lines = ["erDiagram", f"    %% {comment(title(diagram))}"]
    groups = grouped(diagram)
    for group, tables in groups.items():
        if len(groups) > 1:
            lines.append(f"    %% {comment(group or NO_GROUP)}")
        for table in tables:
            lines += entity(shown[table.table], ids[table.table])
    return "\n".join([*lines, *(relation(one, ids) for one in diagram.relations)]) + "\n"


def identifier(name: str, number: int) -> str:
    """A name that the grammar takes: the table's own where it can be.

    >>> identifier("users", 0), identifier("shop.orders", 1), identifier("one", 2)
    ('users', 't1_shop_orders', 't2_one')
    """
    if _NAME.fullmatch(name) and name.lower() not in _WORDS:
        return name
    return f"t{number}_{re.sub('[^A-Za-z0-9]+', '_', name)}".rstrip("_")


def entity(shown: Shown, name: str) -> list[str]:
    """The lines of one table."""
    written = shown.table.table
    head = name if name == written else f'{name}["{quoted(written)}"]'
    if not shown.columns:
        return [f"    {head}"]
    note = [f"        %% {shown.note}"] if shown.note else []
    return [f"    {head} {{", *(f"        {attribute(column)}" for column in shown.columns), *note, "    }"]


def attribute(column: DiagramColumn) -> str:
    """One column: type, name, keys, and in quotes what the grammar has no place for.

    >>> attribute(DiagramColumn("price", "NUMERIC(10, 2)", True))
    'NUMERIC(10_2) price "may be NULL"'
    """
    kind = token(column.type or "unknown", "unknown")
    name = token(column.name, "column")
    marks = (("PK", column.primary_key), ("FK", column.refers_to is not None), ("UK", column.unique))
    keys = ", ".join(key for key, given in marks if given)
    remarks = [column.name] if name != column.name else []
    remarks += ["may be NULL"] if column.nullable else []
    said = f'"{quoted(", ".join(remarks))}"' if remarks else ""
    return " ".join(part for part in (kind, name, keys, said) if part)


def token(text: str, else_: str) -> str:
    """A word of letters, digits and a few signs that begins with a letter."""
    word = _UNWANTED.sub("_", text).strip("_-")
    if not word or word.startswith(("(", "[")):
        return else_
    return word if word[0].isalpha() else f"_{word}" if word[0].isdigit() else else_


def relation(one: DiagramRelation, ids: dict[str, str]) -> str:
    """One foreign key: the table referred to, how many of each, the table that refers."""
    parent = "|o" if one.optional else "||"
    child = "o{" if one.many else "o|"
    label = quoted(", ".join(one.columns))
    return f'    {ids[one.referred_table]} {parent}--{child} {ids[one.table]} : "{label}"'


def quoted(text: str) -> str:
    """Text for within quotes, in Mermaid's own escapes; nothing of it is taken for markup.

    >>> quoted('say "hi"; <b>')
    'say #quot;hi#quot;#59; #lt;b#gt;'
    """
    marks = {"#": "#35;", '"': "#quot;", ";": "#59;", "<": "#lt;", ">": "#gt;", "%": "#37;", "\\": "#92;", "`": "#96;"}
    return "".join(marks.get(character, character) for character in visible(text))


def comment(text: str) -> str:
    """Text for a comment, which ends with its line; braces would begin a directive."""
    return quoted(text).replace("{", "(").replace("}", ")")
