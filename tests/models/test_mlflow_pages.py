"""The MLflow UI in a real browser, as `docs/mlflow_pages.py` opens it."""

import importlib.util
from pathlib import Path

import pytest
from PIL import Image

from models.settings import read_settings
from models.train import train_on

spec = importlib.util.spec_from_file_location(
    "mlflow_pages", Path(__file__).parents[2] / "docs" / "mlflow_pages.py"
)
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)


@pytest.mark.skipif(pages.browser() is None, reason="there is no Chromium here")
def test_the_ui_shows_runs_metrics_aliases_card_and_figures(tmp_path, monkeypatch, toy):
    """Each page must say the words that `pages` expects of it, or the script times out."""
    store = f"sqlite:///{tmp_path}/m.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    config = read_settings(trials=0, candidates=("scorecard_register", "trees_all"))
    train_on(toy(), config=config, name="toy")
    written = pages.picture_all(store, tmp_path / "p", width=1200, height=800, name="toy")
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
