"""Accounts: local or by Google, with what Stripe says about their subscription."""

from __future__ import annotations  # BlogPost and Payment are imported for type checkers only

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import DateTime, Integer, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .database import Base

if TYPE_CHECKING:
    from .blog import BlogPost
    from .payments import Payment


class User(Base):
    """Someone who signs in; writes posts, and pays for a plan or not."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    username: Mapped[str] = mapped_column(String(50), unique=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    hashed_password: Mapped[str | None] = mapped_column(String(255))
    is_verified: Mapped[bool] = mapped_column(default=False, server_default=false())

    is_oauth: Mapped[bool] = mapped_column(default=False, server_default=false())
    google_sub: Mapped[str | None] = mapped_column(String(100), unique=True, index=True)

    verification_token: Mapped[str | None] = mapped_column(String(255))
    reset_token: Mapped[str | None] = mapped_column(String(255))

    customer_id: Mapped[str | None] = mapped_column(String(255))
    plan_id: Mapped[int | None] = mapped_column(Integer)
    subscription_id: Mapped[str | None] = mapped_column(String(255))
    subscription_status: Mapped[str | None] = mapped_column(String(64), index=True)
    subscription_last_renew: Mapped[datetime | None] = mapped_column(DateTime)
    subscription_next_renew: Mapped[datetime | None] = mapped_column(DateTime)

    blog_posts: Mapped[list[BlogPost]] = relationship(back_populates="author")
    payments: Mapped[list[Payment]] = relationship(back_populates="user")

    def __repr__(self) -> str:
        return f"<User {self.id} {self.username}>"
