import doctest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import TimeSeriesSplit, cross_val_score

from models.estimators import classifier
from models.estimators.classifier import CandidateClassifier
from models.settings import read_settings

SETTINGS = read_settings()
QUICK = SETTINGS.model_copy(
    update={"trees": SETTINGS.trees.model_copy(update={"threads": 1, "max_rounds": 40})}
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(
        {"firm_age": rng.exponential(5, 1_500), "tax_late_share_365d": rng.random(1_500)}
    )
    risk = -1.5 + 3 * X["tax_late_share_365d"] - 0.2 * X["firm_age"]
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-risk))).astype(int)
    X.iloc[::7, 0] = np.nan
    return X, y.to_numpy()


@pytest.mark.parametrize("candidate", ["trees_all", "scorecard_all"])
def test_scikit_learn_s_own_tools_accept_it(rows, candidate):
    X, y = rows
    model = CandidateClassifier(candidate, config=QUICK)
    scores = cross_val_score(clone(model), X, y, cv=TimeSeriesSplit(3), scoring="roc_auc")
    assert (scores > 0.65).all()
    calibrated = CalibratedClassifierCV(model, cv=2, method="sigmoid").fit(X, y)
    assert calibrated.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.02)


def test_columns_are_remembered_and_the_table_s_signs_hold(rows):
    X, y = rows
    model = CandidateClassifier(config=QUICK).fit(X, y)
    assert model.feature_names_in_.tolist() == list(X.columns)
    late = pd.DataFrame({"firm_age": 3.0, "tax_late_share_365d": np.linspace(0, 1, 50)})
    risk = model.predict_proba(late)
    np.testing.assert_allclose(risk.sum(axis=1), 1)
    assert (np.diff(risk[:, 1]) >= 0).all()
    assert risk[-1, 1] > risk[0, 1]
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X)[:, 1] > 0.5)
    with pytest.raises(ValueError, match="feature names"):
        model.predict_proba(X.rename(columns={"firm_age": "age"}))


def test_wrong_labels_and_an_unfitted_model_are_refused(rows):
    X, y = rows
    with pytest.raises(ValueError, match="expected two classes, got 1 class"):
        CandidateClassifier(config=QUICK).fit(X, np.zeros_like(y))
    with pytest.raises(NotFittedError):
        CandidateClassifier().predict_proba(X)


def test_the_example_runs():
    assert doctest.testmod(classifier).failed == 0
