"""Calibration of log-odds to probabilities of default, by monotone maps.

Beta calibration after Kull, Silva Filho and Flach (2017), "Beta calibration: a well-founded and
easily implemented improvement on logistic calibration for binary classifiers", AISTATS;
isotonic regression above `ISOTONIC_FROM` bads, read off at block centres (Oron and Flournoy, 2017).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, log_expit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.arrays import Array

FLOOR = 0.0003  # 0.03 %, Basel II's floor for a probability of default
ISOTONIC_FROM = 500  # bads; below it, three parameters beat steps
SLOPE_SD = 0.07
"""How far the slopes a and b are from 1 before anything is seen (normal, standard deviation).

A margin fitted for log loss has a slope near 1, and 150 bads say less of it than that: over three
worlds whose true PD is known, 0.07 left nearer slopes and smaller errors of the PD than 1 did.
"""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A monotone map from margin to probability of default.

    Attributes
    ----------
    kind : {"beta", "isotonic"}
    a, b, c : float
        Beta: logit(pd) = a * ln(p) - b * ln(1 - p) + c with p = expit(margin); a, b >= 0.
    margins, rates : tuple of float
        Isotonic: block centres (ascending) and default rates, joined by straight lines.
    """

    kind: str = "beta"
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    margins: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()

    def pd(self, margin: Array) -> Array:
        """Calibrated 12-month probability of default, never below `FLOOR`.

        Parameters
        ----------
        margin : ndarray of shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        if self.kind == "isotonic":
            raw = np.interp(margin, self.margins, self.rates)
        else:
            raw = expit(self.a * log_expit(margin) - self.b * log_expit(-margin) + self.c)
        return np.clip(raw, FLOOR, 1.0 - FLOOR)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `calibration.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Calibration:
        """Calibration map from its JSON values."""
        steps = {key: tuple(plain.get(key, ())) for key in ("margins", "rates")}
        calibration = cls(**{**plain, **steps})
        calibration.check()
        return calibration

    def check(self) -> None:
        """Raise ValueError unless the map is one of the two kinds, and never falls."""
        if self.kind == "beta":
            valid = np.isfinite([self.a, self.b, self.c]).all() and min(self.a, self.b) >= 0
        elif self.kind == "isotonic":
            margins, rates = np.asarray(self.margins), np.asarray(self.rates)
            valid = (
                0 < len(margins) == len(rates)
                and bool(np.isfinite(margins).all())
                and bool((np.diff(margins) > 0).all() and (np.diff(rates) >= 0).all())
                and 0 <= rates[0] <= rates[-1] <= 1
            )
        else:
            raise ValueError(f"calibration: expected kind beta or isotonic, got {self.kind!r}")
        if not valid:
            raise ValueError(f"calibration: the {self.kind} map is not a rising one")


def fit_calibration(margin: Array, bad: Array) -> Calibration:
    """Fit the calibration map: beta, or isotonic above `ISOTONIC_FROM` bads.

    Parameters
    ----------
    margin : ndarray of shape (n_samples,)
    bad : ndarray of shape (n_samples,), 1 for default and 0 for none

    Returns
    -------
    Calibration
    """
    return _isotonic(margin, bad) if bad.sum() > ISOTONIC_FROM else _beta(margin, bad)


def cross_calibrated(margin: Array, bad: Array, *, folds: Array) -> Array:
    """Cross-fitted probabilities: each row is calibrated by a map fitted on the other folds.

    Parameters
    ----------
    margin, bad : ndarray of shape (n_samples,)
    folds : ndarray of shape (n_samples,)
        Fold number of each row.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    out = np.empty(len(margin))
    for fold in np.unique(folds):
        held = folds == fold
        out[held] = fit_calibration(margin[~held], bad[~held]).pd(margin[held])
    return out


def _beta(margin: Array, bad: Array) -> Calibration:
    """Beta calibration: posterior mode with a, b >= 0 (monotone) and c free."""
    up, down = log_expit(margin), -log_expit(-margin)
    design = np.column_stack([up, down, np.ones_like(margin)])

    def loss(theta: Array) -> tuple[float, Array]:
        eta = design @ theta
        value = -np.mean(log_expit(eta) * bad + log_expit(-eta) * (1.0 - bad))
        pull = theta - np.array([1.0, 1.0, 0.0])
        pull[2] = 0.0
        weight = SLOPE_SD**-2 / len(margin)
        gradient = design.T @ (expit(eta) - bad) / len(margin) + weight * pull
        return float(value + weight * pull @ pull / 2.0), gradient

    bounds = [(0.0, None), (0.0, None), (None, None)]
    from scipy.optimize import minimize  # noqa: PLC0415 (half a second that scoring need not pay)

    fit = minimize(loss, np.array([1.0, 1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
    a, b, c = (float(value) for value in fit.x)
    return Calibration(kind="beta", a=a, b=b, c=c)


def _isotonic(margin: Array, bad: Array) -> Calibration:
    """Isotonic calibration, each block reduced to its mean margin and rate."""
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 (a second, and rarely needed)

    rate = IsotonicRegression().fit_transform(margin, bad)
    levels, block = np.unique(rate, return_inverse=True)
    centres = np.bincount(block, weights=margin) / np.bincount(block)
    return Calibration(
        kind="isotonic",
        margins=tuple(float(value) for value in centres),
        rates=tuple(float(value) for value in levels),
    )
