"""Law of a firm's cash from a week on: Gaussian at the month-ends, moved by events.

The equation of `synthetic.firm.cash` is linear in the shocks, so cash at the coming month-ends is a
Gaussian vector given the state in any week, by default that of the application. Accidents, floods
and the failure of a core firm shift it by the responses that are kept here.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State
from synthetic.firm.health import accident_probability, first_week
from synthetic.firm.horizon import FUTURE, HISTORY, LABEL_MONTHS, MONTH_ENDS, STEP, YEAR
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
    accident, flood, failure : ndarray of shape (months, weeks), or (n, months, weeks)
        Response to an accident, a flood and the failure of a core firm of size 1 in each week from
        the given state on; one for each firm where it repays by a share of takings.
    exposure, load : ndarray of shape (n,)
        Exposure to floods and to the core firm.
    floods : ndarray of shape (n, FLOODS)
        Weeks from the given state to the coming flood seasons.
    accident_chance : ndarray of shape (n,)
        Probability of an accident in the `accident_weeks` to come; later ones do not depend on the
        state.
    accident_weeks : int
    past : int
        Month-ends that lie before the given state.
    horizon : int
        Weeks from the given state to the last month-end.
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
    accident_chance: FloatArray
    accident_weeks: int
    past: int
    horizon: int
    world: bool


def cash_law(
    firms: Population,
    state: State,
    config: WorldConfig,
    *,
    world: bool,
    months: int = LABEL_MONTHS,
    effect: OfferCash | None = None,
    since: int = 0,
) -> CashLaw:
    """Law of cash at the month-ends to come, given the state in a week.

    Parameters
    ----------
    state : State
        Only the state in that week is read, and the common path if `world`; of offers repaid by
        takings the path before it too.
    world : bool
        Whether the realised common path is given; if not, it is integrated over too.
    months : int
        Month-ends: `LABEL_MONTHS` decide the 12-month label, all of them a loan's life.
    effect : OfferCash, optional
        Offers, one a firm, that are repaid by a share of takings.
    since : int
        Weeks from the application to the given state.
    """
    h, buffer = state.health, state.cash_buffer
    p, now, end = config.health, HISTORY + since, HISTORY + FUTURE
    past = past_month_ends(since)
    bite = leak(config)[past:months, since:]
    orders = STEP * config.cash.leverage * bite
    weeks = np.arange(FUTURE - since)
    left = (1 - STEP / config.cash.reversion_months) ** (MONTH_ENDS[past:months] - since)
    mean = buffer.usual[:, None] + (state.cash[:, now] - buffer.usual)[:, None] * left
    if effect is not None:
        repaid = takings_response(effect, config)[:, past:months]
        orders = orders + repaid[:, :, since:]
        mean += _weekly(h.total[:, HISTORY:now], repaid[:, :, :since])
    mean += state.flows[:, now:end] @ bite.T
    taken = h.cash_taken(config)[:, now:end]
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
        given = (h.macro + h.cycle + h.core + h.failure + h.flood)[:, now:end]
        known = state.common_surprise[:, now:end]
        mean += _weekly(given, orders)
        mean += buffer.noise_sd[:, None] * np.sqrt(STEP) * (known @ bite.T)
        events = taken - config.cash.accident_cash * h.strikes[:, now:end]
        mean -= events[:, 1:] @ bite[:, 1:].T
    chance, accident_weeks = _accident_to_come(state, since, config)
    return CashLaw(
        mean=mean,
        cov=cov,
        accident=-config.cash.accident_cash * bite - _lasting(orders, decay(p.accident_days)),
        flood=-config.cash.flood_cash * bite - _lasting(p.flood_size * orders, decay(p.flood_days)),
        failure=-config.cash.core_failure_cash * bite
        - _lasting(p.core_failure_size * orders, decay(p.core_failure_days)),
        exposure=np.take(config.per_trade("weather"), firms.trade),
        load=np.where(supplier, p.core_load, 0.0),
        floods=_flood_weeks(firms, since, config),
        accident_chance=chance,
        accident_weeks=accident_weeks,
        past=past,
        horizon=int(MONTH_ENDS[months - 1]) - since,
        world=world,
    )


def _accident_to_come(state: State, since: int, config: WorldConfig) -> tuple[FloatArray, int]:
    """Probability of an accident in what is left of the first year, or of the time after it.

    Each of the two sees at most one.

    Returns
    -------
    chance : ndarray of shape (n_firms,)
    weeks : int
        Weeks that are left.
    """
    begin, end = (0, YEAR) if since < YEAR else (YEAR, FUTURE)
    weeks, gone = end - begin, since - begin
    chance = accident_probability(config, weeks)
    still = chance * (weeks - gone) / weeks / (1 - chance * gone / weeks)
    struck = state.health.strikes[:, HISTORY + begin + 1 : HISTORY + since + 1].any(axis=1)
    return np.where(struck, 0.0, still), weeks - gone


def past_month_ends(since: int) -> int:
    """Month-ends that lie before the state of a week."""
    return int(np.searchsorted(MONTH_ENDS, since, side="right"))


def _weekly(path: FloatArray, response: FloatArray) -> FloatArray:
    """Effect of weekly inputs (n, weeks) at the month-ends, shape (n, months)."""
    if response.ndim == 2:  # noqa: PLR2004
        return np.asarray(path @ response.T)
    return np.asarray(np.einsum("nmw,nw->nm", response, path))


def _memory(weeks: int, phi: float) -> FloatArray:
    """Lower triangular (weeks, weeks): what is left in week i of an event in week j."""
    lag = np.subtract.outer(np.arange(weeks), np.arange(weeks))
    return np.where(lag >= 0, phi ** np.maximum(lag, 0), 0.0)


def _lasting(response: FloatArray, phi: float) -> FloatArray:
    """Response to an event of size 1 in each week that fades by `phi` a week."""
    return np.asarray(response @ _memory(response.shape[-1], phi))


def _spread(response: FloatArray, phi: float) -> FloatArray:
    """Covariance (months, months) of a mean-reverting input of stationary variance 1."""
    # innovation of week j moves health from week j + 1 on
    weeks = response.shape[-1]
    later = np.vstack([np.zeros((1, weeks)), _memory(weeks, phi)[:-1]])
    effect = response @ later * np.sqrt(1 - phi**2)
    return np.asarray(effect @ np.swapaxes(effect, -1, -2))


def _flood_weeks(firms: Population, since: int, config: WorldConfig) -> Array:
    """Weeks from each given state to the coming flood seasons, shape (n_firms, FLOODS)."""
    now = first_week(firms, config) + HISTORY + since
    seasons = np.array(flood_seasons(config))
    following = np.searchsorted(seasons, now, side="right")
    return np.asarray(seasons[following[:, None] + np.arange(FLOODS)] - now[:, None])
