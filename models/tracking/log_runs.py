"""Log a training to MLflow: a parent run, nested runs of candidates, the registered champion."""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from features.io.storage import is_url
from models.data.split import OUT_OF_TIME, TRAIN, labelled_in, within
from models.estimators.model import OWN, save
from models.reporting.model_card import card
from models.reporting.run_plots import draw
from models.settings import Gates
from models.tracking import mlflow_session, registry
from models.tracking.pyfunc import ServedModel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    import pandas as pd

    from models.data.split import Split
    from models.data.training_data import TrainingData
    from models.estimators.fitted import Fitted
    from models.estimators.model import Model
    from models.evaluation.champion import Decision
    from models.evaluation.out_of_time import Evaluation
    from models.settings import TrainConfig

LOADER = "models.tracking.pyfunc"
NEEDS = ("lightgbm", "numpy", "pandas", "polars", "scipy")
EXAMPLE_ROWS = 5
METRICS = (
    "selection_log_loss",
    "oot_auc",
    "oot_auc_low",
    "oot_auc_high",
    "oot_first_time_auc",
    "oot_first_time_auc_low",
    "oot_first_time_auc_high",
    "oot_ks",
    "oot_log_loss",
    "oot_bads",
    "oot_ece",
    "oot_ece_perfect_model_p95",
    "calibration_slope",
    "calibration_slope_low",
    "calibration_slope_high",
    "psi_score",
    "oot_approval_rate_of_all_applicants",
    "oot_approved_bad_rate",
    "truth_pd_unexplained",
    "truth_gini_share",
)
"""Metrics of a candidate's run, which the UI compares; all others are in `figures.csv`."""
COLUMNS = ("selection_log_loss", "oot_auc", "oot_first_time_auc", "calibration_slope", "oot_ece")
"""Metrics that the list of runs shows."""
MISSING = "NA"
"""Empty cell of a table artifact, whose preview would else shift or show nothing."""
WORDS: dict[str, Any] = {
    "gates": {gate: {"false_alarm", "reason"} for gate in Gates.model_fields},
    "policy": {"flags"},
}
"""What settings say in words; parameters are figures."""


@dataclass(frozen=True)
class Logged:
    """Run ids and registered version of a logged training.

    Attributes
    ----------
    run_id : str
        The parent run.
    version : str
    experiment_id : str
    candidates : dict of str to str
        Run of each candidate.
    """

    run_id: str
    version: str
    experiment_id: str
    candidates: dict[str, str]


def log_training(
    candidates: list[Fitted],
    evaluations: Mapping[str, Evaluation],
    decision: Decision,
    *,
    training_data: TrainingData,
    parts: Split,
    counts: Mapping[str, int],
    config: TrainConfig,
    name: str,
    pool: Executor,
    log_trials: bool = False,
) -> Logged:
    """Log all runs, then register the winner as the last thing done.

    Parameters
    ----------
    candidates : list of Fitted
    evaluations : mapping of candidate name to Evaluation
    decision : Decision
        Which of them is registered, and as what.
    training_data : TrainingData
    parts : Split
    counts : mapping of str to int
        `models.train.training.TrainResult.counts`.
    config : TrainConfig
    name : str
        Experiment and registered model.
    pool : Executor
        Draws while the runs are logged here.
    log_trials : bool
        Log each tuning trial as a run nested in its candidate's.

    Returns
    -------
    Logged
    """
    bare = replace(training_data, rows=training_data.rows.clear())
    late = replace(parts, rows=within(parts.rows, OUT_OF_TIME))
    plots = {
        fitted.candidate.name: partial(
            draw,
            fitted,
            candidates,
            months=evaluations[fitted.candidate.name].tables["months"],
            training_data=bare,
            parts=late,
        )
        for fitted in (*candidates[1:], candidates[0])
    }
    drawing = {name: pool.submit(plot) for name, plot in plots.items()}
    winner_figures = evaluations[decision.winner.candidate.name].figures
    with mlflow_session.session() as mlflow:
        experiment = mlflow_session.open_experiment(mlflow, name)
        mlflow_session.end_abandoned(mlflow, experiment)
        data = _data_sets(mlflow, training_data, parts)
        registered, runs = None, dict[str, str]()
        parent_name = f"training on {counts['train_rows']:,} {training_data.target.rows}"
        with mlflow_session.whole_run(
            mlflow, experiment_id=experiment, run_name=parent_name
        ) as parent:
            _log_inputs(mlflow, data)
            _log_parent(
                mlflow,
                decision,
                training_data=training_data,
                parts=parts,
                counts=counts,
                config=config,
            )
            for fitted in candidates:
                name_of = fitted.candidate.name
                evaluation = evaluations[name_of]
                with mlflow_session.whole_run(
                    mlflow, experiment_id=experiment, run_name=name_of, nested=True
                ) as child:
                    _log_inputs(mlflow, data)
                    # a plot that no process has begun is drawn here
                    waiting = drawing[name_of].cancel()
                    explained, pictures = plots[name_of]() if waiting else drawing[name_of].result()
                    _log_pictures(mlflow, pictures)
                    page = card(
                        fitted,
                        evaluation,
                        decision=decision,
                        explained=explained,
                        training_data=training_data,
                        parts=parts,
                        counts=counts,
                    )
                    mlflow.log_text(page, "model_card.md")
                    logged = _log_candidate(mlflow, fitted, evaluation, decision, parts=parts)
                    if log_trials:
                        _log_trials(mlflow, fitted, experiment)
                    if fitted is decision.winner:
                        registered = logged
                    runs[name_of] = child.info.run_id
            pages = {
                name_of: mlflow_session.artifact_page(experiment, run, "model_card.md")
                for name_of, run in runs.items()
            }
            mlflow.set_tag(mlflow_session.DESCRIPTION, _summary(decision, evaluations, pages))
        mlflow_session.share_view(mlflow, experiment, metrics=COLUMNS)
        number = registry.register(
            mlflow,
            name=name,
            model=registered,
            run=runs[decision.winner.candidate.name],
            alias=decision.alias,
            description=_description(decision.winner, winner_figures, decision),
            tags={
                "candidate": decision.winner.candidate.name,
                "outcome": decision.verdicts[decision.winner.candidate.name],
                "trained_on": training_data.trained_on,
            },
        )
    return Logged(
        run_id=parent.info.run_id, version=number, experiment_id=experiment, candidates=runs
    )


def _log_parent(
    mlflow: Any,  # noqa: ANN401 (the module)
    decision: Decision,
    *,
    training_data: TrainingData,
    parts: Split,
    counts: Mapping[str, int],
    config: TrainConfig,
) -> None:
    mlflow.log_params(_flat(config.model_dump(mode="json", exclude=WORDS)))
    mlflow.log_params({f"count_{key}": value for key, value in counts.items()})
    mlflow.set_tags(
        {
            decision.alias: decision.winner.candidate.name,
            "trained_on": training_data.trained_on,
            "data": training_data.origin,
            "feature_fingerprint": training_data.fingerprint,
            "firms_parted_by_hash": str(parts.by_firm),
            **{f"{slice_}_from": str(day) for slice_, day in parts.starts.items()},
        }
    )


def _log_pictures(mlflow: Any, pictures: Mapping[str, bytes]) -> None:  # noqa: ANN401
    with tempfile.TemporaryDirectory() as scratch:
        for name, drawn in pictures.items():
            (Path(scratch) / f"{name}.png").write_bytes(drawn)
        mlflow.log_artifacts(scratch, "figures")


def _description(fitted: Fitted, f: Mapping[str, float], decision: Decision) -> str:
    """A few lines of Markdown, which the UI shows above a run and beside a version."""
    return (
        # no Markdown in the first line: the registry's list shows it as it stands
        f"{fitted.candidate.title}; {decision.verdicts[fitted.candidate.name]}.\n\n"
        f"AUC {_with_interval(f, 'oot_auc', 3)}, calibration slope "
        f"{_with_interval(f, 'calibration_slope', 2)} on {f['oot_rows']:,.0f} applicants that it "
        "was not fitted to. All else: `model_card.md`, `figures/` and `validation/` among the "
        "artifacts."
    )


def _summary(
    decision: Decision, evaluations: Mapping[str, Evaluation], pages: Mapping[str, str]
) -> str:
    """Markdown of a training: its candidates, how sure their differences are, their cards."""
    winner = decision.winner.candidate.name
    lines = [
        f"**{winner}** is the {decision.verdicts[winner]}.",
        "",
        "| candidate | log loss (selection) | AUC | calibration slope | |",
        "|---|---|---|---|---|",
    ]
    for name, page in pages.items():
        f = evaluations[name].figures
        lines.append(
            f"| {name} | {f['selection_log_loss']:.5f} | {_with_interval(f, 'oot_auc', 3)} "
            f"| {_with_interval(f, 'calibration_slope', 2)} | [model card]({page}) |"
        )
    differences = evaluations[winner].tables["auc_against_others"]
    if differences.height:
        lines += [
            "",
            f"AUC of {winner} less that of another, on the same applicants (paired):",
            "",
            "| other | applicants | difference | 95 % interval |",
            "|---|---|---|---|",
            *(
                f"| {row['other']} | {row['applicants']} | {row['value']:+.3f} "
                f"| {row['low']:+.3f} to {row['high']:+.3f} |"
                for row in differences.iter_rows(named=True)
            ),
        ]
    return "\n".join(lines)


def _with_interval(f: Mapping[str, float], name: str, digits: int) -> str:
    """A figure and its interval; with hardly any bads one of them or both are missing."""
    if name not in f:
        return "unknown (too few bads)"
    if f"{name}_low" not in f:
        return f"{f[name]:.{digits}f} (too few bads for an interval)"
    return f"{f[name]:.{digits}f} ({f[f'{name}_low']:.{digits}f} to {f[f'{name}_high']:.{digits}f})"


def _data_sets(mlflow: Any, training_data: TrainingData, parts: Split) -> dict[str, Any]:  # noqa: ANN401
    """MLflow datasets of the slices, by digest."""
    columns = ["application_id", "defaulted", *training_data.names]
    made = {}
    for name, context in ((TRAIN, "training"), (OUT_OF_TIME, "evaluation")):
        frame = labelled_in(parts.rows, name).select(columns).to_pandas()
        frame["defaulted"] = frame["defaulted"].astype("float64")
        made[context] = mlflow.data.from_pandas(
            frame,
            source=_source(training_data.origin),
            targets="defaulted",
            name=f"applications_{name}",
        )
    return made


def _source(origin: str) -> Any:  # noqa: ANN401 (MLflow's own, or what it makes one of)
    """MLflow dataset source of the data folder."""
    if not is_url(origin):
        return origin
    from mlflow.data.code_dataset_source import CodeDatasetSource  # noqa: PLC0415 (slow)
    from mlflow.data.dataset_source_registry import resolve_dataset_source  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        return resolve_dataset_source(origin)
    except MlflowException:
        return CodeDatasetSource({"origin": origin})


def _log_inputs(mlflow: Any, data: Mapping[str, Any]) -> None:  # noqa: ANN401
    for context, data_set in data.items():
        mlflow.log_input(data_set, context=context)


def _log_candidate(
    mlflow: Any,  # noqa: ANN401
    fitted: Fitted,
    evaluation: Evaluation,
    decision: Decision,
    *,
    parts: Split,
) -> Any:  # noqa: ANN401 (MLflow's ModelInfo)
    """Parameters, metrics and the model of one candidate; returns the logged model."""
    model, figures = fitted.model, evaluation.figures
    mlflow.set_tags(
        {
            "candidate": fitted.candidate.title,
            "outcome": decision.verdicts[fitted.candidate.name],
            "trained_on": model.trained_on,
            mlflow_session.DESCRIPTION: _description(fitted, figures, decision),
        }
    )
    branch = "trees" if model.estimator.kind == "lightgbm" else "scorecard"
    mlflow.log_params(
        {
            "candidate": fitted.candidate.name,
            "method": model.estimator.kind,
            "features": len(model.feature_names),
            "calibration": model.calibration.kind,
            "seed": fitted.config.seed,
            "tuning_trials": len(fitted.trials),
            **_flat(getattr(fitted.config, branch).model_dump(mode="json")),
        }
    )
    mlflow.log_metrics({name: figures[name] for name in METRICS if name in figures})
    mlflow.log_text(
        pl.DataFrame({"figure": list(figures), "value": list(figures.values())}).write_csv(
            float_precision=6
        ),
        "validation/figures.csv",
    )
    mlflow.log_dict(dict(evaluation.tests), "validation/tests.json")
    for name, table in evaluation.tables.items():
        mlflow.log_text(
            table.write_csv(float_precision=6, null_value=MISSING), f"validation/{name}.csv"
        )
    late = within(parts.rows, OUT_OF_TIME)
    example = _example(late.head(EXAMPLE_ROWS), model)
    signature = _signature(mlflow, example, model)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        save(model, folder)
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module=LOADER,
            data_path=str(folder),
            signature=signature,
            input_example=example,
            pip_requirements=[f"{package}=={version(package)}" for package in NEEDS],
            metadata={"fingerprint": model.fingerprint, "trained_on": model.trained_on},
        )


def _example(rows: pl.DataFrame, model: Model) -> pd.DataFrame:
    """Rows as a caller would send them: categories as words, columns under their own names."""
    columns = []
    for name in model.feature_names:
        value = rows[name].cast(pl.Float64)
        if words := model.levels.get(name):
            codes = dict(enumerate(words))
            value = value.replace_strict(codes, default=None, return_dtype=pl.String)
        columns.append(value.alias(model.columns.get(name, name)))
    return pl.DataFrame(columns).to_pandas()


def _signature(mlflow: Any, example: pd.DataFrame, model: Model) -> Any:  # noqa: ANN401
    """Signature of the served model.

    Of a matrix of one's own, numbers may be whole ones and columns that were missing in training
    may be absent, so its columns are of any type.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature = mlflow.models.infer_signature(example, ServedModel(model).predict(example))
    if model.trained_on != OWN:
        return signature
    types = mlflow.types.schema
    signature.inputs = types.Schema(
        [
            types.ColSpec(
                types.AnyType(), model.columns.get(name, name), required=name not in model.optional
            )
            for name in model.feature_names
        ]
    )
    return signature


def _log_trials(mlflow: Any, fitted: Fitted, experiment: str) -> None:  # noqa: ANN401
    for trial in fitted.trials:
        name = f"{fitted.candidate.name} trial {trial.number}"
        with mlflow.start_run(experiment_id=experiment, run_name=name, nested=True):
            mlflow.log_params(trial.settings)
            mlflow.set_tags({"state": trial.state, "candidate": fitted.candidate.title})
            if trial.loss is not None:
                mlflow.log_metric("folds_log_loss", trial.loss)


def _flat(plain: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as `branch.key`."""
    flat: dict[str, str] = {}
    for key, value in plain.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value if isinstance(value, str) else json.dumps(value)
    return flat
