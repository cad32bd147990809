"""The chapters of a model card that are made of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from models.reporting.shap_plots import MEANING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.data.split import Split
    from models.estimators.fitted import Fitted
    from models.reporting.shap_plots import Explained
    from models.settings import MonotoneGate, SegmentGate, SlopeGate, StabilityGate

FAIRNESS = {"area": "Area", "owner_age": "Age of the owner", "legal_form": "Legal form"}
BADS_FOR_A_SEGMENT = 20  # with fewer the interval of a Gini says nothing
WEAKEST = 8


_MEASURES = (
    ("applicants with an outcome", "rows", 0),
    ("bad", "bads", 0),
    ("AUC", "auc", 3),
    ("Gini", "gini", 3),
    ("KS", "ks", 3),
    ("log loss", "log_loss", 4),
    ("Brier score", "brier", 4),
    ("calibration slope (1 is right)", "calibration_slope", 2),
    ("calibration intercept (0 is right)", "calibration_intercept", 2),
    ("calibration error", "ece", 4),
    ("… of a perfect model, 95th percentile", "ece_perfect_model_p95", 4),
)
"""What is said of a figure, its name without prefix, its digits."""


def performance(fitted: Fitted, parts: Split) -> tuple[str, ...]:
    """What it does on applicants it was not fitted to: figures, differences, grades."""
    f = fitted.figures
    where = "Out of time" if parts.starts else "On the slice held out"
    cut, approved = fitted.config.policy.approve_pd_below, f.get("oot_approved_bad_rate")
    share = f["oot_approval_rate_of_all_applicants"]
    bad = "" if approved is None else f"; of those with an outcome {approved:.2%} went bad"
    p = {name: fitted.tests[name]["p"] for name in ("hosmer_lemeshow", "spiegelhalter")}
    return (
        (
            f"{where}, in brackets 95 % intervals (DeLong for AUC, Wald for calibration, Jeffreys "
            "for grades)."
        ),
        _measures(f),
        *_differences(fitted.tables["auc_against_others"]),
        (
            f"At the policy's cut-off (PD below {cut:.0%}) {share:.1%} of all applicants are "
            f"approved{bad}."
        ),
        (
            f"Hosmer-Lemeshow p = {p['hosmer_lemeshow']:.3f}, Spiegelhalter p = "
            f"{p['spiegelhalter']:.3f}: one below 0.05 speaks against the PDs. PSI of the PD since "
            f"the calibration slice {f['psi_score']:.3f}; below 0.1 is usually called stable."
        ),
        (
            "Grade by grade; a Jeffreys p below 0.05 says that more went bad than was promised, "
            "one above 0.95 that fewer did:"
        ),
        _grades(fitted.tables["grades"]),
    )


def _measures(f: Mapping[str, float]) -> str:
    """All labelled applicants, and beside them those who have never borrowed."""
    rows = []
    for said, name, digits in _MEASURES:
        # the figures of calibration are taken out of time alone, and bear no prefix
        everyone = f"oot_{name}" if f"oot_{name}" in f else name
        rows.append(
            (said, _interval(f, everyone, digits), _interval(f, f"oot_first_time_{name}", digits))
        )
    if "oot_first_time_auc" in f:
        return table(("", "all", "first-time"), rows)
    return table(("", "all"), [row[:2] for row in rows])


def _differences(others: pl.DataFrame) -> tuple[str, ...]:
    """AUC less that of each other candidate; nothing where it is the only one."""
    if others.is_empty():
        return ()
    rows = [
        (
            row["other"],
            row["applicants"],
            f"{row['value']:+.3f} ({row['low']:.3f} to {row['high']:.3f})",
        )
        for row in others.iter_rows(named=True)
    ]
    return (
        "AUC less that of the other candidates, on the same applicants (paired DeLong):",
        table(("other", "applicants", "difference"), rows),
    )


def _grades(grades: pl.DataFrame) -> str:
    return table(
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
            for row in grades.iter_rows(named=True)
        ],
    )


def gates(fitted: Fitted) -> str:
    """What the gates asked and what they found, before the last slice was opened."""
    f, asked = fitted.figures, fitted.config.gates
    return table(
        ("gate", "asks", "found"),
        (
            ("bads", f"{asked.bads.least} or more calibrated it", f"{f['selection_bads']:.0f}"),
            (
                "calibration slope",
                "95 % interval contains 1",
                _found(asked.calibration_slope, _interval(f, "selection_calibration_slope", 2)),
            ),
            (
                "monotone",
                "no signed feature ever moves the log-odds the wrong way",
                _found(asked.monotone, _interval(f, "monotone_violation", 3)),
            ),
            (
                "stability",
                f"PSI of the PD since training below {asked.stability.psi_below:g}",
                _found(asked.stability, _interval(f, "psi_training_to_calibration", 3)),
            ),
            (
                "segments",
                (
                    f"no segment of {asked.segments.bads} bads whose Gini interval lies wholly "
                    f"below {asked.segments.gini_share:g} of the whole's"
                ),
                _found(asked.segments, _interval(f, "weak_segments", 0)),
            ),
        ),
    )


def _found(gate: SlopeGate | MonotoneGate | StabilityGate | SegmentGate, figure: str) -> str:
    return figure if gate.enabled else "not asked"


def truth(fitted: Fitted) -> tuple[str, ...]:
    """How near the PD comes to the true one; empty where that is not known."""
    f = fitted.figures
    if "truth_pd_error" not in f:
        return ()
    lines = [
        (
            name,
            *(
                f"{f[key] * 100:.2f}" if key in f else "-"
                for key in (f"truth_pd_error{group}", f"truth_pd_bias{group}")
            ),
        )
        for name, group in (("approved", "_approved"), ("refused", "_refused"), ("all", ""))
    ]
    return (
        "### Against the truth, which no bank has",
        (
            f"The PD's root mean square error is {f['truth_pd_error']:.4f}; the mean PD given to "
            f"everybody would have {f['truth_pd_error_constant']:.4f}. Beside that constant the "
            f"model errs {f['truth_pd_error_share']:.2f} times as much, or "
            f"{f['truth_pd_absolute_share']:.2f} times in mean absolute error, and leaves "
            f"{f['truth_pd_unexplained']:.2f} of the true PD's variance unexplained. Its order has "
            f"{f['truth_gini_share']:.2f} of the Gini that the true PD itself would have."
        ),
        "In percentage points, on all applicants, whether past lenders approved or refused them:",
        table(("applicants", "root mean square error", "mean PD less mean true PD"), lines),
    )


def weak(fitted: Fitted) -> tuple[str, ...]:
    """The segments with the lowest Ginis."""
    segments = fitted.tables["segments"].filter(pl.col("segment") != "month")
    large = segments.filter(pl.col("bads") >= BADS_FOR_A_SEGMENT)
    judged = large.sort("gini").head(WEAKEST)
    few = segments.filter((pl.col("bads") < BADS_FOR_A_SEGMENT) & (pl.col("applicants") > 0)).height
    rest = (
        f"{few} segments with fewer than {BADS_FOR_A_SEGMENT} bads are not judged here; all stand "
        "in `validation/segments.csv`."
    )
    if judged.is_empty():
        return (rest,)
    rows = [
        (
            f"{row['segment']}: {row['value']}",
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
            f"The {len(rows)} lowest Ginis of {large.height} segments with {BADS_FOR_A_SEGMENT} "
            f"bads or more; the whole has {fitted.figures['oot_gini']:.2f}. Of so many some are low "
            "by chance: an interval that holds the whole's Gini is no proof of weakness."
        ),
        table(("segment", "labelled", "bad", "Gini", "mean PD", "bad rate"), rows),
        rest,
    )


def fairness(fitted: Fitted) -> tuple[str, ...]:
    """Approval, bad rate and true PD by area, age of the owner and legal form."""
    segments = fitted.tables["segments"]
    true = segments["mean_true_pd"].is_not_null().any()
    blocks = []
    for segment, title in FAIRNESS.items():
        part = segments.filter(segment=segment)
        if part.is_empty():
            continue
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
        head = (
            *(title, "applicants", "approved", "mean PD"),
            *("bad", "bad rate", "… of those approved"),
        )
        blocks.append(table((*head, *(("mean true PD",) if true else ())), rows))
    if not blocks:
        return ("Area, age of the owner and legal form are not known of these rows.",)
    said = (
        "Approved means a PD below the cut-off; mean PD"
        + (" and true PD are" if true else " is")
        + " of all applicants; bad are those whose outcome is known, and rates on a handful of "
        "them say little. Features that must not be used are named under `exclude` in the settings."
    )
    return (said, *blocks)


def first_features(explained: Explained) -> tuple[str, ...]:
    """The features with the largest SHAP values."""
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
        (
            "Mean size of the SHAP value (log-odds). Where risk is +, more of the feature never "
            "lowers it; where it is -, more never raises it:"
        ),
        table(("feature", "meaning", "risk", "mean size"), rows),
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


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines
    )
