"""Heroes of a team are found by an index

Revision ID: bb22cc33dd44
Revises: aa11bb22cc33
Create Date: 2026-02-03 09:00:00
"""

from alembic import op

revision = "bb22cc33dd44"
down_revision = "aa11bb22cc33"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_hero_team_id", "hero", ["team_id"])


def downgrade() -> None:
    op.drop_index("ix_hero_team_id", "hero")
