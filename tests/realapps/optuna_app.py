"""Make a real optuna storage: `python optuna_app.py URL [--made-by …] [--rows …] [--at REVISION]`.

Runs with optuna's own interpreter (see environments.py); every row is written by optuna itself.

How optuna keeps its database:

- `RDBStorage(url)` makes the tables with `create_all()` and stamps head (`v3.2.0.a`); the ten revisions run
  only for storages of older versions (`optuna storage upgrade`). The base revision `v0.9.0.a` creates tables,
  so a storage can also grow through the migrations alone: `--made-by migrations` does that, as a storage does
  that has been carried along since 2019. `trial_heartbeats` is in no revision: only `create_all()` makes it.
- The ini is `<site-packages>/optuna/storages/_rdb/alembic.ini`. Its `script_location = alembic` is relative,
  and Alembic takes it from the current directory: `alembic` works in that directory only. Its
  `sqlalchemy.url` is `sqlite:///alembic.db`, a file that nobody has.
- env.py takes its URL from `sqlalchemy.url` of the configuration and from nowhere else: no environment
  variable, no connection that is handed over, no engine of its own. It runs `render_as_batch=True`.

What a user types to point dbadmin at a storage, in any directory, is in `project()` below: an ini that names
the scripts by package (`optuna.storages._rdb:alembic`), which Alembic resolves wherever optuna is installed,
then `dbadmin --url sqlite:////path/to/study.db verify-rollback --to base`.
"""

import argparse
import math
from pathlib import Path

HEAD = "v3.2.0.a"
BASE = "v0.9.0.a"

INI = """\
[alembic]
script_location = optuna.storages._rdb:alembic
# optuna's own ini has a placeholder here too; the storage is named by --url or DATABASE_URL
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
    """Write the two files that lead dbadmin to optuna's migrations; return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "alembic.ini").write_text(INI, encoding="utf-8")
    (directory / "pyproject.toml").write_text(
        '[tool.dbadmin]\nalembic = "alembic.ini"\nmodels = ["optuna.storages._rdb.models"]\n',
        encoding="utf-8",
    )
    return directory


def migrate(url: str, revision: str, *, down: bool = False) -> None:
    """Run optuna's own revisions, as `optuna storage upgrade` calls them."""
    import optuna.storages._rdb as rdb
    from alembic import command, config

    here = Path(rdb.__file__).parent
    settings = config.Config(str(here / "alembic.ini"))
    settings.set_main_option("script_location", str(here / "alembic").replace("%", "%%"))
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    (command.downgrade if down else command.upgrade)(settings, revision)


def fill_ordinary(storage: object, *, waiting: bool = True) -> None:
    """Three studies as people run them: a tuned objective, a Pareto front, a study that is under way.

    `waiting=False` queues no trials: on PostgreSQL `v1.2.0.a` never adds WAITING to the enum `trialstate`
    (its `ALTER COLUMN ... TYPE trialstate` changes nothing), so a storage made by the migrations refuses
    them.
    """
    import optuna
    from optuna.trial import Trial

    def loss(trial: Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
        depth = trial.suggest_int("depth", 2, 32, log=True)
        width = trial.suggest_int("width", 16, 256, step=16)
        dropout = trial.suggest_float("dropout", 0.0, 0.5, step=0.05)
        momentum = trial.suggest_float("momentum", 0.5, 0.99)
        optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam", None, 3])
        trial.set_user_attr("host", "worker-ü")
        if trial.number % 11 == 5:
            raise ValueError("diverged")
        for epoch in range(5):
            value = abs(math.log10(rate) + 3) + depth / width + dropout / (epoch + 1) + momentum / 3
            trial.report(value + (0.1 if optimizer == "sgd" else 0.0), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(value)

    study = optuna.create_study(
        storage=storage,
        study_name="forest – ordinary",
        sampler=optuna.samplers.TPESampler(seed=7),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )
    study.set_user_attr("dataset", {"name": "iris", "rows": 150})
    study.optimize(loss, n_trials=40, catch=(ValueError,))

    def front(trial: Trial) -> tuple[float, float]:
        x = trial.suggest_float("x", 0, 5)
        y = trial.suggest_float("y", 0, 3)
        trial.set_user_attr("constraint", [x - y])
        return 4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2

    pareto = optuna.create_study(
        storage=storage,
        study_name="pareto",
        directions=["minimize", "maximize"],
        sampler=optuna.samplers.NSGAIISampler(
            seed=7, population_size=8, constraints_func=lambda done: done.user_attrs["constraint"]
        ),
    )
    pareto.set_metric_names(["cost", "reach"])
    pareto.optimize(front, n_trials=24)

    running = optuna.create_study(storage=storage, study_name="under way", direction="maximize")
    if waiting:
        running.enqueue_trial({"x": 1.5}, user_attrs={"asked by": "a person"})
        running.enqueue_trial({"x": 2.5})
    asked = running.ask()
    asked.suggest_float("x", 0, 10)
    asked.report(0.25, 1)
    running._storage.record_heartbeat(asked._trial_id)


def fill_edge(storage: object) -> None:
    """Values that older schemas cannot hold: infinities, NaN, beyond float32, text beyond 2048 characters."""
    import optuna

    study = optuna.create_study(storage=storage, study_name="edge", direction="minimize")
    study.set_user_attr("notes", "long " * 800)
    for value in (math.inf, -math.inf, 1.5e300, 3.4028234663852886e38, 0.1 + 0.2):
        trial = study.ask()
        trial.suggest_float("x", 0.0, 1.0)
        for step, seen in enumerate((math.nan, math.inf, -math.inf, 1e17, 0.1 + 0.2)):
            trial.report(seen, step)
        study.tell(trial, value)


def make(url: str, *, made_by: str = "package", rows: str = "ordinary", at: str = HEAD) -> None:
    """Create the storage at `url` and fill it.

    `rows="edge"` adds `fill_edge` to the ordinary ones. `at` is the revision it ends at, reached by optuna's
    own downgrades from a filled storage; with `rows="none"` by upgrading an empty one no further than that
    (optuna writes to a storage at head only, so an older one with rows cannot be had otherwise).
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if made_by == "migrations":
        migrate(url, "head" if rows != "none" else at)
    if rows == "none":
        return
    storage = optuna.storages.RDBStorage(url, heartbeat_interval=60)
    fill_ordinary(storage, waiting=made_by == "package" or storage.engine.name == "sqlite")
    if rows == "edge":
        fill_edge(storage)
    storage.engine.dispose()
    if at != HEAD:
        migrate(url, at, down=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--made-by", choices=["package", "migrations"], default="package")
    parser.add_argument("--rows", choices=["ordinary", "edge", "none"], default="ordinary")
    parser.add_argument("--at", default=HEAD)
    options = parser.parse_args()
    make(options.url, made_by=options.made_by, rows=options.rows, at=options.at)
