"""Rehearsals in MLflow: a run for each policy, with its figures, beneath one of the rehearsal."""

from pathlib import Path

import numpy as np

from laboratory.rehearsal.rehearse import Rehearsal
from models.tracking.mlflow_session import open_experiment, session, share_view, whole_run

EXPERIMENT = "rehearsal"
ABOUT = (
    "One run for each rehearsal, the policies nested beneath it (tick *Expand rows*). The page and "
    "the CSV are among the artifacts of the rehearsal."
)
SHOWN = ("profit_cny", "default_by_balance_pct", "return_pct", "accepted", "borrower_gain_cny")


def log(rehearsal: Rehearsal, files: list[Path]) -> None:
    """Log a rehearsal.

    Parameters
    ----------
    rehearsal : Rehearsal
    files : list of pathlib.Path
        Kept as artifacts of the parent run.
    """
    with session() as mlflow:
        experiment = open_experiment(mlflow, EXPERIMENT, about=ABOUT)
        share_view(mlflow, experiment, metrics=SHOWN)
        name = f"{rehearsal.data.name}, {rehearsal.applicants} applicants"
        with whole_run(mlflow, experiment_id=experiment, run_name=name):
            mlflow.log_params(
                {
                    "data": rehearsal.data.name,
                    "model": rehearsal.model,
                    "judged_by": "truth" if rehearsal.by_truth else "estimates",
                    "applicants": rehearsal.applicants,
                    **rehearsal.costs.model_dump(),
                }
            )
            for path in files:
                mlflow.log_artifact(str(path))
            for each in rehearsal.rehearsed:
                with whole_run(mlflow, experiment_id=experiment, run_name=each.name, nested=True):
                    known = {k: v for k, v in each.figures.items() if not np.isnan(v)}
                    if each.name in rehearsal.best_share:
                        known["share_of_best"] = rehearsal.best_share[each.name]
                    mlflow.log_metrics(known)
                    mlflow.log_params({"policy": each.name})
