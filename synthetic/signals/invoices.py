"""VAT invoices, one by one.

A firm collects its orders and writes invoices on some days only:

    due[day]   = Σ work · month's lump · tilt since the last invoicing day
    orders     ~ Poisson(rate · due · gamma)          on an invoicing day, else none
    tilt       = exp(firm's own · (day of month - 15) / 15), mean 1
    amount     = ticket · lognormal, or the partner's usual price times a quantity
    invoices   = the order, cut at the firm's invoice limit, its gross amount often a round number

Some sales invoices are voided within days, a few are reversed by a negative (red) one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from features.arrays import Array, FloatArray
from synthetic.config.schema import InvoiceConfig, InvoicingConfig
from synthetic.firm.population import Population, choose
from synthetic.firm.work import Days
from synthetic.setting.calendar import SATURDAY, Calendar
from synthetic.signals.vat import general_payers
from synthetic.streams import Bucket, FirmStreams, Rng

OUTPUT, INPUT = 0, 1
FRIENDLY = 99_000
"""Firms that take invented invoices are numbered from here."""

STRANGERS = 100_000
"""Partners met once are numbered from here."""

GOLDEN = 0.618033988749895
SPREAD = 7_919
"""Golden ratio and a prime that spread numbers evenly; no property of the world."""

Lines = Callable[[str], FirmStreams]
"""Streams of the lines of one direction, by kind of draw."""


@dataclass(frozen=True)
class Invoices:
    """Invoices of a bucket in long form; arrays of shape (n_invoices,), sorted by firm and day.

    `firm` is the position in the bucket, `day` the column of the history, `partner` a number
    within the firm's partners (0 is the largest), `number` counts within firm and direction,
    `voided` is the number of days to the void or -1.
    """

    direction: int
    firm: Array
    day: Array
    number: Array
    partner: Array
    amount_cny: FloatArray
    tax_cny: FloatArray
    voided: Array


@dataclass(frozen=True)
class Flow:
    """Amounts and intensity to be invoiced; arrays of shape (n_firms, n_days).

    `intensity` is work that gets an invoice, 1 on a usual day; `short` is a cash shortfall, which
    makes customers or suppliers cancel; `invented` is the share of the work that never happened.
    """

    intensity: FloatArray
    short: FloatArray
    invented: FloatArray


@dataclass(frozen=True)
class Habits:
    """Invoicing habits of each firm in one direction; arrays of shape (n_firms,)."""

    direction: int
    ticket_cny: FloatArray
    spread: FloatArray
    skew: FloatArray
    per_day: FloatArray
    issuing: FloatArray
    weekend: FloatArray
    tilt: FloatArray
    clump: FloatArray
    lump_sd: FloatArray
    partners: FloatArray
    concentration: FloatArray
    one_off: FloatArray
    churn: FloatArray
    usual_price: FloatArray
    round_1: FloatArray
    round_100: FloatArray
    limit_cny: FloatArray
    void_rate: FloatArray
    red_rate: FloatArray
    common: InvoicingConfig
    friends: int

    def sizes(self, firm: Array) -> Array:
        """Lines of each firm (n_firms,), of lines whose firm is given."""
        return np.bincount(firm, minlength=len(self.per_day))


def habits(
    firms: Population, yearly_cny: FloatArray, own_sd: FloatArray, direction: int, bucket: Bucket
) -> Habits:
    """Draw each firm's habits.

    Parameters
    ----------
    yearly_cny : ndarray of shape (n_firms,)
        Net amount to be invoiced in a usual year.
    own_sd : ndarray of shape (n_firms,)
        Volatility of the firm's own orders; months are as uneven.
    """
    p, common = config_of(direction, bucket), bucket.config.invoicing
    rng = bucket.stream(f"invoices.habits.{direction}")
    n = len(firms)

    def around(centre: float, sd: float) -> FloatArray:
        return np.asarray(centre * np.exp(sd * rng.standard_normal(n)))

    typical = np.array(bucket.config.per_trade("ticket_cny"))[firms.trade]
    median_sales = np.take(bucket.config.population.sales_median_cny, firms.form)
    ticket = typical * p.ticket_scale * (firms.sales_cny / median_sales) ** common.ticket_size
    ticket = ticket * around(1.0, p.ticket_sd)
    spread = np.clip(around(p.spread, p.spread_sd), *common.spread_limits)
    mean = ticket * np.exp(spread**2 / 2)
    orders = np.clip(yearly_cny / mean, common.least_orders_a_year, common.most_orders_a_year)
    per_day = orders / 365.0
    chosen = choose(list(p.limit_shares), rng.random(n))
    quality = np.exp(-common.quality * firms.quality)
    return Habits(
        direction=direction,
        ticket_cny=np.maximum(yearly_cny, common.least_yearly_cny) / orders / np.exp(spread**2 / 2),
        spread=spread,
        skew=np.clip(
            p.skew + p.skew_sd * rng.standard_normal(n), -common.skew_most, common.skew_most
        ),
        per_day=per_day,
        issuing=np.clip(per_day / around(p.lot, p.lot_sd), *common.issuing_limits),
        weekend=np.clip(
            rng.gamma(p.weekend_shape, p.weekend / p.weekend_shape, n), 0.0, common.weekend_most
        ),
        tilt=p.tilt + p.tilt_sd * rng.standard_normal(n),
        clump=np.clip(around(p.clump, p.clump_sd), *common.clump_limits),
        lump_sd=np.clip(
            around(p.month_sd, p.month_spread)
            * (own_sd / bucket.config.health.own_sd) ** common.month_own,
            *common.month_limits,
        ),
        partners=np.clip(
            around(p.partners, p.partners_sd) * orders**common.partners_orders,
            *common.partners_limits,
        ),
        concentration=np.clip(
            around(p.concentration, p.concentration_sd), *common.concentration_limits
        ),
        one_off=rng.beta(*p.one_off, n),
        churn=rng.gamma(common.churn_shape, p.churn / common.churn_shape, n),
        usual_price=rng.beta(*p.usual_price, n),
        round_1=rng.beta(*p.round_1, n),
        round_100=rng.beta(*p.round_100, n),
        limit_cny=np.array(common.limits_cny)[np.maximum(chosen, firms.form - 1)],
        void_rate=np.clip(around(p.void_rate, common.void_sd) * quality, 0, common.void_most),
        red_rate=np.clip(around(p.red_rate, common.red_sd), 0, common.red_most),
        common=common,
        friends=bucket.config.fraud.friends,
    )


def config_of(direction: int, bucket: Bucket) -> InvoiceConfig:
    """Settings of one direction."""
    return bucket.config.sales if direction == OUTPUT else bucket.config.purchases


def invoices(
    firms: Population, how: Habits, flow: Flow, dates: tuple[Days, Calendar], bucket: Bucket
) -> Invoices:
    """Issue the invoices of one direction, that of the habits.

    Parameters
    ----------
    flow : Flow
        What is to be invoiced.
    """
    direction = how.direction
    expected = _expected(how, flow.intensity, dates, bucket)

    def lines(kind: str) -> FirmStreams:
        return bucket.by_firm(f"invoices.{kind}.{direction}")

    counts = lines("count").poisson(expected)
    cell = np.repeat(np.arange(counts.size, dtype=np.int32), counts.ravel())
    firm, day = np.divmod(cell, np.int32(counts.shape[1]))
    partner = _partners(how, firm, day, flow.invented[firm, day], lines)
    order = _orders(how, firm, partner, lines)
    rates = _vat(firms, bucket)[firm] if direction == OUTPUT else _mixed_vat(how, firm, bucket)
    parts, which, gross = _cut(
        how, firm, order * (1 + rates), bucket.stream(f"invoices.cut.{direction}")
    )
    firm, day, partner = firm[parts], day[parts], partner[parts]
    gross = _rounded(how, firm, which, gross, lines("round"))
    net = np.round(gross / (1 + rates[parts]), 2)
    voided, sign = _void_or_red(how, firm, flow.short[firm, day], lines)
    return Invoices(
        direction=direction,
        firm=firm,
        day=day,
        number=_running(how, firm),
        partner=partner,
        amount_cny=net * sign,
        tax_cny=np.round(gross - net, 2) * sign,
        voided=voided,
    )


def _expected(
    how: Habits, intensity: FloatArray, dates: tuple[Days, Calendar], bucket: Bucket
) -> FloatArray:
    """Expected orders of each firm and day (n_firms, n_days), zero where nothing is issued."""
    days, calendar = dates
    n = len(intensity)
    name = f"invoices.days.{how.direction}"
    rng = bucket.stream(name)
    month = days.index // how.common.month_days
    month -= month.min()
    months = int(month[:, : days.history].max()) + 1, int(month.max()) + 1
    draws = bucket.by_time(
        f"{name}.month", months, lambda rng, m: rng.standard_normal((n, m), np.float32), rng=rng
    )
    sd = how.lump_sd.astype(np.float32)[:, None]
    lump = np.exp(sd * np.take_along_axis(draws, month, axis=1) - sd**2 / 2)
    busy = _busy(how.tilt, calendar.day_of_month[days.index], how.common.mid_month)
    issuing = how.issuing.astype(np.float32)[:, None] * busy
    weekday = calendar.weekday[days.index]
    free = how.weekend.astype(np.float32)[:, None]
    chance = np.where(weekday >= SATURDAY, issuing * free, issuing)
    holiday = (calendar.holiday[days.index] > 0) | (
        np.abs(calendar.spring[days.index]) <= how.common.spring_days
    )
    chance = np.where(holiday, chance * how.common.holiday_factor, chance)
    drawn = bucket.by_time(
        f"{name}.writes", days.steps, lambda rng, d: rng.random((n, d), np.float32), rng=rng
    )
    writes = drawn < chance
    waiting = np.cumsum(intensity * lump * busy, axis=1, dtype=np.float64)
    before = np.maximum.accumulate(np.where(writes, waiting, 0.0), axis=1)
    earlier = np.hstack([np.zeros((n, 1)), before[:, :-1]])
    due = np.where(writes, np.minimum(waiting - earlier, how.common.most_waiting_days), 0.0)
    shape = how.clump.astype(np.float32)[:, None]
    gamma = bucket.by_time(
        name, days.steps, lambda rng, d: rng.standard_gamma(shape, (n, d), np.float32), rng=rng
    )
    return np.asarray(how.per_day[:, None] * due * (gamma / shape))


def _busy(tilt: FloatArray, day_of_month: Array, middle: float) -> FloatArray:
    """Invoicing by day of the month against its mean (n_firms, n_days): a firm's own tilt."""
    late = (np.arange(31, dtype=np.float32) + 1 - middle) / middle
    table = np.exp(tilt.astype(np.float32)[:, None] * late)
    table /= table.mean(axis=1, keepdims=True)
    return np.asarray(np.take_along_axis(table, day_of_month, axis=1))


def _partners(how: Habits, firm: Array, day: Array, invented: FloatArray, lines: Lines) -> Array:
    """Number of the partner: a power of a uniform number favours the first ones.

    All but the largest partners change with time. Who invents sales has friends to send them to.
    """
    sizes = how.sizes(firm)
    reach = lines("partner").uniform(sizes) ** how.concentration.astype(np.float32)[firm]
    rank = (how.partners.astype(np.float32)[firm] * reach).astype(np.int32)
    moved = (how.churn.astype(np.float32)[firm] * day * (rank + 1) / how.common.churn_days).astype(
        np.int32
    )
    rank = np.where(rank < how.common.loyal_partners, rank, rank + moved)
    once = lines("once").uniform(sizes) < how.one_off.astype(np.float32)[firm]
    partner = np.where(once, STRANGERS + _running(how, firm), rank)
    if not invented.any():
        return partner
    draw = lines("invented").uniform(sizes)
    friend = FRIENDLY + (draw * SPREAD).astype(np.int32) % how.friends
    return np.where(draw < invented, friend, partner)


def _running(how: Habits, firm: Array) -> Array:
    """Number of each line within its firm."""
    starts = np.searchsorted(firm, np.arange(len(how.per_day), dtype=np.int32))
    return np.asarray(np.arange(len(firm)) - starts[firm])


def _orders(how: Habits, firm: Array, partner: Array, lines: Lines) -> FloatArray:
    """Net amount of each order, CNY."""
    quantities = np.array(how.common.quantities, np.float32)
    of_partner, of_order = how.common.partner_amount
    of_usual, shift = how.common.usual_amount
    spread = how.spread.astype(np.float32)[firm]
    mark = ((firm.astype(np.int64) * SPREAD + partner) * GOLDEN) % 1.0
    typical = ndtri(np.clip(mark, 1e-4, 1 - 1e-4)).astype(np.float32)
    sizes = how.sizes(firm)
    bent = lines("skew").exponential(sizes) - 1
    skew = how.skew.astype(np.float32)[firm]
    noise = np.sqrt(1 - skew**2) * lines("amount").normal(sizes) + skew * bent
    usual = lines("usual").uniform(sizes) < how.usual_price.astype(np.float32)[firm]
    drawn = lines("quantity").uniform(sizes) * len(quantities)
    quantity = quantities[np.minimum(drawn.astype(np.int8), len(quantities) - 1)]
    loose = np.exp(spread * (of_partner * typical + of_order * noise))
    fixed = np.exp(spread * (of_usual * typical + shift)) * quantity
    return np.asarray(how.ticket_cny[firm] * np.where(usual, fixed, loose))


def _cut(how: Habits, firm: Array, gross: FloatArray, rng: Rng) -> tuple[Array, Array, FloatArray]:
    """Cut orders at the invoice limit.

    Returns
    -------
    parts : ndarray of shape (n_invoices,)
        Order of each invoice.
    which : ndarray of shape (n_invoices,)
        0 for the rest of an order, 1 for a full invoice.
    gross : ndarray of shape (n_invoices,), CNY
    """
    filled = rng.beta(*how.common.filled_limit, len(how.limit_cny)) * how.limit_cny
    full = filled[firm]
    pieces = np.minimum(np.ceil(gross / full), how.common.most_invoices_an_order).astype(np.int64)
    parts = np.repeat(np.arange(len(firm)), pieces)
    last = np.cumsum(pieces) - 1
    amount = full[parts]
    rest = gross - (pieces - 1) * full
    amount[last] = np.clip(rest, 1.0, how.limit_cny[firm] * how.common.last_invoice)
    which = np.ones(len(parts), np.int8)
    which[last] = 0
    return parts, which, amount


def _rounded(
    how: Habits, firm: Array, which: Array, gross: FloatArray, streams: FirmStreams
) -> FloatArray:
    """Round many gross amounts: to yuan, hundreds or thousands."""
    draw = streams.uniform(how.sizes(firm))
    hundred = draw < how.round_100.astype(np.float32)[firm]
    yuan = draw < np.maximum(how.round_1, how.round_100).astype(np.float32)[firm]
    thousand = draw < how.common.thousands_share * how.round_100.astype(np.float32)[firm]
    unit = np.where(
        thousand & (gross > how.common.thousands_from_cny),
        1_000,
        np.where(hundred & (gross > how.common.hundreds_from_cny), 100, 1),
    )
    unit = np.where(yuan, unit, 0.01)
    unit = np.where(which == 1, np.where(yuan, 100, 0.01), unit)
    return np.maximum(np.round(np.round(gross / unit) * unit, 2), unit)


def _void_or_red(
    how: Habits, firm: Array, short: FloatArray, lines: Lines
) -> tuple[Array, FloatArray]:
    """Days to the void (-1: never) and sign, negative on red invoices."""
    sizes = how.sizes(firm)
    draw = lines("fate").uniform(sizes)
    void = draw < how.void_rate.astype(np.float32)[firm] * np.exp(how.common.void_shortfall * short)
    red = draw > 1 - how.red_rate.astype(np.float32)[firm]
    wait = np.minimum(
        how.common.void_days * lines("void_days").exponential(sizes), how.common.void_most_days
    ).astype(np.int32)
    return np.where(void, wait, -1), np.where(red, -1.0, 1.0)


def _vat(firms: Population, bucket: Bucket) -> FloatArray:
    """VAT rate of each firm's sales: small-scale payers 1 %, the others by trade."""
    by_trade = np.array(bucket.config.per_trade("vat"))[firms.trade]
    return np.where(general_payers(firms, bucket), by_trade, bucket.config.tax.small_scale_rate)


def _mixed_vat(how: Habits, firm: Array, bucket: Bucket) -> FloatArray:
    """VAT rate of each purchase: suppliers of all kinds."""
    drawn = bucket.by_firm(f"invoices.vat.{INPUT}").uniform(how.sizes(firm))
    kind = choose(list(bucket.config.tax.supplier_shares), drawn)
    return np.take(bucket.config.tax.supplier_rates, kind)


def invoiced_sales(issued: Invoices, shape: tuple[int, int]) -> FloatArray:
    """Net invoiced amount by firm and day, voids left out; shape (n_firms, n_days), CNY."""
    kept = issued.voided < 0
    cell = issued.firm[kept].astype(np.int64) * shape[1] + issued.day[kept]
    total = np.bincount(cell, weights=issued.amount_cny[kept], minlength=shape[0] * shape[1])
    return np.asarray(total.reshape(shape), np.float64)
