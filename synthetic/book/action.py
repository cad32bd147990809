"""What a lender does to an open loan: nothing, freeze, cut the limit, or grace.

none    the loan goes on as agreed
freeze  nothing more may be drawn on a line: what is drawn is repaid when the present draw ends,
        and the unused limit is gone
cut     half of a line's limit is taken back: half of what is drawn falls due at the next month's
        end
grace   nothing falls due for three months; what is put off, overdue instalments included, is added
        to the principal of the months that are left, and the interest falls due after the three
        months

A term loan is paid out whole, so freeze and cut leave it as it is. The last instalment is never put
off. Firms use a line as `synthetic.loan` has it: their cash holds what is drawn on average.
"""

from dataclasses import dataclass, replace

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.book.amortisation import FEN, Amortisation, to_fen
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import FUTURE, MONTH_ENDS
from synthetic.loan.offer import Offers
from synthetic.loan.offer_cash import AT_MONTH_END, OfferCash
from synthetic.loan.repayment import LINE, MONTH, TAKINGS

ACTIONS = ("none", "freeze", "cut", "grace")
NONE, FREEZE, CUT, GRACE = range(len(ACTIONS))

GRACE_MONTHS = 3
KEPT = 0.5
"""Share of the limit that a cut leaves."""


@dataclass(frozen=True)
class OpenLoans:
    """Loans on a day of their life, all equally old; arrays of shape (n_loans,).

    Attributes
    ----------
    offers : Offers
    amount_cny, turnover_cny : ndarray of float
        Amount or limit, and sales of a month.
    action : ndarray of int
        Codes of `ACTIONS`.
    unpaid_from : ndarray of int
        Month of the oldest instalment that is due and not paid, else the next month.
    run_off : ndarray of int
        Month at whose end a line's present draw is repaid; `past` where nothing is drawn.
    since, past : int
        Weeks since disbursement, and month-ends in them.
    """

    offers: Offers
    amount_cny: FloatArray
    turnover_cny: FloatArray
    action: Array
    unpaid_from: Array
    run_off: Array
    since: int
    past: int

    def under(self, action: int) -> Array:
        """Loans that an action changes, as a column."""
        chosen = self.action == action
        if action != GRACE:
            chosen = chosen & (self.offers.plan == LINE)
        return np.asarray(chosen & (self.past < self.offers.term))[:, None]

    @property
    def put_off(self) -> Array:
        """Instalments that grace puts off, shape (n_loans, LONGEST_TERM)."""
        last = np.minimum(self.past + GRACE_MONTHS, self.offers.term - 1)[:, None]
        window = (self.unpaid_from[:, None] <= MONTH) & (last >= MONTH)
        return np.asarray(window & self.under(GRACE))


def schedule_after(plan: Amortisation, loans: OpenLoans) -> Amortisation:
    """Amortisation schedule after the action of each loan."""
    offers, limit = loans.offers, to_fen(loans.amount_cny)[:, None]
    ahead, last = loans.past < MONTH, offers.term[:, None] == MONTH
    graced = _with_grace(plan, loans)
    principal, interest, owed = graced.principal, graced.interest, graced.owed
    drawn = (loans.run_off > loans.past)[:, None]

    frozen, running = loans.under(FREEZE), loans.run_off[:, None] >= MONTH
    monthly = np.rint(limit * offers.rate[:, None] / 12).astype(np.int64)
    run_off = loans.run_off[:, None] == MONTH
    principal = np.where(frozen & ahead, limit * (run_off & drawn), principal)
    interest = np.where(frozen & ahead, monthly * (running & drawn), interest)
    owed = np.where(frozen, limit * (running & drawn), owed)

    begin = loans.past + 1 == MONTH
    cut = loans.under(CUT) & (offers.term > loans.past + 1)[:, None]
    kept = np.rint(KEPT * limit).astype(np.int64)
    principal = np.where(cut & begin, (limit - kept) * drawn, principal)
    principal = np.where(cut & last, kept, principal)
    interest = np.where(cut & ahead & ~begin, np.rint(KEPT * interest).astype(np.int64), interest)
    held = np.where(begin & drawn, limit, kept)
    owed = np.where(cut & ahead, held * (offers.term[:, None] >= MONTH), owed)
    return Amortisation(principal, interest, owed)


def _with_grace(plan: Amortisation, loans: OpenLoans) -> Amortisation:
    """Put instalments off; the balance that stays bears interest as before."""
    window = loans.put_off
    end = np.where(window.any(axis=1), MONTH[-1] - window[:, ::-1].argmax(axis=1), 0)[:, None]
    moved = end > 0
    later = end < MONTH
    left = (plan.principal * later).sum(axis=1, keepdims=True)
    off = (plan.principal * window).sum(axis=1, keepdims=True)
    grown = np.cumsum(plan.principal * later * (1 + off / np.maximum(left, 1)), axis=1)
    spread = np.diff(np.rint(grown).astype(np.int64), axis=1, prepend=0)
    principal = np.where(moved, np.where(window, 0, np.where(later, spread, plan.principal)),
                         plan.principal)  # fmt: skip
    owed = np.where(moved, _balance(principal) * (plan.owed > 0), plan.owed)
    borne = np.rint(plan.interest * owed / np.maximum(plan.owed, 1)).astype(np.int64)
    kept_back = (borne * window).sum(axis=1, keepdims=True) * (end + 1 == MONTH)
    interest = np.where(moved, np.where(window, 0, borne) + kept_back, plan.interest)
    return Amortisation(principal, interest, owed)


def _balance(principal: Array) -> Array:
    """Balance before each month's principal is paid."""
    return np.asarray(np.cumsum(principal[:, ::-1], axis=1)[:, ::-1])


def cash_after(
    effect: OfferCash, plan: Amortisation, loans: OpenLoans, config: WorldConfig
) -> OfferCash:
    """Effect of the loans on cash after the action of each.

    Parameters
    ----------
    plan : Amortisation
        As agreed, a line drawn as much as on average.
    """
    graced = _with_grace(plan, loans)
    part = np.where(loans.offers.plan == LINE, config.loan.line_drawn, 1.0)[:, None]
    more = part * (graced.principal - plan.principal) + graced.interest - plan.interest
    more = more / FEN / loans.turnover_cny[:, None]
    by_takings = (loans.offers.plan == TAKINGS)[:, None]
    more = np.where(by_takings, 0.0, more) + _line_repaid(loans, config)
    takings = np.where(by_takings, _takings_after(effect, loans), effect.takings)
    flow = effect.flow + effect.takings - takings
    flow[:, AT_MONTH_END[loans.past : more.shape[1]]] -= more[:, loans.past :]
    flow[:, loans.since] -= more[:, : loans.past].sum(axis=1)
    return replace(
        effect,
        flow=flow,
        takings=takings,
        spare=_spare_after(effect, loans),
        due=_due_after(effect, loans),
    )


def _line_repaid(loans: OpenLoans, config: WorldConfig) -> FloatArray:
    """Months of turnover that lines repay sooner (positive) or need not repay, by month."""
    offers = loans.offers
    term, next_month = offers.term[:, None], loans.past + 1
    lent = config.loan.line_drawn * offers.months[:, None]
    interest = lent * offers.rate[:, None] / 12
    due = np.zeros((len(offers), len(MONTH)))
    for action, share, month in (
        (FREEZE, 1.0, np.maximum(loans.run_off, next_month)[:, None]),
        (CUT, 1 - KEPT, np.full_like(term, next_month)),
    ):
        sooner = lent * ((month == MONTH) * 1.0 - (term == MONTH))
        saved = interest * ((month < MONTH) & (term >= MONTH))
        due += loans.under(action) * share * (sooner - saved)
    return due


def _takings_after(effect: OfferCash, loans: OpenLoans) -> FloatArray:
    """Takings that repay each week: none under grace, and more of them afterwards."""
    window = loans.put_off[:, loans.past :]
    months = window.sum(axis=1)
    until = np.where(months > 0, MONTH_ENDS[np.maximum(loans.past + months - 1, 0)], 0)[:, None]
    week = np.arange(FUTURE)
    stopped = effect.takings * ((week >= loans.since) & (week < until))
    later = effect.takings * ((week >= loans.since) & (week >= until))
    missing = stopped.sum(axis=1, keepdims=True)
    rest = np.maximum(later.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return np.asarray(effect.takings - stopped + later * missing / rest)


def _spare_after(effect: OfferCash, loans: OpenLoans) -> FloatArray:
    """Limit that can still pay an instalment."""
    left = np.where(loans.under(FREEZE), 0.0, np.where(loans.under(CUT), KEPT, 1.0))
    spare = effect.spare.copy()
    spare[:, loans.past :] *= left
    return spare


def _due_after(effect: OfferCash, loans: OpenLoans) -> Array:
    """Month-ends at which something falls due."""
    due = effect.due.copy()
    due[:, : len(MONTH)] &= ~loans.put_off
    month = np.arange(1, due.shape[1] + 1)
    return np.asarray(due & ~(loans.under(FREEZE) & (month > loans.run_off[:, None])))
