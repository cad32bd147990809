"""Features from the business register and the application, the only ones without alternative data.

Numbers of 0 and 1 instead of categories, missing where the register is silent.
"""
# ruff: noqa: E501 (rows of a table are wrapped at 112 columns)

import polars as pl
from polars import col

from features.contract.tables import AREAS, LEGAL_FORMS, PLANS, PURPOSES
from features.table.builders import feature
from features.table.feature import Feature
from features.table.formula import ratio

SECTORS = {
    "agriculture": ("navel_orange", "family_farm", "cooperative", "growing", "agriculture"),
    "industry": (
        "furniture", "ceramics", "lithium", "electronics", "copper", "textiles", "medicine",
        "light_industry", "manufacturing",
    ),
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
_PLAN_ZH = {
    "equal": "等额本息",
    "interest_first": "先息后本",
    "seasonal": "按季节还款",
    "line": "随借随还",
    "share_of_takings": "按流水比例还款",
}
_NO_ORDER = "which of the groups is riskier differs from place to place"
_AMOUNT, _CAPITAL = col("amount_cny"), col("registered_capital_cny")


REGISTER: tuple[Feature, ...] = (
    feature(
        name="firm_age", frame="register", days=0, formula=col("firm_age_days") / 365.25, unit="years",
        sign=-1, display="number", theme="firm", meaning="age of the firm", meaning_zh="企业经营年限",
        reference="S01",
    ),
    feature(
        name="firm_employees", frame="register", days=0, formula=col("employees"), unit="persons", sign=-1,
        display="number", theme="firm", meaning="employees", meaning_zh="员工人数", reference="S06",
    ),
    feature(
        name="firm_capital", frame="register", days=0, formula=_CAPITAL, unit="CNY", sign=-1, display="money",
        theme="firm", meaning="registered capital", meaning_zh="注册资本", reference="S01",
    ),
    feature(
        name="firm_owner_age", frame="register", days=0, formula=col("owner_age"), unit="years", sign=0,
        display="years_of_age", theme="firm", meaning="age of the owner", meaning_zh="经营者年龄",
        note="the young lack experience, the old lack heirs",
    ),
    feature(
        name="firm_in_cluster", frame="register", days=0,
        formula=pl.when(col("sector").is_not_null()).then(col("cluster").is_not_null()), unit="yes or no",
        sign=0, display="yes_no", theme="trade", meaning="member of an industrial cluster",
        meaning_zh="属于产业集群", note="a cluster gives orders and shares its crises",
    ),
    *(
        feature(
            name=f"firm_is_{form}", frame="register", days=0, formula=col("legal_form") == form,
            unit="yes or no", sign=0, display="yes_no", theme="firm", meaning=f"legal form: {form}",
            meaning_zh=f"企业类型：{_FORM_ZH[form]}", reference="S01", note=_NO_ORDER,
        )
        for form in LEGAL_FORMS
    ),
    *(
        feature(
            name=f"firm_area_{area}", frame="register", days=0, formula=col("area") == area, unit="yes or no",
            sign=0, display="yes_no", theme="trade", meaning=f"place: {area}",
            meaning_zh=f"所在地：{_AREA_ZH[area]}", note=_NO_ORDER,
        )
        for area in AREAS
    ),
    *(
        feature(
            name=f"firm_in_{group}", frame="register", days=0,
            formula=pl.any_horizontal(col("sector") == sector for sector in sectors), unit="yes or no", sign=0,
            display="yes_no", theme="trade", meaning=f"trade: {group}",
            meaning_zh=f"行业：{_SECTOR_ZH[group]}", note=_NO_ORDER,
        )
        for group, sectors in SECTORS.items()
    ),
    feature(
        name="loan_amount", frame="register", days=0, formula=_AMOUNT, unit="CNY", sign=+1, display="money",
        theme="loan", meaning="amount applied for", meaning_zh="申请金额",
    ),
    feature(
        name="loan_term", frame="register", days=0, formula=col("term_months").clip(upper_bound=12), unit="months",
        sign=0, display="number", theme="loan", meaning="term applied for, months of the first year",
        meaning_zh="申请期限（首年月数）",
        note="a long term is more time to fail and less to repay each month, which the instalments say",
    ),
    feature(
        name="loan_instalment_share", frame="register", days=0, formula=col("instalment_share"), unit="1",
        sign=+1, display="percent", theme="loan",
        meaning="mean share of the loan due a month, first nine months at 5 %",
        meaning_zh="前九个月月均还款占贷款额（按年利率5%）",
    ),
    feature(
        name="loan_to_capital", frame="register", days=0, formula=ratio(_AMOUNT, _CAPITAL), unit="1", sign=+1,
        display="number", theme="loan", meaning="amount applied for per yuan of registered capital",
        meaning_zh="申请金额与注册资本之比",
    ),
    *(
        feature(
            name=f"loan_for_{purpose}", frame="register", days=0, formula=col("purpose") == purpose,
            unit="yes or no", sign=0, display="yes_no", theme="loan",
            meaning=f"purpose: {purpose.replace('_', ' ')}", meaning_zh=f"用途：{_PURPOSE_ZH[purpose]}",
            reference="R037, R041", note=_NO_ORDER,
        )
        for purpose in PURPOSES
    ),
    *(
        feature(
            name=f"loan_by_{plan}", frame="register", days=0, formula=col("plan") == plan,
            unit="yes or no", sign=0, display="yes_no", theme="loan",
            meaning=f"repayment plan: {plan.replace('_', ' ')}", meaning_zh=f"还款方式：{_PLAN_ZH[plan]}",
            reference="R187", note="a plan decides when a loan can fail, not only whether",
        )
        for plan in PLANS
    ),
    feature(
        name="credit_max_dpd", frame="register", days=0, formula=col("max_dpd"), unit="days", sign=+1,
        display="number", theme="credit", meaning="longest arrears on earlier loans, days past due",
        meaning_zh="历史最长逾期天数",
    ),
    feature(
        name="credit_months_in_arrears", frame="register", days=0, formula=col("months_in_arrears"),
        unit="months", sign=+1, display="number", theme="credit", meaning="months in arrears on earlier loans",
        meaning_zh="历史逾期月数",
    ),
    feature(
        name="credit_open_loans", frame="register", days=0, formula=col("open_loans"), unit="loans", sign=+1,
        display="number", theme="credit", meaning="loans not yet repaid", meaning_zh="未结清贷款笔数",
        reference="D13",
    ),
    feature(
        name="credit_balance_to_capital", frame="register", days=0, formula=ratio(col("balance_cny"), _CAPITAL),
        unit="1", sign=+1, display="number", theme="credit",
        meaning="balance of open loans per yuan of registered capital", meaning_zh="未结清余额与注册资本之比",
        reference="D13",
    ),
    feature(
        name="credit_enquiries", frame="register", days=0, formula=col("enquiries_6m"), unit="enquiries",
        sign=+1, display="number", theme="credit", meaning="enquiries of lenders in six months",
        meaning_zh="近半年征信查询次数", reference="D13",
    ),
    feature(
        name="credit_lenders", frame="register", days=0, formula=col("lenders"), unit="lenders", sign=+1,
        display="number", theme="credit", meaning="lenders so far", meaning_zh="历史贷款机构数", reference="D13",
    ),
    feature(
        name="credit_age", frame="register", days=0, formula=col("credit_age_days") / 365.25, unit="years",
        sign=-1, display="number", theme="credit", meaning="time since the first loan",
        meaning_zh="首次贷款至今年限",
    ),
)  # fmt: skip
"""Every feature of the register, of the application and of the credit history of repeat borrowers.

No lender, no channel, no rate, no past approval.
"""
