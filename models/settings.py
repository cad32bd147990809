"""Settings of the training, filled from `settings.toml`; unknown keys are refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from features.settings import Settings, checked, overlaid, read_toml
from models.policy import Policy

SETTINGS_FILE = Path(__file__).with_name("settings.toml")
GATES_FILE = Path(__file__).with_name("gates.toml")

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]


class SplitConfig(Settings):
    """Periods of the slices, and shares of the firms where firms apply more than once."""

    out_of_time_quarters: Count
    calibration_quarters: Count
    train_share: Share
    calibration_share: Share
    calibration_from: dt.date | None = None
    out_of_time_from: dt.date | None = None


class SourceDropoutConfig(Settings):
    """Source dropout (`models.data.source_dropout`)."""

    share: Annotated[float, Field(ge=0, le=1)]
    without_register: Annotated[float, Field(ge=0, le=1)]


class ScorecardConfig(Settings):
    """Binning and penalty of the scorecards."""

    max_bins: Annotated[int, Field(ge=2, le=20)]
    min_bin_share: Annotated[float, Field(gt=0, lt=0.5)]
    prior_rows: NotNegative
    penalty: NotNegative


class TreesConfig(Settings):
    """Settings of LightGBM."""

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


class _Gate(Settings):
    false_alarm: str


class SlopeGate(_Gate):
    """Gate: the interval of the calibration slope contains 1."""

    enabled: bool


class MonotoneGate(_Gate):
    """Gate: monotone constraints hold."""

    enabled: bool
    applicants: Count
    points: Annotated[int, Field(ge=2)]


class BadsGate(_Gate):
    """Gate: enough bads in the calibration slice."""

    least: Count
    reason: str


class StabilityGate(_Gate):
    """Gate: stability of the PD distribution (PSI)."""

    enabled: bool
    psi_below: Annotated[float, Field(gt=0)]


class SegmentGate(_Gate):
    """Gate: no segment is far worse than the whole."""

    enabled: bool
    gini_share: Share
    bads: Count


class ReplacementGate(_Gate):
    """Gate: a new champion must be better than the present one."""

    confidence: Share


class Gates(Settings):
    """All gates, as `gates.toml` has them; the table `gates` of the settings."""

    bads: BadsGate
    calibration_slope: SlopeGate
    monotone: MonotoneGate
    stability: StabilityGate
    segments: SegmentGate
    replacement: ReplacementGate


class TrainConfig(Settings):
    """All settings of one training."""

    seed: int
    trials: Annotated[int, Field(ge=0)]
    candidates: tuple[str, ...]
    exclude: tuple[str, ...]
    missing_codes: tuple[str, ...]
    split: SplitConfig
    behaviour_split: SplitConfig
    source_dropout: SourceDropoutConfig
    scorecard: ScorecardConfig
    trees: TreesConfig
    policy: Policy
    gates: Gates


def read_settings(
    path: Path | None = None,
    *,
    policy: Path | None = None,
    **overrides: Any,  # noqa: ANN401 (any setting)
) -> TrainConfig:
    """Read the defaults, then what `path` names, then `overrides`.

    Parameters
    ----------
    path : Path, optional
        A TOML file with any part of `settings.toml`, and of `gates.toml` as its table `gates`.
    policy : Path, optional
        A whole policy file; `policy.toml` when not given.
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
    plain["policy"] = Policy.load(policy).model_dump()
    if path is not None:
        plain = overlaid(plain, read_toml(path, expected="settings of a training"))
    given = {key: value for key, value in overrides.items() if value is not None}
    return checked(
        TrainConfig,
        plain | given,
        where=path or SETTINGS_FILE.name,
        remedy=f"models/{SETTINGS_FILE.name} and models/{GATES_FILE.name} show every setting.",
    )
