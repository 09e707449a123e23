"""Which object stands under which name in `dbadmin shell`."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from dbadmin.app import load_settings
from dbadmin.shell.names import ALWAYS, HELPERS, SQLALCHEMY, Hidden, Thing, build
from dbadmin.shell.reloading import Sources


def names_of(*models: Thing) -> Any:
    helpers = {name: f"helper {name}" for name in HELPERS}
    return build({name: f"the {name}" for name in ALWAYS}, models, helpers)


def test_models_go_before_sqlalchemy_and_that_before_helpers() -> None:
    model = Thing("count", "app.words", "a model")
    built = names_of(model, Thing("text", "app.words", "another"))
    assert built.values["count"] == "a model"
    assert built.values["text"] == "another"
    assert built.values["select"].__module__.startswith("sqlalchemy")
    assert built.values["join"] == "helper join"
    assert set(built.hidden) == {
        Hidden("count", "app.words.count", "db.count"),
        Hidden("text", "app.words.text", "sa.text"),
    }
    assert not set(HELPERS) & set(SQLALCHEMY)


def test_models_that_collide_get_their_modules_prefix() -> None:
    built = names_of(
        Thing("User", "app.auth.models", 1),
        Thing("User", "app.blog.models", 2),
        Thing("Post", "app.blog.models", 3),
    )
    assert [built.values[name] for name in ("auth_User", "blog_User", "Post")] == [1, 2, 3]
    assert "User" not in built.values
    assert built.renamed == {"User": ("auth_User", "blog_User")}


@pytest.mark.parametrize("name", [*ALWAYS, "class", "order items"])
def test_a_model_cannot_take_a_name_that_is_needed(name: str) -> None:
    built = names_of(Thing(name, "app.models", "the model"))
    assert built.values["session"] == "the session"
    assert [built.values[new] for new in built.models] == ["the model"]
    assert all(new.isidentifier() for new in built.models)


def test_no_model_is_lost_whatever_the_names() -> None:
    things = [Thing("A", place, number) for number, place in enumerate(["a", "a", "a.b", "b.a", "x_a", "x.a"])]
    built = names_of(*things, Thing("x_a_A", "a", 6))
    assert sorted(built.values[name] for name in built.models) == [0, 1, 2, 3, 4, 5, 6]


def test_python_s_own_modules_are_never_the_application_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_alone.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = importlib.import_module("mine_alone")
    here = Sources(load_settings({"app": str(tmp_path)})).modules()
    everywhere = Sources(load_settings({"app": "/"})).modules()
    assert here == {"mine_alone": mine}
    assert "mine_alone" in everywhere
    assert not {"os", "json", "pathlib", "sqlalchemy", "IPython", "dbadmin.admin"} & set(everywhere)
    del sys.modules["mine_alone"]
