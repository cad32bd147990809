"""Reason texts in English and Chinese: the applicant's figure beside the typical one.

Every phrase is made from a row of the feature table: its meaning names the figure, its unit says
how to write it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from features.contract.tables import SOURCE_NAMES
from features.loan.catalogue import OPEN_LOAN_FEATURES
from features.table.feature import ChangeWords, Feature
from features.table.themes import THEMES
from models.explanation.reasons import ABSENT_THEMES
from models.policy import DataSufficiency, Flag
from scoring.text.number_format import MINUS, Texts, growth_of, written


def no_record_texts(sources: Sequence[str]) -> Texts:
    """Word that whole sources are missing."""
    english, chinese = zip(*(SOURCE_NAMES[source] for source in sources), strict=True)
    return (
        f"no {english[0]} record" if len(sources) == 1 else f"no records: {', '.join(english)}",
        f"无{'、'.join(chinese)}数据",
    )


_NO_RECORD: Mapping[str, Texts] = MappingProxyType(
    {theme: no_record_texts(sources) for theme, sources in ABSENT_THEMES.items()}
)
"""What is said of missing sources, by their theme; another theme may bear the name of a source."""

_TABLE: Mapping[str, Feature] = MappingProxyType(
    {feature.name: feature for feature in OPEN_LOAN_FEATURES}
)
_BAD_ROWS = "bad_rows_"
_COLUMNS_ZH = {"purpose": "贷款用途", "lender_type": "机构类型", "channel": "申请渠道"}
_OF_INPUT: Mapping[str, Texts] = MappingProxyType(
    {
        "consent_after_as_of": (
            "consent was given after the application: no record could be used",
            "授权晚于申请日，各类数据均不可用",
        )
    }
)


def reason_texts(
    theme: str,
    feature: str,
    value: float | None,
    typical: float | None,
    *,
    only: str | None = None,
) -> Texts:
    """One reason in words.

    Parameters
    ----------
    theme : str
        As `models.explanation.reasons.top_reasons` names it.
    feature : str
        The feature that stands for the theme.
    value, typical : float or None
        The applicant's figure and the reference population's median; None if missing.
    only : str, optional
        The applicant's source, if there is but one: what is said of all sources is said of it.

    Returns
    -------
    tuple of str
        English and Chinese text, each one line.
    """
    if theme in _NO_RECORD:
        return _NO_RECORD[theme]
    known = _TABLE.get(feature)
    if known is None:
        return _of_ones_own(feature, value, typical)
    if only is not None:
        known = _of_one_source(known, only)
    if value is None:
        return f"too little data: {known.meaning}", f"数据不足：{known.meaning_zh}"
    if known.change is not None:
        return _change(known, known.change, value, typical)
    if known.display == "yes_no":
        return _fact(known, holds=bool(value))
    value_text, typical_text = written(known, value, typical)
    return _beside_typical(
        f"{known.meaning}: {value_text[0]}", f"{known.meaning_zh}：{value_text[1]}", typical_text
    )


def feature_texts(feature: str, typical: float | None, *, is_missing: bool) -> Texts:
    """Word a reason without the applicant's figure: what the feature says, and what is typical.

    Parameters
    ----------
    feature : str
        The feature that stands for the theme.
    typical : float or None
        The reference population's median.
    is_missing : bool
        Whether the applicant has no such figure.
    """
    english, chinese = label_texts(feature)
    if is_missing:
        return f"too little data: {english}", f"数据不足：{chinese}"
    known = _TABLE.get(feature)
    if typical is None or (known is not None and known.display == "yes_no"):
        return english, chinese
    usual = (f"{typical:g}", f"{typical:g}") if known is None else written(known, typical, None)[0]
    return _beside_typical(english, chinese, usual)


def thin_texts(source: str, days: int, needed: DataSufficiency) -> Texts:
    """Why a source does not suffice for a score.

    Parameters
    ----------
    source : str
    days : int
        Known days among the last `needed.window_days`.
    needed : DataSufficiency
    """
    english, chinese = SOURCE_NAMES[source]
    if not days:
        return (
            f"no {english} record in the last {needed.window_days} days",
            f"近{needed.window_days}天无{chinese}数据",
        )
    known = f"{days} of the last {needed.window_days} days known; needed: {needed.known_days}"
    known_zh = f"近{needed.window_days}天中有{days}天；至少需要{needed.known_days}天"
    return f"{english} record: {known}", f"{chinese}数据：{known_zh}"


def label_texts(feature: str) -> Texts:
    """Name a feature for a table or a chart."""
    known = _TABLE.get(feature)
    return (known.meaning, known.meaning_zh) if known else (feature, feature)


def theme_texts(code: str) -> Texts:
    """Name what a reason is about: a theme, a source that is missing, a column of one's own."""
    if code in _NO_RECORD:
        return _NO_RECORD[code]
    theme = THEMES.get(code)
    return (theme.english, theme.chinese) if theme else label_texts(code)


def flag_texts(code: str, flags: Iterable[Flag]) -> Texts:
    """Word a flag of the policy, or one that tells of the input.

    Parameters
    ----------
    code : str
        As the scored CSV names it: `unknown_purpose`, or the name of one of `flags`.
    flags : iterable of Flag
        The policy's own.
    """
    for flag in flags:
        if flag.name == code:
            return flag.text, flag.text_zh
    kind, _, what = code.partition("_")
    if kind == "unknown" and what in _COLUMNS_ZH:
        return f"{what.replace('_', ' ')} on no list", f"{_COLUMNS_ZH[what]}不在取值范围内"
    if code.startswith(_BAD_ROWS):
        table = code.removeprefix(_BAD_ROWS)
        return f"unusable rows in table {table}, left out", f"数据表{table}中有无效行，已剔除"
    return _OF_INPUT.get(code, (code.replace("_", " "), ""))


@cache
def _of_one_source(known: Feature, source: str) -> Feature:
    """A mean over all sources as what it is where there is one."""
    words = known.one_source
    if words is None:
        return known
    english, chinese = SOURCE_NAMES[source]
    if isinstance(words, ChangeWords):
        change = replace(
            words,
            what=words.what.format(source=english),
            what_zh=words.what_zh.format(source_zh=chinese),
        )
        return replace(known, change=change, meaning=change.meaning, meaning_zh=change.meaning_zh)
    meaning, meaning_zh = words
    return replace(
        known,
        meaning=meaning.format(source=english),
        meaning_zh=meaning_zh.format(source_zh=chinese),
    )


def _change(known: Feature, words: ChangeWords, value: float, typical: float | None) -> Texts:
    """Make "invoiced sales fell 41 %, last 4 weeks against the 12 before; typical: −3 %"."""
    value_text, typical_text = written(known, value, typical)
    growth = growth_of(value)
    if growth == -1:
        verb, verb_zh = "stopped", "降至零"
    elif value_text[0] == "0 %":
        verb, verb_zh = "did not change", "持平"
    elif growth < 0:
        verb, verb_zh = f"fell {value_text[0].lstrip(MINUS)}", f"下降{value_text[1].lstrip(MINUS)}"
    elif value_text[0].startswith("+"):
        verb, verb_zh = f"rose {value_text[0].lstrip('+')}", f"上升{value_text[1].lstrip('+')}"
    else:  # new, or so many times as much
        verb, verb_zh = f"grew: {value_text[0]}", f"增长：{value_text[1]}"
    mean = " on average" if words.mean and growth != -1 else ""
    return _beside_typical(
        f"{words.what} {verb}{mean}, {words.when}", f"{words.what_zh}{verb_zh}", typical_text
    )


def _fact(known: Feature, *, holds: bool) -> Texts:
    """Make "purpose: cash gap", or "purpose: not cash gap"."""
    if holds:
        return known.meaning, known.meaning_zh
    name, colon, what = known.meaning.partition(": ")
    name_zh, colon_zh, what_zh = known.meaning_zh.partition("：")
    english = f"{name}: not {what}" if colon else f"not: {name}"
    return english, f"{name_zh}：非{what_zh}" if colon_zh else f"不符合：{name_zh}"


def _beside_typical(english: str, chinese: str, usual: Texts | None) -> Texts:
    if usual is None:
        return english, chinese
    return f"{english}; typical: {usual[0]}", f"{chinese}；一般水平：{usual[1]}"


def _of_ones_own(feature: str, value: float | None, typical: float | None) -> Texts:
    """Word a column of one's own matrix, of which only the name is known."""
    if value is None:
        return f"too little data: {feature}", f"数据不足：{feature}"
    usual = None if typical is None else (f"{typical:g}", f"{typical:g}")
    return _beside_typical(f"{feature}: {value:g}", f"{feature}：{value:g}", usual)
