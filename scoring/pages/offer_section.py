"""Offer of one applicant on its page: what decided it, and instalments against a year's cash."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from features.arrays import Floats
from features.engine.point_in_time import as_known
from features.instalments import instalments
from scoring.offers.offer import Offers
from scoring.offers.policy import OfferPolicy
from scoring.offers.price import Price
from scoring.offers.terms import Terms
from scoring.offers.what_if import Answer
from scoring.text.number_format import Texts, money, percent
from scoring.text.offer_text import PLAN_NAMES, offer_texts

_MONTHS = 12
_TALLEST = 2.0
_MONTH_DAYS = 365.25 / 12
_VALID_SALE = (pl.col("status") == "valid") & (pl.col("direction") == "output")
_SALES: Mapping[str, tuple[str, pl.Expr, pl.Expr]] = {
    "tax": ("invoices", pl.col("amount_cny"), _VALID_SALE),
    "ecommerce": (
        "ecommerce",
        pl.col("gmv_cny") - pl.col("refund_cny").fill_null(0.0),
        pl.lit(value=True),
    ),
}
"""Of each source with sales: table, amount, and rows that count."""


def offer_section(
    offers: Offers,
    policy: OfferPolicy,
    frames: Mapping[str, pl.DataFrame],
    *,
    firm_id: str,
    as_of: dt.date,
    approved: bool,
    answer: Answer | None = None,
) -> dict[str, Any]:
    """What the template shows of an offer.

    Parameters
    ----------
    offers : Offers
        To the one applicant.
    policy : OfferPolicy
    frames : mapping of table name to polars.DataFrame
        Rows of the applicant's firm.
    firm_id : str
    as_of : datetime.date
    approved : bool
        Whether the score policy approves, so that the offer is made.
    answer : Answer, optional
        Terms that an officer asks about.

    Returns
    -------
    dict
        `product`, `made`, `reason`, `rows` (a figure on each line: name, offered, asked), `chart`.
    """
    made = approved and bool(offers.made[0])
    shown = offers.terms if made else None
    figures = _figures(shown, offers.pd, offers.price) if shown is not None else None
    asked = None if answer is None else _figures(answer.terms, answer.pd, answer.price)
    terms = answer.terms if answer is not None else shown
    return {
        "product": (policy.product.title, policy.product.title_zh),
        "approved": approved,
        "made": made,
        "reason": offer_texts(offers, 0, policy),
        "rows": _side_by_side(figures, asked),
        "asked": answer is not None,
        "notes": [] if answer is None else _outside(answer, offers, policy),
        "chart": None
        if terms is None
        else _chart(terms, offers, policy, frames, firm_id=firm_id, as_of=as_of),
    }


def _figures(terms: Terms, pd: Floats, value: Price) -> dict[Texts, Texts]:
    """Figures of one loan by their names."""
    due = _instalments(terms, None)
    return {
        ("Limit", "额度"): money(float(terms.amount_cny[0])),
        ("Rate, a year", "年利率"): (f"{terms.rate_pct[0]:g} %", f"{terms.rate_pct[0]:g}%"),
        ("Term", "期限"): (f"{terms.term_months[0]:g} months", f"{terms.term_months[0]:g}个月"),
        ("Plan", "还款方式"): PLAN_NAMES[str(terms.plan[0])],
        ("Largest instalment", "最大一期还款"): _whole(float(due.max())),
        ("PD on these terms, 12 months", "按此条件12个月违约概率"): percent(float(pd[0]), digits=1),
        ("PD over the loan's life", "全期违约概率"): percent(float(value.pd_life[0]), digits=1),
        ("Interest expected", "预期利息"): _whole(float(value.income_cny[0])),
        ("Funding, servicing, capital", "资金、运营与资本成本"): _whole(float(value.cost_cny[0])),
        ("Expected loss", "预期损失"): _whole(float(value.loss_cny[0])),
        ("Expected profit", "预期利润"): _whole(float(value.profit_cny[0])),
    }


def _whole(value: float) -> Texts:
    english, chinese = money(float(round(value)))
    return english, chinese


def _side_by_side(
    offered: dict[Texts, Texts] | None, asked: dict[Texts, Texts] | None
) -> list[dict[str, Any]]:
    names = offered or asked or {}
    return [
        {
            "name": name,
            "offered": None if offered is None else offered[name][0],
            "asked": None if asked is None else asked[name][0],
        }
        for name in names
    ]


def _outside(answer: Answer, offers: Offers, policy: OfferPolicy) -> list[Texts]:
    """In what the terms asked about lie outside the policy."""
    notes, terms, product = [], answer.terms, policy.product
    amount = float(terms.amount_cny[0])
    limit = float(offers.terms.amount_cny[0])
    if amount > product.cap_cny:
        cap, cap_zh = money(product.cap_cny)
        notes.append((f"above the product's cap of {cap}", f"高于产品上限{cap_zh}"))
    elif amount > limit:
        most, most_zh = money(limit)
        notes.append((f"above the limit of {most}", f"高于额度{most_zh}"))
    if str(terms.plan[0]) not in policy.plan.allowed:
        english, chinese = PLAN_NAMES[str(terms.plan[0])]
        notes.append((f"the product does not offer {english}", f"该产品不提供{chinese}"))
    if int(terms.term_months[0]) not in policy.term.months:
        offered = ", ".join(map(str, policy.term.months))
        notes.append((f"terms on offer: {offered} months", f"可选期限：{offered}个月"))
    if float(answer.pd[0]) >= product.pd_below:
        bound, bound_zh = percent(product.pd_below)
        notes.append((f"PD of {bound} or more", f"违约概率不低于{bound_zh}"))
    if float(answer.price.profit_cny[0]) < 0:
        notes.append(("the rate does not cover the risk", "利率不足以覆盖风险"))
    return notes


def _instalments(terms: Terms, season: Floats | None) -> Floats:
    """What falls due in each month of the term, shape (months,)."""
    months = int(terms.term_months[0])
    weights = None if season is None else np.resize(season, months)[None]
    due = instalments(
        terms.amount_cny,
        terms.rate_pct,
        terms.term_months,
        terms.plan,
        months=months,
        season=weights,
    )
    return np.asarray(due[0])


def _chart(
    terms: Terms,
    offers: Offers,
    policy: OfferPolicy,
    frames: Mapping[str, pl.DataFrame],
    *,
    firm_id: str,
    as_of: dt.date,
) -> dict[str, Any] | None:
    """Bars of what each coming month can carry, by last year's sales, and what falls due."""
    source = str(offers.people.sales.source[0])
    share = policy.limit.instalment_share
    if not source or share is None:
        return None
    sales = monthly_sales(frames, source, firm_id=firm_id, as_of=as_of)
    carried = share * sales
    seasonal = terms.plan[0] == "seasonal" and sales.sum() > 0
    due = _instalments(terms, sales if seasonal else None)
    months = min(_MONTHS, len(due))
    # a bullet would press everything else to the ground
    most = _TALLEST * float(carried.max()) or np.inf
    top = max(float(carried.max()), min(float(due[:months].max()), most)) or 1.0
    return {
        "bars": [
            {
                "name": f"{_month_after(as_of, k + 1):%Y-%m}",
                "carried": round(100 * carried[k] / top, 1),
                "due": round(100 * min(due[k] / top, 1.0), 1) if k < months else None,
                "over": bool(k < months and due[k] > carried[k]),
                "figure": f"{money(float(round(carried[k])))[0]}, due "
                f"{money(float(round(due[k])) if k < months else 0.0)[0]}",
            }
            for k in range(_MONTHS)
        ],
        "top": money(float(f"{top:.2g}"))[0],
        "share": percent(share),
    }


def monthly_sales(
    frames: Mapping[str, pl.DataFrame], source: str, *, firm_id: str, as_of: dt.date
) -> Floats:
    """Verified sales of the twelve months that lie a year before the coming ones, shape (12,).

    Parameters
    ----------
    frames : mapping of table name to polars.DataFrame
    source : str
        `tax` or `ecommerce`.
    firm_id : str
    as_of : datetime.date
        Only what was known then counts.
    """
    table, value, counted = _SALES[source]
    sums = np.zeros(_MONTHS)
    raw = frames.get(table)
    if raw is None:
        return sums
    day = (as_of - dt.date(1970, 1, 1)).days
    applicant = pl.DataFrame(
        {"firm_id": [firm_id], "app": [0], "as_of_day": [day]},
        schema={"firm_id": pl.String, "app": pl.Int32, "as_of_day": pl.Int32},
    )
    rows = as_known(raw, table, applicant)
    month = ((365 - pl.Series(rows.age).cast(pl.Float64)) // _MONTH_DAYS).cast(pl.Int64)
    kept = (
        rows.frame.with_columns(month=month)
        .filter(counted, pl.col("month").is_between(0, _MONTHS - 1))
        .group_by("month")
        .agg(value.sum().alias("sales"))
    )
    sums[kept["month"].to_numpy()] = kept["sales"].to_numpy()
    return np.maximum(sums, 0.0)


def _month_after(day: dt.date, months: int) -> dt.date:
    place = day.year * 12 + day.month - 1 + months
    return dt.date(place // 12, place % 12 + 1, 1)
