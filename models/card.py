"""The model card of a candidate: one page of Markdown that a validator reads first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from models.shap_figures import MEANING
from models.split import SLICES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.compare import Fitted
    from models.material import Material
    from models.promote import Decision
    from models.shap_figures import Explained
    from models.split import Split

FAIRNESS = {"area": "Area", "owner_age": "Age of the owner", "legal_form": "Legal form"}
BADS_FOR_A_SEGMENT = 20  # with fewer the interval of a Gini says nothing
WEAKEST = 8
PERIODS = {"train": "training", "calibration": "calibration", "out_of_time": "out of time"}
KINDS = {"lightgbm": "gradient-boosted trees (LightGBM)", "scorecard": "logistic scorecard on bins"}
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
    one: Fitted,
    *,
    decision: Decision,
    explained: Explained,
    material: Material,
    parts: Split,
    counts: Mapping[str, int],
) -> str:
    """Write the card.

    Parameters
    ----------
    one : Fitted
        After `models.judge` has looked at it.
    decision : Decision
    explained : Explained
    material : Material
    parts : Split
    counts : mapping of str to int
        `models.train.TrainResult.counts`.

    Returns
    -------
    str
        Markdown.
    """
    own = not material.fingerprint
    blocks = [
        f"# {one.model.name}: {one.candidate.title}",
        f"**Outcome:** {decision.verdicts[one.candidate.name]}.",
        _origin(material.trained_on),
        "## Purpose",
        OWN_PURPOSE if own else PURPOSE,
        "Not for:",
        _list(NOT_FOR[:1] + NOT_FOR[3:] if own else NOT_FOR),
        "## Data",
        *_data(one, material, parts, counts),
        "## Method",
        *_method(one, material),
        "## Performance",
        *_performance(one, parts),
        *_truth(one),
        "## Where it is weak",
        *_weak(one),
        "## Fairness",
        *_fairness(one),
        "## What it goes by",
        *_first(explained),
        "## Assumptions and limits",
        _list((*ASSUMPTIONS, *_limits(one, parts))),
    ]
    return "\n\n".join(blocks) + "\n"


def _origin(trained_on: str) -> str:
    return {
        "simulated": "It learnt on **simulated firms**: it shows how a chain behaves, and is no "
        "basis for a decision about a real firm.",
        "real": "It learnt on the outcomes of real firms.",
    }.get(trained_on, "It learnt on the caller's own matrix, whose columns are not known here.")


def _data(
    one: Fitted, material: Material, parts: Split, counts: Mapping[str, int]
) -> tuple[str, ...]:
    slices = []
    for name in SLICES:
        days = parts.rows.filter(pl.col("slice").eq(name) & pl.col("labelled"))["as_of"]
        first, last = days.min(), days.max()
        rows, bads = counts[f"{name}_rows"], counts[f"{name}_bads"]
        slices.append(
            (
                PERIODS[name] if parts.starts else PERIODS[name].replace("out of time", "held out"),
                f"{first!s} to {last!s}" if parts.starts else "at random, by hash of the id",
                f"{rows:,}",
                f"{bads:,}",
                f"{bads / rows:.2%}",
            )
        )
    firms = (
        "No firm has labels in more than one period."
        if not counts["firms_in_several_periods"]
        else f"{counts['firms_in_several_periods']:,} firms have labels in several periods; a hash "
        f"of the id gave every firm one side, and {counts['dropped_other_side']:,} rows outside "
        "their side's period were dropped."
    )
    excluded = ", ".join(f"`{name}`" for name in one.config.exclude) or "none"
    return (
        (
            f"`{material.origin}`: {counts['rows']:,} applications of {counts['firms']:,} firms; "
            f"{counts['dropped_refused']:,} were refused and have no outcome, "
            f"{counts['dropped_not_observed']:,} are not observed yet. {firms}"
        ),
        _table(("slice", "dates", "labelled", "bad", "bad rate"), slices),
        (
            f"{len(one.model.feature_names)} features of {counts['features']}, of which "
            f"{counts['features_without_values']} have no two values here and say nothing. Past "
            "decisions (approval, lender, channel) are never among them. Left out by the settings: "
            f"{excluded}."
        ),
    )


def _method(one: Fitted, material: Material) -> tuple[str, ...]:
    model = one.model
    signed = sum(material.signs[name] != 0 for name in model.feature_names)
    tuned = (
        f"Optuna tried {len(one.trials)} settings on time-ordered folds of the training slice."
        if one.trials
        else "Nothing was tuned."
    )
    branch = "trees" if model.estimator.kind == "lightgbm" else "scorecard"
    settings = getattr(one.config, branch).model_dump(mode="json")
    return (
        (
            f"{KINDS[model.estimator.kind].capitalize()}. {signed} of {len(model.feature_names)} "
            f"features may move the risk one way only. {tuned} Log-odds became a PD by "
            f"{model.calibration.kind} calibration, fitted on the calibration slice and judged "
            "there by cross-fitting. Every choice was made before the last slice was opened."
        ),
        _table(("setting", "value"), [(key, str(value)) for key, value in settings.items()]),
        f"Seed {one.config.seed}; feature table `{model.fingerprint[:12] or 'none'}`.",
    )


def _performance(one: Fitted, parts: Split) -> tuple[str, ...]:
    f = one.figures
    where = "Out of time" if parts.starts else "On the slice held out"
    lines = [
        (name, _interval(f, f"oot_{key}", digits), _interval(f, f"oot_first_time_{key}", digits))
        for name, key, digits in (
            ("applicants with an outcome", "rows", 0),
            ("bad", "bads", 0),
            ("AUC", "auc", 3),
            ("Gini", "gini", 3),
            ("KS", "ks", 3),
            ("log loss", "log_loss", 4),
            ("Brier score", "brier", 4),
        )
    ]
    lines += [
        (name, _interval(f, key, digits), _interval(f, f"oot_first_time_{key}", digits))
        for name, key, digits in (
            ("calibration slope (1 is right)", "calibration_slope", 2),
            ("calibration intercept (0 is right)", "calibration_intercept", 2),
        )
    ]
    lines += [
        ("calibration error", _interval(f, "oot_ece", 4), _interval(f, "oot_first_time_ece", 4)),
        (
            "… of a perfect model, 95th percentile",
            _interval(f, "oot_ece_perfect_model_p95", 4),
            _interval(f, "oot_first_time_ece_perfect_model_p95", 4),
        ),
    ]
    first_time = "oot_first_time_auc" in f
    head = ("", "all", "first-time")
    kept = [row if first_time else row[:2] for row in lines]
    others = one.tables["auc_against_others"]
    against = [
        (
            row["other"],
            row["applicants"],
            f"{row['value']:+.3f} ({row['low']:.3f} to {row['high']:.3f})",
        )
        for row in others.iter_rows(named=True)
    ]
    cut, approved = one.config.policy.approve_pd_below, f.get("oot_approved_bad_rate")
    share = f["oot_approval_rate_of_all_applicants"]
    bad = "" if approved is None else f"; of those with an outcome {approved:.2%} went bad"
    p = {name: one.tests[name]["p"] for name in ("hosmer_lemeshow", "spiegelhalter")}
    return (
        f"{where}, in brackets 95 % intervals (DeLong for AUC, Wald for calibration).",
        _table(head if first_time else head[:2], kept),
        *(
            ("AUC less that of the other candidates, on the same applicants (paired DeLong):",)
            if against
            else ()
        ),
        *((_table(("other", "applicants", "difference"), against),) if against else ()),
        (
            f"At the policy's cut-off (PD below {cut:.0%}) {share:.1%} of all applicants are "
            f"approved{bad}."
        ),
        (
            f"Hosmer-Lemeshow p = {p['hosmer_lemeshow']:.3f}, Spiegelhalter p = "
            f"{p['spiegelhalter']:.3f}, PSI of the PD {f['psi_score']:.3f}. Grade by grade:"
        ),
        _table(
            ("grade", "applicants", "bad", "promised", "realised", "95 % interval", "Jeffreys p"),
            [
                (
                    row["grade"],
                    f"{row['rows']:,}",
                    f"{row['bads']:,}",
                    f"{row['mean_pd']:.2%}",
                    f"{row['default_rate']:.2%}",
                    f"{row['low']:.2%} to {row['high']:.2%}",
                    f"{row['jeffreys_p']:.3f}",
                )
                for row in one.tables["grades"].iter_rows(named=True)
            ],
        ),
    )


def _truth(one: Fitted) -> tuple[str, ...]:
    f = one.figures
    if "truth_pd_error" not in f:
        return ()
    lines = [
        (
            name,
            *(
                f"{f[key] * 100:.2f}" if key in f else "-"
                for key in (f"truth_pd_error_{group}", f"truth_pd_bias_{group}")
            ),
        )
        for name, group in (("approved", "approved"), ("refused", "refused"))
    ]
    lines.append(("all", f"{f['truth_pd_error'] * 100:.2f}", ""))
    return (
        "### Against the truth, which no bank has",
        (
            f"Root mean square error of the PD {f['truth_pd_error']:.4f}; one PD for all has "
            f"{f['truth_pd_error_constant']:.4f}, so {f['truth_pd_error_share']:.2f} of it. "
            f"{f['truth_pd_unexplained']:.2f} of the true PD's variance stays unexplained; the "
            f"mean absolute error is {f['truth_pd_absolute_share']:.2f} of a constant's. The order "
            f"keeps {f['truth_gini_share']:.2f} of the truth's own Gini."
        ),
        "In percentage points, on applicants that the past's lenders approved and refused:",
        _table(("applicants", "root mean square error", "mean PD less mean true PD"), lines),
    )


def _weak(one: Fitted) -> tuple[str, ...]:
    table = one.tables["segments"].filter(pl.col("segment") != "month")
    judged = table.filter(pl.col("bads") >= BADS_FOR_A_SEGMENT).sort("gini").head(WEAKEST)
    few = table.filter((pl.col("bads") < BADS_FOR_A_SEGMENT) & (pl.col("applicants") > 0)).height
    rest = (
        f"{few} segments with fewer than {BADS_FOR_A_SEGMENT} bads are not judged here; all stand "
        "in `validation/segments.csv`."
    )
    if judged.is_empty():
        return (rest,)
    rows = [
        (
            f"{row['segment']} {row['value']}",
            f"{row['rows']:,}",
            f"{row['bads']:,}",
            f"{row['gini']:.2f} ({row['gini_low']:.2f} to {row['gini_high']:.2f})",
            f"{row['mean_pd_labelled']:.2%}",
            f"{row['bad_rate']:.2%}",
        )
        for row in judged.iter_rows(named=True)
    ]
    return (
        (
            f"The lowest Ginis; the whole has {one.figures['oot_gini']:.2f}. Of so many segments "
            "some are low by chance: see the intervals."
        ),
        _table(("segment", "labelled", "bad", "Gini", "mean PD", "bad rate"), rows),
        rest,
    )


def _fairness(one: Fitted) -> tuple[str, ...]:
    table = one.tables["segments"]
    true = table["mean_true_pd"].is_not_null().any()
    blocks = []
    for segment, title in FAIRNESS.items():
        part = table.filter(segment=segment)
        if part.is_empty():
            continue
        rows = [
            (
                row["value"],
                f"{row['applicants']:,}",
                f"{row['approval_rate']:.1%}",
                f"{row['mean_pd']:.2%}",
                _percent(row["bad_rate"]),
                _percent(row["approved_bad_rate"]),
                *((_percent(row["mean_true_pd"]),) if true else ()),
            )
            for row in part.iter_rows(named=True)
        ]
        head = (title, "applicants", "approved", "mean PD", "bad rate", "… of those approved")
        blocks.append(_table((*head, *(("mean true PD",) if true else ())), rows))
    if not blocks:
        return ("Area, age of the owner and legal form are not known of these rows.",)
    said = (
        "Approved means a PD below the cut-off; mean PD"
        + (" and true PD are" if true else " is")
        + " of all applicants, bad rates are of those with an outcome. Features that must not be "
        "used are named under `exclude` in the settings."
    )
    return (said, *blocks)


def _first(explained: Explained) -> tuple[str, ...]:
    size = abs(explained.values).mean(axis=0)
    rows = [
        (
            f"`{name}`",
            MEANING.get(name, ("", ""))[0],
            {1: "+", -1: "-", 0: "either"}[explained.signs.get(name, 0)],
            f"{size[j]:.3f}",
        )
        for j, name in ((j, explained.model.feature_names[j]) for j in explained.first)
    ]
    return (
        "Mean size of the SHAP value (log-odds), and the way more of it may move the risk:",
        _table(("feature", "meaning", "risk", "mean size"), rows),
    )


def _limits(one: Fitted, parts: Split) -> tuple[str, ...]:
    f = one.figures
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


def _interval(figures: Mapping[str, float], name: str, digits: int) -> str:
    value = figures.get(name)
    if value is None:
        return "-"
    said = f"{value:,.{digits}f}"
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    return (
        said if low is None or high is None else f"{said} ({low:.{digits}f} to {high:.{digits}f})"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines
    )
