"""Goods of a shelf are found by an index

Revision ID: index
Revises: shelves
Create Date: 2026-02-02 09:00:00
"""

from alembic import op

revision = "index"
down_revision = "shelves"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_goods_shelf_id", "goods", ["shelf_id"])


def downgrade() -> None:
    op.drop_index("ix_goods_shelf_id", "goods")
