"""Notes can be done

Revision ID: n2
Revises: n1
Create Date: 2026-02-02 09:00:00
"""

from alembic import op

revision = "n2"
down_revision = "n1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE notes ADD COLUMN done BOOLEAN NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE notes DROP COLUMN done")
