"""Notebooks and notes

Revision ID: n1
Revises:
Create Date: 2026-01-02 09:00:00
"""

from alembic import op

revision = "n1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE books (id INTEGER PRIMARY KEY, title VARCHAR(50) NOT NULL UNIQUE)")
    op.execute(
        """
        CREATE TABLE notes (
            id INTEGER PRIMARY KEY,
            book_id INTEGER NOT NULL REFERENCES books (id),
            text VARCHAR(200) NOT NULL,
            created_at TIMESTAMP NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX ix_notes_book_id ON notes (book_id)")


def downgrade() -> None:
    op.execute("DROP TABLE notes")
    op.execute("DROP TABLE books")
