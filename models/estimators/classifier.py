"""Scikit-learn classifier of a candidate, for cross-validation, pipelines and one's own studies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from features.loan.catalogue import OPEN_LOAN_FEATURES
from models.data.training_data import Sample
from models.estimators.candidates import chosen
from models.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from features.arrays import Array
    from models.settings import TrainConfig

_SIGNS = {feature.name: feature.sign for feature in OPEN_LOAN_FEATURES}


class CandidateClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Binary classifier with monotone constraints: a row of `models.estimators.candidates`.

    Probabilities are those of the fit, not calibrated on rows of their own; wrap the classifier in
    `sklearn.calibration.CalibratedClassifierCV` for that.

    Parameters
    ----------
    candidate : str
        Name in `models.estimators.candidates.CANDIDATES`.
    signs : mapping of str to {-1, 0, 1}, optional
        Expected effect of a column on default; by default the feature table's, 0 for others.
    config : TrainConfig, optional
        Training settings; by default models/settings.toml.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    feature_names_in_ : ndarray of shape (n_features,)
        Only of data frames whose columns are all named.
    n_features_in_ : int
    estimator_ : Trees or Scorecard

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"firm_age": rng.exponential(5, 500)})
    >>> y = (rng.random(500) < 1 / (2 + X["firm_age"])).astype(int)
    >>> model = CandidateClassifier("scorecard_all").fit(X, y)
    >>> model.predict_proba(X).shape
    (500, 2)
    >>> model.feature_names_in_.tolist()
    ['firm_age']
    """

    def __init__(
        self,
        candidate: str = "trees_all",
        *,
        signs: Mapping[str, int] | None = None,
        config: TrainConfig | None = None,
    ) -> None:
        self.candidate = candidate
        self.signs = signs
        self.config = config

    def fit(self, X: Any, y: Any) -> Self:  # noqa: ANN401 (whatever scikit-learn accepts)
        """Fit the candidate; the number of trees is found on time-ordered folds.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features), in order of time
            Missing values as NaN.
        y : array-like of shape (n_samples,)
            Two classes; the larger one is default.

        Raises
        ------
        ValueError
            If `y` has other than two classes.
        """
        candidate = chosen([self.candidate])[0]
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, bad = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:  # noqa: PLR2004
            raise ValueError(f"y: expected two classes, got {len(self.classes_)} class.")
        names = tuple(getattr(self, "feature_names_in_", [f"x{k}" for k in range(X.shape[1])]))
        signs = _SIGNS if self.signs is None else self.signs
        sample = Sample(
            X=X,
            bad=bad.astype(np.float64),
            names=names,
            signs=tuple(signs.get(name, 0) for name in names),
        )
        self.estimator_ = candidate.fit(sample, self.config or read_settings())
        return self

    def decision_function(self, X: Any) -> Array:  # noqa: ANN401
        """Log-odds of default, ndarray of shape (n_samples,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        return self.estimator_.margin(X)

    def predict_proba(self, X: Any) -> Array:  # noqa: ANN401
        """Probability of no default and of default, ndarray of shape (n_samples, 2)."""
        probability = expit(self.decision_function(X))
        return np.column_stack([1 - probability, probability])

    def predict(self, X: Any) -> Array:  # noqa: ANN401
        """More probable class, ndarray of shape (n_samples,)."""
        return np.asarray(self.classes_[(self.decision_function(X) > 0).astype(int)])

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 (scikit-learn's own type)
        """Say what the classifier takes: two classes, missing values."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags
