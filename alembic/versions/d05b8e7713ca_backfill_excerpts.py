"""Add excerpts and fill them from the content

The list of posts showed the first lines of the content, cut in the template. An excerpt
is a column now; posts written before get the lines that their readers know.

Revision ID: d05b8e7713ca
Revises: 4ad7c20f9e13
Create Date: 2025-09-17 08:30:12.055918
"""

import sqlalchemy as sa
from alembic import op

revision = "d05b8e7713ca"
down_revision = "4ad7c20f9e13"
branch_labels = None
depends_on = None

blog_posts = sa.table("blog_posts", sa.column("content", sa.Text), sa.column("excerpt", sa.String))


def upgrade() -> None:
    op.add_column("blog_posts", sa.Column("excerpt", sa.String(length=500), nullable=True))
    op.execute(sa.update(blog_posts).values(excerpt=sa.func.substr(blog_posts.c.content, 1, 200)))


def downgrade() -> None:
    with op.batch_alter_table("blog_posts") as batch_op:
        batch_op.drop_column("excerpt")
