"""The populations, events and numbers that `targets.toml` names, as columns of a world's rows."""

import polars as pl

from features.contract.tables import LENDER_TYPES
from synthetic.setting.calendar import borrowing_season


def condition(name: str) -> pl.Expr:
    """A population or an event by its name: parts of `CONDITIONS`, all of which must hold."""
    kind, _, value = name.partition(":")
    if value:
        return pl.col({"trade": "sector", "purpose": "purpose", "plan": "plan"}[kind]) == value
    return CONDITIONS[name]


_APPROVED = pl.col("approved")
_TAKEN = pl.col("accepted").fill_null(value=False)
_RURAL = pl.col("area") == "rural"
_COUNTY = pl.col("area") != "urban"
_ONLINE = pl.col("ecommerce").is_not_null()
_LENDER = pl.col("lender_type")
_CLUSTER = pl.col("cluster")
_OLD = pl.col("owner_age") >= 60
_FARM = pl.col("sector").is_in(["family_farm", "growing"])


def _busy(days: pl.Series) -> pl.Series:
    """Whether a day lies in the 15 days before a quarter's end or a holiday (R048)."""
    dates = days.to_list()
    first = min(dates)
    busy = borrowing_season(first, (max(dates) - first).days + 1, days_before=15)
    return pl.Series([bool(busy[(day - first).days]) for day in dates], dtype=pl.Boolean)


CONDITIONS = {
    "all": pl.lit(True),
    **{form: pl.col("legal_form") == form for form in ("individual", "micro", "small")},
    "rural": _RURAL,
    "in_county": _COUNTY,
    **{
        f"county_{trade}": _COUNTY & (pl.col("sector") == trade)
        for trade in ("family_farm", "ecommerce", "tourism", "growing", "cooperative")
    },
    "online": _ONLINE,
    "not_online": ~_ONLINE,
    "metered": pl.col("electricity").is_not_null(),
    "tax_complete": (pl.col("tax") == pl.col("electricity")).fill_null(False),
    "old": _OLD,
    "rural_old": _RURAL & _OLD,
    "online_channel": pl.col("channel") == "online",
    "three_cities": pl.col("city").is_in(["Nanchang", "Ganzhou", "Jiujiang"]),
    "ganzhou": pl.col("city") == "Ganzhou",
    "busy": pl.col("applied_on").map_batches(_busy, return_dtype=pl.Boolean),
    "bad_actor": pl.col("shell") | pl.col("invoice_inflation") | pl.col("brushing"),
    "first": pl.col("first_time"),
    "rural_first": pl.col("first_time") & _RURAL,
    "approved": _APPROVED,
    "loans": _TAKEN,
    "first_loans": _TAKEN & pl.col("first_time"),
    "rural_loans": _TAKEN & _RURAL,
    "farm_first_loans": _TAKEN & _FARM & pl.col("first_time"),
    "ganzhou_loans": _TAKEN & (pl.col("city") == "Ganzhou"),
    "guaranteed": _TAKEN & pl.col("guaranteed"),
    "is_guaranteed": pl.col("guaranteed"),
    "farm_loans": _TAKEN & _FARM,
    "taken": _TAKEN,
    "left": _APPROVED & ~_TAKEN,
    "approved_up_to_5": _APPROVED & (pl.col("rate_pct") <= 5),
    "approved_5_to_7": _APPROVED & pl.col("rate_pct").is_between(5, 7, closed="right"),
    "approved_above_7": _APPROVED & (pl.col("rate_pct") > 7),
    "lines": _TAKEN & (pl.col("plan") == "line"),
    "bad_loans_guaranteed": _TAKEN & pl.col("potential_default") & pl.col("guaranteed"),
    "bad_loans_pledged": _TAKEN & pl.col("potential_default") & pl.col("pledged"),
    "bad_loans_plain": _TAKEN
    & pl.col("potential_default")
    & ~(pl.col("guaranteed") | pl.col("pledged")),
    **{
        f"{name}_{lender}": _TAKEN & _CLUSTER.eq(cluster) & _LENDER.is_in(lenders)
        for name, cluster, lender, lenders in (
            ("furniture", "Nankang furniture", "all", LENDER_TYPES),
            ("furniture", "Nankang furniture", "bank", ["bank"]),
            ("furniture", "Nankang furniture", "small_loan", ["small_loan"]),
            ("furniture", "Nankang furniture", "platform", ["platform", "joint"]),
            ("lithium", "Yichun lithium", "bank", ["bank"]),
            ("ceramics", "Jingdezhen ceramics", "small_loan", ["small_loan"]),
        )
    },
    "catering": pl.col("sector") == "catering",
    **{
        f"loans_{lender}": _TAKEN & _LENDER.eq(lender)
        for lender in ("bank", "small_loan", "platform", "joint")
    },
    "loans_platform_or_joint": _TAKEN & _LENDER.is_in(["platform", "joint"]),
    "platform_or_joint": _LENDER.is_in(["platform", "joint"]),
    "joint": _LENDER == "joint",
    "up_to_500k": pl.col("amount_cny") <= 500_000,
    "repeat": ~pl.col("first_time"),
    "above_a_fifth": pl.col("amount_cny") > 0.2 * pl.col("sales_cny"),
    "rate_7_12": pl.col("rate_pct").is_between(7, 12),
}

NUMBERS = {
    "lgd": 100 * pl.col("loss_given_default"),
    "amount": pl.col("amount_cny") / 10_000,
    "term": pl.col("term_months").cast(pl.Float64),
    "rate_pct": pl.col("rate_pct"),
    "true_pd": 100 * pl.col("true_pd"),
    "days_to_payout": (pl.col("disbursed_on") - pl.col("applied_on"))
    .dt.total_days()
    .cast(pl.Float64),
}
