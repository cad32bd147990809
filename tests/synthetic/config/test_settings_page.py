"""Each setting of a world says what it is, in which unit, and where it is from."""

import re
from importlib.resources import files

import pytest

from synthetic.config.load import load_config
from synthetic.config.settings_page import page, settings, trade_settings
from synthetic.config.shipped import scenarios

BASELINE = files("synthetic.config").joinpath("baseline.toml").read_text(encoding="utf-8")
SOURCE = re.compile(
    r"R\d{3}|assumed|fitted|measured|law|statutory|tariff|design|definition|numerical|report"
    r"|baseline|climate|rule of|practice"
)


def test_the_page_holds_every_setting():
    known = load_config().model_dump()
    trades, _about = known.pop("trades"), known.pop("about")
    found = {(s.section, s.name) for s in settings(BASELINE)}
    assert found == {(section, name) for section, own in known.items() for name in own}
    assert {s.name for s in trade_settings(BASELINE)} == set(next(iter(trades.values())))
    text = page()
    for name in {name for _, name in found} | set(next(iter(trades.values()))):
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("scenario", scenarios()[1:])
def test_each_change_of_a_scenario_is_explained(scenario):
    text = (
        files("synthetic.config")
        .joinpath("scenarios", f"{scenario}.toml")
        .read_text(encoding="utf-8")
    )
    changes = list(settings(text))
    assert changes
    assert all(SOURCE.search(s.source) for s in changes)


@pytest.mark.parametrize(
    "setting",
    [*settings(BASELINE), *trade_settings(BASELINE)],
    ids=lambda setting: f"{setting.section}.{setting.name}",
)
def test_each_setting_has_a_source_or_is_assumed(setting):
    assert SOURCE.search(setting.source), setting.source
