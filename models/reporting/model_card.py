"""The model card of a candidate: one page of Markdown that a validator reads first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.data.split import SLICES, labelled_in
from models.estimators.calibration import SLOPE_SD
from models.estimators.lightgbm_trees import Trees
from models.reporting.card_figures import (
    fairness,
    first_features,
    gates,
    performance,
    table,
    truth,
    weak,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.data.split import Split
    from models.data.training_data import TrainingData
    from models.estimators.fitted import Fitted
    from models.estimators.model import Model
    from models.evaluation.champion import Decision
    from models.reporting.shap_plots import Explained

SLICE_WORDS = {"train": "training", "calibration": "calibration", "out_of_time": "out of time"}
PURPOSE = (
    "Rank microenterprises that apply for a 12-month revolving line, above all those that have "
    "never borrowed, and give each a probability of default (90 days past due within 12 months of "
    "disbursement)."
)
OWN_PURPOSE = "Give each row of the caller's own matrix a probability of its label."
NOT_FOR = (
    "Decisions about real firms when it was trained on simulated ones.",
    (
        "Other products, terms or countries; firms without 90 known days of any source in the last "
        "180 (`score` marks them as insufficient data)."
    ),
    "A refusal without a person: reasons and flags are there for a person to weigh.",
    "Setting prices or provisions without a calibration on the lender's own outcomes.",
)
OWN_NOT_FOR = (
    "Rows unlike those it learnt from: another product, another population, other years.",
    "A refusal without a person who weighs it.",
)
ASSUMPTIONS = (
    (
        "Labels exist only for applicants that somebody approved. What the refused would have done "
        "is carried over from approved applicants that look alike in the features."
    ),
    (
        "The years ahead are like the slices above: no downturn, no new policy of approval, no new "
        "way of keeping records. PSI and CSI say how far that holds."
    ),
    (
        "Each firm's records are complete inside the span that a source covers; outside it they "
        "are missing, not zero."
    ),
)


def card(
    fitted: Fitted,
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
        After `models.evaluation.out_of_time` has looked at it.
    decision : Decision
    explained : Explained
    training_data : TrainingData
    parts : Split
    counts : mapping of str to int
        `models.train.TrainResult.counts`.

    Returns
    -------
    str
        Markdown.
    """
    own_matrix = not training_data.fingerprint
    blocks = [
        f"# {fitted.model.name}: {fitted.candidate.title}",
        f"**Outcome:** {decision.verdicts[fitted.candidate.name]}.",
        _origin(training_data.trained_on),
        "## Purpose",
        OWN_PURPOSE if own_matrix else PURPOSE,
        "Not for:",
        _list(OWN_NOT_FOR if own_matrix else NOT_FOR),
        "## Data",
        *_data(fitted, training_data, parts, counts),
        "## Method",
        *_method(fitted, training_data),
        "## Performance",
        *performance(fitted, parts),
        *truth(fitted),
        "## Where it is weak",
        *weak(fitted),
        "## Fairness",
        *fairness(fitted),
        "## What it goes by",
        *first_features(explained),
        "## Assumptions and limits",
        _list((*(ASSUMPTIONS[1:2] if own_matrix else ASSUMPTIONS), *_limits(fitted, parts))),
    ]
    return "\n\n".join(blocks) + "\n"


def _origin(trained_on: str) -> str:
    return {
        "simulated": "It learnt on **simulated firms**: it shows how a chain behaves, and is no "
        "basis for a decision about a real firm.",
        "real": "It learnt on the outcomes of real firms.",
    }.get(trained_on, "It learnt on the caller's own matrix, whose columns are not known here.")


def _data(
    fitted: Fitted, training_data: TrainingData, parts: Split, counts: Mapping[str, int]
) -> tuple[str, ...]:
    slices = []
    for name in SLICES:
        days = labelled_in(parts.rows, name)["as_of"]
        first, last = days.min(), days.max()
        rows, bads = counts[f"{name}_rows"], counts[f"{name}_bads"]
        said = SLICE_WORDS[name]
        slices.append(
            (
                said if parts.starts else said.replace("out of time", "held out"),
                f"{first!s} to {last!s}" if parts.starts else "at random, by hash of the id",
                f"{rows:,}",
                f"{bads:,}",
                f"{bads / rows:.2%}",
            )
        )
    own_matrix = not training_data.fingerprint
    firms = (
        "No firm has labels in more than one period."
        if not counts["firms_in_several_periods"]
        else f"{counts['firms_in_several_periods']:,} firms have labels in several periods; a hash "
        f"of the id gave every firm one side, and {counts['dropped_other_side']:,} rows outside "
        "their side's period were dropped."
    )
    silent = counts["features_without_values"]
    useless = f" {silent} of all have one value at most here and say nothing." if silent else ""
    past = "" if own_matrix else " Past decisions (approval, lender, channel) are never among them."
    excluded = ", ".join(f"`{name}`" for name in fitted.config.exclude) or "none"
    return (
        (
            f"`{training_data.origin}`: {counts['rows']:,} applications of {counts['firms']:,} firms; "
            f"{counts['dropped_refused']:,} were refused and have no outcome, "
            f"{counts['dropped_not_observed']:,} are not observed yet. {firms}"
            if not own_matrix
            else f"`{training_data.origin}`: {counts['rows']:,} rows, "
            f"{counts['dropped_not_observed']:,} of them without a label."
        ),
        table(("slice", "dates", "labelled", "bad", "bad rate"), slices),
        (
            f"It was given {len(fitted.model.feature_names)} of {counts['features']} "
            f"features.{useless}{past} Left out by the settings: {excluded}."
        ),
    )


def _method(fitted: Fitted, training_data: TrainingData) -> tuple[str, ...]:
    model = fitted.model
    used = [model.feature_names[j] for j in model.estimator.used]
    signed = sum(training_data.signs[name] != 0 for name in used)
    tuned = (
        f"Optuna tried {len(fitted.trials)} settings on time-ordered folds of the training slice."
        if fitted.trials
        else "Nothing was tuned."
    )
    branch = "trees" if model.estimator.kind == "lightgbm" else "scorecard"
    held = (
        f" (its slopes held near 1, standard deviation {SLOPE_SD})"
        if model.calibration.kind == "beta"
        else ""
    )
    settings = getattr(fitted.config, branch).model_dump(mode="json")
    return (
        (
            f"{_kind(model)}. It uses {len(used)} of the {len(model.feature_names)} features; "
            f"{signed} of these may move the risk one way only. {tuned}{_thinned(fitted, training_data)}"
        ),
        (
            f"Log-odds became a PD by {model.calibration.kind} calibration, fitted on the "
            f"calibration slice{held} and judged there by cross-fitting. Every choice was made "
            "before the last slice was opened, these gates among them:"
        ),
        gates(fitted),
        f"Settings, by their names in `models/settings.toml`, table `{branch}`:",
        table(("setting", "value"), [(key, _setting(value)) for key, value in settings.items()]),
        f"Seed {fitted.config.seed}; feature table `{model.fingerprint[:12] or 'none'}`.",
    )


def _kind(model: Model) -> str:
    if isinstance(model.estimator, Trees):
        return f"Gradient-boosted trees (LightGBM), {model.estimator.booster.num_trees()} of them"
    return "Logistic scorecard on bins"


def _thinned(fitted: Fitted, training_data: TrainingData) -> str:
    source_dropout = fitted.config.source_dropout
    if (
        fitted.candidate.sources is not None
        or not training_data.fingerprint
        or not source_dropout.share
    ):
        return ""
    return (
        f" {source_dropout.share:.0%} of the training rows, drawn at random, have a copy beside them "
        "that lost some of its sources, so that firms with few records are judged too."
    )


def _setting(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _limits(fitted: Fitted, parts: Split) -> tuple[str, ...]:
    f = fitted.figures
    slope = f.get("calibration_slope_high"), f.get("calibration_slope_low")
    width = "not known" if None in slope else f"{slope[0] - slope[1]:.2f} wide"  # type: ignore[operator]
    return (
        (
            f"{f['oot_bads']:.0f} bads judge it, {f['selection_bads']:.0f} calibrated it; "
            f"the interval of the calibration slope is {width}."
        ),
        *(
            ()
            if parts.starts
            else ("The last slice is random, not later: it says nothing of drift.",)
        ),
    )


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
