import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
from mlflow.tracking import MlflowClient
from sklearn.metrics import roc_auc_score

from features.contract.errors import ContractError, ServiceError
from features.engine.build import build_file
from features.io.storage import location
from features.parallel.executor import connect
from models import oracle
from models.data.split import OUT_OF_TIME, TRAIN, split
from models.data.training_data import read_training_data, with_peers
from models.estimators import lightgbm_dask
from models.estimators.lightgbm_fit import fit_trees, parameters
from models.evaluation import metrics
from models.settings import read_settings
from models.tracking import registry
from models.train.training import train, train_on
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world

pytestmark = pytest.mark.slow

SETTINGS = read_settings()
QUICK = SETTINGS.model_copy(
    update={
        "trees": SETTINGS.trees.model_copy(update={"threads": 1, "max_rounds": 120}),
        "trials": 0,
        "candidates": ("trees_all",),
    }
)
WITHIN = 0.005
"""AUC between a fit on a cluster and one on a machine."""


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)


def test_a_fit_on_a_cluster_ranks_as_well_as_one_here_and_keeps_the_signs(
    make_training_data, dask_workers, capsys
):
    training_data = make_training_data(rows=16_000)
    rows = training_data.rows.filter("approved").sort("as_of")
    early, late = rows.head(rows.height * 3 // 4), rows.tail(rows.height // 4)
    sample = training_data.sample(early, training_data.names)

    def auc(trees):
        margin = trees.margin(training_data.numbers(late, sample.names))
        return metrics.auc(margin, late["defaulted"].cast(float).to_numpy()).value

    here = fit_trees(sample, QUICK)
    with connect(dask_workers.address) as cluster:
        there = lightgbm_dask.fit_on(cluster)(sample, QUICK)
    assert abs(auc(there) - auc(here)) < WITHIN
    assert there.text != here.text
    assert line(there.text, "monotone_constraints") == line(here.text, "monotone_constraints")
    assert "[tree_learner: data]" in there.text
    assert "[num_machines: 2]" in there.text
    assert capsys.readouterr().out == ""


def test_out_of_time_a_fit_on_a_cluster_ranks_simulated_firms_as_well_as_one_here(
    dask_workers, tmp_path
):
    """By their true PD: few of so many firms default, and their number alone would move an AUC."""
    simulate_world(out=tmp_path / "world", firms=12_000, seed=7, config=load_config(), workers=2)
    training_data = read_training_data(tmp_path / "world", None, workers=2)
    parts = split(training_data.rows, config=SETTINGS.split)
    training = pl.col("slice").eq(TRAIN)
    training_data = with_peers(
        training_data, parts.rows.select(training.fill_null(value=False)).to_series()
    )
    rows = parts.over(training_data.rows).rows
    late = rows.filter(pl.col("slice").eq(OUT_OF_TIME))
    bad = oracle.true_pd(tmp_path / "world", late["application_id"])
    sample = training_data.sample(rows.filter(training & pl.col("labelled")), training_data.names)

    def auc(trees):
        margin = trees.margin(training_data.numbers(late, sample.names))
        outcomes = np.repeat([1, 0], len(bad))
        return roc_auc_score(
            outcomes, np.tile(margin, 2), sample_weight=np.concatenate([bad, 1 - bad])
        )

    here = fit_trees(sample, SETTINGS)
    with connect(dask_workers.address) as cluster:
        there = lightgbm_dask.fit_on(cluster)(sample, SETTINGS)
    assert "[num_machines: 2]" in there.text
    assert auc(here) > 0.75
    assert abs(auc(there) - auc(here)) < WITHIN


def test_training_on_other_storage_is_the_same_as_on_this_machine(tmp_path):
    world = tmp_path / "world"
    simulate_world(out=world, firms=3_000, seed=7, config=load_config(), workers=2)
    build_file(world, world / "features.parquet", workers=2)
    there = location("memory://trained/world")
    there.fs.put(str(world), there.path, recursive=True)
    config = SETTINGS.model_copy(update={"trials": 0, "candidates": ("scorecard_register",)})
    here, remote = (
        train(data=data, features=data / "features.parquet", config=config)
        for data in (world, there)
    )
    there.fs.store.clear()
    assert remote.label.endswith("(trained on simulated firms)")
    assert remote.counts == here.counts
    assert remote.figures.drop("alias").equals(here.figures.drop("alias"))
    truths = [truth_figures_of(result) for result in (here, remote)]
    assert truths[0] == truths[1]
    assert truths[0]


def truth_figures_of(result):
    client = MlflowClient()
    version = client.get_model_version(result.experiment, result.version)
    run = client.get_run(version.run_id)
    return {name: value for name, value in run.data.metrics.items() if "truth" in name}


def line(text, start):
    return next(found for found in text.splitlines() if found.strip("[").startswith(start))


def test_losing_a_worker_ends_in_one_line_and_registers_nothing(
    make_training_data, dask_workers, monkeypatch
):
    slow = QUICK.model_copy(
        update={"trees": QUICK.trees.model_copy(update={"max_rounds": 4_000, "stop_after": 4_000})}
    )
    real = lightgbm_dask._refuse_lost
    looks = []

    def loses(cluster, workers):
        looks.append(len(workers))
        if len(looks) == 2:
            dask_workers.kill_worker()
        real(cluster, workers)

    monkeypatch.setattr(lightgbm_dask, "_refuse_lost", loses)
    monkeypatch.setattr(lightgbm_dask, "fit_trees", without_folds)
    started = time.monotonic()
    with (
        pytest.raises(ServiceError, match=r"lost the worker tcp://127.*Nothing was registered"),
        connect(dask_workers.address) as cluster,
    ):
        train_on(
            make_training_data(rows=20_000),
            config=slow,
            name="small",
            cluster=cluster,
            distributed=True,
        )
    assert time.monotonic() - started < 90
    assert registry.incumbent("small") is None


def without_folds(sample, config, *, boost):
    """The final fit alone, with more trees than time."""
    params = parameters(sample, config.trees, seed=config.seed)
    return boost(sample, params, 100_000)


def test_the_candidate_must_be_among_those_chosen(make_training_data):
    with pytest.raises(ContractError, match=r"expected trees_all among settings\.candidates"):
        train_on(
            make_training_data(),
            config=QUICK.model_copy(update={"candidates": ("scorecard_register",)}),
            name="small",
            cluster=object(),
            distributed=True,
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--distributed"], "--distributed needs a cluster, named by --scheduler"),
        (
            ["--features", "f.parquet", "--scheduler", "tcp://127.0.0.1:9"],
            "--scheduler has nothing to do where --features are given",
        ),
    ],
)
def test_options_that_do_not_go_together(options, said):
    run = subprocess.run(
        [sys.executable, "-m", "models.train", "--data", "world", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1
