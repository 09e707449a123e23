"""Index published posts, and insist on their date

The front page asks for published posts, newest first; drafts need no place in that index.
A post that was published without a date would never show up there: the CHECK refuses it.

Revision ID: 6e94f1ab35d2
Revises: d05b8e7713ca
Create Date: 2026-02-26 17:11:48.931207
"""

import sqlalchemy as sa
from alembic import op

revision = "6e94f1ab35d2"
down_revision = "d05b8e7713ca"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE blog_posts SET published_at = created_at WHERE is_published AND published_at IS NULL")
    with op.batch_alter_table("blog_posts") as batch_op:
        batch_op.create_check_constraint(
            op.f("ck_blog_posts_published_at_set"), "NOT is_published OR published_at IS NOT NULL"
        )
    op.create_index(
        "ix_blog_posts_published",
        "blog_posts",
        ["published_at", "is_published"],
        postgresql_where=sa.text("is_published"),
        sqlite_where=sa.text("is_published = 1"),
    )


def downgrade() -> None:
    op.drop_index("ix_blog_posts_published", table_name="blog_posts")
    with op.batch_alter_table("blog_posts") as batch_op:
        batch_op.drop_constraint(op.f("ck_blog_posts_published_at_set"), type_="check")
