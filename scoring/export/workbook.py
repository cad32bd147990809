"""Scorecard as an Excel workbook: a calculator of formulas over bins, points and calibration."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import xlsxwriter
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell

from features.contract.errors import ContractError
from models.estimators.calibration import FLOOR
from models.estimators.scorecard import Scorecard
from models.inspection.binning_statistics import information_value
from scoring.text.reason_text import label_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from features.arrays import Floats
    from models.estimators.model import Model
    from models.estimators.scorecard import Binned
    from models.policy import Policy

CREATOR = "firstloan export"
"""Author that the workbook names."""

_DAY = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - of every workbook, so that its bytes are the same
_LOWEST = -1e300  # LOOKUP needs a lower end of the first bin
_BINS = {
    "feature": 34,
    "meaning": 72,
    "bin": 26,
    "from (>=)": 13,
    "below (<)": 13,
    "applicants": 11,
    "bads": 8,
    "default rate": 12,
    "WOE": 9,
    "IV": 9,
    "coefficient": 11,
    "points": 9,
}
_FROM, _LABEL, _POINTS = 3, 2, 11  # columns of the sheet of bins
_CALCULATOR = {"feature": 34, "meaning": 72, "value": 20, "number": 13, "bin": 30, "points": 10}
_VALUE, _NUMBER, _BIN, _CELL_POINTS = 2, 3, 4, 5
_A4 = 9  # its number among paper sizes
_TOP = 4  # row of the first feature on the calculator, counted from 0


def workbook_bytes(model: Model, *, policy: Policy | None = None) -> bytes:
    """The workbook of a scorecard.

    Its sheets are the calculator, in which values are typed and which starts at the typical ones,
    the bins, the calibration and score policy, and the words of categories.

    Parameters
    ----------
    model : Model
    policy : Policy, optional
        By default the model's.

    Returns
    -------
    bytes
        XLSX; the same for the same model.

    Raises
    ------
    ContractError
        If the model is no scorecard.
    """
    if not isinstance(model.estimator, Scorecard):
        raise ContractError(
            f"model {model.label}: expected a scorecard, got trees, which have no points. Name the "
            "scorecard of the training by its run in MLflow, such as runs:/<run>/model."
        )
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"author": CREATOR, "created": _DAY, "title": model.label})
        _Workbook(book, model, model.estimator, policy or model.policy).write()
    return content.getvalue()


def _meaning(feature: str) -> str:
    """What a feature says, in English and Chinese."""
    english, chinese = label_texts(feature)
    return english if english == chinese else f"{english} {chinese}"


class _Workbook:
    """Sheets of one workbook, and where each stands in them."""

    def __init__(
        self,
        book: Any,  # noqa: ANN401 - XlsxWriter ships no types
        model: Model,
        card: Scorecard,
        policy: Policy,
    ) -> None:
        self.book, self.model, self.card, self.policy = book, model, card, policy
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        self.value = book.add_format({"num_format": "0.######"})
        self.input = book.add_format(
            {
                "bg_color": "#FFF6D6",
                "border": 1,
                "border_color": "#C9B458",
                "num_format": "0.######",
            }
        )
        self.indented = book.add_format({"indent": 1})
        self.result = book.add_format({"bold": True, "num_format": "0"})
        self.percent = book.add_format({"num_format": "0.00%"})
        self.bold_percent = book.add_format({"bold": True, "num_format": "0.00%"})
        self.figure = book.add_format({"num_format": "0.0000"})
        self.bold = book.add_format({"bold": True})
        self.edge = book.add_format({"num_format": f'[<{_LOWEST / 10:.0E}]"lowest";0.######'})
        self.calculator = book.add_worksheet("Calculator")
        self.bins = book.add_worksheet("Bins")
        self.scale = book.add_worksheet("Calibration and policy")
        self.words = book.add_worksheet("Categories") if self._categories() else None

    def write(self) -> None:
        """Write every sheet."""
        places = self._write_bins()
        self._write_scale()
        words = self._write_words()
        self._write_calculator(places, words)

    def _categories(self) -> list[Binned]:
        return [f for f in self.card.features if f.name in self.model.levels]

    def _table(self, sheet: Any, columns: Mapping[str, int], row: int) -> None:  # noqa: ANN401
        for column, (name, width) in enumerate(columns.items()):
            sheet.set_column(column, column, width)
            sheet.write_string(row, column, name, self.head)
        sheet.freeze_panes(row + 1, 1)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.fit_to_pages(1, 0)

    def _points(self, binned: Binned) -> Floats:
        """Points of each bin, the missing last."""
        woe = np.array([*binned.woe, binned.woe_missing])
        return np.asarray(-self.policy.score.factor * binned.coefficient * woe)

    def _write_bins(self) -> dict[str, int]:
        """Write the sheet of bins; the row of each feature's first bin."""
        sheet, row, places = self.bins, 1, {}
        self._table(sheet, _BINS, 0)
        for binned in self.card.features:
            places[binned.name] = row
            points, ends = self._points(binned), [_LOWEST, *binned.edges]
            iv = information_value(binned.rows, binned.bads) if binned.rows else None
            for k, label in enumerate(binned.labels()):
                sheet.write_string(row, 0, binned.name)
                sheet.write_string(row, 1, _meaning(binned.name))
                sheet.write_string(row, _LABEL, label, self.indented)
                if k < len(ends):
                    sheet.write_number(row, _FROM, ends[k], self.edge)
                if k < len(binned.edges):
                    sheet.write_number(row, _FROM + 1, binned.edges[k], self.value)
                if iv is not None:
                    rows, bads = binned.rows[k], binned.bads[k]
                    sheet.write_number(row, 5, rows)
                    sheet.write_number(row, 6, bads)
                    if rows:
                        sheet.write_number(row, 7, bads / rows, self.percent)
                    sheet.write_number(row, 9, iv[k], self.figure)
                woe = (*binned.woe, binned.woe_missing)[k]
                sheet.write_number(row, 8, woe, self.figure)
                sheet.write_number(row, 10, binned.coefficient, self.figure)
                sheet.write_number(row, _POINTS, points[k], self.figure)
                row += 1
        sheet.autofilter(0, 0, max(row - 1, 1), len(_BINS) - 1)
        return places

    def _write_scale(self) -> None:
        """Write calibration and policy, each number under a name that the formulas use."""
        sheet, calibration, policy = self.scale, self.model.calibration, self.policy
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 3, 22)
        start = policy.score.offset - policy.score.factor * self.card.intercept
        named = {
            "start_points": start,
            "scale_offset": policy.score.offset,
            "scale_factor": policy.score.factor,
            "lowest_score": policy.score.lowest,
            "highest_score": policy.score.highest,
            "pd_floor": FLOOR,
            "approve_below": policy.decision.approve_below,
            "decline_from": policy.decision.decline_from,
        }
        if calibration.kind == "beta":
            named |= {"beta_a": calibration.a, "beta_b": calibration.b, "beta_c": calibration.c}
        for row, (name, value) in enumerate(named.items()):
            sheet.write_string(row, 0, name)
            sheet.write_number(row, 1, value)
            self._name(name, row, 1, row, 1)
        row = len(named) + 1
        lower = [0.0, *policy.grade_bounds]
        names = [grade.name for grade in policy.grades]
        self._columns(row, {"grade_from": lower, "grade_name": names})
        if calibration.kind == "isotonic":
            margins, rates = np.array(calibration.margins), np.array(calibration.rates)
            slopes = np.append(np.diff(rates) / np.diff(margins), 0.0)
            self._columns(
                row + len(names) + 2,
                {
                    "block_margin": margins.tolist(),
                    "block_rate": rates.tolist(),
                    "block_slope": slopes.tolist(),
                },
            )

    def _columns(self, row: int, columns: Mapping[str, Sequence[float | str]]) -> None:
        for column, (name, values) in enumerate(columns.items()):
            self.scale.write_string(row, column, name, self.head)
            self.scale.write_column(row + 1, column, values)
            self._name(name, row + 1, column, row + len(values), column)

    def _name(self, name: str, *corners: int) -> None:
        self.book.define_name(name, f"='{self.scale.get_name()}'!{xl_range_abs(*corners)}")

    def _write_words(self) -> dict[str, str]:
        """Write the words of categories, a column each; the range of each."""
        ranges: dict[str, str] = {}
        if self.words is None:
            return ranges
        for column, binned in enumerate(self._categories()):
            words = self.model.levels[binned.name]
            self.words.set_column(column, column, 24)
            self.words.write_string(0, column, binned.name, self.head)
            for row, word in enumerate(words, start=1):
                self.words.write_string(row, column, word)
            ranges[binned.name] = f"Categories!{xl_range_abs(1, column, len(words), column)}"
        return ranges

    def _write_calculator(self, places: Mapping[str, int], words: Mapping[str, str]) -> None:
        sheet = self.calculator
        sheet.write_string(0, 0, self.model.label, self.bold)
        sheet.write_string(1, 0, "Type values into the yellow cells; leave a missing one empty.")
        sheet.write_string(2, 0, "Flags of contradicting records and offers are not in this sheet.")
        self._table(sheet, _CALCULATOR, _TOP - 1)
        total = self.policy.score.offset - self.policy.score.factor * self.card.intercept
        for row, binned in enumerate(self.card.features, start=_TOP):
            typical = self.model.typical.get(binned.name, np.nan)
            if binned.name in words:
                typical = np.floor(typical)  # the code of a word
            total += self._write_feature(row, binned, typical, places, words)
        last = _TOP + len(self.card.features) - 1
        points = f"{xl_rowcol_to_cell(_TOP, _CELL_POINTS)}:{xl_rowcol_to_cell(last, _CELL_POINTS)}"
        self._write_results(last + 2, points if self.card.features else "0", total)

    def _write_feature(
        self,
        row: int,
        binned: Binned,
        typical: float,
        places: Mapping[str, int],
        words: Mapping[str, str],
    ) -> float:
        """Write one input with its bin and points; the points of the typical value."""
        sheet, name, first = self.calculator, binned.name, places[binned.name]
        sheet.write_string(row, 0, name)
        sheet.write_string(row, 1, _meaning(name))
        cell = xl_rowcol_to_cell(row, _VALUE)
        number = xl_rowcol_to_cell(row, _NUMBER)
        missing = np.isnan(typical)
        typed: str | float | None = None if missing else typical
        if name in words:
            sheet.data_validation(cell, {"validate": "list", "source": f"={words[name]}"})
            read = f'IF({cell}="","",IFERROR(MATCH({cell},{words[name]},0)-1,""))'
            if not missing:
                typed = self.model.levels[name][int(typical)]
        else:
            sheet.data_validation(
                cell,
                {"validate": "decimal", "criteria": "between", "minimum": -1e307, "maximum": 1e307},
            )
            read = f'IF({cell}="","",{cell})'
        sheet.write(row, _VALUE, typed, self.input)
        sheet.write_formula(row, _NUMBER, f"={read}", self.value, "" if missing else typical)
        k = (
            len(binned.woe)
            if missing
            else int(np.searchsorted(binned.edges, typical, side="right"))
        )
        bins = len(binned.woe)
        start = f"Bins!{xl_range_abs(first, _FROM, first + bins - 1, _FROM)}"
        for column, source, value in (
            (_BIN, _LABEL, binned.labels()[k]),
            (_CELL_POINTS, _POINTS, float(self._points(binned)[k])),
        ):
            found = f"Bins!{xl_range_abs(first, source, first + bins - 1, source)}"
            absent = f"Bins!{xl_rowcol_to_cell(first + bins, source, row_abs=True, col_abs=True)}"
            formula = f"=IF(ISNUMBER({number}),LOOKUP({number},{start},{found}),{absent})"
            shown = self.figure if column == _CELL_POINTS else self.indented
            sheet.write_formula(row, column, formula, shown, value)
        return float(self._points(binned)[k])

    def _write_results(self, row: int, points: str, total: float) -> None:
        """Write what follows from the points, down to the decision."""
        policy = self.policy
        margin = (policy.score.offset - total) / policy.score.factor
        (pd,) = self.model.pd(np.array([margin]))
        cells = {
            name: xl_rowcol_to_cell(row + k, _CELL_POINTS)
            for k, name in enumerate(("total", "margin", "pd", "score", "grade", "decision"))
        }
        decided = policy.decide(np.array([pd]), flagged=np.array([False]), enough=np.array([True]))
        lines = (
            ("points in all", f"=start_points+SUM({points})", self.figure, total),
            (
                "log-odds of default before calibration",
                f"=(scale_offset-{cells['total']})/scale_factor",
                self.figure,
                margin,
            ),
            ("PD, 12 months", self._pd(cells["margin"]), self.bold_percent, float(pd)),
            (
                "score",
                "=ROUND(MIN(MAX(scale_offset+scale_factor*LN((1-{pd})/{pd}),lowest_score),"
                "highest_score),0)".format(**cells),
                self.result,
                float(policy.score.score(np.array([pd]))[0]),
            ),
            (
                "grade",
                "=LOOKUP({pd},grade_from,grade_name)".format(**cells),
                self.bold,
                policy.grade(np.array([pd]))[0],
            ),
            (
                "decision before flags",
                '=IF({pd}<approve_below,"approve",IF({pd}<decline_from,"refer","decline"))'.format(
                    **cells
                ),
                self.bold,
                decided[0],
            ),
        )
        for k, (title, formula, shown, value) in enumerate(lines):
            self.calculator.write_string(row + k, 0, title, self.bold)
            self.calculator.write_formula(row + k, _CELL_POINTS, formula, shown, value)

    def _pd(self, margin: str) -> str:
        """Formula of the calibrated PD."""
        if self.model.calibration.kind == "beta":
            # ln(p) and ln(1 - p) of the margin, written so that neither loses digits
            logit = f"-beta_a*LN(1+EXP(-{margin}))+beta_b*LN(1+EXP({margin}))+beta_c"
            raw = f"1/(1+EXP(-({logit})))"
        else:
            line = (
                f"LOOKUP({margin},block_margin,block_rate)+LOOKUP({margin},block_margin,block_slope)"
                f"*({margin}-LOOKUP({margin},block_margin))"
            )
            raw = f"IF({margin}<INDEX(block_margin,1),INDEX(block_rate,1),{line})"
        return f"=MIN(MAX({raw},pd_floor),1-pd_floor)"
