"""Shelves and goods

Revision ID: shelves
Revises:
Create Date: 2026-01-02 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "shelves"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shelves",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("label", sa.String(20), nullable=False, unique=True),
    )
    op.create_table(
        "goods",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("shelf_id", sa.Integer(), sa.ForeignKey("shelves.id"), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("goods")
    op.drop_table("shelves")
