"""Diagrams as text for Mermaid and Graphviz, and drawn as SVG."""

from dbadmin.render.diagram.dot import dot
from dbadmin.render.diagram.mermaid import mermaid
from dbadmin.render.diagram.svg import svg

__all__ = ["dot", "mermaid", "svg"]
