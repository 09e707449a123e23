"""A blog: the application factory."""

from flask import Flask

from blog.extensions import db, migrate


def create_app() -> Flask:
    """The application; its database lies in the instance folder."""
    app = Flask(__name__)
    app.config.from_mapping(SQLALCHEMY_DATABASE_URI="sqlite:///blog.db")
    app.config.from_prefixed_env()
    db.init_app(app)
    migrate.init_app(app, db)

    from blog.posts import bp

    app.register_blueprint(bp)
    return app
