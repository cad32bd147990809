"""Two fitted candidates on a small training set, and gates with changed settings."""

import pytest

from features.parallel.executor import process_pool
from models.data.split import split
from models.settings import read_settings
from models.train.fit import fit_all

SETTINGS = read_settings()
CONFIG = SETTINGS.model_copy(
    update={
        "trees": SETTINGS.trees.model_copy(update={"threads": 1, "max_rounds": 60}),
        "trials": 0,
        "candidates": ("scorecard_register", "trees_all"),
    }
)


@pytest.fixture(scope="session")
def two_candidates(make_training_data, tmp_path_factory):
    training_data = make_training_data()
    parts = split(training_data.rows, config=CONFIG.split)
    with process_pool(1) as pool:
        candidates = fit_all(
            training_data,
            parts.rows,
            config=CONFIG,
            name="small",
            journal=tmp_path_factory.mktemp("t") / "tuning.log",
            resume=False,
            step=lambda: None,
            pool=pool,
        )
    return candidates, training_data, parts.rows


@pytest.fixture
def gates_with():
    """Gates of the default settings with some settings changed."""
    gates = SETTINGS.gates

    def changed(**changes):
        return gates.model_copy(
            update={
                name: getattr(gates, name).model_copy(update=update)
                for name, update in changes.items()
            }
        )

    return changed
