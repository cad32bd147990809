"""True PD: the probability of default over all futures, given the state at application.

After the application cash at the month-ends is a Gaussian vector (the equation of `cash` is
linear), shifted by at most one accident and one flood. With `b` the covariance of the vector with
its own weighted sum Y (all positive), cash is R + b · Y, R independent of Y, and

    default  <=>  Y < max over months m of min(t[m], t[m+1], t[m+2]),    t = -R / b,

because default is monotone in Y. So each low-discrepancy draw of R, of the accident and of the
flood gives a probability in closed form, and their mean is the PD. Accidents are drawn larger than
they are and weighted back, because only a large one ruins a safe firm: with plain draws the safest
tenth read a third of its true PD.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import MONTH_ENDS, SHORT_IN_A_ROW, STEP, State
from synthetic.firm.health import (
    FUTURE,
    HISTORY,
    Health,
    accident_probability,
    first_week,
)
from synthetic.firm.population import Population
from synthetic.firm.shocks import cycle_sd, decay, flood_seasons
from synthetic.streams import Rng

MONTHS = len(MONTH_ENDS)
EXTRA = 3
"""Dimensions beyond the Gaussian ones: accident week, accident size, flood."""

WIDE = 3.0
"""Mean of the accident sizes drawn against the true mean; a large one is what ruins a safe firm."""


@dataclass(frozen=True)
class Responses:
    """Effect of weekly inputs on cash at the month-ends, shape (MONTHS, FUTURE) each.

    `orders` is that of health, `bite` that of cash itself, `accident` that of an accident of
    size 1 in a week, `flood` that of a flood of size 1.
    """

    orders: FloatArray
    bite: FloatArray
    accident: FloatArray
    flood: FloatArray


def responses(config: WorldConfig) -> Responses:
    """Impulse responses of the cash equation."""
    c, h = config.cash, config.health
    left = 1 - STEP / c.reversion_months
    lag = MONTH_ENDS[:, None] - 1 - np.arange(FUTURE)
    bite = np.where(lag >= 0, left ** np.maximum(lag, 0), 0.0)
    orders = STEP * c.leverage * bite
    return Responses(
        orders=orders,
        bite=bite,
        accident=-c.accident_cash * bite - orders @ _memory(decay(h.accident_days)),
        flood=-h.flood_size * orders @ _memory(decay(h.flood_days)),
    )


def _memory(phi: float) -> FloatArray:
    """Lower triangular (FUTURE, FUTURE): what is left in week i of an event in week j."""
    lag = np.subtract.outer(np.arange(FUTURE), np.arange(FUTURE))
    return np.where(lag >= 0, phi ** np.maximum(lag, 0), 0.0)


def _spread(response: FloatArray, phi: float) -> FloatArray:
    """Covariance (MONTHS, MONTHS) of a mean-reverting input of stationary variance 1."""
    # innovation of week j moves health from week j + 1 on
    later = np.vstack([np.zeros((1, FUTURE)), _memory(phi)[:-1]])
    effect = response @ later * np.sqrt(1 - phi**2)
    return np.asarray(effect @ effect.T)


def true_pd(
    firms: Population, state: State, config: WorldConfig, rng: Rng, *, world: bool
) -> FloatArray:
    """Probability of default within the year after the application.

    Parameters
    ----------
    state : State
        Only the state at the application is read, and the common path if `world`.
    world : bool
        Whether the realised common path is given; if not, it is integrated over too.

    Returns
    -------
    ndarray of shape (n_firms,)
    """
    mean, cov = _law(firms, state, config, world=world)
    r = responses(config)
    exposure = np.take(config.per_trade("weather"), firms.trade)
    flood = r.flood[:, np.clip(flood_wait(firms, config), 0, FUTURE - 1)].T * exposure[:, None]
    chance = 0.0 if world else config.health.flood_probability
    pd = np.empty(len(firms))
    for rows in np.array_split(np.arange(len(firms)), min(config.true_pd.groups, len(firms))):
        nodes = qmc.Sobol(MONTHS + EXTRA, rng=rng).random(config.true_pd.points)
        washed = (nodes[:, -1] < chance)[None, :, None] * flood[rows][:, None, :]
        calm = _default_probability(mean[rows], cov[rows], nodes, washed).mean(axis=1)
        week = (nodes[:, -2] * FUTURE).astype(np.int64)
        size = -WIDE * np.log1p(-nodes[:, -3])  # in mean sizes; exponential
        weight = np.exp(-size * (1 - 1 / WIDE))  # importance sampling, up to a factor
        drop = config.health.accident_size * size
        struck = washed + (drop[:, None] * r.accident[:, week].T)[None]
        hurt = _default_probability(mean[rows], cov[rows], nodes, struck) @ (weight / weight.sum())
        q = accident_probability(config)
        pd[rows] = (1 - q) * calm + q * hurt
    return pd


def _law(
    firms: Population, state: State, config: WorldConfig, *, world: bool
) -> tuple[FloatArray, FloatArray]:
    """Mean (n, MONTHS) and covariance (n, MONTHS, MONTHS) of cash at the month-ends."""
    h, cash, buffer = state.health, state.cash, state.cash_buffer
    p = config.health
    r = responses(config)
    left = (1 - STEP / config.cash.reversion_months) ** MONTH_ENDS
    now = HISTORY
    weeks = np.arange(FUTURE)
    mean = buffer.usual[:, None] + (cash[:, now] - buffer.usual)[:, None] * left
    supplier = firms.core >= 0
    shared = (  # component, reversion, standard deviation
        ("macro", p.macro_days, np.full(len(firms), p.macro_sd)),
        ("cycle", p.cycle_days, cycle_sd(config)[firms.trade]),
        ("core", p.core_days, np.where(supplier, p.core_load * p.core_sd, 0.0)),
    )
    own_parts = (("own", p.own_days, h.own_sd),)
    fading = (("accident", p.accident_days), ("flood", p.flood_days))
    cov = buffer.noise_sd[:, None, None] ** 2 * STEP * (r.bite @ r.bite.T)
    for name, days, sd in own_parts + (() if world else shared):
        start = getattr(h, name)[:, now]
        mean += start[:, None] * (r.orders @ decay(days) ** weeks)
        cov += sd[:, None, None] ** 2 * _spread(r.orders, decay(days))
    for name, days in fading:
        if name == "flood" and world:
            continue
        start = _carried(h, name)
        mean += start[:, None] * (r.orders @ decay(days) ** weeks)
    if world:
        given = h.macro + h.cycle + h.core + h.flood
        mean += given[:, now : now + FUTURE] @ r.orders.T
    return mean, cov


def _carried(h: Health, name: str) -> FloatArray:
    """What past events have left at the application, without one of that very week."""
    path: FloatArray = getattr(h, name)
    fresh = -h.strikes[:, HISTORY] if name == "accident" else 0.0
    return np.asarray(path[:, HISTORY] - fresh)


def _default_probability(
    mean: FloatArray, cov: FloatArray, nodes: FloatArray, shift: FloatArray
) -> FloatArray:
    """Closed form of each draw, shape (n, points).

    Parameters
    ----------
    mean, cov : ndarray of shape (n, MONTHS) and (n, MONTHS, MONTHS)
    nodes : ndarray of shape (points, MONTHS + EXTRA), uniform
    shift : ndarray of shape (n, points, MONTHS), what accident and flood do to cash
    """
    total = cov.sum(axis=2)
    toward = total / np.sqrt(total.sum(axis=1))[:, None]  # covariance with the standardised sum
    root = np.linalg.cholesky(cov + 1e-9 * np.eye(MONTHS))
    normal = ndtri(np.clip(nodes[:, :MONTHS], 1e-12, 1 - 1e-12))
    draw = normal @ root.transpose(0, 2, 1)
    along = draw.sum(axis=2) / np.sqrt(total.sum(axis=1))[:, None]
    rest = mean[:, None, :] + draw - along[:, :, None] * toward[:, None, :] + shift
    limit = -rest / toward[:, None, :]
    months = MONTHS - SHORT_IN_A_ROW + 1
    run = np.minimum.reduce([limit[:, :, k : k + months] for k in range(SHORT_IN_A_ROW)])
    return np.asarray(ndtr(run.max(axis=2)))


def flood_wait(firms: Population, config: WorldConfig) -> Array:
    """Weeks from each application to the next flood season, shape (n_firms,)."""
    now = first_week(firms, config) + HISTORY
    seasons = np.array(flood_seasons(config))
    following = seasons[np.searchsorted(seasons, now, side="right")]
    return np.asarray(following - now)
