"""Themes of features: correlated features of one theme are reported as one reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Theme:
    """Theme of a group of features.

    Attributes
    ----------
    name : str
        Used in code and files.
    english, chinese : str
        Title shown to people.
    why : str
        The economic reason for which the theme says something about default.
    """

    name: str
    english: str
    chinese: str
    why: str


THEMES: Mapping[str, Theme] = MappingProxyType(
    {
        theme.name: theme
        for theme in (
            Theme(
                "sales_level",
                "Size of invoiced sales",
                "开票销售规模",
                "larger sales absorb a bad month",
            ),
            Theme(
                "sales_trend",
                "Trend of invoiced sales",
                "开票销售走势",
                "falling sales come before unpaid debts",
            ),
            Theme(
                "sales_rhythm",
                "Steadiness of invoiced sales",
                "开票销售稳定性",
                "uneven sales make uneven cash",
            ),
            Theme(
                "customers",
                "Customers",
                "客户结构",
                "a firm that lives from one buyer falls with that buyer",
            ),
            Theme(
                "suppliers",
                "Suppliers and purchases",
                "供应商与采购",
                "a firm that stops buying will soon stop selling",
            ),
            Theme(
                "invoice_quality",
                "Void and red invoices",
                "作废与红字发票",
                "cancelled sales are lost orders or invented ones",
            ),
            Theme(
                "tax_filing",
                "Tax filing and payment",
                "纳税申报与缴款",
                "who runs out of cash files and pays late first",
            ),
            Theme(
                "declared_sales",
                "Declared against invoiced sales",
                "申报与开票一致性",
                "honest books agree with each other",
            ),
            Theme(
                "electricity_level", "Electricity use", "用电规模", "machines run when orders come"
            ),
            Theme(
                "electricity_trend",
                "Trend of electricity use",
                "用电走势",
                "use falls when work falls, whatever the books say",
            ),
            Theme(
                "electricity_rhythm",
                "Steadiness of electricity use",
                "用电稳定性",
                "uneven work makes uneven cash",
            ),
            Theme(
                "electricity_shape",
                "Peak, valley and season of electricity",
                "用电峰谷与季节",
                "shifts and seasons show how the plant is used",
            ),
            Theme(
                "bills",
                "Electricity bills",
                "电费缴纳",
                "an unpaid electricity bill is the first sign of empty pockets",
            ),
            Theme(
                "parcels_level",
                "Parcels sent and received",
                "快递规模",
                "goods that leave the door are real sales",
            ),
            Theme(
                "parcels_trend",
                "Trend of parcels",
                "快递走势",
                "fewer parcels mean fewer orders",
            ),
            Theme(
                "delivery",
                "Steadiness and quality of delivery",
                "发货稳定性与时效",
                "late and irregular parcels come from a firm in trouble",
            ),
            Theme(
                "orders_level",
                "Online orders and turnover",
                "网店订单规模",
                "online turnover is cash that a platform has seen",
            ),
            Theme(
                "orders_trend",
                "Trend of online orders",
                "网店订单走势",
                "falling orders become falling cash within weeks",
            ),
            Theme(
                "orders_rhythm",
                "Steadiness of online orders",
                "网店订单稳定性",
                "sudden drops of orders announce trouble",
            ),
            Theme("refunds", "Returns and refunds", "退货退款", "returned goods are lost cash"),
            Theme(
                "reviews",
                "Ratings and reviews",
                "评价与口碑",
                "buyers notice a decline before the books do",
            ),
            Theme(
                "buyers",
                "Repeat buyers and conversion",
                "复购与转化",
                "returning buyers are sales that need no advertising",
            ),
            Theme(
                "consistency",
                "Agreement between sources",
                "多源数据一致性",
                "real work leaves the same trace in every source; invented work does not",
            ),
            Theme(
                "peers",
                "Against firms of the same trade",
                "与同业比较",
                "who falls behind the trade has a trouble of its own",
            ),
            Theme(
                "coverage",
                "Length of the data record",
                "数据覆盖",
                "the less is known, the less certain a good figure is",
            ),
            Theme(
                "firm",
                "Age, form and size of the firm",
                "企业年龄与规模",
                "young and small firms fail more often",
            ),
            Theme("trade", "Trade and place", "行业与地区", "trades and places differ in risk"),
            Theme(
                "loan",
                "Amount, term, plan and purpose of the loan",
                "贷款金额与用途",
                "a large debt needs large sales",
            ),
            Theme(
                "credit",
                "Credit history",
                "信贷记录",
                "who ran short of cash on earlier loans runs short again",
            ),
            Theme(
                "repayment",
                "Repayment of the loan",
                "还款表现",
                "who pays late this month pays later next month",
            ),
            Theme(
                "utilisation",
                "Balance and drawings of the loan",
                "贷款余额与支用",
                "a line drawn to its limit has nothing left for a bad month",
            ),
            Theme(
                "bureau",
                "Credit bureau",
                "征信贷款与查询",
                "new debts elsewhere fall due beside this one",
            ),
            Theme(
                "since_disbursement",
                "Business since disbursement",
                "放款以来经营变化",
                "a firm below the level at which the loan was granted can carry less",
            ),
        )
    }
)
"""The closed set of themes, by name."""
