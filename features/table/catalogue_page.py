"""The feature table for people: docs/features.md, and what `firstloan catalogue` prints."""

from collections.abc import Iterator
from io import StringIO

from rich.console import Console
from rich.text import Text

from features.loan.catalogue import OPEN_LOAN_FEATURES, open_loan_fingerprint
from features.loan.loan_features import LOAN
from features.table.catalogue import FEATURES, fingerprint, in_words
from features.table.feature import Feature
from features.table.frames import FRAMES, HORIZON_DAYS, OF_LOANS
from features.table.themes import THEMES

_EFFECT = {1: "raises risk", -1: "lowers risk", 0: "either way"}


_WIDTH = 80


def listing() -> Iterator[str]:
    """Give the lines of the table for a terminal of 80 columns."""
    console = Console(width=_WIDTH, file=StringIO())
    for f in OPEN_LOAN_FEATURES:
        anytime = "of an open loan" if f.frame in OF_LOANS else "at application"
        window = f"{f.days} days" if f.days else anytime
        effect = _EFFECT[f.sign] + (f": {f.note}" if f.note else "")
        report = f", report {f.reference}" if f.reference else ""
        yield from _wrapped(console, "", f"{f.name}  ({f.source}, {window}, {f.unit})")
        yield from _wrapped(console, "    ", f"{f.meaning} · {f.meaning_zh}")
        yield from _wrapped(console, "    ", f"{f.theme}{report}; {effect}")
        yield from _wrapped(console, "    ", f"= {in_words(f.formula)}")


def _wrapped(console: Console, indent: str, text: str) -> Iterator[str]:
    """Break a line so that no part is wider than the terminal; Chinese takes two columns each."""
    first, *more = Text(text).wrap(console, _WIDTH - 2 * len(indent), overflow="fold")
    yield indent + first.plain.rstrip()
    yield from (2 * indent + part.plain.rstrip() for part in more)


def page() -> str:
    """Write every feature by theme, then the columns that the formulas read."""
    lines = [
        "# Features",
        "",
        "Generated from `features/table/catalogue.py` by `python docs/references.py`.",
        "",
        f"{len(FEATURES)} features of an application, fingerprint `{fingerprint()}`; with",
        f"{len(LOAN)} more, of an open loan, `{open_loan_fingerprint()}`. {len(THEMES)} themes.",
        "",
        "Each is known on the day of application: a row counts from the day after its event",
        "(parcels: two days), and a late return, void or payment is seen as it was known then. A",
        "window of N days ends on the last day that can be known. *Raises risk* and *lowers risk*",
        "are the expected effects of a larger value, all else equal, and the constraints of the",
        "monotone model. A ratio is missing unless its denominator is above zero; missing stays",
        "missing. Features against peers are missing without a reference of peers, those adjusted",
        "for the season without the season of a model. Of an open loan, the day looked at stands",
        "for the day of application.",
        "",
    ]
    for theme in THEMES.values():
        features = [f for f in OPEN_LOAN_FEATURES if f.theme == theme.name]
        lines += [f"## {theme.english} · {theme.chinese}", "", f"*{theme.why}*", ""]
        lines += [
            "| feature | days | unit | effect | meaning | report |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(feature) for feature in features]
        lines.append("")
    lines += ["## Formulas", "", "| feature | rows | formula |", "|---|---|---|"]
    lines += [
        f"| `{f.name}` | {f.frame} | `{in_words(f.formula).replace('|', chr(92) + '|')}` |"
        for f in OPEN_LOAN_FEATURES
    ]
    lines += ["", "## Columns that formulas read", "", *_columns()]
    return "\n".join(lines)


def _row(feature: Feature) -> str:
    effect = _EFFECT[feature.sign] + (f": {feature.note}" if feature.note else "")
    days = str(feature.days or "")
    return (
        f"| `{feature.name}` | {days} | {feature.unit} | {effect} "
        f"| {feature.meaning} · {feature.meaning_zh} | {feature.reference} |"
    )


def _columns() -> list[str]:
    lines = [
        f"Frames look back {HORIZON_DAYS} days. Columns of `_periods` are those of the weeks, with",
        "the stretch of weeks as ending.",
        "",
    ]
    for frame in FRAMES.values():
        if frame.name.endswith("_periods"):
            continue
        lines += [f"### {frame.name}", "", "| column | holds |", "|---|---|"]
        lines += [
            f"| `{name}` | of the contract: {', '.join(frame.tables)} |" for name in frame.contract
        ]
        lines += [f"| `{name}` | {holds} |" for name, holds in frame.derived.items()]
        lines.append("")
    return lines
