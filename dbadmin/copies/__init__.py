"""Disposable copies: where they live, how they are made, and which exist."""

from dbadmin.copies.make import Copy, open_copy

__all__ = ["Copy", "open_copy"]
