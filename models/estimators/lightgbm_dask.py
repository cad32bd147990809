"""Distributed LightGBM fit by its Dask estimator, for a matrix that one machine cannot hold.

The number of trees and the settings are found here, on time-ordered folds; only the fit on all
rows is spread. LightGBM finds the bins of each feature on the rows of one worker and sums
histograms in another order than one machine does, so the trees differ a little from a local fit.
"""

from __future__ import annotations

import logging
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from features.contract.errors import ServiceError
from models.estimators.lightgbm_fit import fit_trees

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.parallel.dask_cluster import Cluster
    from models.data.training_data import Sample
    from models.estimators.lightgbm_trees import Trees
    from models.settings import TrainConfig

CANDIDATE = "trees_all"
"""The candidate that is fitted so; the others are small."""

_LOOK_SECONDS = 1.0
"""Between two looks at whether all workers are there."""

_CONNECT_MINUTES = 2
"""LightGBM's `time_out`: for its workers to find each other."""


def fit_on(cluster: Cluster) -> Callable[[Sample, TrainConfig], Trees]:
    """Give a function that fits as `lightgbm_fit.fit_trees` does, on a cluster."""
    return partial(fit_trees, boost=partial(_boost, cluster))


def _boost(cluster: Cluster, sample: Sample, params: dict[str, Any], rounds: int) -> str:
    """Fit while watching the workers: LightGBM hangs when one is lost.

    Raises
    ------
    ServiceError
        When a worker is lost, or LightGBM fails on the cluster.
    """
    workers = set(cluster.workers)
    texts: list[str] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            with cluster.client.as_current():
                texts.append(_fit(cluster.client, sorted(workers), sample, params, rounds))
        except Exception as error:  # noqa: BLE001 (handed to the thread that waits)
            failed.append(error)

    # a daemon: where LightGBM waits for a lost worker forever, this process still ends
    thread = Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_SECONDS)
        _refuse_lost(cluster, workers)
    if failed:
        raise ServiceError(
            f"--distributed: LightGBM failed on the cluster ({str(failed[0]).splitlines()[0]}). "
            "Nothing was registered."
        ) from failed[0]
    return texts[0]


def _refuse_lost(cluster: Cluster, workers: set[str]) -> None:
    if lost := workers - set(cluster.workers):
        raise ServiceError(
            f"--distributed: lost the worker {min(lost)} while LightGBM trained, which needs all "
            f"{len(workers)}. Nothing was registered. Start the workers anew, with more memory "
            "each, and train again."
        )


def _fit(
    client: Any,  # noqa: ANN401 (Dask ships no types)
    workers: list[str],
    sample: Sample,
    params: dict[str, Any],
    rounds: int,
) -> str:
    from dask import array, delayed  # noqa: PLC0415 (an optional extra)
    from lightgbm import DaskLGBMClassifier, register_logger  # noqa: PLC0415

    # by itself it prints that it looks for ports, and warns of an n_jobs that it sets itself
    quiet = logging.getLogger("lightgbm")
    quiet.setLevel(logging.ERROR)
    register_logger(quiet)
    # every n-th row, as each worker must see all times: rows come in order of time
    n = len(workers)
    matrices = [(sample.X[k::n], sample.bad[k::n]) for k in range(n)]
    X, bad = [], []
    for worker, (rows, labels) in zip(workers, matrices, strict=True):
        held_rows, held_labels = client.scatter([rows, labels], workers=[worker], hash=False)
        X.append(array.from_delayed(delayed(held_rows), rows.shape, rows.dtype))
        bad.append(array.from_delayed(delayed(held_labels), labels.shape, labels.dtype))
    model = DaskLGBMClassifier(
        client=client,
        n_estimators=rounds,
        tree_learner="data",
        time_out=_CONNECT_MINUTES,
        # each worker uses the threads it was started with
        **{name: value for name, value in params.items() if name != "num_threads"},
    )
    model.fit(array.concatenate(X), array.concatenate(bad))
    return str(model.booster_.model_to_string())
