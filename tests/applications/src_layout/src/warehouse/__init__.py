"""Goods and where they lie."""
