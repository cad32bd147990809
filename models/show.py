"""The pictures of one candidate's run, beside the other candidates'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models import pictures, shap_pictures
from models.split import OUT_OF_TIME, bad_of, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

    from models.compare import Fitted
    from models.material import Material
    from models.shap_pictures import Explained
    from models.split import Split


def draw(
    one: Fitted, others: Sequence[Fitted], *, material: Material, parts: Split
) -> tuple[Explained, dict[str, bytes]]:
    """Explain applicants of the last slice and draw what a run holds.

    Parameters
    ----------
    one : Fitted
    others : sequence of Fitted
        All candidates, the same one among them.
    material : Material
    parts : Split

    Returns
    -------
    explained : Explained
    pictures : dict of str to bytes
        PNG files by name, without their ending.
    """
    late = within(parts.rows, OUT_OF_TIME)
    X = material.numbers(late, one.model.feature_names)
    explained = shap_pictures.explain(one.model, material.signs, X)
    drawn = drawings(one, others, explained=explained, parts=parts)
    return explained, {name: pictures.png(figure) for name, figure in drawn}


def drawings(
    one: Fitted, others: Sequence[Fitted], *, explained: Explained, parts: Split
) -> Iterator[tuple[str, Figure]]:
    """Draw what a run holds, one picture at a time.

    Parameters
    ----------
    one : Fitted
    others : sequence of Fitted
        All candidates, the same one among them.
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
    title, cutoff = one.candidate.title, one.config.policy.approve_pd_below
    where = f"out of time, from {parts.starts[OUT_OF_TIME]}" if parts.starts else "held out"
    note = f"{known.height:,} labelled applicants, {bad.sum():,.0f} bad, {where}; never fitted to"
    ranked = [one, *(other for other in others if other is not one)]
    pds = {each.candidate.title: each.model.pd(each.model.margin(known)) for each in ranked}
    pd = pds[title]
    yield "roc_and_gains", pictures.roc_and_gains(pds, bad, note=note)
    yield "calibration", pictures.calibration(pd, bad, title=title, note=note)
    yield (
        "score_distribution",
        pictures.score_distribution(pd, bad, cutoff=cutoff, title=title, note=note),
    )
    if parts.starts:
        yield (
            "months",
            pictures.months(
                one.tables["months"],
                late_from=parts.starts[OUT_OF_TIME].strftime("%Y-%m"),
                title=title,
                note="the slices that the model was not fitted to; the first calibrated it",
            ),
        )
    who = f"{len(explained.X):,} of {late.height:,} applicants {where}, refused ones included"
    for name, picture in (
        ("shap_beeswarm", shap_pictures.beeswarm),
        ("shap_dependence", shap_pictures.dependence),
        ("monotone_curves", shap_pictures.curves),
    ):
        yield name, picture(explained, title=title, note=who)
