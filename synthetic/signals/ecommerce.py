"""Online shops.

orders ~ Poisson(online share · sales / ticket · work),    visitors = orders / conversion
refunds, reviews, bad reviews ~ Binomial of orders; goods of a well-run firm come back less
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.population import Population
from synthetic.firm.work import Days
from synthetic.setting.places import RURAL
from synthetic.streams import Bucket


@dataclass(frozen=True)
class Shops:
    """Arrays of shape (n_firms, n_days)."""

    visitors: Array
    orders: Array
    gmv_cny: FloatArray
    refunds: Array
    refund_cny: FloatArray
    reviews: Array
    bad: Array
    rating: FloatArray
    buyers: Array
    repeat: Array


def ecommerce(
    firms: Population,
    works: tuple[FloatArray, FloatArray],
    short: FloatArray,
    seen: Array,
    *,
    days: Days,
    bucket: Bucket,
) -> Shops:
    """Trade of each firm's shops, day by day.

    Parameters
    ----------
    works : pair of ndarray of shape (n_firms, n_days), usual days of work
        What visitors come for, and what orders are counted for: fake ones need no visitor.
    short : ndarray of shape (n_firms, n_days)
        Strain: shelves are empty, so that visitors leave, goods come late or not at all.
    seen : ndarray of bool, shape (n_firms,)
        Firms that a platform reports on; the others' counts are left at 0.
    """
    p = bucket.config.ecommerce
    work, claimed = works
    n = len(firms)
    traits = bucket.stream("ecommerce.traits")
    online = np.array(bucket.config.per_trade("online"))[firms.trade]
    share = np.clip(online * np.exp(p.share_sd * traits.standard_normal(n)), *p.share_limits)
    ticket = p.ticket_cny * np.exp(p.ticket_sd * traits.standard_normal(n))
    rate = np.minimum(share * firms.sales_cny / 365 / ticket, p.most_orders)
    conversion = np.clip(
        p.conversion * np.exp(p.conversion_sd * traits.standard_normal(n)), *p.conversion_limits
    )
    care = -p.quality * firms.quality
    refund_rate = np.clip(
        p.refund_rate * np.exp(p.refund_sd * traits.standard_normal(n) + care), 0, p.most_refunds
    )
    bad_rate = np.clip(
        p.bad_rate * np.exp(p.bad_sd * traits.standard_normal(n) + care), 0, p.most_bad
    )
    loyal = np.clip(
        p.repeat_rate * np.exp(p.repeat_sd * traits.standard_normal(n) - care), *p.repeat_limits
    )
    since = (np.arange(work.shape[1]) - days.history) / 365.25
    # what rural shops sell grows as the report has it, the others with the economy
    growth = np.where(firms.area == RURAL, np.log1p(p.rural_growth_per_year), 0.0)
    grown = np.where(seen, rate, 0.0)[:, None] * np.exp(growth[:, None] * since)
    luck = bucket.by_time(
        "ecommerce.noise", days.steps, lambda rng, d: rng.standard_normal((2, n, d), np.float32)
    )
    noise = np.exp(p.noise_sd * luck)
    expected = (
        grown * claimed * np.exp(-p.orders_shortfall * short),
        np.minimum(grown / conversion[:, None], p.most_visitors) * np.sqrt(work) * noise[0],
    )
    orders, browsing = _kinds(
        bucket.by_firm("ecommerce.count").poisson(np.stack(expected, axis=-1))
    )
    gmv = np.round(orders * ticket[:, None] * noise[1], 2)
    chance = np.empty((*work.shape, 3), np.float32)
    chance[:, :, 0] = np.clip(
        refund_rate[:, None] * np.exp(p.refund_shortfall * short), 0, p.refunds_in_shortfall
    )
    chance[:, :, 1:] = p.review_rate, p.same_day_share
    after = bucket.by_firm("ecommerce.orders").binomial(orders[:, :, None], chance)
    refunds, reviews, again = _kinds(after)
    buyers = orders - again
    chance = chance[:, :, :2]
    chance[:, :, 0] = np.clip(
        bad_rate[:, None] * np.exp(p.bad_shortfall * short), 0, p.bad_in_shortfall
    )
    chance[:, :, 1] = loyal[:, None]
    trials = np.stack((reviews, buyers), axis=-1)
    bad, repeat = _kinds(bucket.by_firm("ecommerce.people").binomial(trials, chance))
    with np.errstate(invalid="ignore"):
        rating = np.where(
            reviews > 0,
            np.round(p.rating_best - p.rating_fall * bad / np.maximum(reviews, 1), 2),
            np.nan,
        )
    return Shops(
        visitors=np.maximum(browsing, orders),
        orders=orders,
        gmv_cny=gmv,
        refunds=refunds,
        refund_cny=np.round(gmv * refunds / np.maximum(orders, 1), 2),
        reviews=reviews,
        bad=bad,
        rating=rating,
        buyers=buyers,
        repeat=repeat,
    )


def _kinds(counts: Array) -> Array:
    """Counts by kind, day by day: (n_firms, n_days, k) as (k, n_firms, n_days)."""
    return np.ascontiguousarray(np.moveaxis(counts, -1, 0))
