"""Graphviz's language: for `dot -Tsvg` and the tools that read it."""

import html

from dbadmin.render.diagram.chosen import Shown, chosen, grouped, title
from dbadmin.render.values import visible
from dbadmin.results import Diagram, DiagramColumn, DiagramRelation

HEAD = """digraph {{
    label={title}; labelloc=t; rankdir=LR; fontname=Helvetica; nodesep=0.4; ranksep=1;
    node [shape=plain, fontname=Helvetica, fontsize=11];
    edge [dir=both, color="#57606a"];
"""


def dot(diagram: Diagram) -> str:
    """The graph with a table per node, a port per column, and a cluster per group."""
    shown = chosen(diagram)
    ports = {
        (name, column.name): f"c{number}" for name, one in shown.items() for number, column in enumerate(one.columns)
    }
    lines = [HEAD.format(title=quoted(title(diagram)))]
    groups = grouped(diagram)
    for number, (group, tables) in enumerate(groups.items()):
        nodes = [f"    {quoted(table.table)} [label=<{label(shown[table.table], ports)}>];" for table in tables]
        if len(groups) > 1 and group is not None:
            nodes = [f"    subgraph cluster_{number} {{", f"    label={quoted(group)}; color=gray;", *nodes, "    }"]
        lines += nodes
    lines += [edge(relation, ports) for relation in diagram.relations]
    return "\n".join(lines) + "\n}\n"


def label(shown: Shown, ports: dict[tuple[str, str], str]) -> str:
    """A table as Graphviz's HTML has it."""
    table = shown.table
    model = f" <I>{escape(table.model)}</I>" if table.model and table.model != table.table else ""
    rows = [f'<TR><TD COLSPAN="3" BGCOLOR="#ddf4ff"><B>{escape(table.table)}</B>{model}</TD></TR>']
    for column in shown.columns:
        cells = (("RIGHT", mark(column)), ("LEFT", column.name), ("LEFT", kind(column)))
        port = f' PORT="{ports[table.table, column.name]}"'
        written = "".join(
            f'<TD ALIGN="{side}"{port if at == 0 else ""}>{escape(cell)}</TD>' for at, (side, cell) in enumerate(cells)
        )
        rows.append(f"<TR>{written}</TR>")
    if shown.note:
        rows.append(f'<TR><TD COLSPAN="3" ALIGN="LEFT">{escape(shown.note)}</TD></TR>')
    return f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">{"".join(rows)}</TABLE>'


def mark(column: DiagramColumn) -> str:
    """PK, FK or UQ."""
    return "PK" if column.primary_key else "FK" if column.refers_to else "UQ" if column.unique else ""


def kind(column: DiagramColumn) -> str:
    """The type; with a question mark where it may be NULL."""
    return f"{column.type or ''}{'?' if column.nullable else ''}"


def edge(relation: DiagramRelation, ports: dict[tuple[str, str], str]) -> str:
    """From the table referred to, to the one that refers, with crow's feet."""
    ends = ((relation.referred_table, relation.referred_columns[0]), (relation.table, relation.columns[0]))
    parent, child = (f"{quoted(end[0])}:{ports[end]}" if end in ports else quoted(end[0]) for end in ends)
    tail = "teeodot" if relation.optional else "teetee"
    head = "crowodot" if relation.many else "teeodot"
    return f"    {parent} -> {child} [arrowtail={tail}, arrowhead={head}];"


def quoted(text: str) -> str:
    r"""A quoted string.

    >>> print(quoted('say "hi" \\'))
    "say \"hi\" \\"
    """
    return '"' + visible(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def escape(text: str) -> str:
    """Text within a label; an empty one is a blank, since Graphviz takes no empty cell."""
    return html.escape(visible(text)) or " "
