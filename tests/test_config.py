"""Every value comes from the place that has right of way, and says so; what is unclear is refused."""

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from projects import INI, alembic_project, write

from dbadmin.app.config import Settings, command_defaults, load_settings
from dbadmin.errors import ConfigError, NotSupported
from dbadmin.secrets import mask


def settings(
    directory: Path, options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    return load_settings(options, start=directory, environ=environ or {})


def refused(directory: Path, match: str, **arguments: Any) -> ConfigError:
    with pytest.raises(ConfigError, match=match) as raised:
        settings(directory, **arguments)
    assert raised.value.exit_code == 2
    assert "\n" not in raised.value.message
    return raised.value


def test_right_of_way_of_a_url(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": '[tool.dbadmin]\nurl = "sqlite:///table.db"\n',
            ".env": "DBADMIN_URL=sqlite:///dotenv.db\nDATABASE_URL=sqlite:///last.db\n",
        },
    )
    option = {"url": "sqlite:///option.db"}
    real = {"DBADMIN_URL": "sqlite:///variable.db"}
    found = []
    for options, environ in ((option, real), ({}, real), ({}, {})):
        url = settings(tmp_path, options, environ).url
        assert url is not None
        found.append((Path(url.value.database).name, url.origin))
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///last.db\n")
    url = settings(tmp_path).url
    assert url is not None
    found.append((Path(url.value.database).name, url.origin))
    assert found == [
        ("option.db", "--url"),
        ("variable.db", "DBADMIN_URL (environment)"),
        ("dotenv.db", "DBADMIN_URL (.env)"),
        ("table.db", "pyproject.toml [tool.dbadmin]"),
    ]
    last = settings(tmp_path).database_url
    assert last is not None
    assert (Path(last.value.database).name, last.origin) == ("last.db", "DATABASE_URL (.env)")


def test_the_real_environment_wins_over_dotenv(tmp_path: Path) -> None:
    write(tmp_path, {".env": "DATABASE_URL=sqlite:///dotenv.db\n"})
    url = settings(tmp_path, environ={"DATABASE_URL": "sqlite:///real.db"}).database_url
    assert url is not None
    assert (Path(url.value.database).name, url.origin) == ("real.db", "DATABASE_URL (environment)")


def test_dotenv_never_enters_the_process_and_is_not_handed_on(tmp_path: Path) -> None:
    write(tmp_path, {".env": "SHOP_ONLY_IN_DOTENV=1\n"})
    assert settings(tmp_path).exported == {}
    assert "SHOP_ONLY_IN_DOTENV" not in os.environ


def test_env_file_is_handed_on(tmp_path: Path) -> None:
    write(tmp_path, {"prod.env": "SHOP_URL=sqlite:///x.db\n"})
    assert settings(tmp_path, {"env_file": "prod.env"}).exported == {"SHOP_URL": "sqlite:///x.db"}
    refused(tmp_path, "--env-file nowhere.env: no such file", options={"env_file": "nowhere.env"})


def test_env_name_is_resolved_and_its_absence_told(tmp_path: Path) -> None:
    write(tmp_path, {"dbadmin.toml": '[tool.dbadmin]\nurl = "env:SHOP_URL"\n'})
    url = settings(tmp_path, environ={"SHOP_URL": "postgresql://a:s3cretword@db/shop"}).url
    assert url is not None
    assert url.value.password == "s3cretword"
    assert url.origin == "SHOP_URL (environment) through dbadmin.toml [tool.dbadmin]"
    with pytest.raises(ConfigError, match="says env:SHOP_URL, but SHOP_URL is not set"):
        _ = settings(tmp_path).url


def test_passwords_are_known_as_secrets_from_then_on_and_never_in_repr(tmp_path: Path) -> None:
    found = settings(tmp_path, {"url": "postgresql://a:v3ry%40hidden@db/shop"})
    assert found.url is not None
    assert mask("it was v3ry@hidden") == "it was ***"
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("not a url", "holds no database URL"),
        ("postgresql://a:pw@host:port/db", "holds no database URL"),
        ("postgresql://a:p@ss0rd@host/db", "has an @ or / in its user or password"),
        ("postgresql://a:pass/w0rd@x@host/db", "has an @ or / in its user or password"),
    ],
)
def test_a_url_that_cannot_be_read_is_told_without_its_password(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        settings(tmp_path).read_url(text, "DATABASE_URL (.env)")
    shown = f"{raised.value.message} {raised.value.hint}"
    assert "ss0rd" not in shown
    assert "w0rd" not in shown


def test_postgres_scheme_and_relative_files_are_read_as_meant(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.read_url("postgres://a:b@c/d", "x").drivername == "postgresql"
    assert found.read_url("sqlite:///./shop.db", "x").database == str(tmp_path / "shop.db")
    assert found.read_url("sqlite://", "x").database is None


def test_found_here_upward_and_one_level_down(tmp_path: Path) -> None:
    table = '[tool.dbadmin]\nprotected = ["prod"]\n'
    for place, start in ((".", "."), (".", "deep/er"), ("backend", "."), ("server", ".")):
        home = tmp_path / f"{place}-{start.replace('/', '-')}"
        write(home, {f"{place}/pyproject.toml": table, f"{start}/.keep": ""})
        found = settings((home / start).resolve())
        assert found.file == (home / place / "pyproject.toml").resolve()
        assert found.get("protected") == ("prod",)


def test_upward_ends_at_the_repository(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": '[tool.dbadmin]\nurl = "sqlite:///x.db"\n', "mine/.git/HEAD": ""})
    assert settings(tmp_path / "mine").file is None


def test_several_candidates_are_listed(tmp_path: Path) -> None:
    table = "[tool.dbadmin]\n"
    write(tmp_path, {"backend/dbadmin.toml": table, "server/pyproject.toml": table})
    error = refused(tmp_path, r"several candidates .*: backend/dbadmin\.toml, server/pyproject\.toml")
    assert error.hint == "choose one with --config FILE"
    assert settings(tmp_path, {"config": "server/pyproject.toml"}).file == tmp_path / "server" / "pyproject.toml"


def test_several_alembic_files_are_listed(tmp_path: Path) -> None:
    alembic_project(tmp_path)
    write(tmp_path, {"alembic/alembic.ini": INI.format(url="sqlite:///x.db")})
    refused(tmp_path, r"several candidates for Alembic's configuration: alembic\.ini, alembic/alembic\.ini")
    found = settings(tmp_path, {"alembic": "alembic.ini"})
    assert found.project is not None
    assert (found.project.ini, found.project_origin) == (tmp_path / "alembic.ini", "--alembic")


def test_unknown_keys_are_refused_with_near_names(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": '[tool.dbadmin]\nsesion = "a:b"\n'})
    refused(tmp_path, r"pyproject\.toml \[tool\.dbadmin\]: unknown key 'sesion'; did you mean 'session'\?")
    write(tmp_path, {"pyproject.toml": "[tool.dbadmin.verify-rolback]\nsteps = 1\n"})
    refused(tmp_path, "unknown key 'verify-rolback'; did you mean 'verify-rollback'")


@pytest.mark.parametrize("key", ["write", "sandbox", "in-place", "yes-this-is-a-copy", "reveal", "clean", "confirm"])
def test_what_is_dangerous_is_never_taken_from_a_file_or_a_variable(tmp_path: Path, key: str) -> None:
    name = key.replace("-", "_").upper()
    for table in (f"[tool.dbadmin]\n{key} = true\n", f"[tool.dbadmin.sql]\n{key} = true\n"):
        write(tmp_path, {"pyproject.toml": table})
        refused(tmp_path, "is taken from the command line only")
    (tmp_path / "pyproject.toml").unlink()
    refused(tmp_path, "is taken from the command line only", environ={f"DBADMIN_{name}": "1"})
    found = settings(tmp_path, environ={f"DBADMIN_SQL_{name}": "1"})
    with pytest.raises(ConfigError, match="is taken from the command line only"):
        command_defaults(found, "sql")


def test_command_options_come_from_variables_and_tables_in_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": """
            [tool.dbadmin]
            format = "json"
            statement_timeout = "500ms"
            [tool.dbadmin.recent]
            limit = 5
            order-by = "id"
            format = "csv"
            """
        },
    )
    environ = {"DBADMIN_RECENT_LIMIT": "7", "DBADMIN_LOCK_TIMEOUT": "3s"}
    defaults = command_defaults(settings(tmp_path, environ=environ), "recent", {"limit", "order_by", "format"})
    assert {name: setting.value for name, setting in defaults.items()} == {
        "format": "csv",
        "statement_timeout": 0.5,
        "lock_timeout": 3.0,
        "limit": "7",
        "order_by": "id",
    }
    assert defaults["limit"].origin == "DBADMIN_RECENT_LIMIT (environment)"
    assert defaults["order_by"].origin == "pyproject.toml [tool.dbadmin.recent]"
    with pytest.raises(ConfigError, match="unknown key 'order_by'; did you mean 'order'"):
        command_defaults(settings(tmp_path), "recent", {"limit", "order", "format"})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('statement_timeout = "soon"', "'soon' is no duration"),
        ('echo = "maybe"', "'maybe' is neither true nor false"),
        ("url = 5", "url must be a text"),
        ("url = ", "is not valid TOML"),
    ],
)
def test_wrong_values_are_one_clear_line(tmp_path: Path, table: str, message: str) -> None:
    write(tmp_path, {"pyproject.toml": f"[tool.dbadmin]\n{table}\n"})
    refused(tmp_path, message)


def test_a_broken_pyproject_of_somebody_else_is_no_concern(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[project\n", "mine/.keep": ""})
    assert settings(tmp_path / "mine").file is None


def test_bare_keys_in_dbadmin_toml(tmp_path: Path) -> None:
    write(tmp_path, {"dbadmin.toml": 'session = "shop.db:SessionLocal"\n[recent]\nlimit = 3\n'})
    found = settings(tmp_path)
    assert found.get("session") == "shop.db:SessionLocal"
    assert command_defaults(found, "recent")["limit"].value == 3


def test_alembic_ini_without_script_location(tmp_path: Path) -> None:
    write(tmp_path, {"alembic.ini": "[alembic]\nsqlalchemy.url = sqlite:///x.db\n"})
    error = refused(tmp_path, r"alembic\.ini: no script_location in \[alembic\]")
    assert error.hint is not None
    assert "script_location = %(here)s/alembic" in error.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[alembic]\nscript_location = nowhere\n", "script_location 'nowhere' does not exist"),
        ("[alembic]\nscript_location = %(here)s\n", "has no env.py"),
        ("[other]\nx = 1\n", r"no section \[alembic\]"),
        ("[alembic]\nscript_location = a\n[alembic]\n", "already exists"),
        ("just words\n", "no section headers"),
    ],
)
def test_a_broken_alembic_ini_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, {"alembic.ini": text})
    refused(tmp_path, message)


def test_an_unescaped_percent_in_the_ini_does_not_show_the_password(tmp_path: Path) -> None:
    alembic_project(tmp_path)
    write(tmp_path, {"alembic.ini": INI.format(url="postgresql://app:hunter%40two@db/shop")})
    error = refused(tmp_path, r"alembic\.ini: sqlalchemy\.url has a % that starts no substitution")
    assert "hunter" not in error.message
    assert "two" not in error.message
    assert error.hint == "a % is written %% in an ini file"


def test_an_ini_beside_the_scripts_means_the_directory_above(tmp_path: Path) -> None:
    for name, location in (
        ("one", "script_location = alembic"),
        ("two", "script_location = %(here)s"),
        ("three", ""),
    ):
        home = alembic_project(tmp_path / name)
        (home / "alembic.ini").unlink()
        write(home, {"alembic/alembic.ini": f"[alembic]\n{location}\n"})
        project = settings(home).project
        assert project is not None
        assert (project.directory, project.script_location) == (home, home / "alembic"), name


def test_alembic_in_pyproject_toml_with_and_without_an_ini(tmp_path: Path) -> None:
    alembic_project(tmp_path)
    (tmp_path / "alembic.ini").unlink()
    write(
        tmp_path,
        {
            "pyproject.toml": """
            [tool.alembic]
            script_location = "%(here)s/alembic"
            prepend_sys_path = ["."]
            """
        },
    )
    if "toml_file" not in inspect.signature(Config).parameters:  # Alembic before 1.16
        with pytest.raises(NotSupported, match=r"does not read pyproject\.toml"):
            settings(tmp_path)
        return
    project = settings(tmp_path).project
    assert project is not None
    assert project.script_location == tmp_path / "alembic"
    assert project.sys_path == (str(tmp_path),)
    write(tmp_path, {"alembic.ini": "[alembic]\nsqlalchemy.url = sqlite:///x.db\n"})
    project = settings(tmp_path).project
    assert project is not None
    assert project.script_location == tmp_path / "alembic"
    assert project.config().get_main_option("sqlalchemy.url") == "sqlite:///x.db"


def test_a_package_location_is_found_without_importing_the_package(tmp_path: Path) -> None:
    home = alembic_project(tmp_path, files={"shop/__init__.py": "raise RuntimeError('imported')\n"})
    (home / "alembic").rename(home / "shop" / "migrations")
    write(home, {"alembic.ini": "[alembic]\nscript_location = shop:migrations\nprepend_sys_path = .\n"})
    project = settings(home).project
    assert project is not None
    assert project.script_location == home / "shop" / "migrations"


def test_an_alembic_project_one_level_down_brings_its_dotenv(tmp_path: Path) -> None:
    alembic_project(tmp_path / "backend", files={".env": "DATABASE_URL=sqlite:///./shop.db\n"})
    found = settings(tmp_path)
    assert found.directory == tmp_path / "backend"
    assert found.database_url is not None
    assert found.database_url.value.database == str(tmp_path / "backend" / "shop.db")
    assert found.database_url.origin == "DATABASE_URL (backend/.env)"


def test_app_names_the_directory(tmp_path: Path) -> None:
    alembic_project(tmp_path / "shop")
    assert settings(tmp_path, {"app": "shop"}).project is not None
    assert settings(tmp_path, environ={"DBADMIN_APP": "shop"}).project is not None
    refused(tmp_path, "--app nowhere: no such directory", options={"app": "nowhere"})
