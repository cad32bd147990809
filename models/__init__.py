"""Training, calibration, evaluation, explanation and tracking of credit-risk models.

From a notebook, one call trains four candidates, a scorecard and LightGBM on the register alone and
on all sources, and registers the best that passes the gates:

    import models

    result = models.fit("world", trials=0)
    result.label      # what was registered, and as what: result.alias
    result.figures    # one row for each candidate, best first
    result.verdicts   # why the others were not

Runs and the registered model `first-time-borrower` lie in `mlflow.db` and `mlartifacts/` of the
working folder unless MLFLOW_TRACKING_URI is set; `mlflow ui` shows them. A model is a folder of
plain files, LightGBM text, JSON and CSV, in which nothing is pickled:

    from models.tracking.registry import resolve

    model, label = resolve()          # the champion; or a folder, or an MLflow address
    model.pd(model.margin(features))  # calibrated 12-month PD of feature rows

docs/models.md tells how a model is chosen and how its card is read; docs/add-a-candidate.md how
another one joins. The command is `firstloan train`.
"""

from models.api import fit

__all__ = ["fit"]
