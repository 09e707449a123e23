"""Pages that list posts."""

from flask import Blueprint, jsonify

from blog.extensions import db
from blog.models import BlogPost

bp = Blueprint("posts", __name__)


@bp.get("/")
def index():
    """Titles, newest first."""
    return jsonify([post.title for post in db.session.scalars(db.select(BlogPost).order_by(BlogPost.created.desc()))])
