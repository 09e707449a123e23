"""Posts of an author are found by an index

Revision ID: 1b2c3d4e5f60
Revises: 0a1b2c3d4e5f
Create Date: 2026-02-11 09:00:00
"""

from alembic import op

revision = "1b2c3d4e5f60"
down_revision = "0a1b2c3d4e5f"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("blog_post", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_blog_post_author_id"), ["author_id"], unique=False)


def downgrade():
    with op.batch_alter_table("blog_post", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_blog_post_author_id"))
