"""Make a real JupyterHub database: `python jupyterhub_app.py URL`.

Runs with JupyterHub's own interpreter (see environments.py); every row is written by JupyterHub's own classes.
With `--at REVISION` JupyterHub's own downgrades take it there.

How JupyterHub keeps its database:

- `orm.new_session_factory(url)` makes the tables with `create_all()` and stamps the head (`4621fec11365`); the
  base revision (`19c0846f6344`) creates nothing, so a database cannot grow from the migrations alone.
- The ini is a template (`{alembic_dir}`, `{db_url}`) that `jupyterhub upgrade-db` fills into a temporary file.
- env.py takes `config.attributes["connection"]`, which has to be an engine, or the ini's URL, and asks for a
  transaction per migration. Its revisions look at `op.get_bind().engine`: a second connection, while the
  first holds its transaction.

What a user types is in `project()` below.
"""

import argparse
from datetime import datetime, timedelta
from pathlib import Path

HEAD = "4621fec11365"
BEFORE = "3c2384c5aae1"

INI = """\
[alembic]
script_location = jupyterhub:alembic
# named by --url or DATABASE_URL
sqlalchemy.url = driver://user:pass@localhost/dbname

[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = WARN
handlers =
"""


def project(directory: Path) -> Path:
    """Write the two files that lead dbadmin to JupyterHub's migrations; return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "alembic.ini").write_text(INI, encoding="utf-8")
    (directory / "pyproject.toml").write_text(
        '[tool.dbadmin]\nalembic = "alembic.ini"\nmodels = ["jupyterhub.orm"]\n', encoding="utf-8"
    )
    return directory


def fill(url: str) -> None:
    """A hub with three groups, twelve people, their servers and tokens, two services and a shared server."""
    from jupyterhub import orm, roles

    session = orm.new_session_factory(url)()
    for role in roles.get_default_roles():
        roles.create_role(session, role)
    for name in ("researchers", "students", "Gäste"):
        session.add(orm.Group(name=name, properties={"quota": {"cpu": 2, "memory": "4G"}}))
    session.commit()
    client = orm.OAuthClient(identifier="service-announcement", description="Announcements", secret="x")
    client.allowed_scopes = ["identify"]
    hub = orm.OAuthClient(identifier="jupyterhub", description="JupyterHub", secret="y")  # what tokens belong to
    session.add_all([client, hub])
    session.commit()
    began = datetime(2026, 3, 1, 9, 0)
    for number in range(12):
        user = orm.User(name=f"user{number}", admin=number == 0, created=began + timedelta(days=number))
        session.add(user)
        session.flush()
        roles.grant_role(session, user, "admin" if number == 0 else "user")
        if number in (1, 2, 3):  # as User.sync_roles does for an authenticator with `manage_roles`
            managed = {"name": "instructors", "scopes": ["read:users!group=students"], "managed_by_auth": True}
            roles.create_role(session, managed)
            roles.grant_role(session, user, "instructors", managed=True)
        user.groups = [orm.Group.find(session, "students" if number % 2 else "researchers")]
        server = orm.Server(ip="10.0.0.1", port=8000 + number, base_url=f"/user/user{number}/")
        user._orm_spawners.append(
            orm.Spawner(name="", server=server, state={"pid": 4000 + number}, user_options={"image": "datascience"})
        )
        session.commit()
        user.new_api_token(note="laptop", expires_in=86400 if number % 3 else None)
    for name, admin in (("idle-culler", True), ("announcement", False)):
        service = orm.Service(name=name, admin=admin, url=f"http://127.0.0.1:90{len(name)}", from_config=not admin)
        session.add(service)
        session.commit()
        service.new_api_token()


def downgrade(url: str, revision: str) -> None:
    """Run JupyterHub's own revisions, with the ini that `jupyterhub upgrade-db` writes."""
    from alembic import command, config
    from jupyterhub import dbutil

    with dbutil._temp_alembic_ini(url) as ini:
        command.downgrade(config.Config(ini), revision)


def main() -> None:
    """Make the database."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--at", default=HEAD)
    given = parser.parse_args()
    fill(given.url)
    if given.at != HEAD:
        downgrade(given.url, given.at)


if __name__ == "__main__":
    main()
