"""The blog: posts by users, and the categories of the navigation."""

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Integer, String, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .auth import User
from .database import Base, utcnow


class BlogPost(Base):
    """A post; a draft until it is published."""

    __tablename__ = "blog_posts"
    __table_args__ = (
        CheckConstraint("NOT is_published OR published_at IS NOT NULL", name="published_at_set"),
        Index(
            "ix_blog_posts_published",
            "published_at",
            "is_published",
            postgresql_where=text("is_published"),
            sqlite_where=text("is_published = 1"),
        ),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    title: Mapped[str] = mapped_column(String(200), index=True)
    slug: Mapped[str] = mapped_column(String(200), unique=True, index=True)
    content: Mapped[str] = mapped_column(Text)
    excerpt: Mapped[str | None] = mapped_column(String(500))
    is_published: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_featured: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(DateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default=utcnow, onupdate=utcnow)
    published_at: Mapped[datetime | None] = mapped_column(DateTime)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)

    author: Mapped[User] = relationship(back_populates="blog_posts")

    def __repr__(self) -> str:
        return f"<BlogPost {self.id} {self.slug}>"


class BlogCategory(Base):
    """An entry of the blog's navigation."""

    __tablename__ = "blog_categories"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True, index=True)
    description: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(DateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default=utcnow, onupdate=utcnow)

    def __repr__(self) -> str:
        return f"<BlogCategory {self.id} {self.slug}>"
