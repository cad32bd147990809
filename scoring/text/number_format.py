"""Number format of features in English and Chinese."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from features.table.feature import Feature

Texts = tuple[str, str]
"""The same in English and in Chinese."""

_UNITS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "years": (" year", " years", "年"),
        "months": (" month", " months", "个月"),
        "days": (" day", " days", "天"),
        "kg": (" kg", " kg", "千克"),
        "stars": (" star", " stars", "星"),
        "kWh/day": (" kWh", " kWh", "千瓦时"),
        "kWh/CNY": (" kWh", " kWh", "千瓦时"),
    }
)
"""What follows one and what follows many; units that a meaning names already have no word."""

MINUS = "−"
"""A real minus sign, which no spreadsheet takes for the start of a formula."""

_MOST_DIGITS = 4
_MOST_GROWTH = 9.0


def written(feature: Feature, value: float, typical: float | None) -> tuple[Texts, Texts | None]:
    """Write a figure and the typical one, with as many digits as it takes to tell them apart.

    Parameters
    ----------
    feature : Feature
    value : float
    typical : float or None

    Returns
    -------
    value_text : tuple of str
        English and Chinese.
    typical_text : tuple of str, or None
    """
    value_text = _write(feature, value, 0)
    if typical is None:
        return value_text, None
    typical_text = _write_usual(feature, typical, 0)
    for digits in range(1, _MOST_DIGITS):
        if value == typical or (
            value_text[0] != typical_text[0] and value_text[1] != typical_text[1]
        ):
            break
        value_text, typical_text = (
            _write(feature, value, digits),
            _write_usual(feature, typical, digits),
        )
    return value_text, typical_text


def growth_of(change: float) -> float:
    """Turn a symmetric change, (now - before) / (now + before), into now / before - 1.

    -1 remains -1 (stopped); 1 (nothing before) is infinite.
    """
    return 2 * change / (1 - change) if change < 1 else float("inf")


def percent(share: float, *, digits: int = 0, signed: bool = False) -> Texts:
    """Write a share in percent: "41 %" and "41%", with a sign on request."""
    shown = 100 * share
    text = _decimal(shown, digits + (abs(shown) < 9.95))  # noqa: PLR2004 - two figures then
    plus = "+" if signed and shown > 0 and text != "0" else ""
    return f"{plus}{text} %", f"{plus}{text}%"


def _write(feature: Feature, value: float, digits: int) -> Texts:
    match feature.display:
        case "yes_no":
            return ("yes", "是") if value >= 0.5 else ("no", "否")  # noqa: PLR2004 - 0 or 1
        case "change":
            return _growth(growth_of(value), digits)
        case "percent_per_month":
            english, chinese = percent(value, digits=digits, signed=True)
            return f"{english} a month", f"每月{chinese}"
        case "percent":
            return percent(value, digits=digits)
        case "money":
            return money(value, digits)
    number = _significant(value, digits)
    singular, plural, chinese = _UNITS.get(feature.unit, ("", "", ""))
    if feature.display == "years_of_age":
        chinese = "岁"
    return f"{number}{singular if number == '1' else plural}", f"{number}{chinese}"


@lru_cache(maxsize=4096)
def _write_usual(feature: Feature, typical: float, digits: int) -> Texts:
    """Write a typical figure, which thousands of reasons of a batch repeat."""
    return _write(feature, typical, digits)


def _growth(growth: float, digits: int) -> Texts:
    if growth == float("inf"):
        return "new", "新增"
    if growth > _MOST_GROWTH:
        times = _significant(growth + 1, digits)
        return f"{times} times as much", f"{times}倍"
    return percent(growth, digits=digits, signed=True)


def money(value: float, digits: int = 0) -> Texts:
    """Write an amount: "CNY 124,000" and "12.4万元"."""
    if abs(value) < 10_000:  # noqa: PLR2004 - 一万, the next Chinese unit
        number = _significant(value, digits)
        return f"CNY {number}", f"{number}元"
    return f"CNY {_decimal(value, 0)}", f"{_significant(value / 10_000, digits + 1)}万元"


def _significant(value: float, digits: int) -> str:
    """Two figures at least, more if `digits` asks for them."""
    size = abs(value)
    for decimals, bound in ((0, 9.95), (1, 0.95), (2, 0.095)):
        if size >= bound or size == 0:
            return _decimal(value, decimals + digits)
    return f"{value:.{2 + digits}g}".replace("-", MINUS)


def _decimal(value: float, digits: int) -> str:
    """Thousands apart, no zeros after the point at the end."""
    text = f"{value:,.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", "0"} else text.replace("-", MINUS)
