"""Model card of a candidate: a page of Markdown from a Jinja template and measured figures."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import polars as pl
from jinja2 import Environment, StrictUndefined, Template

from models.data.split import SLICES, labelled_in
from models.data.target import OPEN_LOAN
from models.estimators.calibration import SLOPE_SD
from models.estimators.lightgbm_trees import Trees
from models.reporting.shap_plots import MEANING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.data.split import Split
    from models.data.training_data import TrainingData
    from models.estimators.fitted import Fitted
    from models.estimators.model import Model
    from models.evaluation.champion import Decision
    from models.evaluation.out_of_time import Evaluation
    from models.reporting.shap_plots import Explained
    from models.settings import Gates

SLICE_WORDS = {"train": "training", "calibration": "calibration", "out_of_time": "out of time"}
FAIRNESS = {"area": "Area", "owner_age": "Age of the owner", "legal_form": "Legal form"}
BADS_FOR_A_SEGMENT = 20  # with fewer the interval of a Gini spans nearly everything
WEAKEST = 8

MEASURES = (
    ("applicants with an outcome", "rows", 0),
    ("bad", "bads", 0),
    ("AUC", "auc", 3),
    ("Gini", "gini", 3),
    ("KS", "ks", 3),
    ("log loss", "log_loss", 4),
    ("Brier score", "brier", 4),
    ("calibration slope (ideal 1)", "calibration_slope", 2),
    ("calibration intercept (ideal 0)", "calibration_intercept", 2),
    ("calibration error", "ece", 4),
    ("… of a perfect model, 95th percentile", "ece_perfect_model_p95", 4),
)
"""Title of a figure, its name without prefix, its digits."""


def card(
    fitted: Fitted,
    evaluation: Evaluation,
    *,
    decision: Decision,
    explained: Explained,
    training_data: TrainingData,
    parts: Split,
    counts: Mapping[str, int],
) -> str:
    """Write the card.

    Parameters
    ----------
    fitted : Fitted
    evaluation : Evaluation
    decision : Decision
    explained : Explained
    training_data : TrainingData
    parts : Split
    counts : mapping of str to int
        `models.train.training.TrainResult.counts`.

    Returns
    -------
    str
        Markdown.
    """
    figures, segments = evaluation.figures, evaluation.tables["segments"]
    weak, large = _weakest(segments)
    return _template().render(
        name=fitted.model.name,
        title=fitted.candidate.title,
        verdict=decision.verdicts[fitted.candidate.name],
        trained_on=training_data.trained_on,
        own_matrix=not training_data.fingerprint,
        open_loans=training_data.target == OPEN_LOAN,
        rows=training_data.target.rows,
        default=training_data.target.default,
        origin=training_data.origin,
        counts=counts,
        by_time=bool(parts.starts),
        slices=_slices(parts, counts),
        **_method(fitted, training_data),
        gates=_gates(figures, fitted.config.gates),
        performance=_performance(figures),
        differences=_differences(evaluation.tables["auc_against_others"]),
        cutoff=f"{fitted.config.policy.decision.approve_below:.0%}",
        approved_share=f"{figures['oot_approval_rate_of_all_applicants']:.1%}",
        approved_bad_rate=_percent(figures.get("oot_approved_bad_rate"), absent=""),
        tests=evaluation.tests,
        grades=_grades(evaluation.tables["grades"]),
        truth=_truth(figures),
        weak=weak,
        large_segments=large,
        small_segments=_small(segments),
        bads_for_a_segment=BADS_FOR_A_SEGMENT,
        gini=f"{figures['oot_gini']:.2f}",
        fairness=_fairness(segments),
        knows_truth=_knows_truth(segments),
        important=_important(explained),
        evaluated_bads=f"{figures['oot_bads']:.0f}",
        calibration_bads=f"{figures['selection_bads']:.0f}",
        slope_width=_slope_width(figures),
    )


@cache
def _template() -> Template:
    folder = resources.files("models.reporting") / "templates"
    environment = Environment(  # noqa: S701 (Markdown, not HTML)
        undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.globals["n"] = lambda value: f"{value:,}"
    environment.filters["round3"] = lambda value: f"{value:.3f}"
    return environment.from_string((folder / "model_card.md").read_text(encoding="utf-8"))


def _slices(parts: Split, counts: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Rows of the table of slices: name, dates, labelled, bad, bad rate."""
    rows: list[tuple[str, ...]] = []
    for name in SLICES:
        days = labelled_in(parts.rows, name)["as_of"]
        labelled, bads = counts[f"{name}_rows"], counts[f"{name}_bads"]
        title = SLICE_WORDS[name]
        rows.append(
            (
                title if parts.starts else title.replace("out of time", "held out"),
                f"{days.min()!s} to {days.max()!s}"
                if parts.starts
                else "random, by hash of the id",
                f"{labelled:,}",
                f"{bads:,}",
                f"{bads / labelled:.2%}",
            )
        )
    return rows


def _method(fitted: Fitted, training_data: TrainingData) -> dict[str, Any]:
    """What was fitted, and with which settings."""
    model, config = fitted.model, fitted.config
    used = [model.feature_names[j] for j in model.estimator.used]
    branch = "trees" if model.estimator.kind == "lightgbm" else "scorecard"
    dropout = config.source_dropout.share
    with_dropout = fitted.candidate.sources is None and training_data.fingerprint and dropout
    return {
        "kind": _kind(model),
        "features_given": len(model.feature_names),
        "excluded": ", ".join(f"`{name}`" for name in config.exclude),
        "used": len(used),
        "signed": sum(training_data.signs[name] != 0 for name in used),
        "trials": len(fitted.trials),
        "dropout": f"{dropout:.0%}" if with_dropout else "",
        "calibration": model.calibration.kind,
        "slope_sd": SLOPE_SD if model.calibration.kind == "beta" else None,
        "branch": branch,
        "settings": [
            (key, f"{value:.4g}" if isinstance(value, float) else str(value))
            for key, value in getattr(config, branch).model_dump(mode="json").items()
        ],
        "seed": config.seed,
        "fingerprint": model.fingerprint[:12],
    }


def _kind(model: Model) -> str:
    if isinstance(model.estimator, Trees):
        return f"Gradient-boosted trees (LightGBM), {model.estimator.booster.num_trees()} of them"
    return "Logistic scorecard on bins"


def _gates(figures: Mapping[str, float], gates: Gates) -> list[tuple[str, ...]]:
    """What each gate requires and what was measured, before the last slice was opened."""
    segments = (
        f"no segment of {gates.segments.bads} bads whose Gini interval lies wholly below "
        f"{gates.segments.gini_share:g} of the whole's"
    )
    rows = (
        (
            "bads",
            f"{gates.bads.least} or more in the calibration slice",
            f"{figures['selection_bads']:.0f}",
            True,
        ),
        (
            "calibration slope",
            "95 % interval contains 1",
            _interval(figures, "selection_calibration_slope", 2),
            gates.calibration_slope.enabled,
        ),
        (
            "monotone",
            "no signed feature ever moves the log-odds the wrong way",
            _interval(figures, "monotone_violation", 3),
            gates.monotone.enabled,
        ),
        (
            "stability",
            f"PSI of the PD since training below {gates.stability.psi_below:g}",
            _interval(figures, "psi_training_to_calibration", 3),
            gates.stability.enabled,
        ),
        ("segments", segments, _interval(figures, "weak_segments", 0), gates.segments.enabled),
    )
    return [
        (name, requires, measured if enabled else "not required")
        for name, requires, measured, enabled in rows
    ]


def _performance(figures: Mapping[str, float]) -> dict[str, Any]:
    """Figures of all labelled applicants, and beside them of first-time borrowers."""
    first_time = "oot_first_time_auc" in figures
    rows = []
    for title, name, digits in MEASURES:
        # calibration is measured out of time only, so its names bear no prefix
        everyone = f"oot_{name}" if f"oot_{name}" in figures else name
        row = (
            title,
            _interval(figures, everyone, digits),
            _interval(figures, f"oot_first_time_{name}", digits),
        )
        rows.append(row if first_time else row[:2])
    return {"head": ["", "all", "first-time"] if first_time else ["", "all"], "rows": rows}


def _differences(others: pl.DataFrame) -> list[tuple[str, ...]]:
    return [
        (
            row["other"],
            row["applicants"],
            f"{row['value']:+.3f} ({row['low']:.3f} to {row['high']:.3f})",
        )
        for row in others.iter_rows(named=True)
    ]


def _grades(grades: pl.DataFrame) -> list[tuple[str, ...]]:
    return [
        (
            row["grade"],
            f"{row['rows']:,}",
            f"{row['bads']:,}",
            f"{row['mean_pd']:.2%}",
            f"{row['default_rate']:.2%}",
            f"{row['low']:.2%} to {row['high']:.2%}",
            f"{row['jeffreys_p']:.3f}",
        )
        for row in grades.iter_rows(named=True)
    ]


def _truth(figures: Mapping[str, float]) -> dict[str, Any] | None:
    """Errors of the PD against the true PD; None where the truth is not known."""
    if "truth_pd_error" not in figures:
        return None
    rows = [
        (
            name,
            *(
                f"{figures[key] * 100:.2f}" if key in figures else "-"
                for key in (f"truth_pd_error{group}", f"truth_pd_bias{group}")
            ),
        )
        for name, group in (("approved", "_approved"), ("refused", "_refused"), ("all", ""))
    ]
    return {
        "error": f"{figures['truth_pd_error']:.4f}",
        "constant": f"{figures['truth_pd_error_constant']:.4f}",
        "share": f"{figures['truth_pd_error_share']:.2f}",
        "absolute": f"{figures['truth_pd_absolute_share']:.2f}",
        "unexplained": f"{figures['truth_pd_unexplained']:.2f}",
        "gini": f"{figures['truth_gini_share']:.2f}",
        "rows": rows,
    }


def _weakest(segments: pl.DataFrame) -> tuple[list[tuple[str, ...]], int]:
    """Segments with the lowest Ginis, and the number of segments large enough to compare."""
    large = segments.filter((pl.col("segment") != "month") & (pl.col("bads") >= BADS_FOR_A_SEGMENT))
    rows: list[tuple[str, ...]] = [
        (
            f"{row['segment']}: {row['value']}",
            f"{row['rows']:,}",
            f"{row['bads']:,}",
            f"{row['gini']:.2f} ({row['gini_low']:.2f} to {row['gini_high']:.2f})",
            f"{row['mean_pd_labelled']:.2%}",
            f"{row['bad_rate']:.2%}",
        )
        for row in large.sort("gini").head(WEAKEST).iter_rows(named=True)
    ]
    return rows, large.height


def _small(segments: pl.DataFrame) -> int:
    """Number of segments with too few bads to compare."""
    few = (pl.col("bads") < BADS_FOR_A_SEGMENT) & (pl.col("applicants") > 0)
    return segments.filter((pl.col("segment") != "month") & few).height


def _knows_truth(segments: pl.DataFrame) -> bool:
    return bool(segments["mean_true_pd"].is_not_null().any())


def _fairness(segments: pl.DataFrame) -> list[dict[str, Any]]:
    """Approval, bad rate and true PD by area, age of the owner and legal form."""
    true = _knows_truth(segments)
    tables = []
    for segment, title in FAIRNESS.items():
        part = segments.filter(segment=segment)
        if part.is_empty():
            continue
        head = [
            title,
            "applicants",
            "approved",
            "mean PD",
            "bad",
            "bad rate",
            "… of those approved",
        ]
        rows = [
            (
                row["value"],
                f"{row['applicants']:,}",
                f"{row['approval_rate']:.1%}",
                f"{row['mean_pd']:.2%}",
                f"{row['bads']:,}",
                _percent(row["bad_rate"]),
                _percent(row["approved_bad_rate"]),
                *((_percent(row["mean_true_pd"]),) if true else ()),
            )
            for row in part.iter_rows(named=True)
        ]
        tables.append({"head": [*head, "mean true PD"] if true else head, "rows": rows})
    return tables


def _important(explained: Explained) -> list[tuple[str, ...]]:
    """Features with the largest mean absolute SHAP values."""
    size = abs(explained.values).mean(axis=0)
    names = explained.model.feature_names
    return [
        (
            f"`{names[j]}`",
            MEANING.get(names[j], ("", ""))[0],
            {1: "+", -1: "-", 0: "either"}[explained.signs.get(names[j], 0)],
            f"{size[j]:.3f}",
        )
        for j in explained.first
    ]


def _slope_width(figures: Mapping[str, float]) -> str:
    low, high = (figures.get(f"calibration_slope_{end}") for end in ("low", "high"))
    return "not known" if low is None or high is None else f"{high - low:.2f} wide"


def _interval(figures: Mapping[str, float], name: str, digits: int) -> str:
    value = figures.get(name)
    if value is None:
        return "-"
    text = f"{value:,.{digits}f}"
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    if low is None or high is None:
        return text
    return f"{text} ({low:.{digits}f} to {high:.{digits}f})"


def _percent(value: float | None, *, absent: str = "-") -> str:
    return absent if value is None else f"{value:.2%}"
