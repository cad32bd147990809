"""Training from a notebook or a script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.train.training import TrainResult


def fit(
    data: str | Path,
    features: str | Path | None = None,
    *,
    candidates: Sequence[str] | None = None,
    config: str | Path | None = None,
    policy: str | Path | None = None,
    trials: int | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> TrainResult:
    """Train the candidates on a data folder, choose one, and register it in MLflow.

    Parameters
    ----------
    data : str or pathlib.Path
        A data folder with outcomes, from `synthetic.simulate` or of your own.
    features : str or pathlib.Path, optional
        What `firstloan features` wrote for it; built from the signals when not given.
    candidates : sequence of str, optional
        Names of rows in `models.estimators.candidates.CANDIDATES`; from the settings when not
        given.
    config : str or pathlib.Path, optional
        TOML file with changed settings; all there are stand in models/settings.toml.
    policy : str or pathlib.Path, optional
        TOML file with score scale, cut-offs, grades and flags; models/policy.toml when not given.
    trials : int, optional
        Tuning trials of the LightGBM candidates; from the settings when not given.
    workers : int
        Processes that share the work; the result does not depend on it.
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    TrainResult
        `label` and `alias` of the model that was registered, `verdicts` on each candidate, and
        `figures`, a Polars frame of one row per candidate, best first. AUC and KS are shares,
        log loss is in nats a row.

    Raises
    ------
    ContractError
        When the data do not allow a model, or MLflow cannot be reached; nothing is registered.

    Examples
    --------
    >>> import models
    >>> result = models.fit("world", candidates=["scorecard_register"])
    >>> result.winner
    'scorecard_register'
    >>> 0.5 < result.figures["oot_auc"][0] < 1
    True
    """
    from models.settings import read_settings  # noqa: PLC0415 (MLflow takes seconds to import)
    from models.train.training import train  # noqa: PLC0415

    settings = read_settings(
        None if config is None else Path(config),
        policy=None if policy is None else Path(policy),
        trials=trials,
        candidates=None if candidates is None else tuple(candidates),
    )
    return train(
        data=Path(data),
        features=None if features is None else Path(features),
        config=settings,
        workers=workers,
        progress=progress,
    )
