"""The sources that report together are those that the page on the simulator states."""

import re
from pathlib import Path

import numpy as np
import pytest

from synthetic.config.load import load_config
from synthetic.firm.coverage import coverage
from synthetic.firm.population import population
from synthetic.streams import Bucket

PAGE = Path(__file__).parents[3] / "docs" / "simulator.md"
ROW = re.compile(r"^\| (yes|no) \| (yes|no) \| (yes|no) \| ([\d.]+) % \|$", re.MULTILINE)
FIRMS, STATED_ON = 20_000, 60_000


def stated():
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {tuple(word == "yes" for word in words): float(share) / 100 for *words, share in rows}


@pytest.fixture(scope="module")
def measured():
    """Shares of the eight combinations of tax, couriers and shops, and of all firms covered."""
    config = load_config()
    parts = []
    for number in range(FIRMS // 1_000):
        at = Bucket(97, number, config)
        cover = coverage(population(1_000, at), config.calendar.history_days, at)
        assert (cover.electricity >= 0).all()
        parts.append(np.stack([cover.tax, cover.logistics, cover.ecommerce]) >= 0)
    covered = np.hstack(parts)
    return {key: (covered == np.array(key)[:, None]).all(axis=0).mean() for key in stated()}


def test_the_page_states_all_combinations_and_they_are_all_firms():
    assert len(stated()) == 8
    assert abs(sum(stated().values()) - 1) < 8 * 0.0005


def test_sources_report_together_as_stated(measured):
    for key, share in stated().items():
        error = np.sqrt(share * (1 - share) * (1 / FIRMS + 1 / STATED_ON))
        assert abs(measured[key] - share) < 4 * error + 0.0005, key


def test_about_a_third_of_the_firms_have_all_four_sources(measured):
    assert 0.30 < measured[True, True, True] < 0.40
