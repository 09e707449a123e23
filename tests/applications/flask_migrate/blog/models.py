"""Authors and posts. Flask-SQLAlchemy names the tables: author, blog_post."""

from blog.extensions import db


class Author(db.Model):
    """Who writes."""

    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), unique=True, nullable=False)
    posts = db.relationship("BlogPost", back_populates="author")


class BlogPost(db.Model):
    """What was written."""

    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(200), nullable=False)
    created = db.Column(db.DateTime, server_default=db.func.now(), nullable=False)
    author_id = db.Column(db.Integer, db.ForeignKey("author.id"), nullable=False, index=True)
    author = db.relationship(Author, back_populates="posts")
