"""A champion really trained, on all features of a simulated world."""

import sys

import numpy as np
import polars as pl
import pytest

import firstloan
from features.table.catalogue import FEATURES
from models.data.split import TRAIN, split
from models.data.training_data import read_training_data, with_peers
from models.estimators.model import load, save
from models.settings import read_settings
from models.tracking.pyfunc import ServedModel
from models.tracking.registry import resolve
from models.train.training import train_on
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world

pytestmark = pytest.mark.slow

FIRMS = 6_000
PEERS = [feature.name for feature in FEATURES if feature.source == "peers"]
APPLICANTS = 1_000
POINTS = 10
SETTINGS = read_settings(trials=0)
FEW_BADS = SETTINGS.gates.model_copy(  # so few firms have fewer bads than the gate asks
    update={"bads": SETTINGS.gates.bads.model_copy(update={"least": 1})}
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("world") / "w"
    simulate_world(out=out, firms=FIRMS, seed=7, config=load_config(), workers=2)
    return out


@pytest.fixture(scope="module")
def training_data(world):
    """Applications with all features, those among peers too."""
    found = read_training_data(world, None, workers=2)
    parts = split(found.rows, config=SETTINGS.split)
    return with_peers(found, parts.rows["slice"].eq(TRAIN).fill_null(value=False))


@pytest.fixture(scope="module", params=["trees_all", "scorecard_all"])
def champion(request, training_data, tmp_path_factory):
    """The only candidate of its training, as `score` loads it from the registry."""
    config = SETTINGS.model_copy(update={"candidates": (request.param,), "gates": FEW_BADS})
    with pytest.MonkeyPatch.context() as patch:
        store = tmp_path_factory.mktemp("store")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
        result = train_on(training_data, config=config, name="swept")
        model, _ = resolve(f"models:/swept@{result.alias}")
    return model


def test_no_signed_feature_ever_moves_the_pd_the_wrong_way(champion, training_data):
    """Each is swept over its range for a thousand applicants, all else held; no gate's code."""
    rows = training_data.rows.sample(APPLICANTS, seed=1)
    X = training_data.numbers(rows, champion.feature_names)
    swept = [j for j in champion.estimator.used if training_data.signs[champion.feature_names[j]]]
    moved = []
    for j in swept:
        name = champion.feature_names[j]
        values = training_data.rows[name].cast(pl.Float64).fill_nan(None).drop_nulls().to_numpy()
        grid = np.unique(np.quantile(values, np.linspace(0, 1, POINTS)))
        other = np.repeat(X, len(grid), axis=0)
        other[:, j] = np.tile(grid, len(X))
        margin = champion.estimator.margin(other)
        for given in (margin, champion.pd(margin)):
            steps = training_data.signs[name] * np.diff(given.reshape(len(X), -1), axis=1)
            assert steps.min(initial=0.0) >= -1e-15, name
        moved.append(steps.max(initial=0.0) > 0)
    assert len(swept) > 10
    assert np.mean(moved) > 0.9  # so it was no sweep over what the model does not look at


def test_rows_built_for_a_model_are_served_with_the_pd_that_score_gives(
    champion, world, tmp_path, monkeypatch, capsys
):
    """Without the model's reference of peers the same firms would get other PDs, silently."""
    new = tmp_path / "new"
    new.mkdir()
    (new / "signals").symlink_to(world / "signals")
    few = pl.read_csv(world / "applications.csv", infer_schema=False).head(200)
    few.write_csv(new / "applications.csv")
    save(champion, tmp_path / "model")

    def firstloan_(line):
        monkeypatch.setattr(sys, "argv", ["firstloan", *line.split()])
        with pytest.raises(SystemExit) as ended:
            firstloan.main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    said = firstloan_("features --data new --out bare.parquet --workers 1")
    assert "Peer features are empty" in said
    said = firstloan_("features --data new --model model --out rows.parquet --workers 1")
    assert "peers" not in said
    firstloan_("score new/applications.csv --signals new --model model --out s.csv --workers 1")
    scored = pl.read_csv("s.csv").filter(status="scored")
    pds = {}
    for name in ("bare", "rows"):
        rows = pl.read_parquet(f"{name}.parquet")
        answer = ServedModel(load(tmp_path / "model")).predict(rows.to_pandas())
        served = rows.select("application_id").with_columns(served=pl.Series(answer["pd"]))
        pds[name] = scored.join(served, on="application_id")["served"].to_numpy()
    np.testing.assert_allclose(pds["rows"], scored["pd"], atol=1e-6)
    reads_peers = {champion.feature_names[j] for j in champion.estimator.used} & set(PEERS)
    assert np.allclose(pds["bare"], scored["pd"], atol=1e-6) == (not reads_peers)
