"""Printed summary of a training or a backtest, at most 80 columns wide."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from models.data.split import CALIBRATION, OUT_OF_TIME, TRAIN
from models.data.target import OPEN_LOAN
from models.tracking.mlflow_session import ui_address
from models.tracking.registry import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from models.data.target import Target
    from models.evaluation.backtest import Backtest
    from models.train.training import TrainResult

WIDTH = 80
SLICE_TITLES = {TRAIN: "to train", CALIBRATION: "to calibrate", OUT_OF_TIME: "out of time"}
AT_RANDOM = "held out at random"
DROP_TITLES = {
    "refused": "refused, outcome unknown",
    "not_observed": "without a label, or not yet observed for 12 months",
    "other_side": "their firm is on another side of the split",
}


def training_lines(result: TrainResult) -> list[str]:
    """Summary lines of a training.

    Parameters
    ----------
    result : TrainResult

    Returns
    -------
    list of str
    """
    late = SLICE_TITLES[OUT_OF_TIME] if result.by_time else AT_RANDOM
    return [
        *_rows_read(result.counts, {**SLICE_TITLES, OUT_OF_TIME: late}, result.target),
        *(line for note in result.notes for line in _wrapped(note)),
        "",
        *_comparison(result),
        "* on the calibration folds, by which the champion is chosen; the rest "
        + (late if result.by_time else "held out"),
        "",
        f"Registered {result.label} as @{result.alias}",
        *_wrapped(result.verdicts[result.winner]),
        *_waiting(result),
        *_links(result),
    ]


def _links(result: TrainResult) -> list[str]:
    """Where the runs are, and the two pages on which to look at them."""
    address, (runs, comparison) = ui_address(), result.pages
    served = result.store.startswith("http")
    return [
        f"Runs: experiment {result.experiment!r} in {result.store}. To look at them:",
        *([] if served else [f"  mlflow ui --backend-store-uri {result.store}"]),
        f"  {address}/{runs}",
        "and at its candidates side by side:",
        f"  {address}/{comparison}",
    ]


def _rows_read(counts: dict[str, int], titles: dict[str, str], target: Target) -> list[str]:
    """Counts of rows by slice and of dropped rows by reason."""
    lines = [
        f"Read {counts['rows']:,} {target.rows} of {counts['firms']:,} firms."
        if target == OPEN_LOAN
        else f"Read {counts['rows']:,} {target.rows}.",
        *(
            f"  {counts[f'{name}_rows']:>8,} {title}, {counts[f'{name}_bads']:,} bad"
            for name, title in titles.items()
        ),
        *(
            f"  {counts[f'dropped_{name}']:>8,} left out: {title}"
            for name, title in DROP_TITLES.items()
            if counts[f"dropped_{name}"]
        ),
    ]
    if counts["labels_without_features"]:
        lines.append(f"  {counts['labels_without_features']:>8,} labels belong to no row")
    if counts["features_without_values"]:
        lines.append(
            f"  {counts['features_without_values']:>8,} of {counts['features']:,} features are "
            "constant in training and left out"
        )
    return lines


def _comparison(result: TrainResult) -> list[str]:
    """One line for each candidate, then the winner's AUC less that of each other."""
    first_time = result.figures["oot_first_time_auc"].is_not_null().any()
    lines = [
        f"{'candidate':<20} log loss*    AUC   95 % interval"
        + (" first-time" if first_time else "")
        + "  slope",
    ]
    for row in result.figures.iter_rows(named=True):
        low, high = _number(row["oot_auc_low"]), _number(row["oot_auc_high"])
        first = f" {_number(row['oot_first_time_auc']):>10}" if first_time else ""
        lines.append(
            f"{row['candidate']:<20} {_number(row['selection_log_loss'], 5):>9} "
            f"{_number(row['oot_auc']):>6} {low + ' - ' + high:>15}{first} "
            f"{_number(row['calibration_slope'], 2):>6}"
            f"  {row['alias']}".rstrip()
        )
    lines += [
        f"{'less ' + row['other']:<29} {row['value']:>+7.3f} "
        f"{_number(row['low']) + ' - ' + _number(row['high']):>15}  ({row['applicants']})"
        for row in result.against.iter_rows(named=True)
    ]
    return lines


def _waiting(result: TrainResult) -> list[str]:
    """How to use a model that was registered as challenger."""
    if result.alias != CHALLENGER:
        return []
    command = "watch" if result.target == OPEN_LOAN else "score"
    return _wrapped(
        f"`firstloan {command}` loads @{CHAMPION}. To use this one, give it "
        f"--model models:/{result.experiment}@{CHALLENGER}"
        if not result.own
        else f"Its address is models:/{result.experiment}@{CHALLENGER}. @{CHAMPION} is for one "
        "that passes the gates and is better than the champion before, if there is one."
    )


def backtest_lines(result: Backtest) -> list[str]:
    """Summary lines of a backtest.

    Parameters
    ----------
    result : Backtest

    Returns
    -------
    list of str
    """
    counts, figures = result.counts, result.figures
    lines = [
        (
            f"Read {counts['read']:,} scores; {counts['observed']:,} have an outcome, "
            f"{figures['bads']:,.0f} of them bad."
        ),
        *(
            f"  {counts[name]:>8,} left out: {title}"
            for name, title in {
                "not_scored": "not scored, for want of data",
                "refused": DROP_TITLES["refused"],
                "not_yet_observed": "not yet observed for 12 months",
                "without_outcome_row": "not in the outcomes file",
            }.items()
            if counts[name]
        ),
        "",
        f"AUC {_spread(figures, 'auc')}   Gini {figures['gini']:.3f}   KS {figures['ks']:.3f}",
        f"Calibration slope {_spread(figures, 'calibration_slope', 2)}; 1 is right",
        f"Calibration intercept {_spread(figures, 'calibration_intercept', 2)}; 0 is right",
        (
            f"Calibration error {figures['ece']:.4f}; a perfect model stays below "
            f"{figures['ece_perfect_model_p95']:.4f} 19 times of 20"
        ),
        (
            f"Hosmer-Lemeshow p = {result.tests['hosmer_lemeshow']['p']:.3f}, "
            f"Spiegelhalter p = {result.tests['spiegelhalter']['p']:.3f}"
        ),
        "",
        "grade    rows   bad  promised  realised   95 % interval  p (PD too low)",
    ]
    for row in result.grades.iter_rows(named=True):
        interval = f"{row['low']:.2%} - {row['high']:.2%}"
        lines.append(
            f"{row['grade']:<5} {row['rows']:>7,} {row['bads']:>5,} {row['mean_pd']:>9.2%} "
            f"{row['default_rate']:>9.2%} {interval:>15}  {row['jeffreys_p']:.3f}"
        )
    return [
        *lines,
        *_shadow_lines(result),
        *_override_lines(result),
        "",
        f"Logged as run {result.run_id}",
        f"  of experiment {result.experiment!r} in {result.store}",
    ]


_RATES_HEAD = "applicants  observed  bad  default rate   95 % interval"


def _shadow_lines(result: Backtest) -> list[str]:
    """Challenger's figures beside the champion's, and the swap set."""
    shadow = result.shadow
    if shadow is None:
        return []
    gain = shadow.auc_gain
    lines = [
        "",
        f"Shadow: {shadow.model}",
        (
            f"AUC {_spread(shadow.figures, 'auc')}   Gini {shadow.figures['gini']:.3f}   "
            f"KS {shadow.figures['ks']:.3f}"
        ),
        f"AUC less the champion's {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})",
        f"Calibration slope {_spread(shadow.figures, 'calibration_slope', 2)}",
        "",
        f"{'decision':<9}{'shadow':<9}{_RATES_HEAD}",
    ]
    return lines + [
        f"{row['decision']:<9}{row['shadow_decision']:<9}{_rates(row)}"
        for row in shadow.swaps.iter_rows(named=True)
    ]


def _override_lines(result: Backtest) -> list[str]:
    """Override rate, and default rates of overrides in both directions."""
    over = result.overrides
    if over is None:
        return []
    rate = "-" if math.isnan(over.rate) else f"{over.rate:.1%}"
    lines = ["", f"Override rate {rate} of the decisions on whom the model approves or declines"]
    if over.unmatched:
        lines.append(f"  {over.unmatched:,} decisions are on no application that was scored")
    lines.append(f"{'decision':<22}{_RATES_HEAD}")
    return lines + [f"{row['kind']:<22}{_rates(row)}" for row in over.kinds.iter_rows(named=True)]


def _rates(row: dict[str, Any]) -> str:
    start = f"{row['applicants']:>10,} {row['observed']:>9,} {row['bads']:>4,}"
    if row["default_rate"] is None:
        return f"{start}             -"
    interval = f"{row['low']:.2%} - {row['high']:.2%}"
    return f"{start} {row['default_rate']:>13.2%} {interval:>15}"


def _spread(figures: dict[str, float], name: str, digits: int = 3) -> str:
    low, high = (_number(figures.get(f"{name}_{side}"), digits) for side in ("low", "high"))
    return f"{_number(figures.get(name), digits)} ({low} to {high})"


def _wrapped(text: str) -> list[str]:
    return wrap(
        text, WIDTH - 4, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
