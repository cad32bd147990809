"""Offers in words: what decided the limit, or why there is none, in English and Chinese."""

import calendar
import math
from collections.abc import Mapping
from types import MappingProxyType

from features.contract.tables import SOURCE_NAMES
from scoring.offers.limit import CAP, FLAT, INSTALMENT, REQUEST, RULES, SALES
from scoring.offers.offer import (
    NO_SALES,
    NOT_FOR,
    OFFERED,
    TOO_RISKY,
    TOO_SMALL,
    UNPRICED,
    UNSETTLED,
    Offers,
)
from scoring.offers.policy import OfferPolicy
from scoring.text.number_format import Texts, money, percent

PLAN_NAMES: Mapping[str, Texts] = MappingProxyType(
    {
        "equal": ("equal instalments", "等额本息"),
        "interest_first": ("interest first", "先息后本"),
        "seasonal": ("instalments by season", "按季节还款"),
        "line": ("line of credit", "随借随还"),
        "share_of_takings": ("share of takings", "按流水比例还款"),
    }
)
"""Repayment plans as pages show them."""


def offer_texts(offers: Offers, row: int, policy: OfferPolicy) -> Texts:
    """What decided the limit of one offer, or why no offer is made.

    Parameters
    ----------
    offers : Offers
    row : int
    policy : OfferPolicy

    Returns
    -------
    tuple of str
        English and Chinese.
    """
    reason = str(offers.refusal[row])
    if reason != OFFERED:
        english, chinese = _refused(offers, row, reason, policy)
        return f"no offer: {english}", f"无法报价：{chinese}"
    limit, limit_zh = money(float(offers.terms.amount_cny[row]))
    rule = RULES[int(offers.limited.rule[row])]
    why, why_zh = {
        REQUEST: _as_requested,
        CAP: _at_the_cap,
        FLAT: _flat,
        SALES: _by_sales,
        INSTALMENT: _by_instalment,
    }[rule](offers, row, policy)
    return f"limit {limit}: {why}", f"额度{limit_zh}：{why_zh}"


def _about(value: float) -> Texts:
    """An amount to three figures."""
    return money(float(f"{value:.3g}"))


def _as_requested(offers: Offers, row: int, policy: OfferPolicy) -> Texts:
    if policy.limit.flat_cny is not None:
        return "as applied for", "按申请金额"
    allowed, allowed_zh = _about(float(offers.limited.by_sales_cny[row]))
    share, share_zh = _share_of_sales(offers, row, policy)
    return (
        f"as applied for; {share} would allow {allowed}",
        f"按申请金额；{share_zh}，可至{allowed_zh}",
    )


def _at_the_cap(_: Offers, __: int, policy: OfferPolicy) -> Texts:
    return f"the cap of {policy.product.title}", f"{policy.product.title_zh}上限"


def _flat(_: Offers, __: int, policy: OfferPolicy) -> Texts:
    return f"the flat limit of {policy.product.title}", f"{policy.product.title_zh}"


def _by_sales(offers: Offers, row: int, policy: OfferPolicy) -> Texts:
    return _share_of_sales(offers, row, policy)


def _by_instalment(offers: Offers, row: int, policy: OfferPolicy) -> Texts:
    share, share_zh = _share_of_sales(offers, row, policy)
    carried, carried_zh = _about(float(offers.limited.instalment_cny[row]))
    month = int(offers.people.sales.weak_calendar_month[row])
    name, name_zh = ("the weakest month", "最弱月份")
    if offers.terms.plan[row] == "seasonal":
        name, name_zh = "an average month", "平均月份"
    elif month:
        name, name_zh = calendar.month_name[month], f"{month}月"
    return (
        f"{share}, cut by the instalment that {name} can carry, {carried}",
        f"{share_zh}，因{name_zh}可承受月还款{carried_zh}而下调",
    )


def _share_of_sales(offers: Offers, row: int, policy: OfferPolicy) -> Texts:
    """Share of verified sales that the limit may come to, with grade and season."""
    people = offers.people
    if not people.sales.source[row]:
        return (
            f"the limit where no sale is on record (grade {offers.limit_grade[row]})",
            f"无销售记录时的额度（等级{offers.limit_grade[row]}）",
        )
    sales, sales_zh = _about(float(people.sales.yearly_cny[row]))
    source = str(people.sales.source[row])
    share = float(offers.limited.by_sales_cny[row] / people.sales.yearly_cny[row])
    part, part_zh = percent(share)
    english, chinese = SOURCE_NAMES[source]
    season, season_zh = _season(offers, row, policy)
    grade = f"grade {offers.limit_grade[row]}"
    return (
        f"{part} of verified yearly sales of {sales} ({english}, {grade}{season})",
        f"核实年销售{sales_zh}的{part_zh}（{chinese}，等级{offers.limit_grade[row]}{season_zh}）",
    )


def _season(offers: Offers, row: int, policy: OfferPolicy) -> Texts:
    if policy.season is None:
        return "", ""
    if offers.people.high_season[row]:
        rise, rise_zh = percent(policy.season.rise)
        return f", raised {rise} for the season", f"，旺季上调{rise_zh}"
    cut, cut_zh = percent(policy.season.cut)
    return f", cut {cut} off season", f"，淡季下调{cut_zh}"


def _refused(offers: Offers, row: int, reason: str, policy: OfferPolicy) -> Texts:
    product = policy.product
    if reason == NOT_FOR:
        return f"{product.title} is not meant for this firm", f"{product.title_zh}不适用于该企业"
    if reason == NO_SALES:
        named = [SOURCE_NAMES[source] for source in policy.limit.sales_share]
        return (
            f"no verified sales ({' or '.join(english for english, _ in named)})",
            f"无可核实的销售（{'、'.join(chinese for _, chinese in named)}）",
        )
    if reason == UNSETTLED:
        return "limit and rate did not settle", "额度与利率未能收敛"
    if reason == TOO_SMALL:
        amount, amount_zh = money(float(offers.terms.amount_cny[row]))
        least, least_zh = money(product.least_cny)
        return (
            f"a limit of {amount} lies below the least of {least}",
            f"额度{amount_zh}低于起贷额{least_zh}",
        )
    if reason == TOO_RISKY:
        pd, pd_zh = percent(float(offers.pd[row]), digits=1)
        bound, bound_zh = percent(product.pd_below)
        return (
            f"PD of {pd} on the terms offered, {bound} or more",
            f"按报价条件违约概率{pd_zh}，不低于{bound_zh}",
        )
    if reason == UNPRICED:
        fair = float(offers.fair_rate_pct[row] - (policy.rate.margin_pct or 0.0))
        needed = "no rate" if math.isinf(fair) else f"a rate of {fair:.1f} %"
        return (
            f"{needed} would cover the risk, the cap is {policy.rate.cap_pct:g} %",
            f"覆盖风险所需利率{fair:.1f}%高于上限{policy.rate.cap_pct:g}%",
        )
    raise ValueError(reason)
