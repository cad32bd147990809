"""Inspection of a data folder or a matrix: the function behind `firstloan inspect`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from features.contract.cells import neutral
from features.contract.errors import ContractError
from features.engine.build import is_feature_file
from features.io.outputs import only_writer, refuse_overwriting, starts_with
from features.io.storage import absolute
from models.data.built_features import read_built_features
from models.data.feature_matrix import read_matrix
from models.data.training_data import read_training_data
from models.estimators.model import OWN
from models.inspection.inspect import BINS, FEATURES, Inspection, inspect
from models.inspection.redundancy import CORRELATIONS
from models.inspection.stability import BY_QUARTER, BY_QUARTER_AND_BIN
from models.tracking.registry import resolve
from scoring.input.compatibility import check_fit
from scoring.inspection.page import inspection_html
from scoring.pages.render import is_page
from scoring.run.checkpoint import write_whole
from scoring.run.output import beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from features.parallel.executor import Progress
    from models.data.training_data import TrainingData
    from models.estimators.model import Model
    from models.settings import TrainConfig

_TABLES = {
    ".csv": ("features", FEATURES),
    ".bins.csv": ("bins", BINS),
    ".quarters.csv": ("by_quarter", BY_QUARTER),
    ".quarter_bins.csv": ("by_quarter_and_bin", BY_QUARTER_AND_BIN),
    ".correlations.csv": ("correlations", CORRELATIONS),
}
"""Files by the ending that replaces `.csv`: which table of the inspection, and its columns."""

_PAGE = ".html"
_KNOWN_BY = 3  # columns at the start of a table


def inspect_file(
    *,
    data: Path | None,
    features: Path | None,
    labels: Path | None,
    out: Path,
    config: TrainConfig,
    model: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Inspection, tuple[Path, ...]]:
    """Inspect features and write the tables and a page.

    Parameters
    ----------
    data : pathlib.Path or None
        Data folder; its features are built where `features` are not given.
    features : pathlib.Path or None
        What `firstloan features` wrote; without `data` also a matrix of one's own.
    labels : pathlib.Path or None
        Labels where there is no data folder: id, defaulted and, of a matrix of one's own, date.
    out : pathlib.Path
        Table of features, a CSV; the others lie beside it.
    config : TrainConfig
    model : str, optional
        Folder or MLflow address of a model whose importances are shown.
    workers : int
    progress : callable, optional

    Returns
    -------
    inspection : Inspection
    files : tuple of pathlib.Path

    Raises
    ------
    ContractError
        If an input cannot be read or does not fit, or an output is not ours to replace.
    """
    if data is None and features is None:
        raise ContractError("inspect: expected either --data, or --features with a matrix.")
    if data is not None and labels is not None:
        raise ContractError("inspect: --labels is for --features alone; --data has outcomes.")
    if not out.parent.is_dir():
        raise ContractError(f"{out}: expected a file name in a folder that exists.")
    if out.suffix.lower() != ".csv":
        raise ContractError(f"{out}: expected the name of a CSV file, such as inspection.csv.")
    inputs = [path for path in (features, labels) if path is not None]
    for path, is_ours in _outputs(out).items():
        refuse_overwriting(
            path, inputs=inputs, signals=None if data is None else absolute(data), is_ours=is_ours
        )
    own = data is None and features is not None and not is_feature_file(features)
    chosen = None if model is None else _resolved(model, own=own)
    found = inspect(
        _read(data, features, labels, config=config, workers=workers),
        config=config,
        model=chosen,
        workers=workers,
        progress=progress,
    )
    origin = str(data or features)
    with only_writer(out):
        return found, tuple(_written(found, out, origin))


def _resolved(model: str, *, own: bool) -> Model:
    chosen, label = resolve(model)
    if own != (chosen.trained_on == OWN):
        kind = "a matrix of your own" if own else "the product's features"
        raise ContractError(f"--model: expected a model of {kind}, got {label}.")
    if not own:
        check_fit(chosen)
    return chosen


def _read(
    data: Path | None,
    features: Path | None,
    labels: Path | None,
    *,
    config: TrainConfig,
    workers: int,
) -> TrainingData:
    if data is not None:
        return read_training_data(data, features, exclude=config.exclude, workers=workers)
    assert features is not None  # noqa: S101 - inspect_file saw to it
    if is_feature_file(features):
        return read_built_features(features, labels, exclude=config.exclude)
    return read_matrix(features, labels, exclude=config.exclude, missing_codes=config.missing_codes)


def _outputs(out: Path) -> dict[Path, Callable[[Path], bool]]:
    """Files of an inspection, and how one that stands there is known as an earlier one's."""
    tables = {
        beside(out, ending): partial(starts_with, text=",".join(list(columns)[:_KNOWN_BY]))
        for ending, (_, columns) in _TABLES.items()
    }
    return {**tables, beside(out, _PAGE): is_page}


def _written(found: Inspection, out: Path, origin: str) -> Iterable[Path]:
    page = inspection_html(found, origin=origin, out=out)
    for ending, (name, columns) in reversed(_TABLES.items()):
        table: pl.DataFrame = getattr(found, name)
        texts = [column for column, dtype in columns.items() if dtype == pl.String]
        cells = table.with_columns(neutral(pl.col(column)) for column in texts)
        text = cells.write_csv(line_terminator="\n", float_precision=9)
        write_whole(beside(out, ending), text.encode())
    write_whole(beside(out, _PAGE), page.encode())
    return (out, *(path for path in _outputs(out) if path != out))
