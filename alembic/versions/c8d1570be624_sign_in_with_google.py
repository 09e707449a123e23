"""Sign in with Google

An account that came through Google has no password of its own. Going back removes
those accounts: the column becomes NOT NULL again, and nobody could sign in to them.

Revision ID: c8d1570be624
Revises: 3f2a9c41d07e
Create Date: 2024-10-03 16:20:55.790113
"""

import sqlalchemy as sa
from alembic import op

revision = "c8d1570be624"
down_revision = "3f2a9c41d07e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("is_oauth", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("google_sub", sa.String(length=100), nullable=True))
        batch_op.alter_column("hashed_password", existing_type=sa.String(length=255), nullable=True)
    op.create_index(op.f("ix_users_google_sub"), "users", ["google_sub"], unique=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_users_google_sub"), table_name="users")
    op.execute("DELETE FROM users WHERE hashed_password IS NULL")
    with op.batch_alter_table("users") as batch_op:
        batch_op.alter_column("hashed_password", existing_type=sa.String(length=255), nullable=False)
        batch_op.drop_column("google_sub")
        batch_op.drop_column("is_oauth")
