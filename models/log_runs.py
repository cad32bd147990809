"""One training in MLflow: a parent run, one nested for each candidate, the champion registered."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from models import tracking
from models.artefact import save
from models.pyfunc import Scorer
from models.split import OUT_OF_TIME, TRAIN

if TYPE_CHECKING:
    from models.compare import Fitted
    from models.material import Material
    from models.promote import Decision
    from models.settings import TrainConfig
    from models.split import Split

LOADER = "models.pyfunc"
NEEDS = ("lightgbm", "numpy", "pandas", "polars", "scipy")
EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class Logged:
    """Where a training stands in MLflow."""

    run_id: str
    version: str


def log_training(
    fitted: list[Fitted],
    decision: Decision,
    *,
    material: Material,
    parts: Split,
    config: TrainConfig,
    name: str,
    log_trials: bool = False,
) -> Logged:
    """Log all runs, then register the winner as the last thing done.

    Parameters
    ----------
    fitted : list of Fitted
    decision : Decision
        Which of them is registered, and as what.
    material : Material
    parts : Split
    config : TrainConfig
    name : str
        Experiment and registered model.
    log_trials : bool
        Log each tuning trial as a run nested in its candidate's.

    Returns
    -------
    Logged
    """
    with tracking.session() as mlflow:
        experiment = tracking.open_experiment(mlflow, name)
        address = run = ""
        with mlflow.start_run(experiment_id=experiment, run_name="training") as parent:
            _log_parent(mlflow, decision, material=material, parts=parts, config=config)
            for one in fitted:
                with mlflow.start_run(
                    experiment_id=experiment, run_name=one.candidate.name, nested=True
                ) as child:
                    _log_dataset(mlflow, material, parts)
                    logged = _log_candidate(mlflow, one, decision, parts=parts)
                    if log_trials:
                        _log_trials(mlflow, one, experiment)
                    if one is decision.winner:
                        address, run = logged, child.info.run_id
        number = tracking.register(
            mlflow, name=name, address=address, run=run, alias=decision.alias
        )
    return Logged(run_id=parent.info.run_id, version=number)


def _log_parent(
    mlflow: Any,  # noqa: ANN401 (the module)
    decision: Decision,
    *,
    material: Material,
    parts: Split,
    config: TrainConfig,
) -> None:
    mlflow.log_params(_flat(config.model_dump(mode="json")))
    mlflow.log_metrics({f"count_{key}": float(value) for key, value in parts.counts.items()})
    mlflow.set_tags(
        {
            decision.alias: decision.winner.candidate.name,
            "trained_on": material.trained_on,
            "data": material.origin,
            "feature_fingerprint": material.fingerprint,
            "firms_parted_by_hash": str(parts.by_firm),
            **{f"{slice_}_from": str(day) for slice_, day in parts.starts.items()},
        }
    )
    _log_dataset(mlflow, material, parts)


def _log_dataset(mlflow: Any, material: Material, parts: Split) -> None:  # noqa: ANN401
    """The matrix as run inputs, one for each slice, told apart by their digest."""
    columns = ["application_id", "defaulted", *material.names]
    for name, context in ((TRAIN, "training"), (OUT_OF_TIME, "evaluation")):
        inside = pl.col("slice").eq(name) & pl.col("labelled")
        frame = parts.rows.filter(inside).select(columns).to_pandas()
        frame["defaulted"] = frame["defaulted"].astype("float64")
        data = mlflow.data.from_pandas(
            frame, source=material.origin, targets="defaulted", name=f"applications_{name}"
        )
        mlflow.log_input(data, context=context)


def _log_candidate(
    mlflow: Any,  # noqa: ANN401
    one: Fitted,
    decision: Decision,
    *,
    parts: Split,
) -> str:
    """Parameters, metrics and the model of one candidate; returns the model's address."""
    model = one.model
    mlflow.set_tags(
        {
            "candidate": one.candidate.title,
            "outcome": decision.verdicts[one.candidate.name],
            "trained_on": model.trained_on,
        }
    )
    branch = "trees" if model.estimator.kind == "lightgbm" else "scorecard"
    mlflow.log_params(
        {
            "candidate": one.candidate.name,
            "method": model.estimator.kind,
            "features": len(model.feature_names),
            "calibration": model.calibration.kind,
            "seed": one.config.seed,
            "tuning_trials": len(one.trials),
            **_flat(getattr(one.config, branch).model_dump(mode="json")),
        }
    )
    mlflow.log_metrics({**one.figures, "selection_log_loss": one.selection_log_loss})
    mlflow.log_dict(one.tests, "validation/tests.json")
    for name, table in one.tables.items():
        mlflow.log_text(table.write_csv(float_precision=6), f"validation/{name}.csv")
    late = parts.rows.filter(pl.col("slice").eq(OUT_OF_TIME))
    example = (
        late.head(EXAMPLE_ROWS)
        .select(pl.col(feature).cast(pl.Float64) for feature in model.feature_names)
        .to_pandas()
    )
    signature = mlflow.models.infer_signature(example, Scorer(model).predict(example))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        save(model, folder)
        info = mlflow.pyfunc.log_model(
            name="model",
            loader_module=LOADER,
            data_path=str(folder),
            signature=signature,
            input_example=example,
            pip_requirements=[f"{package}=={version(package)}" for package in NEEDS],
            metadata={"fingerprint": model.fingerprint, "trained_on": model.trained_on},
        )
    return str(info.model_uri)


def _log_trials(mlflow: Any, one: Fitted, experiment: str) -> None:  # noqa: ANN401
    for trial in one.trials:
        name = f"{one.candidate.name} trial {trial.number}"
        with mlflow.start_run(experiment_id=experiment, run_name=name, nested=True):
            mlflow.log_params(trial.settings)
            mlflow.set_tags({"state": trial.state, "candidate": one.candidate.title})
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
