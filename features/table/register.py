"""Features from the register and the application: what a lender without other data has.

Numbers of 0 and 1 instead of categories, missing where the register is silent.
"""
# ruff: noqa: E501 - a table reads best with one row to a line

import polars as pl
from polars import col

from features.contract.tables import AREAS, LEGAL_FORMS, PURPOSES
from features.table.feature import Feature, ratio

SECTORS = {
    "agriculture": ("navel_orange", "family_farm", "cooperative", "growing", "agriculture"),
    "industry": ("furniture", "ceramics", "lithium", "electronics", "copper", "textiles", "medicine", "light_industry", "manufacturing"),
    "construction": ("construction",),
    "online": ("ecommerce",),
    "guests": ("tourism", "catering"),
    "trading": ("retail", "trade", "wholesale"),
    "transport": ("transport",),
    "services": ("services",),
}  # fmt: skip
"""Sectors by name, in groups wide enough for a monotone model to learn from."""

_FORM_ZH = {"individual": "个体工商户", "micro": "微型企业", "small": "小型企业"}
_AREA_ZH = {"urban": "城区", "county": "县城", "rural": "农村"}
_SECTOR_ZH = {
    "agriculture": "农业",
    "industry": "制造业",
    "construction": "建筑业",
    "online": "电子商务",
    "guests": "餐饮旅游",
    "trading": "批发零售",
    "transport": "运输业",
    "services": "服务业",
}
_PURPOSE_ZH = {
    "raw_material": "采购原料",
    "equipment": "购置设备",
    "online_marketing": "线上营销",
    "cash_gap": "资金周转",
    "green": "绿色改造",
}
_NO_ORDER = "which of the groups is riskier differs from place to place"
_AMOUNT, _CAPITAL = col("amount_cny"), col("registered_capital_cny")


REGISTER: tuple[Feature, ...] = (
    Feature("firm_age", "register", 0, col("firm_age_days") / 365.25, "years", -1, "age of the firm", "企业经营年限", "firm", "S01"),
    Feature("firm_employees", "register", 0, col("employees"), "persons", -1, "employees", "员工人数", "firm", "S06"),
    Feature("firm_capital", "register", 0, _CAPITAL, "CNY", -1, "registered capital", "注册资本", "firm", "S01"),
    Feature("firm_owner_age", "register", 0, col("owner_age"), "years", 0, "age of the owner", "经营者年龄", "firm", note="the young lack experience, the old lack heirs"),
    Feature("firm_in_cluster", "register", 0, pl.when(col("sector").is_not_null()).then(col("cluster").is_not_null()), "yes or no", 0, "member of an industrial cluster", "属于产业集群", "trade", note="a cluster gives orders and shares its crises"),
    *(Feature(f"firm_is_{form}", "register", 0, col("legal_form") == form, "yes or no", 0, f"legal form: {form}", f"企业类型：{_FORM_ZH[form]}", "firm", "S01", _NO_ORDER) for form in LEGAL_FORMS),
    *(Feature(f"firm_area_{area}", "register", 0, col("area") == area, "yes or no", 0, f"place: {area}", f"所在地：{_AREA_ZH[area]}", "trade", "", _NO_ORDER) for area in AREAS),
    *(Feature(f"firm_in_{group}", "register", 0, pl.any_horizontal(col("sector") == sector for sector in sectors), "yes or no", 0, f"trade: {group}", f"行业：{_SECTOR_ZH[group]}", "trade", "", _NO_ORDER) for group, sectors in SECTORS.items()),
    Feature("loan_amount", "register", 0, _AMOUNT, "CNY", 0, "amount applied for", "申请金额", "loan", note="large firms ask for more; against sales it carries the sign"),
    Feature("loan_term", "register", 0, col("term_months"), "months", 0, "term applied for", "申请期限", "loan", note="a long line is more time to fail and less to repay each month"),
    Feature("loan_to_capital", "register", 0, ratio(_AMOUNT, _CAPITAL), "1", +1, "amount applied for per yuan of registered capital", "申请金额与注册资本之比", "loan"),
    Feature("loan_per_employee", "register", 0, ratio(_AMOUNT, col("employees")), "CNY/person", 0, "amount applied for per employee", "人均申请金额", "loan", note="a matter of the trade as well; against sales the amount carries the sign"),
    *(Feature(f"loan_for_{purpose}", "register", 0, col("purpose") == purpose, "yes or no", 0, f"purpose: {purpose.replace('_', ' ')}", f"用途：{_PURPOSE_ZH[purpose]}", "loan", "R037, R041", _NO_ORDER) for purpose in PURPOSES),
)  # fmt: skip
"""Every feature of the register and of the application; no lender, no channel, no past approval."""
