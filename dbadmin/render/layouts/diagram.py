"""`dbadmin diagram`."""

from dbadmin.render.document import Column, Document, Drawing, Table
from dbadmin.results import Diagram


def lay_out_diagram(result: Diagram, *, detail: bool = False) -> Document:
    """The drawing where there can be one, and every relation in words."""
    from dbadmin.render.diagram import mermaid, svg
    from dbadmin.render.diagram.chosen import title

    columns = (
        Column("table", whole=True),
        Column("columns", wrap=True),
        Column("refers to", wrap=True, yields=1),
        Column("rows", whole=True, yields=1),
        Column("relationships", wrap=True, yields=1),
    )
    rows = [
        (
            relation.table,
            ", ".join(relation.columns),
            f"{relation.referred_table} ({', '.join(relation.referred_columns)})",
            f"{'many' if relation.many else 'one'} to {'one or none' if relation.optional else 'one'}",
            ", ".join(relation.names) or None,
        )
        for relation in result.relations
    ]
    table = Table(columns, rows, title="Relations", note=title(result), empty="no relations")
    return Document("Diagram", (Drawing(svg(result), mermaid(result), "mermaid"), table), table)
