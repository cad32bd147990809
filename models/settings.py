"""Settings of the training, filled from `settings.toml`; unknown keys are refused."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 (pydantic reads the annotations)
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import ContractError
from models.gates import DEFAULTS as GATES
from models.gates import Gates

DEFAULTS = Path(__file__).with_name("settings.toml")

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]


class _Branch(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitConfig(_Branch):
    """Periods of the slices, and shares of the firms where firms apply more than once."""

    out_of_time_quarters: Count
    calibration_quarters: Count
    train_share: Share
    calibration_share: Share
    calibration_from: dt.date | None = None
    out_of_time_from: dt.date | None = None


class ThinningConfig(_Branch):
    """Copies of training rows that know less (`models.thinning`)."""

    share: Annotated[float, Field(ge=0, le=1)]
    without_register: Annotated[float, Field(ge=0, le=1)]


class ScorecardConfig(_Branch):
    """Binning and penalty of the scorecards."""

    max_bins: Annotated[int, Field(ge=2, le=20)]
    min_bin_share: Annotated[float, Field(gt=0, lt=0.5)]
    prior_rows: NotNegative
    penalty: NotNegative


class TreesConfig(_Branch):
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


class PolicyConfig(_Branch):
    """Where approval and bad rates are measured, and the PD bounds between grades."""

    approve_pd_below: Share
    grade_bounds: tuple[Share, ...]


class TrainConfig(_Branch):
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
    plain = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))
    plain["gates"] = tomllib.loads(GATES.read_text(encoding="utf-8"))
    if path is not None:
        _merge(plain, _toml(path))
    plain.update({key: value for key, value in overrides.items() if value is not None})
    try:
        return TrainConfig.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ContractError(
            f"{path or DEFAULTS.name}: {where}: {first['msg']}, got {first['input']!r}. "
            f"The settings there are: models/{DEFAULTS.name}; gates: models/{GATES.name}."
        ) from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ContractError(f"{path}: not readable as TOML: {reason}.") from None


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
