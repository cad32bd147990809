"""The MLflow UI in a real browser, as `docs/mlflow_pages.py` opens it."""

import pytest
from PIL import Image

from docs import mlflow_pages
from docs.browser import program
from models.settings import read_settings
from models.train.training import train_on

pytestmark = pytest.mark.slow


@pytest.mark.skipif(program() is None, reason="there is no Chromium here")
def test_the_ui_shows_runs_metrics_aliases_card_and_figures(
    tmp_path, monkeypatch, make_training_data
):
    """Each page must say the words that `Training.pages` expects of it, or the script times out."""
    store = f"sqlite:///{tmp_path}/m.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    config = read_settings(trials=0, candidates=("scorecard_register", "trees_all"))
    train_on(make_training_data(), config=config, name="small")
    written = mlflow_pages.picture_all(store, tmp_path / "p", width=1200, height=800, name="small")
    assert {path.stem.removeprefix("mlflow-") for path in written} == {
        "experiment",
        "compare",
        "compare-metrics",
        "model",
        "version",
        "run",
        "card",
        "figure",
    }
    for path in written:
        with Image.open(path) as picture:
            assert picture.width == 1200
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 50, path  # not blank
