"""The truth is true: its error, and its agreement with what happens, whatever the offer."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.firm.horizon import HISTORY, LABEL_MONTHS, MONTH_ENDS, SHORT_IN_A_ROW
from synthetic.firm.select import select
from synthetic.loan.cash_law import cash_law, past_month_ends
from synthetic.loan.lending import applications, requested_offers
from synthetic.loan.offer import with_amount
from synthetic.loan.offer_cash import offer_cash, with_offer
from synthetic.loan.outcome import month_of_default
from synthetic.loan.repayment import TAKINGS
from synthetic.loan.true_pd import default_of_open_loan, default_probability
from synthetic.streams import Bucket, stream
from synthetic.world import simulate_applicants

FIRMS = 1_000
WORLDS = range(60, 72)
BANDS = 10
LIFE = len(MONTH_ENDS)


class Asked:
    """Honest, open applicants of a bucket, and the offers that they ask for."""

    def __init__(self, seed, config):
        bucket = Bucket(seed, 0, config)
        history = simulate_applicants(FIRMS, backdrop(seed, config), bucket)
        closed = history.closure.closed
        request = applications(history.firms, history.state, history.bad, closed, bucket)
        honest = np.flatnonzero(~history.bad.any & ~closed)
        self.config = config
        self.firms, self.state, self.offers = (
            select(record, honest)
            for record in (
                history.firms, history.state, requested_offers(history.firms, request, bucket),
            )
        )  # fmt: skip

    def pd(self, offers, *, world, months=LABEL_MONTHS, scramble=0, state=None):
        effect = offer_cash(offers, self.config)
        takings = effect if (offers.plan == TAKINGS).all() else None
        law = cash_law(
            self.firms, state or self.state, self.config, world=world, months=months, effect=takings
        )
        return default_probability(law, [effect], self.config, stream(scramble, "test"))[:, 0]

    def pd_later(self, offers, since, *, world):
        """PD of the loans that are open in a week, and whether they default from then on."""
        effect = offer_cash(offers, self.config)
        effect = replace(
            effect,
            flow=effect.flow + offers.return_luck[:, None] * effect.uncertain,
            uncertain=np.zeros_like(effect.uncertain),
        )
        cash = with_offer(self.state.cash, self.state.health.total, offers, effect, self.config)
        month = month_of_default(self.state, offers, effect, self.config)
        past = past_month_ends(since)
        known = min(past, SHORT_IN_A_ROW)
        short = cash[:, past - known : past] < 0
        is_open = (month == 0) | (month > past - known)
        law = cash_law(
            self.firms,
            self.state,
            self.config,
            world=world,
            months=LIFE,
            effect=effect if (offers.plan == TAKINGS).all() else None,
            since=since,
        )
        by_month = default_of_open_loan(law, effect, short, self.config, stream(1, "test"))
        assert (np.diff(by_month, axis=1) >= -1e-12).all()
        return by_month[is_open, -1], (month > 0)[is_open]

    def defaults(self, offers, months=LABEL_MONTHS):
        effect = offer_cash(offers, self.config)
        month = month_of_default(self.state, offers, effect, self.config)
        return (month > 0) & (month <= months - 2)


@pytest.fixture(scope="module")
def config():
    return load_config()


@pytest.fixture(scope="module")
def asked(config):
    return [Asked(seed, config) for seed in WORLDS]


@pytest.mark.parametrize("world", [False, True])
def test_the_standard_error_of_true_pd_is_at_most_a_tenth(asked, world):
    one = asked[0]
    runs = np.array([one.pd(one.offers, world=world, scramble=k) for k in range(12)])
    mean, error = runs.mean(axis=0), runs.std(axis=0, ddof=1)
    near = (mean > 0.015) & (mean < 0.025)
    assert near.sum() > 20
    # twelve scrambles know a standard error to 21 %: the mean over firms is known far better
    assert (error / mean)[near].mean() < 0.06
    assert ((error / mean)[near] < 0.10).all()


def offers_of(one, kind):
    """The requested offers, or others to the same firms."""
    rng = np.random.default_rng(len(one.offers))
    n = len(one.offers)
    match kind:
        case "requested":
            return one.offers
        case "half" | "double":
            return with_amount(one.offers, one.offers.months * (0.5 if kind == "half" else 2))
        case "takings":
            return replace(one.offers, plan=np.full(n, TAKINGS), term=rng.choice([6, 12, 24], n))
        case "mixed":
            return replace(
                one.offers,
                plan=rng.integers(0, TAKINGS, n),
                term=rng.choice([3, 6, 12, 18, 24], n),
                rate=rng.uniform(0.04, 0.24, n),
                purpose=rng.integers(0, 5, n),
            )


@pytest.mark.parametrize("months", [LABEL_MONTHS, LIFE], ids=["12 months", "life"])
@pytest.mark.parametrize("kind", ["requested", "half", "double", "takings", "mixed"])
def test_defaults_agree_with_the_closed_form_for_any_offer(asked, kind, months):
    """Given the common path outcomes are independent, so worlds can be pooled."""
    offers = [offers_of(one, kind) for one in asked]
    pd = np.concatenate(
        [a.pd(o, world=True, months=months) for a, o in zip(asked, offers, strict=True)]
    )
    hit = np.concatenate([a.defaults(o, months) for a, o in zip(asked, offers, strict=True)])
    bands = [b for b in np.array_split(np.argsort(pd), BANDS) if pd[b].sum() > 5]
    squares = [(hit[b].sum() - pd[b].sum()) ** 2 / (pd[b] * (1 - pd[b])).sum() for b in bands]
    assert len(bands) >= 3
    assert chi2.sf(sum(squares), len(bands)) > 0.001, squares


@pytest.mark.parametrize("since", [2, 13, 31, 60])
@pytest.mark.parametrize("kind", ["requested", "takings", "mixed"])
def test_defaults_agree_with_the_closed_form_from_any_week_on(asked, kind, since):
    told = [one.pd_later(offers_of(one, kind), since, world=True) for one in asked]
    pd, hit = (np.concatenate(part) for part in zip(*told, strict=True))
    bands = [b for b in np.array_split(np.argsort(pd), BANDS) if pd[b].sum() > 5]
    open_to_doubt = [b for b in bands if pd[b].mean() < 0.99]
    squares = [
        (hit[b].sum() - pd[b].sum()) ** 2 / (pd[b] * (1 - pd[b])).sum() for b in open_to_doubt
    ]
    assert bands
    assert chi2.sf(sum(squares), len(open_to_doubt)) > 0.001, squares


def test_better_health_or_more_cash_never_raises_true_pd(asked):
    one = asked[0]
    before = one.pd(one.offers, world=False)
    state = one.state
    h = state.health
    for better in (
        replace(state, health=replace(h, own=h.own + 0.2)),
        replace(state, health=replace(h, macro=h.macro + 0.05)),
        replace(state, health=replace(h, accident=h.accident * 0.5, strikes=h.strikes * 0.5)),
        replace(state, cash=state.cash + 0.3),
    ):
        after = one.pd(one.offers, world=False, state=better)
        assert (after <= before + 1e-12).all()
        assert after.mean() < before.mean()


def test_an_accident_in_the_week_of_the_application_counts(asked):
    """It lies in the state that everybody knows, so the PD must hold it."""
    one = asked[0]
    strikes = one.state.health.strikes.copy()
    strikes[:, HISTORY] = 2.0
    struck = replace(one.state, health=replace(one.state.health, strikes=strikes))
    assert (
        one.pd(one.offers, world=False, state=struck).mean()
        > 1.5 * one.pd(one.offers, world=False).mean()
    )


class TestDose:
    """How PD answers to an offer; the effects stand in docs/findings.md."""

    @staticmethod
    def mean(asked, *, horizon=LABEL_MONTHS, **changes):
        """Mean PD of the firms if all are made the same changes of offer."""
        total = count = 0.0
        for one in asked[:6]:
            n = len(one.offers)
            changed = {
                name: np.full(n, value) if np.isscalar(value) else value
                for name, value in changes.items()
            }
            if "purpose" in changed:
                changed |= {
                    "need_purpose": changed["purpose"],
                    "need_months": changed.get("months", one.offers.months),
                }
            pd = one.pd(replace(one.offers, **changed), world=False, months=horizon)
            total, count = total + pd.sum(), count + n
        return total / count

    def test_pd_rises_with_the_rate(self, asked):
        cheap, dear = (self.mean(asked, rate=rate, plan=0, term=12) for rate in (0.04, 0.24))
        assert 1.05 < dear / cheap < 1.25

    def test_pd_rises_with_the_amount_beyond_what_a_firm_can_carry(self, asked):
        a_tenth, a_fifth, a_third = (
            self.mean(asked, months=12 * share, purpose=1, plan=0, term=12, rate=0.06)
            for share in (0.1, 0.2, 1 / 3)
        )
        assert 1.3 < a_fifth / a_tenth < 1.9
        assert 2.0 < a_third / a_tenth < 3.5

    def test_dear_equipment_is_riskier_over_12_months_than_over_18(self, asked):
        short, long = (
            self.mean(asked, months=4.0, purpose=1, plan=0, term=term, rate=0.06, horizon=LIFE)
            for term in (12, 18)
        )
        assert short > 1.05 * long

    def test_a_seasonal_plan_helps_the_most_seasonal_trade_and_hardly_moves_others(self, asked):
        names = asked[0].config.trade_names
        gain = {}
        for trade in ("navel_orange", "growing", "retail"):
            code = names.index(trade)
            sums = np.zeros(2)
            for one in asked:
                rows = one.firms.trade == code
                for k, plan in enumerate((0, 2)):
                    n = len(one.offers)
                    offers = replace(one.offers, plan=np.full(n, plan), term=np.full(n, 12))
                    sums[k] += one.pd(offers, world=False, months=LIFE)[rows].sum()
            gain[trade] = sums[1] / sums[0]
        assert gain["navel_orange"] < 0.95
        assert gain["growing"] < 1
        assert abs(gain["retail"] - 1) < 0.03
