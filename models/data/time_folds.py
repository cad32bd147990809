"""Time-ordered folds of the training side: learn on the past, be judged on what came next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from models.estimators.lightgbm_trees import lightgbm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.data.training_data import Sample

TIME_FOLDS = 3
FIRST_SHARE = 0.4  # of the rows in the first fold's past; the rest is cut into equal parts


@dataclass(frozen=True, eq=False)
class TimeFolds:
    """The folds of one sample as LightGBM data sets, binned once for all that is tried on them.

    Attributes
    ----------
    sample : Sample
        Rows in order of time.
    max_bins : int
        Bins of each feature.
    """

    sample: Sample
    max_bins: int

    @cached_property
    def cuts(self) -> list[tuple[int, int]]:
        """First row judged and first row after it, for each fold with both classes on each side."""
        n = len(self.sample.bad)
        marks = np.linspace(FIRST_SHARE * n, n, TIME_FOLDS + 1).round().astype(int)
        pairs = zip(marks[:-1].tolist(), marks[1:].tolist(), strict=True)
        bad = self.sample.bad
        return [
            (cut, end) for cut, end in pairs if np.ptp(bad[:cut]) > 0 and np.ptp(bad[cut:end]) > 0
        ]

    @cached_property
    def _pairs(self) -> list[tuple[Any, Any]]:
        lgb = lightgbm()
        pairs = []
        for cut, end in self.cuts:
            # Features are kept whatever the least leaf is, as it changes from trial to trial.
            settings = {"feature_pre_filter": False, "max_bin": self.max_bins, "verbose": -1}
            X, bad = self.sample.X, self.sample.bad
            past = lgb.Dataset(X[:cut], bad[:cut], params=settings, free_raw_data=False)
            next_ = lgb.Dataset(X[cut:end], bad[cut:end], reference=past, free_raw_data=False)
            pairs.append((past, next_))
        return pairs

    def losses(
        self, params: dict[str, Any], *, rounds: int, stop_after: int
    ) -> Iterator[tuple[float, int]]:
        """Log loss and best number of trees on each fold in turn.

        Parameters
        ----------
        params : dict
            LightGBM's parameters.
        rounds : int
            Trees at most.
        stop_after : int
            Rounds without improvement.

        Yields
        ------
        loss : float
        best : int
        """
        lgb = lightgbm()
        for past, next_ in self._pairs:
            booster = lgb.train(
                {**params, "feature_pre_filter": False},
                past,
                num_boost_round=rounds,
                valid_sets=[next_],
                callbacks=[lgb.early_stopping(stop_after, verbose=False)],
            )
            yield float(booster.best_score["valid_0"]["binary_logloss"]), booster.best_iteration
