"""Plots logged with the run of a candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.data.split import OUT_OF_TIME, bad_of, within
from models.reporting import plots, shap_plots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl
    from matplotlib.figure import Figure

    from models.data.split import Split
    from models.data.training_data import TrainingData
    from models.estimators.fitted import Fitted
    from models.reporting.shap_plots import Explained


def draw(
    fitted: Fitted,
    others: Sequence[Fitted],
    *,
    months: pl.DataFrame,
    training_data: TrainingData,
    parts: Split,
) -> tuple[Explained, dict[str, bytes]]:
    """Explain out-of-time applicants and draw the plots of a run.

    Parameters
    ----------
    fitted : Fitted
    others : sequence of Fitted
        All candidates, the same one among them.
    months : DataFrame
        Figures by month, `models.evaluation.out_of_time.Evaluation.tables["months"]`.
    training_data : TrainingData
    parts : Split

    Returns
    -------
    explained : Explained
    pictures : dict of str to bytes
        PNG files by name, without their ending.
    """
    late = within(parts.rows, OUT_OF_TIME)
    X = training_data.numbers(late, fitted.model.feature_names)
    explained = shap_plots.explain(fitted.model, training_data.signs, X)
    drawn = drawings(fitted, others, months=months, explained=explained, parts=parts)
    return explained, {name: plots.png(figure) for name, figure in drawn}


def drawings(
    fitted: Fitted,
    others: Sequence[Fitted],
    *,
    months: pl.DataFrame,
    explained: Explained,
    parts: Split,
) -> Iterator[tuple[str, Figure]]:
    """Yield the plots of a run one by one.

    Parameters
    ----------
    fitted : Fitted
    others : sequence of Fitted
        All candidates, the same one among them.
    months : DataFrame
    explained : Explained
        SHAP values of applicants of the last slice.
    parts : Split

    Yields
    ------
    name : str
        File name without its ending.
    figure : Figure
    """
    late = within(parts.rows, OUT_OF_TIME)
    known = late.filter("labelled")
    bad = bad_of(known)
    title, policy = fitted.candidate.title, fitted.config.policy
    where = f"out of time, from {parts.starts[OUT_OF_TIME]}" if parts.starts else "held out"
    note = f"{known.height:,} labelled applicants, {bad.sum():,.0f} bad, {where}; never fitted to"
    ranked = [fitted, *(other for other in others if other is not fitted)]
    pds = {
        candidate.candidate.title: candidate.model.pd(candidate.model.margin(known))
        for candidate in ranked
    }
    pd = pds[title]
    yield "roc_and_gains", plots.roc_and_gains(pds, bad, note=note)
    yield "calibration", plots.calibration(pd, bad, title=title, note=note)
    yield (
        "score_distribution",
        plots.score_distribution(pd, bad, policy=policy, title=title, note=note),
    )
    if parts.starts:
        yield (
            "months",
            plots.months(
                months,
                late_from=parts.starts[OUT_OF_TIME].strftime("%Y-%m"),
                title=title,
                note="the slices that the model was not fitted to; the first calibrated it",
            ),
        )
    who = f"{len(explained.X):,} of {late.height:,} applicants {where}, refused ones included"
    for name, picture in (
        ("shap_beeswarm", shap_plots.beeswarm),
        ("shap_dependence", shap_plots.dependence),
        ("monotone_curves", shap_plots.curves),
    ):
        yield name, picture(explained, title=title, note=who)
