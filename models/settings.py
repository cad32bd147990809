"""Settings of the training, filled from `settings.toml`; unknown keys are refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from features.settings import Settings, checked, overlaid, read_toml
from models.gates import GATES_FILE, Count, Gates, Share

SETTINGS_FILE = Path(__file__).with_name("settings.toml")

NotNegative = Annotated[float, Field(ge=0)]


class SplitConfig(Settings):
    """Periods of the slices, and shares of the firms where firms apply more than once."""

    out_of_time_quarters: Count
    calibration_quarters: Count
    train_share: Share
    calibration_share: Share
    calibration_from: dt.date | None = None
    out_of_time_from: dt.date | None = None


class ThinningConfig(Settings):
    """Copies of training rows that know less (`models.thinning`)."""

    share: Annotated[float, Field(ge=0, le=1)]
    without_register: Annotated[float, Field(ge=0, le=1)]


class ScorecardConfig(Settings):
    """Binning and penalty of the scorecards."""

    max_bins: Annotated[int, Field(ge=2, le=20)]
    min_bin_share: Annotated[float, Field(gt=0, lt=0.5)]
    prior_rows: NotNegative
    penalty: NotNegative


class TreesConfig(Settings):
    """LightGBM's settings, by plain names."""

    max_rounds: Count
    stop_after: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    max_depth: Annotated[int, Field(ge=1, le=6)]
    num_leaves: Annotated[int, Field(ge=2, le=64)]
    min_rows_in_leaf: Count
    row_share: Annotated[float, Field(gt=0, le=1)]
    feature_share: Annotated[float, Field(gt=0, le=1)]
    l2: NotNegative
    max_bins: Annotated[int, Field(ge=2, le=255)]
    threads: Count


class PolicyConfig(Settings):
    """Where approval and bad rates are measured, and the PD bounds between grades."""

    approve_pd_below: Share
    grade_bounds: tuple[Share, ...]


class TrainConfig(Settings):
    """All settings of one training."""

    seed: int
    trials: Annotated[int, Field(ge=0)]
    candidates: tuple[str, ...]
    exclude: tuple[str, ...]
    split: SplitConfig
    thinning: ThinningConfig
    scorecard: ScorecardConfig
    trees: TreesConfig
    policy: PolicyConfig
    gates: Gates


def read_settings(path: Path | None = None, **overrides: Any) -> TrainConfig:  # noqa: ANN401
    """Read the defaults, then what `path` names, then `overrides`.

    Parameters
    ----------
    path : Path, optional
        A TOML file with any part of `settings.toml`, and of `gates.toml` as its table `gates`.
    **overrides
        Top-level settings; None means not given.

    Returns
    -------
    TrainConfig

    Raises
    ------
    ContractError
        When the file cannot be read, or a key or value is not allowed.
    """
    plain = read_toml(SETTINGS_FILE, expected="settings")
    plain["gates"] = read_toml(GATES_FILE, expected="gates")
    if path is not None:
        plain = overlaid(plain, read_toml(path, expected="settings of a training"))
    given = {key: value for key, value in overrides.items() if value is not None}
    return checked(
        TrainConfig,
        plain | given,
        where=path or SETTINGS_FILE.name,
        remedy=f"models/{SETTINGS_FILE.name} and models/{GATES_FILE.name} show every setting.",
    )
