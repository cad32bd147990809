import math

import numpy as np
import polars as pl

from models.estimators.model import save
from models.policy import Policy

SCALE = Policy.load().score


def by_hand(points, row):
    """Apply the points table as a person would: find the row of each feature, add up."""
    total = points.filter(pl.col("feature") == "(start)")["points"].item()
    for feature in points["feature"].unique():
        lines = points.filter(pl.col("feature") == feature)
        x = row.get(feature)
        if feature == "(start)":
            continue
        for line in lines.iter_rows(named=True):
            if line["bin"] == "missing":
                hit = x is None
            else:
                low = -math.inf if line["from"] is None else line["from"]
                high = math.inf if line["below"] is None else line["below"]
                hit = x is not None and low <= x < high
            if hit:
                total += line["points"]
    return total


def test_the_points_table_gives_the_score_by_hand(scorecard_model, X):
    """600 at good:bad odds of 50:1, 40 points double the odds."""
    points = scorecard_model.estimator.points(SCALE)
    margin = scorecard_model.margin(X)
    expected = 600 + 40 / math.log(2) * (-margin - math.log(50))
    rows = X.fill_nan(None).iter_rows(named=True)
    np.testing.assert_allclose([by_hand(points, row) for row in rows], expected, atol=1e-9)


def test_with_both_tables_a_person_comes_from_values_to_pd_and_score(scorecard_model, X, tmp_path):
    """The points are those before calibration; the second table says what a sum is worth."""
    save(scorecard_model, tmp_path)
    points, worth = (pl.read_csv(tmp_path / f"{n}.csv") for n in ("points", "points_to_pd"))
    assert points["points"].equals(points["points"].round(2))
    pd = scorecard_model.pd(scorecard_model.margin(X))
    for row, true in zip(X.fill_nan(None).iter_rows(named=True), pd, strict=True):
        total = by_hand(points, row)
        below = worth.filter(pl.col("points") <= total + 0.05).row(-1, named=True)
        above = worth.filter(pl.col("points") >= total - 0.05).row(0, named=True)
        assert above["pd"] - 1e-4 <= true <= below["pd"] + 1e-4
        assert below["score"] - 0.5 <= SCALE.points(true) <= above["score"] + 0.5


def test_a_value_on_an_edge_falls_into_the_upper_bin(scorecard_model):
    binned = scorecard_model.estimator.features[0]
    X = np.array([[-0.5, 0, 0], [0.5, 0, 0], [-0.5000001, 0, 0], [np.nan, 0, 0]])
    np.testing.assert_array_equal(binned.evidence(X), [0.1, -1.2, 1.0, -0.2])
    assert binned.labels() == ["x < -0.5", "-0.5 <= x < 0.5", "x >= 0.5", "missing"]
