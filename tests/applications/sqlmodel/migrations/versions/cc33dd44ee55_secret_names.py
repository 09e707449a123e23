"""Secret names are forgotten

Revision ID: cc33dd44ee55
Revises: bb22cc33dd44
Create Date: 2026-03-04 09:00:00
"""

from alembic import op

revision = "cc33dd44ee55"
down_revision = "bb22cc33dd44"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE hero SET secret_name = NULL")


def downgrade() -> None:
    """Nothing to change: the column may be NULL."""
