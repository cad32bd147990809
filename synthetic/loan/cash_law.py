"""Law of a firm's cash after the application: Gaussian at the month-ends, moved by events.

The equation of `synthetic.firm.cash` is linear in the shocks, so cash at the month-ends is a
Gaussian vector given the state at the application. Accidents, floods and the failure of a core firm
shift it by the responses that are kept here.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State
from synthetic.firm.health import first_week
from synthetic.firm.horizon import FUTURE, HISTORY, LABEL_MONTHS, MONTH_ENDS, STEP
from synthetic.firm.population import Population
from synthetic.firm.shocks import cycle_sd, decay, flood_seasons
from synthetic.loan.offer_cash import OfferCash, leak, takings_response

FLOODS = 3
"""Flood seasons that may fall into the longest loan."""


@dataclass(frozen=True)
class CashLaw:
    """Law of cash at the month-ends without an offer; `n` firms.

    Attributes
    ----------
    mean, cov : ndarray of shape (n, months) and (n, months, months)
        Of the Gaussian part.
    accident, flood, failure : ndarray of shape (months, FUTURE), or (n, months, FUTURE)
        Response to an accident, a flood and the failure of a core firm of size 1 in each week; one
        for each firm where it repays by a share of takings.
    exposure, load : ndarray of shape (n,)
        Exposure to floods and to the core firm.
    floods : ndarray of shape (n, FLOODS)
        Weeks from the application to the coming flood seasons.
    world : bool
        Whether the common path is given.
    """

    mean: FloatArray
    cov: FloatArray
    accident: FloatArray
    flood: FloatArray
    failure: FloatArray
    exposure: FloatArray
    load: FloatArray
    floods: Array
    world: bool


def cash_law(
    firms: Population,
    state: State,
    config: WorldConfig,
    *,
    world: bool,
    months: int = LABEL_MONTHS,
    effect: OfferCash | None = None,
) -> CashLaw:
    """Law of cash at the month-ends, given the state at the application.

    Parameters
    ----------
    state : State
        Only the state at the application is read, and the common path if `world`.
    world : bool
        Whether the realised common path is given; if not, it is integrated over too.
    months : int
        Month-ends: `LABEL_MONTHS` decide the 12-month label, all of them a loan's life.
    effect : OfferCash, optional
        Offers, one a firm, that are repaid by a share of takings.
    """
    h, buffer = state.health, state.cash_buffer
    p, now = config.health, HISTORY
    bite = leak(config)[:months]
    orders = STEP * config.cash.leverage * bite
    if effect is not None:
        orders = orders + takings_response(effect, config)[:, :months]
    weeks = np.arange(FUTURE)
    left = (1 - STEP / config.cash.reversion_months) ** MONTH_ENDS[:months]
    mean = buffer.usual[:, None] + (state.cash[:, now] - buffer.usual)[:, None] * left
    mean += state.flows[:, now : now + FUTURE] @ bite.T
    taken = h.cash_taken(config)[:, now : now + FUTURE]
    mean -= taken[:, :1] * bite[:, 0]
    supplier = firms.core >= 0
    own = ("own", p.own_days, h.own_sd)
    shared = (  # component, reversion, standard deviation
        ("macro", p.macro_days, np.full(len(firms), p.macro_sd)),
        ("cycle", p.cycle_days, cycle_sd(config)[firms.trade]),
        ("core", p.core_days, np.where(supplier, p.core_load * p.core_sd, 0.0)),
    )
    common = config.cash.common_share
    noise = buffer.noise_sd[:, None, None] ** 2 * STEP * (bite @ bite.T)
    cov = (1 - common if world else 1.0) * noise
    for name, days, sd in (own,) if world else (own, *shared):
        mean += _weekly(getattr(h, name)[:, now, None] * decay(days) ** weeks, orders)
        cov = cov + sd[:, None, None] ** 2 * _spread(orders, decay(days))
    fading = (
        ("accident", p.accident_days),
        ("flood", p.flood_days),
        ("failure", p.core_failure_days),
    )
    for name, days in fading[:1] if world else fading:
        mean += _weekly(getattr(h, name)[:, now, None] * decay(days) ** weeks, orders)
    if world:
        given = (h.macro + h.cycle + h.core + h.failure + h.flood)[:, now : now + FUTURE]
        known = state.common_surprise[:, now : now + FUTURE]
        mean += _weekly(given, orders)
        mean += buffer.noise_sd[:, None] * np.sqrt(STEP) * (known @ bite.T)
        events = taken - config.cash.accident_cash * h.strikes[:, now : now + FUTURE]
        mean -= events[:, 1:] @ bite[:, 1:].T
    return CashLaw(
        mean=mean,
        cov=cov,
        accident=-config.cash.accident_cash * bite - orders @ _memory(decay(p.accident_days)),
        flood=-config.cash.flood_cash * bite - p.flood_size * orders @ _memory(decay(p.flood_days)),
        failure=-config.cash.core_failure_cash * bite
        - p.core_failure_size * orders @ _memory(decay(p.core_failure_days)),
        exposure=np.take(config.per_trade("weather"), firms.trade),
        load=np.where(supplier, p.core_load, 0.0),
        floods=_flood_weeks(firms, config),
        world=world,
    )


def _weekly(path: FloatArray, response: FloatArray) -> FloatArray:
    """Effect of weekly inputs (n, FUTURE) at the month-ends, shape (n, months)."""
    if response.ndim == 2:  # noqa: PLR2004
        return np.asarray(path @ response.T)
    return np.asarray(np.einsum("nmw,nw->nm", response, path))


def _memory(phi: float) -> FloatArray:
    """Lower triangular (FUTURE, FUTURE): what is left in week i of an event in week j."""
    lag = np.subtract.outer(np.arange(FUTURE), np.arange(FUTURE))
    return np.where(lag >= 0, phi ** np.maximum(lag, 0), 0.0)


def _spread(response: FloatArray, phi: float) -> FloatArray:
    """Covariance (months, months) of a mean-reverting input of stationary variance 1."""
    # innovation of week j moves health from week j + 1 on
    later = np.vstack([np.zeros((1, FUTURE)), _memory(phi)[:-1]])
    effect = response @ later * np.sqrt(1 - phi**2)
    return np.asarray(effect @ np.swapaxes(effect, -1, -2))


def _flood_weeks(firms: Population, config: WorldConfig) -> Array:
    """Weeks from each application to the coming flood seasons, shape (n_firms, FLOODS)."""
    now = first_week(firms, config) + HISTORY
    seasons = np.array(flood_seasons(config))
    following = np.searchsorted(seasons, now, side="right")
    return np.asarray(seasons[following[:, None] + np.arange(FLOODS)] - now[:, None])
