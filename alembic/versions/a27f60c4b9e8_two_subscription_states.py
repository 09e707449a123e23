"""Keep two subscription states: active and canceled

The paywall asks one question: may this account use what it pays for? Stripe's finer states
made us ask it in eleven places, each with another list. From now on the webhook stores the
answer: trialing and past_due accounts have access (active), the rest have none (canceled).
Accounts that never subscribed stay without a state.

Going back needs no change of data: the previous release knows both values.

Revision ID: a27f60c4b9e8
Revises: 6e94f1ab35d2
Create Date: 2026-10-28 10:06:33.417259
"""

import sqlalchemy as sa
from alembic import op

revision = "a27f60c4b9e8"
down_revision = "6e94f1ab35d2"
branch_labels = None
depends_on = None

users = sa.table("users", sa.column("subscription_status", sa.String))
status = users.c.subscription_status


def upgrade() -> None:
    op.execute(
        sa.update(users).where(status.in_(["trialing", "past_due"])).values(subscription_status="active")
    )
    op.execute(
        sa.update(users).where(status.in_(["unpaid", "incomplete"])).values(subscription_status="canceled")
    )
    op.create_index(op.f("ix_users_subscription_status"), "users", ["subscription_status"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_users_subscription_status"), table_name="users")
