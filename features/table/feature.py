"""Declaration of a feature: one row of the feature table, validated at construction."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from features.contract.tables import SOURCES
from features.table.formula import Formula
from features.table.frames import FRAMES, HORIZON_DAYS, STEPS, WINDOWS, Kind
from features.table.themes import THEMES

_NAME = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
_REFERENCE = re.compile(r"^[RSCD]\d{2,3}(, [RSCD]\d{2,3})*$")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")

OVER_FEATURES = ("cross_source", "peers")
"""Frames whose columns are other features, by the names those have."""

Display = Literal[
    "number", "percent", "percent_per_month", "change", "money", "yes_no", "years_of_age"
]
"""How a figure is written for people: a number with its unit, a share in percent, a share a month,
now against before, CNY, yes or no, years of a person's age."""


@dataclass(frozen=True)
class ChangeWords:
    """Words of a change, from which a sentence is made such as "sales fell 41 %, last 4 weeks ...".

    Attributes
    ----------
    what, when : str
        What changed, and the periods compared.
    what_zh : str
        Both in Chinese.
    mean : bool
        Whether it is the mean over several sources.
    """

    what: str
    when: str
    what_zh: str
    mean: bool = False

    @property
    def meaning(self) -> str:
        """The change as the meaning of a feature."""
        return f"{'mean ' if self.mean else ''}change of {self.what}, {self.when}"

    @property
    def meaning_zh(self) -> str:
        """The same in Chinese."""
        return f"{self.what_zh}变化"


@dataclass(frozen=True, eq=False)
class Feature:
    """Feature of an application: formula, window, sign, meaning and display.

    Attributes
    ----------
    name : str
        Column of the feature matrix.
    frame : str
        Rows the formula sees: a name of `features.table.frames.FRAMES`, or across, or peers.
    days : int
        Window in days, counted back from the last day that can be known; 0 if there is none.
    formula : Formula
        One number from many rows; for cross_source and peers, from the other features of the row.
    unit : str
        "1" for pure numbers.
    sign : {-1, 0, 1}
        Expected effect of a larger value on default, all else equal; also the monotone constraint.
    meaning, meaning_zh : str
        What the figure says, in English and Chinese.
    theme : str
        Name in `features.table.themes.THEMES`.
    reference : str
        Rows of the market report, such as "R122"; empty where there is none.
    display : Display
    note : str
        Why the sign is 0; empty otherwise.
    change : ChangeWords or None
        Of a feature that is displayed as a change.
    one_source : ChangeWords or tuple of str, or None
        Words where only one source is covered, in place of those on all sources; `{source}` and
        `{source_zh}` stand for it. A tuple holds the meaning in English and Chinese.

    Raises
    ------
    ValueError
        If any of these does not hold, naming the feature.
    """

    name: str
    frame: str
    days: int
    formula: Formula
    unit: str
    sign: int
    meaning: str
    meaning_zh: str
    theme: str
    display: Display
    reference: str = ""
    note: str = ""
    change: ChangeWords | None = None
    one_source: ChangeWords | tuple[str, str] | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ValueError(f"feature {self.name!r}: {'; '.join(problems)}")

    @property
    def source(self) -> str:
        """Data source: one of the contract's, or register, coverage, across, peers."""
        return self.frame if self.frame in OVER_FEATURES else FRAMES[self.frame].source

    @property
    def inputs(self) -> frozenset[str]:
        """Columns that the formula reads."""
        return frozenset(self.formula.columns)

    def _problems(self) -> Iterable[str]:
        if not _NAME.match(self.name):
            yield "expected a name of lower-case words joined by _"
        if self.frame not in FRAMES and self.frame not in OVER_FEATURES:
            yield f"expected a frame among {', '.join([*FRAMES, *OVER_FEATURES])}, got {self.frame}"
            return
        if self.frame in FRAMES:
            yield from self._frame_problems()
        single_row = self.frame in OVER_FEATURES or FRAMES[self.frame].kind in (
            Kind.WINDOW,
            Kind.ONE,
        )
        if single_row and not self.formula.expression.meta.is_row_separable():
            yield f"frame {self.frame} has one row: expected a formula that counts over no rows"
        yield from self._text_problems()
        if self.days < 0:
            yield f"expected a window of 0 or more days, got {self.days}"
        if (self.display == "change") != (self.change is not None):
            yield "a feature displayed as a change needs its words, others have none"
        if set(self.formula.columns) != set(self.formula.expression.meta.root_names()):
            yield f"its formula declares other columns than it reads: {self.formula.columns}"
        if self.sign not in (-1, 0, 1):
            yield f"expected a sign of -1, 0 or 1, got {self.sign}"
        if (self.sign == 0) != bool(self.note):
            yield "a sign of 0 needs a note that says why, other signs have none"

    def _frame_problems(self) -> Iterable[str]:
        frame = FRAMES[self.frame]
        foreign = sorted(self.inputs - frame.columns)
        if foreign:
            yield f"frame {self.frame} has no column {', '.join(foreign)}"
        step = STEPS.get(frame.kind)
        if step is not None and not step <= self.days <= HORIZON_DAYS:
            yield f"expected a window of {step} to {HORIZON_DAYS} days, got {self.days}"
        if frame.kind is Kind.WINDOW and self.days not in WINDOWS:
            yield f"expected a window of {', '.join(map(str, WINDOWS))} days, got {self.days}"

    def _text_problems(self) -> Iterable[str]:
        if not (self.unit and self.meaning):
            yield "expected a unit and a meaning"
        if not _CHINESE.search(self.meaning_zh):
            yield "expected a meaning in Chinese"
        if self.theme not in THEMES:
            yield f"expected a theme among {', '.join(THEMES)}, got {self.theme}"
        if self.reference and not _REFERENCE.match(self.reference):
            yield f"expected report rows such as 'R122' or 'R122, S09', got {self.reference!r}"


def check_table(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """Check names and dependencies over the whole table and return it.

    Raises
    ------
    ValueError
        If a name occurs twice, or a feature across sources reads one that stands nowhere above,
        or one of its own frame: those are computed at once.
    """
    table = tuple(features)
    seen: set[str] = set()
    frames = {feature.name: feature.frame for feature in table}
    for feature in table:
        if feature.name in seen:
            raise ValueError(f"feature {feature.name!r}: declared twice")
        if feature.frame in OVER_FEATURES:
            unknown = sorted(
                name for name in feature.inputs - seen if not name.startswith(PEER_PREFIX)
            )
            if unknown:
                raise ValueError(
                    f"feature {feature.name!r}: reads {', '.join(unknown)}, declared nowhere above"
                )
            same_frame = sorted(
                name for name in feature.inputs if frames.get(name) == feature.frame
            )
            if same_frame:
                raise ValueError(
                    f"feature {feature.name!r}: reads {', '.join(same_frame)}, "
                    f"also of {feature.frame}"
                )
        seen.add(feature.name)
    return table


PEER_PREFIX = "typical_"
"""Columns that `features.table.peers` adds before peer formulas run: what is usual in the cell."""


SOURCE_COLUMNS = tuple(f"coverage_{source}" for source in SOURCES)
"""Features that scoring reads to tell whether enough is known."""

HISTORY_COLUMNS = tuple(f"history_{source}" for source in SOURCES)
"""Features that tell from which sources any figure may come."""

EVERY_SOURCE = ("all covered sources", "各来源")
"""How meanings name the sources that a feature takes together."""

ONE_SOURCE = ("the only source ({source})", "唯一来源（{source_zh}）")
"""How they name it where only one is covered."""
