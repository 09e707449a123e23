"""Products have a colour

Revision ID: c2
Revises: c1
Create Date: 2026-02-02 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "c2"
down_revision = "c1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("colour", sa.String(20)))


def downgrade() -> None:
    op.drop_column("products", "colour")
