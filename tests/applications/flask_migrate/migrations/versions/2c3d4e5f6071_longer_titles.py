"""Longer titles

Revision ID: 2c3d4e5f6071
Revises: 1b2c3d4e5f60
Create Date: 2026-03-12 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "2c3d4e5f6071"
down_revision = "1b2c3d4e5f60"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("blog_post", schema=None) as batch_op:
        batch_op.alter_column(
            "title", existing_type=sa.String(length=120), type_=sa.String(length=200), existing_nullable=False
        )


def downgrade():
    with op.batch_alter_table("blog_post", schema=None) as batch_op:
        batch_op.alter_column(
            "title", existing_type=sa.String(length=200), type_=sa.String(length=120), existing_nullable=False
        )
