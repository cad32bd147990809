"""True PD: the probability of default over all futures, given the state in a week.

From that week on cash at the month-ends is a Gaussian vector (the equation of `cash` is linear),
shifted by what an offer does to it and by accidents, floods and the failure of a core firm. With
`b` the covariance of the vector with its own sum Y (all positive), cash is R + b · Y, R
independent of Y, and

    default  <=>  Y < max over due months m of min(t[m], t[m+1], t[m+2]),    t = -R / b,

because default is monotone in Y. So each low-discrepancy draw of R and of the events gives a
probability in closed form, and their mean is the PD. Accidents are drawn larger than they are and
weighted back, because only a large one ruins a safe firm: with plain draws the safest tenth read a
third of its true PD.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.fraud import BadActors
from synthetic.firm.health import accident_probability
from synthetic.firm.horizon import (
    FUTURE,
    SHORT_IN_A_ROW,
    YEAR,
)
from synthetic.loan.cash_law import FLOODS, CashLaw
from synthetic.loan.offer_cash import OfferCash, leak
from synthetic.streams import Rng

EVENTS = 6 + FLOODS
"""Dimensions beyond the Gaussian ones: week and size of two accidents, week of the core firm's
failure, luck of marketing, floods."""

GROUP = 125
"""Firms that are integrated at a time; they fit into the processor's cache."""

WIDE = 3.0
"""Mean of the accident sizes drawn against the true mean; a large one is what ruins a safe firm."""


@dataclass(frozen=True)
class OfferShifts:
    """What offers do to cash at the month-ends; the last axes are (n_firms, n_offers).

    Attributes
    ----------
    shift, luck : ndarray of shape (months, n_firms, n_offers)
        Cash added, and cash added for each standard deviation of the return's luck.
    due : ndarray of bool, shape (known + months, n_firms, n_offers)
    short : ndarray of bool, shape (known, n_firms)
        Whether cash did not suffice at the month-ends just before the given state.
    """

    shift: FloatArray
    luck: FloatArray
    due: Array
    short: Array

    def rows(self, keep: Array) -> "OfferShifts":
        """The same for some of the firms."""
        return OfferShifts(
            self.shift[:, keep], self.luck[:, keep], self.due[:, keep], self.short[:, keep]
        )


Reading = Callable[[FloatArray, FloatArray], FloatArray]
"""What is read off the limits of Y by due month (months, n, points), with the draws' weights."""

SURELY_NOT = -9.0
"""Standard deviations below which a probability counts as nought."""


def default_probability(
    law: CashLaw, effects: list[OfferCash], config: WorldConfig, rng: Rng, *, points: int = 0
) -> FloatArray:
    """Probability of default under each of several offers, shape (n_firms, n_offers).

    Parameters
    ----------
    effects : list of OfferCash
        One offer a firm each.
    points : int
        Low-discrepancy futures a firm; by default `true_pd.points`.
    """
    readings = dict.fromkeys(range(len(effects)), _ever)
    each = _over_futures(law, effects, config, rng, readings, points=points)
    return np.stack([pd[:, 0] for pd in each], axis=1)


def default_by_month(
    law: CashLaw, effect: OfferCash, without: OfferCash | None, config: WorldConfig, rng: Rng
) -> tuple[FloatArray, FloatArray]:
    """Probability that the first instalment that is never paid has fallen due by each month.

    Parameters
    ----------
    without : OfferCash, optional
        Effect of no loan.

    Returns
    -------
    by_month : ndarray of shape (n_firms, months)
        Rising; the last is the probability of default.
    idle : ndarray of shape (n_firms,)
        The probability of default without a loan, 0 if that is not asked.
    """
    if without is None:
        (by_month,) = _over_futures(law, [effect], config, rng, {0: _by_month})
        return by_month, np.zeros(len(by_month))
    readings = {0: _by_month, 1: _ever}
    by_month, idle = _over_futures(law, [effect, without], config, rng, readings)
    return by_month, idle[:, 0]


def default_of_open_loan(
    law: CashLaw, effect: OfferCash, short: Array, config: WorldConfig, rng: Rng
) -> FloatArray:
    """Probability of default by month of a loan that is open, given the state in a week.

    Parameters
    ----------
    short : ndarray of bool, shape (n_firms, known)
        Whether cash did not suffice at the last month-ends before that week, at most
        `SHORT_IN_A_ROW`.

    Returns
    -------
    ndarray of shape (n_firms, months)
        Rising: that the first instalment that is never paid is one of those from the first of
        `short` to each month's.
    """
    (by_month,) = _over_futures(law, [effect], config, rng, {0: _by_month}, short=short)
    return by_month


def _ever(limits: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray(ndtr(limits.max(axis=0)) @ weights)[:, None]


def _by_month(limits: FloatArray, weights: FloatArray) -> FloatArray:
    highest = np.full(limits.shape[1:], SURELY_NOT)
    chance = np.zeros_like(highest)
    by_month = np.empty((limits.shape[1], len(limits)))
    for month, limit in enumerate(limits):
        higher = limit > highest  # only there the probability rises
        highest[higher] = limit[higher]
        chance[higher] = ndtr(limit[higher])
        by_month[:, month] = chance @ weights
    return by_month


def _over_futures(
    law: CashLaw,
    effects: list[OfferCash],
    config: WorldConfig,
    rng: Rng,
    readings: Mapping[int, Reading],
    *,
    points: int = 0,
    short: Array | None = None,
) -> list[FloatArray]:
    """Mean of each offer's reading over all futures, shape (n_firms, numbers read) each."""
    months = law.mean.shape[1]
    ahead = slice(law.past, law.past + months)
    known = np.zeros((0, len(law.mean)), np.bool_) if short is None else short.T
    bite = leak(config)[ahead].T
    offers = OfferShifts(
        shift=np.stack([(e.flow @ bite + e.spare[:, ahead]).T for e in effects], axis=2),
        luck=np.stack([(e.uncertain @ bite).T for e in effects], axis=2),
        due=np.stack([e.due[:, ahead.start - len(known) : ahead.stop].T for e in effects], axis=2),
        short=known,
    )
    supplies = law.load > 0
    nodes = qmc.Sobol(months + EVENTS, rng=rng).random(points or config.true_pd.points)
    kinds = (np.flatnonzero(supplies), np.flatnonzero(~supplies))
    groups = [rows for kind in kinds for rows in np.array_split(kind, -(-len(kind) // GROUP) or 1)]
    parts = [
        _integrate(law, rows, nodes, offers.rows(rows), config, readings=readings)
        for rows in groups
    ]
    order = np.argsort(np.concatenate(groups), kind="stable")
    return [np.concatenate(of_offer)[order] for of_offer in zip(*parts, strict=True)]


def with_certain_default(pd: FloatArray, bad: BadActors, closed: Array) -> FloatArray:
    """Add those who never meant to repay and those that are closed, shape (n, n_offers)."""
    certain = np.where(closed, 1.0, bad.intent)[:, None]
    return np.asarray(certain + (1 - certain) * pd)


def _integrate(
    law: CashLaw,
    rows: Array,
    nodes: FloatArray,
    offers: OfferShifts,
    config: WorldConfig,
    *,
    readings: Mapping[int, Reading],
) -> list[FloatArray]:
    """Mean of each reading over the nodes, with and without an accident and a failed core firm.

    `rows` are firms that all supply a core firm, or all do not.
    """
    h, months = config.health, law.mean.shape[1]
    first_week, size, later_week, later_size, failing, fortune = nodes[:, months : months + 6].T
    rest, toward = _residual(law.mean[rows], law.cov[rows], _normal(nodes[:, :months]))
    rest += _floods(law, rows, nodes[:, -FLOODS:], config)
    rest += _later_accident(law, rows, later_week, later_size, config)
    draws = -WIDE * np.log1p(-size)  # in mean sizes; exponential
    weight = np.exp(-draws * (1 - 1 / WIDE))  # importance sampling, up to a factor
    struck = (
        h.accident_size * draws * _in_week(law.accident, rows, 1 + first_week * law.accident_weeks)
    )
    lost = law.load[rows][None, :, None] * _in_week(
        law.failure, rows, 1 + failing * (law.horizon - 1)
    )
    even = np.full(len(nodes), 1 / len(nodes))
    accidents = law.accident_chance[rows, None]
    failures = 0.0
    if not law.world and (law.load[rows] > 0).all():
        failures = 1 - (1 - h.core_failures_per_year / YEAR) ** (law.horizon - 1)
    means: list[FloatArray] = [np.zeros(1)] * len(readings)
    for by_accident, drop, weights in (
        (1 - accidents, 0.0, even),
        (accidents, struck, weight / weight.sum()),
    ):
        for by_failure, loss in ((1 - failures, 0.0), (failures, lost)):
            if by_failure:
                limits = _limits(rest + drop + loss, toward, offers, _normal(fortune))
                for k, limit in enumerate(limits):
                    part = readings[k](limit, weights)
                    means[k] = means[k] + by_accident * by_failure * part
    return means


def _normal(uniform: FloatArray) -> FloatArray:
    return np.asarray(ndtri(np.clip(uniform, 1e-12, 1 - 1e-12)))


def _residual(
    mean: FloatArray, cov: FloatArray, normal: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Cash less its part along the standardised sum, and that part's slope.

    Returns
    -------
    rest : ndarray of shape (months, n, points)
    toward : ndarray of shape (months, n)
    """
    total = cov.sum(axis=2)
    toward = total / np.sqrt(total.sum(axis=1))[:, None]
    root = np.linalg.cholesky(cov + 1e-9 * np.eye(cov.shape[1]))
    draw = normal @ root.transpose(0, 2, 1)
    along = draw.sum(axis=2) / np.sqrt(total.sum(axis=1))[:, None]
    rest = mean[:, None, :] + draw - along[:, :, None] * toward[:, None, :]
    return np.ascontiguousarray(rest.transpose(2, 0, 1)), toward.T


def _limits(
    rest: FloatArray, toward: FloatArray, offers: OfferShifts, fortune: FloatArray
) -> Iterator[FloatArray]:
    """Limit of Y below which each due month starts a default, by offer, (months, n, points)."""
    runs = len(offers.due) - SHORT_IN_A_ROW + 1
    slope = -1 / toward
    own = rest * slope[:, :, None]
    for k in range(offers.shift.shape[2]):
        limit = own + (offers.shift[:, :, k] * slope)[:, :, None]
        if offers.luck[:, :, k].any():
            limit += (offers.luck[:, :, k] * slope)[:, :, None] * fortune
        if len(offers.short):
            certain = np.where(offers.short, np.inf, -np.inf)[:, :, None]
            limit = np.vstack(
                [np.broadcast_to(certain, (*offers.short.shape, len(fortune))), limit]
            )
        run = np.minimum(limit[:runs], limit[1 : 1 + runs])
        for later in range(2, SHORT_IN_A_ROW):
            np.minimum(run, limit[later : later + runs], out=run)
        run[np.logical_not(offers.due[:runs, :, k])] = -np.inf
        yield run


def _in_week(response: FloatArray, rows: Array, week: FloatArray) -> FloatArray:
    """Response to an event in the week of each node, shape (months, n or 1, points)."""
    at = np.minimum(week.astype(np.int64), response.shape[-1] - 1)  # later ones come too late
    each = response[None] if response.ndim == 2 else response[rows]  # noqa: PLR2004
    return np.asarray(each[:, :, at].transpose(1, 0, 2))


def _floods(law: CashLaw, rows: Array, uniform: FloatArray, config: WorldConfig) -> FloatArray:
    """What floods take by each node, shape (months, n, points), or nothing if the path is given."""
    if law.world:
        return np.zeros((1, 1, 1))
    shift = np.zeros((law.mean.shape[1], len(rows), len(uniform)))
    for k, weeks in enumerate(law.floods[rows].T):
        at = np.minimum(weeks, law.flood.shape[-1] - 1)
        each = law.flood[:, at] if law.flood.ndim == 2 else law.flood[rows, :, at].T  # noqa: PLR2004
        size = np.where(weeks < law.horizon, law.exposure[rows], 0)
        if size.any():
            hit = uniform[:, k] < config.health.flood_probability
            shift += (size * each)[:, :, None] * hit
    return shift


def _later_accident(
    law: CashLaw, rows: Array, week: FloatArray, size: FloatArray, config: WorldConfig
) -> FloatArray:
    """What an accident after the next `accident_weeks` takes, shape (months, n or 1, points)."""
    soon, most = law.accident_weeks, law.accident.shape[-1] - 1
    if law.horizon <= soon:
        return np.zeros((1, 1, 1))
    chance = accident_probability(config, FUTURE - YEAR)
    hit = week < chance
    at = np.minimum(soon + 1 + np.where(hit, week / chance, 0) * (FUTURE - YEAR), most)
    drop = np.where(hit, -config.health.accident_size * np.log1p(-size), 0.0)
    return drop * _in_week(law.accident, rows, at)
