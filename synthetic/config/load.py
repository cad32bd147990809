"""Loader of world settings: `baseline.toml`, and the changes of a scenario."""

from pathlib import Path

from features.settings import checked, overlaid, read_toml
from synthetic.config.schema import WorldConfig
from synthetic.config.shipped import BASELINE, HERE, scenarios


def load_config(scenario: str | Path | None = None) -> WorldConfig:
    """Read the baseline, with a scenario's changes over it.

    Parameters
    ----------
    scenario : str or Path, optional
        A TOML file with any setting changed, or the name of a shipped scenario.

    Raises
    ------
    ContractError
        If the file is missing or no TOML, or holds an unknown key or a wrong value.
    """
    settings = read_toml(HERE / f"{BASELINE}.toml", expected="settings")
    names = scenarios()
    if scenario is not None and str(scenario) != BASELINE:
        shipped = str(scenario) in names
        path = HERE / "scenarios" / f"{scenario}.toml" if shipped else Path(scenario)
        expected = f"one of {', '.join(names)}, or settings of a world"
        settings = overlaid(settings, read_toml(path, expected=expected))
    where = scenario or f"{BASELINE}.toml"
    remedy = f"synthetic/{BASELINE}.toml shows every setting."
    return checked(WorldConfig, settings, where=where, remedy=remedy)
